"""A store for each test."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from dsnwatch.store import Store, open_store

from .builders import OPEN


@pytest.fixture(autouse=True)
def _connections_are_closed() -> Iterator[None]:
    yield
    while OPEN:
        OPEN.pop().close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(open_store(f"sqlite:///{tmp_path / 'dsnwatch.db'}")) as opened:
        yield opened
