"""The way of a message: read, attributed, decided on, stored; the whole of it in `Ingest`.

`docs/flow.md` tells it step by step. Either all that follows from a batch is on disk when
`Ingest.commit` returns, or nothing is and it raises. `Inbox` is its front for the threads of the
daemon: it gathers what waits into one transaction.
"""

import logging
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from threading import Condition
from typing import TYPE_CHECKING, Protocol

from dsnwatch.attribute import events_of
from dsnwatch.errors import DsnwatchError, UnavailableError
from dsnwatch.model import (
    BounceEvent,
    BounceReport,
    DecisionAction,
    Kind,
    News,
    PastEvent,
    RawMessage,
    Reading,
    Receipt,
    ReceiptState,
    StoredEvent,
    StoredMessage,
    Suppression,
)
from dsnwatch.news import event_payload, news_of, suppression_payload
from dsnwatch.policy import Policy, decide, merge, running
from dsnwatch.store import new_id

if TYPE_CHECKING:
    from dsnwatch.store import QuarantineItem, Store, Writer

log = logging.getLogger(__name__)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Reads(Protocol):
    """What turns the octets of a message into a report and verdicts: `reading.Reader`."""

    def read(self, data: bytes) -> Reading:
        """Read one message; any octets at all."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Ingest:
    """Takes messages in; the only one that writes events.

    Not for several threads at once: the thread that owns it owns the writing connection.

    Args:
        store: Where everything goes.
        reader: Reads the messages that come without a reading.
        policy: What to decide by.
        clock: Tells the time for ids and for messages that do not say when they arrived.
    """

    def __init__(
        self,
        store: "Store",
        reader: Reads,
        policy: Policy,
        clock: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._store = store
        self._reader = reader
        self._policy = policy
        self._clock = clock

    def commit(self, batch: Sequence[RawMessage | tuple[RawMessage, Reading]]) -> list[Receipt]:
        """Take in some messages in one transaction.

        Args:
            batch: Messages in the order they came, each with its reading where another process
                has read it already. Some hundreds at once are cheapest.

        Returns:
            One receipt a message, in order; all of it is on disk then.

        Raises:
            StoreError: Nothing of the batch is stored; keep the messages and come again.
        """
        now = self._clock()
        letters = [self._letter(item, now) for item in batch]  # before anything is locked
        with self._store.write() as writer:
            receipts = self._enter(writer, letters, now)
        log_receipts(letters, receipts)
        return receipts

    def _letter(self, item: "RawMessage | tuple[RawMessage, Reading]", now: datetime) -> "_Letter":
        """Read one message and make events of it."""
        raw, reading = item if isinstance(item, tuple) else (item, None)
        fingerprint = raw.fingerprint
        try:
            reading = reading or self._reader.read(raw.data)
            arrived_at = raw.arrived_at or reading.report.received_at or now
            if not EPOCH <= arrived_at <= now:
                arrived_at = now  # a clock or a header that is wrong; no window may be bent by it
            events = tuple(events_of(raw, reading, fingerprint, arrived_at))
        except Exception as error:  # noqa: BLE001 - see below
            # Our own mistake, whatever it is: this message goes to a person with its octets, and
            # the ones behind it go on. One of the two places where everything is caught.
            log_our_mistake(raw, error)
            defect = f"our reader failed: {type(error).__name__}"
            return _Letter(raw, fingerprint, BounceReport(Kind.OTHER, defects=(defect,)), now)
        return _Letter(raw, fingerprint, reading.report, arrived_at, events)

    def _enter(
        self, writer: "Writer", letters: Sequence["_Letter"], now: datetime
    ) -> list[Receipt]:
        """Lay out and write the rows that follow from some letters."""
        book = _Book.of(writer, letters, self._policy)
        receipts = [self._follow(book, letter, now) for letter in letters]
        book.write(writer, now)
        return receipts

    def _follow(self, book: "_Book", letter: "_Letter", now: datetime) -> Receipt:
        """Decide what follows from one letter, given what the book knows."""
        if first := book.ids.get(letter.fingerprint):
            return letter.receipt(ReceiptState.DUPLICATE, first)
        message_id = book.ids[letter.fingerprint] = new_id(now)
        if letter.unreadable:
            book.quarantined.append((message_id, letter))
            return letter.receipt(ReceiptState.QUARANTINED, message_id)
        book.messages.append(letter.stored(message_id, now))
        new, suppressed = 0, []
        for event in letter.events:
            if event.key in book.keys:
                continue
            address = event.attribution.recipient
            decision = decide(self._policy, event, book.past.get(address, ()))
            stored = StoredEvent(new_id(now), message_id, event, decision)
            book.add(stored, letter.report, now)
            new += 1
            if decision.action is DecisionAction.SUPPRESS and book.suppress(stored, now):
                suppressed.append(address)
        return letter.receipt(ReceiptState.STORED, message_id, new, tuple(suppressed))

    def retry(self, items: Sequence["QuarantineItem"]) -> list[Receipt]:
        """Read quarantined messages again, by code and rules that may have learnt since.

        Returns:
            One receipt a message, in order: `quarantined` under the same id where it still cannot
            be read; else as from `commit`, and it has left the quarantine in the same transaction.

        Raises:
            StoreError: Nothing has changed.
        """
        now = self._clock()
        letters = [self._letter(item.raw, item.at) for item in items]
        with self._store.write() as writer:
            for item, letter in zip(items, letters, strict=True):
                assert letter.fingerprint == item.fingerprint, "handed over without its octets"
                if not letter.unreadable:
                    writer.remove_quarantine(item.id)
            receipts = [
                replace(receipt, state=ReceiptState.QUARANTINED) if letter.unreadable else receipt
                for letter, receipt in zip(letters, self._enter(writer, letters, now), strict=True)
            ]
        log_receipts(letters, receipts)
        return receipts


@dataclass(frozen=True, slots=True)
class _Letter:
    """A message that has been read, and the events it tells of."""

    raw: RawMessage
    fingerprint: str
    report: BounceReport
    arrived_at: datetime
    events: tuple[BounceEvent, ...] = ()

    @property
    def unreadable(self) -> bool:
        """Whether it goes to review: it is nothing we know, and something is wrong with it."""
        return self.report.kind is Kind.OTHER and bool(self.report.defects)

    def receipt(
        self, state: ReceiptState, id_: str, events: int = 0, suppressed: tuple[str, ...] = ()
    ) -> Receipt:
        return Receipt(state, id_, self.fingerprint, self.report.kind, events, suppressed)

    def stored(self, id_: str, now: datetime) -> StoredMessage:
        return StoredMessage(id_, self.raw, self.fingerprint, self.report, self.arrived_at, now)


@dataclass(slots=True)
class _Book:
    """One transaction: what is known of its letters, and the rows it will write."""

    ids: dict[str, str]
    keys: set[str]
    past: dict[str, list[PastEvent]]
    standing: dict[str, Suppression]
    messages: list[StoredMessage] = field(default_factory=list)
    events: list[StoredEvent] = field(default_factory=list)
    changed: dict[str, Suppression] = field(default_factory=dict)
    news: list[News] = field(default_factory=list)
    quarantined: list[tuple[str, _Letter]] = field(default_factory=list)

    @classmethod
    def of(cls, writer: "Writer", letters: Sequence[_Letter], policy: Policy) -> "_Book":
        """Ask the store what it knows of these letters, a question a table."""
        ids = writer.stored_fingerprints([letter.fingerprint for letter in letters])
        fresh = [
            event for letter in letters if letter.fingerprint not in ids for event in letter.events
        ]
        keys = writer.stored_event_keys([event.key for event in fresh])
        fresh = [event for event in fresh if event.key not in keys]
        counted = [event for event in fresh if policy.looks_back(event)]
        past: dict[str, tuple[PastEvent, ...]] = {}
        if counted:
            since = min(event.occurred_at for event in counted) - policy.memory
            past = writer.past_events({event.attribution.recipient for event in counted}, since)
        rows = writer.suppressions_of({event.attribution.recipient for event in fresh})
        return cls(
            ids,
            keys,
            {address: [*events] for address, events in past.items()},
            {address: row for address, rows_ in rows.items() for row in rows_ if not row.stream},
        )

    def add(self, stored: StoredEvent, report: BounceReport, now: datetime) -> None:
        """Note an event, so that the letters behind this one know of it."""
        event = stored.event
        self.keys.add(event.key)
        self.events.append(stored)
        if event.kind is Kind.BOUNCE and (verdict := event.verdict) is not None:
            message = report.original.message_id or event.key
            told = PastEvent(
                event.occurred_at, message, verdict.reason, verdict.bounce_class, verdict.status
            )
            self.past.setdefault(event.attribution.recipient, []).append(told)
        if news := news_of(event):
            self.tell(news, event, event_payload(stored, report), now)

    def suppress(self, stored: StoredEvent, now: datetime) -> bool:
        """Put the event's recipient on the list; says whether that is news at this moment."""
        event, decision = stored.event, stored.decision
        new = Suppression(
            address=event.attribution.recipient,
            reason=event.verdict.reason if event.verdict else event.kind.value,
            origin=event.kind.value,
            rule=decision.rule,
            since=event.occurred_at,
            until=decision.until,
            event_id=stored.id,
        )
        before = self.standing.get(new.address)
        if merge(before, new) is None:
            return False
        self.standing[new.address] = self.changed[new.address] = new
        if not running(new, now):
            return False  # an old mbox: it held then, and nobody needs to hear of it now
        self.tell("suppression.added", event, suppression_payload(new), now)
        return before is None or not running(before, now)

    def tell(self, type_: str, event: BounceEvent, payload: str, now: datetime) -> None:
        """Put a row into the outbox."""
        self.news.append(News(new_id(now), type_, event.attribution.recipient, payload))

    def write(self, writer: "Writer", now: datetime) -> None:
        """Write every row; COMMIT is the caller's."""
        writer.add_messages(self.messages)
        writer.add_events(self.events)
        writer.put_suppressions([*self.changed.values()])
        writer.add_news(self.news)
        for id_, letter in self.quarantined:
            defects = letter.report.defects
            writer.add_quarantine(id_, letter.raw, letter.fingerprint, defects, now)


