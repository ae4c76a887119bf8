"""One Dovecot for all the tests of a process; each test has a user of its own."""

from collections.abc import Iterator

import pytest

from tests.servers.dovecot import Account, Dovecot


@pytest.fixture(scope="session")
def dovecot() -> Iterator[Dovecot]:
    """A running server."""
    with Dovecot.running() as server:
        yield server


@pytest.fixture
def account(dovecot: Dovecot) -> Account:
    """A user nobody has used."""
    return dovecot.a_user()
