"""What mail servers ask and read at the moment of sending, with the store behind it."""

import filecmp
import logging
import subprocess
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, cast

from dsnwatch import whole_file
from dsnwatch.errors import StoreError
from dsnwatch.lookup import WIRES, Judge, Wire, maps
from dsnwatch.lookup.server import LookupServer
from dsnwatch.store import SuppressionFilter
from dsnwatch.store.changes import changes_at
from dsnwatch.store.lookup import HeldLookup

if TYPE_CHECKING:
    from dsnwatch.config.lookup import ExportSection, LookupSection
    from dsnwatch.store import Store

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""How often an export looks whether anything was written."""

COMMAND_SECONDS = 300


def _utc_now() -> datetime:
    return datetime.now(UTC)


def server(
    section: "LookupSection", url: str, clock: Callable[[], datetime] = _utc_now
) -> LookupServer:
    """Make what answers the look-ups of one section, from the store at a URL.

    Raises:
        UnavailableError: It cannot listen where it is to.
    """
    lookup = HeldLookup(url, clock)
    module, _, name = WIRES[section.kind].partition(":")
    make = cast("Callable[..., Wire]", getattr(import_module(module), name))
    judge = Judge(lookup.since, section.answer)
    wire = make(judge, section.stream, passing=section.on_error == "pass")
    return LookupServer(section, wire, lookup)


def lines_of(store: "Store", kind: str, answer: str, stream: str, now: datetime) -> maps.Lines:
    """Give the lines of a file of everybody who is not to be mailed now.

    Raises:
        StoreError: While they are gone through: the store cannot be read.
    """
    return maps.Lines(store.suppressions(SuppressionFilter(active_at=now)), kind, answer, stream)


class Export:
    """Writes the file of one section, and writes it anew when something changed.

    Args:
        section: What to write, where to, and what to run then.
        store: Where the suppressions are.
        path: Where to write.
        clock: Tells the time: a suppression that has ended is in the file no more.
    """

    def __init__(
        self,
        section: "ExportSection",
        store: "Store",
        path: Path,
        clock: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._section = section
        self._store = store
        self._path = path
        self._clock = clock
        self._changes = changes_at(store.url)
        self._seen = -1
        self._until: datetime | None = None
        self._command_due = False
        self._stop = Event()

    def run(self) -> None:
        """Keep the file up to date until `stop` is called."""
        try:
            while not self._stop.is_set():
                try:
                    wrote = self.look()
                except (OSError, StoreError) as error:
                    log_not_written(self._path, error)
                    wrote = True  # and not at once again
                every = self._section.every.total_seconds()
                self._stop.wait(every if wrote else LOOK_SECONDS)
        finally:
            self._changes.close()

    def stop(self) -> None:
        """Make `run` return."""
        self._stop.set()

    def look(self) -> bool:
        """Write the file where anything was written to the store, or a suppression has ended.

        Returns:
            Whether it was written, or found to be right.

        Raises:
            StoreError: The store cannot be read.
            OSError: The file cannot be written; what was there is there still.
        """
        now, seen = self._clock(), self._changes.seen()
        ended = self._until is not None and self._until <= now
        if seen == self._seen and not ended and not self._command_due:
            return False
        self._write(now)
        self._seen = seen
        return True

    def _write(self, now: datetime) -> None:
        section = self._section
        lines = lines_of(self._store, section.kind, section.answer, section.stream, now)
        with whole_file.beside(self._path, lines, int(section.mode, 8)) as part:
            if not self._path.exists() or not filecmp.cmp(part, self._path, shallow=False):
                part.replace(self._path)
                self._command_due = bool(section.command)
                log_written(self._path, lines)
        self._until = lines.until
        if self._command_due:
            self._command_due = not _ran(section.command)


def _ran(command: Sequence[str]) -> bool:
    """Run the command behind a new file; says whether it did its work."""
    try:
        done = subprocess.run(  # noqa: S603  the operator's own command, without a shell
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=COMMAND_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        log_command(command, f"{error}")
        return False
    if done.returncode:
        log_command(command, f"status {done.returncode}")
    return done.returncode == 0


def log_written(path: Path, lines: maps.Lines) -> None:
    """Say what is in a new file."""
    log.info("%s: %d addresses, %d left out", path, lines.addresses, lines.left_out)


def log_not_written(path: Path, error: Exception) -> None:
    """Say that a file is old."""
    log.error("%s stays as it was: %s", path, error)


def log_command(command: Sequence[str], why: str) -> None:
    """Say that the mail server may not know of a new file; it is tried again."""
    log.error("%s failed (%s); it is run again", command[0], why)