def log_receipts(letters: Sequence[_Letter], receipts: Sequence[Receipt]) -> None:
    """Write one line a message, and one an address that is suppressed from now on."""
    if not log.isEnabledFor(logging.INFO):
        return
    for letter, receipt in zip(letters, receipts, strict=True):
        log.info(
            "%s %s from %s: %s, %d events",
            receipt.state,
            letter.fingerprint[:12],
            letter.raw.locator,
            receipt.kind,
            receipt.events,
        )
        for address in receipt.suppressed:
            log.info("suppressed %s by message %s", address, receipt.id)


def log_our_mistake(raw: RawMessage, error: Exception) -> None:
    """Say that a message broke our reader; where it broke, only to those who debug."""
    log.error(
        "%s is put in quarantine: our reader failed on it (%r); please report this",
        raw.locator,
        error,
        exc_info=error if log.isEnabledFor(logging.DEBUG) else None,
    )


def log_not_stored(messages: int, error: Exception) -> None:
    """Say that a group was not stored; trouble with the store needs no traceback."""
    log.error(
        "%d messages are not stored and stay where they are: %s",
        messages,
        error,
        exc_info=None if isinstance(error, DsnwatchError) else error,
    )


@dataclass(frozen=True, slots=True)
class _Waiting:
    raw: RawMessage
    receipt: "Future[Receipt]"


