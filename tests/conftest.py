"""How hypothesis runs here, and the databases that tests run on."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.databases import BOTH, SQLITE

if TYPE_CHECKING:
    from tests.servers.postgresql import Server

# No deadline: a busy machine is no fault of the code. And what CI said of a commit it says again.
settings.register_profile("house", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("house")


def pytest_configure() -> None:
    """Let Ctrl-C through to what tests start: a shell's background job has it ignored."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def postgresql() -> Iterator["Server"]:
    """Run one PostgreSQL for the session; it is started when a test first asks for it."""
    from tests.servers.postgresql import running  # noqa: PLC0415  loads the store

    with running() as server:
        yield server


@pytest.fixture(params=BOTH)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Give the URL of an empty store: in a file, and in a second run on a server."""
    if request.param == SQLITE:
        yield f"sqlite:///{tmp_path / 'a.db'}"
        return
    server: Server = request.getfixturevalue("postgresql")
    url = server.a_store()
    yield url
    server.drop(url.rpartition("/")[2])
