"""What watches a configured mailbox: its source, its login, and where its cursors are kept."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from dsnwatch.sources.imap import ImapSource
from dsnwatch.sources.imap_login import Bearer, Login, Password
from dsnwatch.sources.imap_tokens import fetch_of
from dsnwatch.store.duties import Duty
from dsnwatch.store.location import state_folder
from dsnwatch.watch import Pulse, Submit, Watcher

if TYPE_CHECKING:
    from dsnwatch.config.settings import Configuration
    from dsnwatch.store import Store


class StorePositions:
    """Keeps in the store how far folders have been read; only while that is ours to do."""

    def __init__(self, store: "Store", duty: Duty) -> None:
        self._store = store
        self._duty = duty

    def get(self, name: str) -> str | None:
        """Find a position; None where there is none."""
        with self._store.look() as writer:
            return writer.cursor(name)

    def put(self, name: str, position: str) -> None:
        """Keep a position. It is behind what is stored, never before it.

        Raises:
            StoreLeaseError: Another daemon reads the mailbox by now.
        """
        with self._store.write(beside=True) as writer:
            writer.fence(*self._duty.fence)
            writer.put_cursor(name, position)


def watcher_of(
    configuration: "Configuration", index: int, store: "Store", submit: Submit
) -> Watcher:
    """Make the watcher of a configured mailbox.

    Args:
        configuration: Has it.
        index: Its number there, from 0.
        store: Keeps cursors; only written to, and only between two commits of the inbox.
        submit: Takes messages.

    Raises:
        ConfigError: An extra that it needs is not installed.
    """
    pulse = Pulse()
    section = configuration.settings.mailbox[index]
    duty = Duty(store.duties, f"mailbox {section.name}")
    source = source_of(configuration, index, store, beat=pulse.beat, duty=duty)
    return Watcher(
        section.name, source, submit, poll_every=section.poll_every, pulse=pulse, duty=duty
    )


def source_of(
    configuration: "Configuration",
    index: int,
    store: "Store",
    *,
    beat: Callable[[], None] = lambda: None,
    duty: Duty | None = None,
) -> ImapSource:
    """Make the source of a configured mailbox; see `watcher_of`."""
    section = configuration.settings.mailbox[index]

    def secret(key: str) -> str:
        return configuration.secret(getattr(section, key), f"mailbox.{index}.{key}")

    login: Login
    if section.password_file is not None:
        login = Password(section.user, partial(secret, "password_file"))
    else:
        login = Bearer(section.user, fetch_of(section, secret, tokens_path(store, section.name)))
    return ImapSource(
        section,
        login,
        StorePositions(store, duty or Duty(store.duties, f"mailbox {section.name}")),
        ca_file=section.tls_ca_file and configuration.beside(section.tls_ca_file),
        stream=configuration.settings.stream,
        beat=beat,
    )


def tokens_path(store: "Store", name: str) -> Path:
    """Say where tokens of a person's own login are kept: beside the store, or on this machine."""
    folder = state_folder(os.environ) if store.shared else Path(store.where).parent
    return folder / f"mailbox-{name}-tokens.json"
