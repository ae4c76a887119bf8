"""A leak shows as a slope, and what is flat has none."""

import os
from pathlib import Path

import pytest

from tests.soak.measure import NAMES, Sample, growth, look


def test_slope_is_that_of_the_later_half_by_a_thousand_messages() -> None:
    warm = [Sample(number * 100, (number * 900, 10, 5, number)) for number in range(10)]
    flat = [Sample(1000 + number * 100, (9000, 10 + number, 5, 10)) for number in range(10)]
    memory, descriptors, threads, store = growth([*warm, *flat])
    assert memory.slope == pytest.approx(0)
    assert (memory.first, memory.most, memory.last) == (0, 9000, 9000)
    assert descriptors.slope == pytest.approx(10)
    assert (threads.slope, store.slope) == (0, 0)


def test_look_sees_this_process(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_bytes(bytes(4096))
    (tmp_path / "a.db-wal").write_bytes(bytes(2048))
    before = look(os.getpid(), tmp_path / "a.db", 7)
    with (tmp_path / "a.db").open("rb"):
        after = look(os.getpid(), tmp_path / "a.db", 7)
    found = dict(zip(NAMES, before.values, strict=True))
    assert found["memory, KiB"] > 1000
    assert found["store, KiB"] == 6
    assert after.values[1] == before.values[1] + 1
