"""API and pages, over real sockets and a real browser where it matters."""
