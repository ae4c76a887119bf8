"""Mailboxes: the source, the watcher, the login, and the daemon that watches."""
