"""Closes what a test opened."""

from collections.abc import Iterator

import pytest

from .builders import OPENED


@pytest.fixture(autouse=True)
def _stores_are_closed() -> Iterator[None]:
    yield
    while OPENED:
        OPENED.pop().close()
