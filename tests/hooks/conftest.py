"""A store for each test, and what stands around a worker."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from dsnwatch.store import Store, open_store

from .builders import Clock, Receiver, a_receiver


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(open_store(f"sqlite:///{tmp_path / 'dsnwatch.db'}")) as opened:
        yield opened


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with a_receiver() as receiver:
        yield receiver
