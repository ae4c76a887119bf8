"""Closes what a test opened, and says where stores lie."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from .builders import OPENED, PLACES


@pytest.fixture
def placed(database: str, tmp_path: Path) -> Iterator[None]:
    """Let `a_store(tmp_path)` be the store of the test's database."""
    PLACES[tmp_path] = database
    yield
    del PLACES[tmp_path]


@pytest.fixture(autouse=True)
def _stores_are_closed() -> Iterator[None]:
    yield
    while OPENED:
        OPENED.pop().close()
