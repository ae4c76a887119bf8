"""What tests open is closed behind them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.http.builders import OPENED, Place


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    while OPENED:
        OPENED.pop().close()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)
