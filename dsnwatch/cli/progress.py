"""The progress bar of an import: octets, messages a second, time left; on standard error."""

from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bar


class Progress:
    """Shown between `with` and its end; lines said meanwhile appear above it.

    Args:
        octets: All there is to read; 0 where nobody knows.
    """

    def __init__(self, octets: int) -> None:
        self._total = octets or None
        self._bar = Bar(
            BarColumn(bar_width=None),
            DownloadColumn(binary_units=True),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(compact=True),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._bar.add_task("", total=self._total, rate="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def show(self, messages: int, octets: int) -> None:
        """Say how far it has come.

        Args:
            messages: Stored so far.
            octets: Of those messages; compressed files have more than they take on the disk.
        """
        elapsed = self._bar.tasks[0].elapsed or 0.0
        rate = f"{messages / elapsed:,.0f} messages/s" if elapsed else ""
        done = octets if self._total is None else min(octets, self._total)
        self._bar.update(self._task, completed=done, rate=rate)
