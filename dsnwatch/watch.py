"""One mailbox, watched for years: sweep, store, let go, wait; and come again after trouble.

A message is fetched, left at the inbox, and let go of when its receipt is there. While one set is
being committed the next one is being fetched, so that server, reader and disk work at the same
time.
"""

import logging
import random
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYetError
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any, Final, Protocol

from dsnwatch.errors import DsnwatchError, StoreLeaseError, UnavailableError
from dsnwatch.metrics import MailboxFigures
from dsnwatch.model import Kind, RawMessage
from dsnwatch.records import Receipt, ReceiptState
from dsnwatch.sources import Source
from dsnwatch.sources.imap_trouble import MailboxError, Trouble
from dsnwatch.store.duties import Duty

log = logging.getLogger(__name__)

_QUARANTINED, _OTHER = ReceiptState.QUARANTINED, Kind.OTHER

SET: Final = 500
"""Receipts that are waited for at once."""

UNDER_WAY: Final = 5 * SET
"""Messages that are at the inbox at most: enough to work on while a server moves a large set."""

MOST_OCTETS: Final = 16 << 20
"""Octets under way, unless a single message is larger."""

PATIENCE_SECONDS: Final = 10.0
"""How long one attempt to leave a message at a full inbox lasts, and one look at a receipt."""

STAND_BY_SECONDS: Final = 1.0
"""How often is asked whether a mailbox that another daemon watches has become ours."""

STAY_AWAY: Final[dict[Trouble | None, tuple[timedelta, timedelta]]] = {
    Trouble.LOGIN: (timedelta(seconds=30), timedelta(minutes=15)),
    Trouble.TLS: (timedelta(seconds=30), timedelta(minutes=15)),
    Trouble.THROTTLED: (timedelta(minutes=1), timedelta(minutes=15)),
    Trouble.REFUSED: (timedelta(minutes=1), timedelta(minutes=15)),
    None: (timedelta(seconds=1), timedelta(minutes=5)),
}
"""How long to stay away after the first failure, and at most; doubled each time. None: any other.

A refused login is not repeated quickly: servers count attempts, and lock accounts.
"""

Submit = Callable[[RawMessage, float], "Future[Receipt]"]
"""`Inbox.submit`."""


class Watched(Source, Protocol):
    """A source that can be waited at."""

    @property
    def connected(self) -> bool:
        """Whether there is a connection."""

    @property
    def connects(self) -> int:
        """How often a connection was made."""

    @property
    def left_behind(self) -> int:
        """How many messages the server does not give."""

    def wait(self, until: float) -> None:
        """Return when there may be new mail, at a time, or after `wake`.

        Args:
            until: As `time.monotonic` has it.

        Raises:
            SourceError: The connection is over.
        """

    def sleep(self, until: float) -> None:
        """Return at a time, or after `wake`."""

    def wake(self) -> None:
        """End the waiting, now and from now on; from any thread."""

    def interrupt(self) -> None:
        """End whatever is going on with the server; from any thread."""

    def forget(self) -> None:
        """Say goodbye to the server, and know nothing of its folders any more."""


class Pulse:
    """The last sign of life of a thread."""

    def __init__(self) -> None:
        self.at = time.monotonic()

    def beat(self) -> None:
        """Give one."""
        self.at = time.monotonic()


