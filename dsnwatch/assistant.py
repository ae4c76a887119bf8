"""A process beside ours that reads: octets go out, readings come back.

Reading is most of the work on a message and needs nothing but rules, so the process that stores can
leave it to another one. What comes back is a help and never needed: a message without a reading is
read by whoever stores it.
"""

import gc
import hashlib
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from pickle import PickleError
from typing import TYPE_CHECKING, Any, Final, Protocol

from dsnwatch import __version__
from dsnwatch.channel import Channel
from dsnwatch.errors import DsnwatchError
from dsnwatch.model import RawMessage, Reading
from dsnwatch.rfc.mime import MAX_LOOK

if TYPE_CHECKING:
    from dsnwatch.reading.reader import Reader

log = logging.getLogger(__name__)

READ_OCTETS: Final = MAX_LOOK + 1
"""What of a message goes to another process: as much as is looked at, and that there is more."""

MUCH: Final = 400
"""So many messages waiting at once are worth a process of their own."""

MANY: Final = 64
"""So many are left to it once it is there; fewer are read sooner than sent."""

AHEAD: Final = 4
"""Groups that it may have at once: one that it reads, and those that it need not wait for."""

REST_SECONDS: Final = 30.0
"""After so long without work it ends; one that died is not replaced sooner."""

PATIENCE_SECONDS: Final = 60.0
"""A process that has said nothing for so long hangs."""

COLLECT_AFTER: Final = 10_000
"""Objects made and not yet let go of between two looks of the garbage collector."""

_START: Final = (
    "import sys; sys.path[:] = sys.argv[2:]; import dsnwatch.assistant as it; it.main(sys.argv[1])"
)

Readings = list[Reading | None]

_BROKEN = (OSError, EOFError, PickleError)


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a process needs to read by the very rules that we read by.

    Attributes:
        rules_dir: The user's `rules.d`; None for the built-in rules alone.
        kept: Header fields of returned messages to keep besides the usual ones.
        stamp: Of the program and those rules; a process that finds others there is of no use.
    """

    rules_dir: Path | None
    kept: tuple[str, ...]
    stamp: str

    @classmethod
    def of(cls, rules_dir: Path | None, kept: Sequence[str]) -> "Recipe":
        """Make one before the rules are loaded that it stands for."""
        return cls(rules_dir, tuple(kept), _stamp(rules_dir))

    def reader(self) -> "Reader":
        """Load the rules.

        Raises:
            ConfigError: A rules file is wrong.
        """
        from dsnwatch.reading.reader import Reader  # noqa: PLC0415  loads all the rules

        return Reader.load(self.rules_dir, self.kept)

    @property
    def holds(self) -> bool:
        """Whether program and rules are still those that it was made for."""
        return _stamp(self.rules_dir) == self.stamp


def _stamp(rules_dir: Path | None) -> str:
    digest = hashlib.sha256(__version__.encode())
    ours = sorted((Path(__file__).parent / "rules").rglob("*.toml"))
    for path in [*ours, *(sorted(rules_dir.glob("*.toml")) if rules_dir else ())]:
        with suppress(OSError):  # whoever loads it says so
            digest.update(f"\n{path}\n".encode(errors="surrogateescape") + path.read_bytes())
    return digest.hexdigest()


def read_all(reader: "Reader", messages: Sequence[bytes]) -> Readings:
    """Read messages; None stands for each that our reader failed on."""
    readings: Readings = []
    for data in messages:
        try:
            readings.append(reader.read(data))
        except Exception:  # noqa: BLE001  our own mistake: `Ingest` meets it again and keeps the octets
            readings.append(None)
    return readings


class Line(Protocol):
    """What messages come by, and readings go: a `Channel`, or a pipe of `multiprocessing`."""

    def send(self, what: Any, /) -> None:  # noqa: ANN401  whatever can be pickled
        """Send something."""

    def recv(self) -> Any:  # noqa: ANN401  whatever was sent
        """Wait for something."""


def answer(reader: "Reader", line: Line) -> None:
    """Read what comes until the other side has closed or died."""
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            line.send(read_all(reader, line.recv()))


def main(descriptor: str) -> None:
    """Be the process, for whoever holds the other end of a socket."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the parent's affair; we end when it has gone
    channel = Channel(socket.socket(fileno=int(descriptor)))
    with suppress(EOFError, BrokenPipeError, ConnectionResetError, DsnwatchError):
        recipe: Recipe = channel.recv()
        reader = recipe.reader()
        gc.freeze()
        gc.set_threshold(COLLECT_AFTER)
        channel.send(recipe.holds)
        answer(reader, channel)


