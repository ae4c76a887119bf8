"""The front of `Ingest` for the threads of the daemon: what waits becomes one transaction."""

import logging
import time
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Condition, Event
from typing import TYPE_CHECKING

from dsnwatch.assistant import AHEAD, REST_SECONDS, Assistance, Readings, Recipe
from dsnwatch.errors import DsnwatchError, StoreConflictError, UnavailableError
from dsnwatch.model import RawMessage

if TYPE_CHECKING:
    from dsnwatch.ingest import Ingest
    from dsnwatch.records import Receipt

GATHERING = 0.02
"""Seconds that a group may take to come together."""

LULL = 0.003
"""Seconds without another message after which it goes as it is."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Waiting:
    raw: RawMessage
    receipt: "Future[Receipt]"


@dataclass(frozen=True, slots=True)
class _Group:
    """What goes into one transaction, and whether the other process reads it."""

    waiting: list[_Waiting]
    given: bool


class Inbox:
    """Where the threads of the daemon leave messages, each for a receipt that comes after COMMIT.

    One thread calls `run`; it commits all that waits as one group while the next one gathers, and
    while another process reads that one if it is large. A full inbox refuses: it never drops, and
    never grows without bound.

    Args:
        ingest: Used by the thread in `run` alone.
        messages: How many may wait.
        octets: How many octets may wait, unless a single message is larger.
        group: How many messages go into one transaction at most.
        recipe: What a process reads by that helps when much waits; None for no such process.
        backlog: Whether much may come at once, as out of a mailbox that nobody watched: then that
            process is started before it is known.
    """

    def __init__(
        self,
        ingest: "Ingest",
        *,
        messages: int = 3000,
        octets: int = 2**26,
        group: int = 500,
        recipe: Recipe | None = None,
        backlog: bool = False,
    ) -> None:
        self._ingest = ingest
        self.assistance = Assistance(recipe)
        self._messages = messages
        self._octets = octets
        self._group = group
        self._backlog = backlog
        self._waiting: deque[_Waiting] = deque()
        self._size = 0
        self._open = True
        self._stopped = Event()
        self._changed = Condition()
        self._busy_since: float | None = None

    @property
    def busy_since(self) -> float | None:
        """When the group began that is being committed (`time.monotonic`); None at rest."""
        return self._busy_since

    def submit(self, raw: RawMessage, timeout_seconds: float = 0.0) -> "Future[Receipt]":
        """Leave one message; `await asyncio.wrap_future(inbox.submit(raw))` is the whole wall.

        Args:
            raw: The message; whoever brings it keeps it until the receipt is there.
            timeout_seconds: How long to wait for room.

        Returns:
            Its receipt to come, or the exception that kept it from being stored. Cancelled in
            time, the message is not stored.

        Raises:
            UnavailableError: There is no room, or the inbox is closed; come again later.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._has_room(raw) or not self._open, timeout_seconds)
            if not self._open:
                raise UnavailableError("dsnwatch is stopping; offer the message again later")
            if not self._has_room(raw):
                raise UnavailableError(
                    f"{len(self._waiting)} messages wait for the store; offer this one again later"
                )
            waiting = _Waiting(raw, Future())
            self._waiting.append(waiting)
            self._size += len(raw.data)
            self._changed.notify_all()
        return waiting.receipt

    def run(self) -> None:
        """Commit groups until `stop` was called and nothing waits any more."""
        ahead: deque[_Group] = deque()
        try:
            if self._backlog:
                self.assistance.begin()
            while True:
                self._look_ahead(ahead)
                if not ahead:
                    return
                self._busy_since = time.monotonic()
                group, readings = self._next(ahead)
                self._busy_since = time.monotonic()
                self._commit(group, readings)
                self._busy_since = None
        finally:
            self._busy_since = None
            self.assistance.close()

    def _next(self, ahead: "deque[_Group]") -> tuple[list[_Waiting], Readings]:
        """Take the oldest group, and those behind it that are being read and fit in with it.

        The next ones go out before these are stored, so that nobody waits.
        """
        group: list[_Waiting] = []
        readings: Readings = []
        while True:
            first = ahead.popleft()
            said = self.assistance.take(hurry=self._stopped.is_set) if first.given else []
            group += first.waiting
            readings += said or [None] * len(first.waiting)
            self._look_ahead(ahead, wait=False)
            fits = ahead and len(group) + len(ahead[0].waiting) <= self._group
            if not (fits and ahead[0].given):
                return group, readings

    def _look_ahead(self, ahead: "deque[_Group]", *, wait: bool = True) -> None:
        """Take what waits, and have it read by the other process as far as that is worth it.

        Args:
            ahead: Groups that are not committed yet, oldest first.
            wait: Wait for something where there is none; then none means that it is over.
        """
        while len(ahead) < AHEAD:
            if ahead and not (ahead[-1].given and self.assistance.wants(len(self._waiting))):
                return
            taken = self._take(wait=wait and not ahead)
            if not taken:
                return
            waiting = [one for one in taken if one.receipt.set_running_or_notify_cancel()]
            ahead.append(_Group(waiting, self.assistance.give([one.raw for one in waiting])))

    def _commit(self, group: list[_Waiting], readings: Readings) -> None:
        """Commit a group, and let each one who waits know.

        Args:
            group: Messages; nothing happens without any.
            readings: Of all of them, as far as they have been read.
        """
        if not group:
            return
        raws = [one.raw for one in group]
        pairs = zip(raws, readings, strict=True)
        try:
            receipts = self._ingest.commit(
                [raw if reading is None else (raw, reading) for raw, reading in pairs]
            )
        except Exception as error:  # noqa: BLE001 - see below
            # The outermost loop of a thread: whatever it was, nothing of the group is stored, and
            # each one who waits must hear so. The next group may fare better.
            ours = isinstance(error, StoreConflictError) or not isinstance(error, DsnwatchError)
            if len(group) > 1 and ours:
                for one in group:  # a mistake of ours with one message must not keep the others
                    self._commit([one], [None])
                return
            log_not_stored(len(group), error)
            for one in group:
                one.receipt.set_exception(error)
        else:
            for one, receipt in zip(group, receipts, strict=True):
                one.receipt.set_result(receipt)

    def stop(self) -> None:
        """Take nothing more; `run` returns when what waits is on disk."""
        with self._changed:
            self._open = False
            self._stopped.set()
            self._changed.notify_all()

    def _gather(self) -> None:
        """Let the group grow as long as more comes: what a commit costs, it costs once."""
        deadline = time.monotonic() + GATHERING
        seen = 0
        while seen < len(self._waiting) < self._group and time.monotonic() < deadline:
            seen = len(self._waiting)
            if self._stopped.wait(LULL):
                break

    def _has_room(self, raw: RawMessage) -> bool:
        room = self._size + len(raw.data) <= self._octets
        return not self._waiting or (room and len(self._waiting) < self._messages)

    def _take(self, *, wait: bool) -> list[_Waiting]:
        """Take a group of what waits.

        Args:
            wait: Wait until there is something; then none means that it is over.
        """
        if wait:
            with self._changed:
                while not self._changed.wait_for(self._has_work, REST_SECONDS):
                    self.assistance.close()
            self._gather()
        most = self._most(len(self._waiting))
        with self._changed:
            group = [self._waiting.popleft() for _ in range(min(len(self._waiting), most))]
            self._size -= sum(len(one.raw.data) for one in group)
            self._changed.notify_all()
        return group

    def _most(self, waiting: int) -> int:
        """Say how many go at once: two such groups are one transaction where the other one reads.

        While it is on its way they are smaller: it shall not wait long until we are back.
        """
        if not self.assistance.wants(waiting):
            return self._group
        self.assistance.begin()
        return self._group // (2 if self.assistance.is_ready() else 4)

    def _has_work(self) -> bool:
        return bool(self._waiting) or not self._open


def log_not_stored(messages: int, error: Exception) -> None:
    """Say that a group was not stored; trouble with the store needs no traceback."""
    log.error(
        "%d messages are not stored and stay where they are: %s",
        messages,
        error,
        exc_info=None if isinstance(error, DsnwatchError) else error,
    )
