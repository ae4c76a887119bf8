"""Run dsnwatch by a clock that can be moved: `python -m tests.crash.clocked FILE run ...`.

FILE holds a double, the seconds by which the clock is wrong. libfaketime would do it for any
program, but with the monotonic clock left alone, as a machine does it, `time.sleep` fails with it
(0.9.10).
"""

import datetime as dt
import mmap
import struct
import sys
from pathlib import Path
from typing import Any

REAL = dt.datetime


def move(path: Path, seconds: float) -> None:
    """Set the clock of whoever runs by this file; the file must be there already, or is made."""
    with path.open("r+b" if path.exists() else "wb") as file:
        file.write(struct.pack("d", seconds))


class _Like(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, REAL)


def clock(path: Path) -> Any:  # noqa: ANN401  nothing else stands for datetime
    """Make a class that stands for datetime, and is wrong by what the file says."""
    with path.open("rb") as file:
        wrong = mmap.mmap(file.fileno(), 8, access=mmap.ACCESS_READ)

    class Clock(REAL, metaclass=_Like):
        """As datetime, but for what time it is."""

        def __new__(cls, *arguments: Any, **named: Any) -> REAL:  # type: ignore[misc]  # noqa: ANN401  as datetime takes them
            return REAL(*arguments, **named)

        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> REAL:  # type: ignore[override]  # a plain one
            (seconds,) = struct.unpack("d", wrong[:8])
            return REAL.now(tz) + dt.timedelta(seconds=seconds)

    return Clock


if __name__ == "__main__":
    dt.datetime = clock(Path(sys.argv[1]))  # type: ignore[misc]  # that is the point
    from dsnwatch.__main__ import main

    sys.exit(main(sys.argv[2:]))