class Assistant:
    """The process, seen from ours; for one thread.

    Args:
        recipe: What to read by.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self._loaded = False
        paths = [os.path.abspath(path) for path in sys.path]  # noqa: PTH100  text, and `""` is here
        self._channel, theirs = Channel.pair()
        try:
            self._process = subprocess.Popen(  # noqa: S603  our own program
                [sys.executable, "-c", _START, str(theirs.fileno()), *paths],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
        except OSError:
            self._channel.close()
            raise
        finally:
            theirs.close()
        with suppress(*_BROKEN):
            self._channel.send(recipe)

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def is_ready(self) -> bool:
        """Whether it has loaded its rules.

        Raises:
            OSError: It has gone; so EOFError and PickleError.
        """
        if not self._loaded and self._channel.poll():
            if not self._channel.recv():
                raise EOFError("the rules on disk are not those that are in force")
            self._loaded = True
        return self._loaded

    def send(self, raws: Sequence[RawMessage]) -> None:
        """Have messages read, after those that were sent before; at once.

        Raises:
            OSError: It has gone.
        """
        self._channel.send([raw.data[:READ_OCTETS] for raw in raws])

    def poll(self, seconds: float) -> bool:
        """Wait for the readings; whether they are there, or the process has gone."""
        return self._channel.poll(seconds)

    def receive(self) -> Readings:
        """Get the readings of what was sent first and not yet asked for.

        Raises:
            OSError: It has gone; so EOFError and PickleError.
        """
        readings: Readings = self._channel.recv()
        return readings

    def close(self) -> None:
        """End it."""
        self._channel.close()
        self._process.kill()  # nothing of what it has is needed
        self._process.wait()


class Assistance:
    """An assistant when there is much to read, and none when there is not; for one thread.

    Args:
        recipe: What it reads by; None for no assistant ever.
    """

    def __init__(self, recipe: Recipe | None) -> None:
        self._recipe = recipe if len(os.sched_getaffinity(0)) > 1 else None
        self._assistant: Assistant | None = None
        self._given: deque[tuple[Assistant, int]] = deque()
        self._not_before = 0.0

    @property
    def pid(self) -> int | None:
        """Of the process; None while there is none."""
        return self._assistant.pid if self._assistant else None

    def use(self, recipe: Recipe | None) -> None:
        """Read by another recipe from now on: what is being read by the old one does not count.

        From any thread.
        """
        self._recipe = recipe if len(os.sched_getaffinity(0)) > 1 else None

    def wants(self, messages: int) -> bool:
        """Whether so many are worth being read by another process."""
        return self._recipe is not None and messages >= (MANY if self._assistant else MUCH)

    def begin(self) -> None:
        """Start the process, where there is none and may be one; it is ready in half a second."""
        recipe = self._recipe
        if self._assistant is None and recipe and time.monotonic() >= self._not_before:
            try:
                self._assistant = Assistant(recipe)
            except OSError as error:
                self._lose(error)

    def is_ready(self) -> bool:
        """Whether the process can be given something; one that reads by other rules is ended."""
        if self._assistant is not None and self._assistant.recipe is not self._recipe:
            self.close()
        try:
            return self._assistant is not None and self._assistant.is_ready()
        except _BROKEN as error:
            self._lose(error)
            return False

    def give(self, raws: Sequence[RawMessage]) -> bool:
        """Have messages read, where that is worth it; tells whether they are being read."""
        if len(raws) < MANY or not self.is_ready():
            return False
        assert self._assistant is not None
        try:
            self._assistant.send(raws)
        except _BROKEN as error:
            self._lose(error)
            return False
        self._given.append((self._assistant, len(raws)))
        return True

    def take(self, *, hurry: Callable[[], bool]) -> Readings:
        """Get the readings of what was given first; [] where there are none to be had.

        Args:
            hurry: Says whether nobody can wait for long any more.
        """
        assistant, messages = self._given.popleft()
        deadline = time.monotonic() + PATIENCE_SECONDS
        if assistant is not self._assistant:
            return []  # it has gone
        try:
            while not assistant.poll(1.0):
                if hurry() or time.monotonic() > deadline:
                    raise TimeoutError("it says nothing")
            readings = assistant.receive()
            if len(readings) != messages:
                raise EOFError("it says something else")
        except _BROKEN as error:
            self._lose(error)
            return []
        return readings if assistant.recipe is self._recipe else []

    def close(self) -> None:
        """End the process, if there is one."""
        if self._assistant is not None:
            self._assistant.close()
            self._assistant = None

    def _lose(self, error: Exception) -> None:
        log_lost(error)
        self.close()
        self._not_before = time.monotonic() + REST_SECONDS


def log_lost(error: Exception) -> None:
    """Say that the process has gone; nothing is lost by it but speed."""
    log.warning("the process that helps reading has gone (%r); dsnwatch reads on alone", error)
