"""The fuzzer's own judge, and a few seconds of fuzzing where atheris is installed."""

import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

from dsnwatch.model import BounceReport, Kind, Reading
from dsnwatch.reading.reader import Reader
from tests.fuzz import examine
from tests.fuzz.reader import FIXTURES, seeds
from tests.reading.builders import READER

ROOT = Path(__file__).parents[2]


def test_seeds_are_the_fixtures_and_pass() -> None:
    given = [*seeds()]
    assert len(given) > len([*FIXTURES.rglob("*.eml")]) * 0.9
    for data in given[::7]:
        examine.examine(READER, data)


class Reads(Reader):
    """Reads every message alike, in a way of its own."""

    def __init__(self, *readings: Reading, seconds: float = 0) -> None:
        super().__init__(READER.rules)
        self._readings = [*readings]
        self._seconds = seconds

    def read(self, data: bytes) -> Reading:  # noqa: ARG002  the signature is the reader's
        end = time.process_time() + self._seconds
        while time.process_time() < end:
            pass
        return self._readings.pop(0) if len(self._readings) > 1 else self._readings[0]


NOTHING = Reading(BounceReport(Kind.OTHER), ())


def test_slow_input_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examine, "MOST_SECONDS", 0.01)
    with pytest.raises(examine.FoundError, match="s for 1 octets"):
        examine.examine(Reads(NOTHING, seconds=0.02), b"x")


def test_reading_that_differs_is_found() -> None:
    other = Reading(BounceReport(Kind.OTHER, defects=("odd",)), ())
    with pytest.raises(examine.FoundError, match="in two ways"):
        examine.examine(Reads(NOTHING, other), b"x")


def test_reading_that_cannot_be_printed_is_found() -> None:
    half = Reading(BounceReport(Kind.OTHER, message_id="\ud800"), ())
    with pytest.raises(UnicodeEncodeError):
        examine.examine(Reads(half), b"x")


@pytest.mark.skipif(find_spec("atheris") is None, reason="atheris is not installed ([fuzz])")
def test_a_few_seconds_of_fuzzing_find_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.fuzz.reader", "--seconds", "4", "--seed", "1"]
    done = subprocess.run(  # noqa: S603  our own program
        [*command, "--findings", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert [*tmp_path.iterdir()] == []