class Watcher:
    """Watches one mailbox, in a thread of its own.

    Args:
        name: Of the mailbox.
        source: Driven by the thread that calls `run` or `sweep`, and by no other.
        submit: Takes messages.
        poll_every: How often to look, whatever the server tells.
        pulse: Beaten here and by the source.
        duty: Says whether the mailbox is ours to watch; without one it is.
        clock: Tells the time for figures.
        chance: Gives a number from 0 to 1 to spread attempts by.
    """

    def __init__(
        self,
        name: str,
        source: Watched,
        submit: Submit,
        *,
        poll_every: timedelta,
        pulse: Pulse,
        duty: Duty | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._source = source
        self._submit = submit
        self._poll_every = poll_every
        self._pulse = pulse
        self._duty = duty
        self._clock = clock
        self._chance = chance
        self._stopping = Event()
        self._figures = MailboxFigures(name, started_at=clock())
        self._failures = 0

    @property
    def busy_since(self) -> float:
        """The last sign of life; it comes every twenty seconds, in waiting too."""
        return self._pulse.at

    @property
    def figures(self) -> MailboxFigures:
        """How the mailbox fares; from any thread."""
        source = self._source
        return replace(
            self._figures,
            connected=source.connected,
            connects=source.connects,
            left_behind=source.left_behind,
        )

    def run(self) -> None:
        """Watch until `stop`."""
        try:
            while not self._stopping.is_set():
                self._round()
        finally:
            self._note(waits=True)
            self._source.close()
            if self._duty is not None:
                self._duty.end()

    def stop(self) -> None:
        """Take nothing more, settle what is under way, and end; called again, end at once."""
        if self._stopping.is_set():
            self._source.interrupt()
        self._stopping.set()
        self._source.wake()

    def take(self) -> None:
        """Get the mailbox for one sweep.

        Raises:
            UnavailableError: A daemon watches it.
        """
        if self._duty is not None and not self._duty.take():
            raise UnavailableError(
                f"mailbox '{self._figures.name}': a daemon watches it; `dsnwatch status` shows how "
                "it fares"
            )

    def close(self) -> None:
        """Say goodbye to the server."""
        self._source.close()

    def _round(self) -> None:
        """Sweep until nothing waits, then wait for more."""
        try:
            if not self._is_ours():
                self._stand_by()
                return
            if self.sweep() or self._stopping.is_set():
                return
            self._recovered()
            self._source.wait(time.monotonic() + self._poll_every.total_seconds())
            self._failures = 0
        except StoreLeaseError as error:
            log_stands_by(error)
        except Exception as error:  # noqa: BLE001 - see below
            # The outermost loop of a thread. Whatever it was, what was not stored is still in the
            # mailbox; a mistake of ours must not end the watch over years either.
            if not self._stopping.is_set():
                self._stay_away(error)

    def _is_ours(self) -> bool:
        """Find out whether the mailbox is ours to watch, and begin anew where it was not before."""
        if self._duty is None:
            return True
        if not self._duty.begin():
            self._source.forget()
        return self._duty.token is not None

    def _stand_by(self) -> None:
        """Wait a little; another daemon watches."""
        self._note(waits=False, failing=False)
        self._source.sleep(time.monotonic() + STAND_BY_SECONDS)

    def sweep(self) -> int:
        """Take in all that waits in the mailbox; tells how many messages it was.

        Raises:
            DsnwatchError: The mailbox or the store failed. What was stored has been let go of, or
                will be; the rest waits where it was.
        """
        self._note(waits=True)
        under_way: deque[tuple[RawMessage, Future[Receipt]]] = deque()
        before, octets = self._figures.seen, 0
        problems: list[MailboxError] = []
        try:
            for raw in self._source.messages():
                under_way.append((raw, self._leave(raw)))
                octets += len(raw.data)
                if len(under_way) >= UNDER_WAY or octets > MOST_OCTETS:
                    octets -= self._settle(under_way, SET, problems)
                if self._stopping.is_set():
                    break
        finally:
            self._settle_all(under_way, problems)
        if problems:
            raise problems[0]
        return self._figures.seen - before

    def _settle_all(
        self, under_way: deque[tuple[RawMessage, "Future[Receipt]"]], problems: list[MailboxError]
    ) -> None:
        """Settle what is left in sets, so that the server moves one while the next is committed.

        Raises:
            Exception: What went wrong first, when all of it is settled.
        """
        failed: Exception | None = None
        while under_way:
            try:
                self._settle(under_way, SET, problems)
            except Exception as error:  # noqa: BLE001  raised below, when the others are settled
                failed = failed or error
        if failed is not None:
            raise failed

    def _leave(self, raw: RawMessage) -> "Future[Receipt]":
        """Leave a message at the inbox; a full one makes us pause, never drop."""
        while True:
            self._pulse.beat()
            try:
                return self._submit(raw, PATIENCE_SECONDS)
            except UnavailableError:
                if self._stopping.is_set():
                    raise

    def _settle(
        self,
        under_way: deque[tuple[RawMessage, "Future[Receipt]"]],
        count: int,
        problems: list[MailboxError],
    ) -> int:
        """Wait for receipts and let go of their messages; tells how many octets it was.

        Raises:
            Exception: What kept the first of those from being stored that are not.
        """
        done: list[tuple[RawMessage, Receipt]] = []
        failed: Exception | None = None
        octets, count = 0, min(count, len(under_way))
        if not count:
            return 0
        self._note(seen=self._figures.seen + count, last_message_at=self._clock())
        for _ in range(count):
            raw, future = under_way.popleft()
            octets += len(raw.data)
            try:
                done.append((raw, self._receipt(future)))
            except Exception as error:  # noqa: BLE001  raised below, when the others are settled
                failed = failed or error
        self._count([receipt for _, receipt in done])
        try:
            self._source.stored(done)
        except MailboxError as error:
            if error.trouble is not Trouble.REFUSED:
                raise
            problems.append(error)  # the rest of the sweep goes on
        if failed is not None:
            raise failed
        return octets

    def _receipt(self, future: "Future[Receipt]") -> Receipt:
        while True:
            self._pulse.beat()
            try:
                return future.result(PATIENCE_SECONDS)
            except NotYetError:
                continue

    def _count(self, receipts: list[Receipt]) -> None:
        states = [receipt.state for receipt in receipts]
        unread = sum(each.state is _QUARANTINED or each.kind is _OTHER for each in receipts)
        self._note(
            stored=self._figures.stored + len(states) - states.count(ReceiptState.DUPLICATE),
            duplicates=self._figures.duplicates + states.count(ReceiptState.DUPLICATE),
            unread=self._figures.unread + unread,
        )

    def _recovered(self) -> None:
        """Note that nothing waits, as far as one can know."""
        if self._figures.failing:
            log_recovered(self._figures.name)
        self._note(failing=False, waits=False, current_at=self._clock())

    def _stay_away(self, error: Exception) -> None:
        """Note what went wrong, and wait before the next attempt: longer each time."""
        self._failures += 1
        trouble = error.trouble if isinstance(error, MailboxError) else None
        asked = error.wait if isinstance(error, MailboxError) else None
        pause = asked or self._pause(trouble)
        log_failed(self._figures.name, error, pause)
        self._note(
            failing=True,
            failures=self._figures.failures + 1,
            last_error=str(error) or repr(error),
            last_error_at=self._clock(),
            waits=True,
        )
        until = time.monotonic() + pause.total_seconds()
        if trouble is Trouble.REFUSED:
            # The connection is sound, so the server may still tell of new mail in other folders.
            try:
                self._source.wait(until)
            except DsnwatchError:
                self._source.sleep(until)
        else:
            self._source.sleep(until)

    def _pause(self, trouble: Trouble | None) -> timedelta:
        first, most = STAY_AWAY.get(trouble, STAY_AWAY[None])
        grown = first * (1 << min(self._failures - 1, 20))
        pause: timedelta = min(grown, most) * (0.75 + self._chance() / 2)
        return pause

    def _note(self, **changes: Any) -> None:  # noqa: ANN401  fields of MailboxFigures
        self._figures = replace(self._figures, **changes)


def log_stands_by(error: StoreLeaseError) -> None:
    """Say that another daemon has taken over."""
    log.warning("%s; standing by", error)


def log_recovered(name: str) -> None:
    """Say that trouble is over."""
    log.info("mailbox '%s': all is well again", name)


def log_failed(name: str, error: Exception, pause: timedelta) -> None:
    """Say what went wrong; where it was our own mistake, with where."""
    ours = None if isinstance(error, DsnwatchError) else error
    log.warning(
        "%s (mailbox '%s' again in %d s)",
        error if ours is None else f"a mistake of ours: {error!r}; please report it",
        name,
        pause.total_seconds(),
        exc_info=ours,
    )
