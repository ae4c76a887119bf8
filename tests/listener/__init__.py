"""The listener, over real sockets into a real store."""