class Inbox:
    """Where the threads of the daemon leave messages, each for a receipt that comes after COMMIT.

    One thread calls `run`; it commits all that waits as one group while the next one gathers. A
    full inbox refuses: it never drops, and never grows without bound.

    Args:
        ingest: Used by the thread in `run` alone.
        messages: How many may wait.
        octets: How many octets may wait, unless a single message is larger.
        group: How many messages go into one transaction at most.
    """

    def __init__(
        self, ingest: Ingest, *, messages: int = 2000, octets: int = 2**26, group: int = 500
    ) -> None:
        self._ingest = ingest
        self._messages = messages
        self._octets = octets
        self._group = group
        self._waiting: deque[_Waiting] = deque()
        self._size = 0
        self._open = True
        self._changed = Condition()

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
        while group := self._take():
            wanted = [one for one in group if one.receipt.set_running_or_notify_cancel()]
            try:
                receipts = self._ingest.commit([one.raw for one in wanted])
            except Exception as error:  # noqa: BLE001 - see below
                # The outermost loop of a thread: whatever it was, nothing of the group is stored,
                # and each one who waits must hear so. The next group may fare better.
                log_not_stored(len(wanted), error)
                for one in wanted:
                    one.receipt.set_exception(error)
            else:
                for one, receipt in zip(wanted, receipts, strict=True):
                    one.receipt.set_result(receipt)

    def stop(self) -> None:
        """Take nothing more; `run` returns when what waits is on disk."""
        with self._changed:
            self._open = False
            self._changed.notify_all()

    def _has_room(self, raw: RawMessage) -> bool:
        room = self._size + len(raw.data) <= self._octets
        return not self._waiting or (room and len(self._waiting) < self._messages)

    def _take(self) -> list[_Waiting]:
        """Wait for messages and take a group of them; none means that it is over."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._waiting) or not self._open)
            group = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._group))]
            self._size -= sum(len(one.raw.data) for one in group)
            self._changed.notify_all()
        return group
