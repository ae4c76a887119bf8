"""What a process takes, over time, and how that grows."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import linear_regression

NAMES = ("memory, KiB", "file descriptors", "threads", "store, KiB")


@dataclass(frozen=True, slots=True)
class Sample:
    """One look.

    Attributes:
        messages: How many had been stored by then.
        values: As `NAMES` has them.
    """

    messages: int
    values: tuple[int, int, int, int]


def look(pid: int, store: Path, messages: int) -> Sample:
    """Look at a process and at its store's file and log.

    Raises:
        OSError: It has ended.
    """
    process = Path("/proc", str(pid))
    status = dict(
        line.split(":", 1) for line in (process / "status").read_text().splitlines() if ":" in line
    )
    return Sample(
        messages,
        (
            int(status["VmRSS"].split()[0]),
            len(list((process / "fd").iterdir())),
            int(status["Threads"]),
            weight(store) // 1024,
        ),
    )


def weight(store: Path) -> int:
    """Give the octets of a store: the file and its log."""
    paths = (Path(f"{store}{end}") for end in ("", "-wal"))
    return sum(path.stat().st_size for path in paths if path.exists())


@dataclass(frozen=True, slots=True)
class Growth:
    """How one thing grew.

    Attributes:
        slope: By 1000 messages, over the later half: the beginning is warming up.
    """

    name: str
    first: int
    least: int
    most: int
    last: int
    slope: float


def growth(samples: Sequence[Sample]) -> list[Growth]:
    """Say how each thing grew; at least four samples with different messages in the later half."""
    later = samples[len(samples) // 2 :]
    x = [each.messages / 1000 for each in later]
    found = []
    for index, name in enumerate(NAMES):
        all_of_it = [each.values[index] for each in samples]
        slope = linear_regression(x, [each.values[index] for each in later]).slope
        ends = (all_of_it[0], min(all_of_it), max(all_of_it), all_of_it[-1])
        found.append(Growth(name, *ends, slope))
    return found
