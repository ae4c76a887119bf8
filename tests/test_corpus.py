"""What is read in a labelled collection of other people's bounces, where one is at hand.

The collection is no part of the repository: it holds other people's mail. It is looked for in the
folder `shared` beside the repository, or where $DSNWATCH_CORPUS says.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SHARED = Path(os.environ.get("DSNWATCH_CORPUS", ROOT.parent / "shared"))
LEAST_EXACT = 92
MOST_FALSE = 2

pytestmark = pytest.mark.skipif(
    not (SHARED / "corpus" / "labels.jsonl").exists() or not (SHARED / "score").exists(),
    reason=f"no labelled collection of bounces in {SHARED}; it is no part of the repository",
)


@pytest.fixture(scope="module")
def figures() -> dict[str, float | None]:
    """Read the whole collection through the command line and compare with its labels."""
    done = subprocess.run(  # noqa: S603  the interpreter and the script are given by us
        [sys.executable, SHARED / "score", "--json", "--dsnwatch", f"{sys.executable} -m dsnwatch"],
        cwd=ROOT,
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    every: dict[str, dict[str, float | None]] = json.loads(done.stdout)
    return every["ALL"]


def test_failed_recipients_are_found_exactly(figures: dict[str, float | None]) -> None:
    assert (figures["exact"] or 0) >= LEAST_EXACT


def test_mail_that_is_no_bounce_raises_no_alarm(figures: dict[str, float | None]) -> None:
    assert (100 if figures["false"] is None else figures["false"]) <= MOST_FALSE
