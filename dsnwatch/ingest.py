"""The way of a message: read, attributed, decided on, stored; the whole of it in `Ingest`.

`docs/flow.md` tells it step by step. Either all that follows from a batch is on disk when
`Ingest.commit` returns, or nothing is and it raises.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from dsnwatch.attribute import Attributor
from dsnwatch.book import Book, Letter, author_of
from dsnwatch.errors import StoreConflictError
from dsnwatch.model import BounceReport, Kind, RawMessage, Reading
from dsnwatch.policy import Policy, decide
from dsnwatch.policy.guards import SenderGuard
from dsnwatch.provenance import believed
from dsnwatch.records import (
    BounceEvent,
    Decision,
    DecisionAction,
    Receipt,
    ReceiptState,
    StoredEvent,
)
from dsnwatch.revival import revive
from dsnwatch.rfc.printable import printable
from dsnwatch.store import new_id
from dsnwatch.subscriptions import NOBODY, Subscriptions

if TYPE_CHECKING:
    from dsnwatch.store import QuarantineItem, Store, Writer

log = logging.getLogger(__name__)

_OTHER, _SUPPRESS, _STORED = Kind.OTHER, DecisionAction.SUPPRESS, ReceiptState.STORED
_LISTING = frozenset({DecisionAction.SUPPRESS, DecisionAction.HOLD})

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

TRIES = 5
"""How often a batch is stored where another daemon writes the same at the same moment."""


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
        subscriptions: Which hooks want to be told of what.
        attributor: Says whom and what a report is about, and how far to believe it.
    """

    def __init__(  # noqa: PLR0917  the four every caller gives, and two most leave out
        self,
        store: "Store",
        reader: Reads,
        policy: Policy,
        clock: Callable[[], datetime] = _utc_now,
        subscriptions: Subscriptions = NOBODY,
        attributor: Attributor | None = None,
    ) -> None:
        self._store = store
        self._reader = reader
        self._policy = policy
        self._clock = clock
        self._subscriptions = subscriptions
        self._attributor = attributor or Attributor()
        self._sender = SenderGuard()
        self._known = (0, 0)

    def use(
        self,
        reader: Reads,
        policy: Policy,
        subscriptions: Subscriptions | None = None,
        attributor: Attributor | None = None,
    ) -> None:
        """Read, decide and tell by these from the next message on; from any thread."""
        self._reader, self._policy = reader, policy
        self._subscriptions = self._subscriptions if subscriptions is None else subscriptions
        self._attributor = attributor or self._attributor

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
        receipts = self._stored(letters, now)
        log_receipts(letters, receipts)
        return receipts

    def _stored(
        self,
        letters: Sequence[Letter],
        now: datetime,
        before: "Callable[[Writer], None]" = lambda _: None,
    ) -> list[Receipt]:
        """Store letters in one transaction, beside other daemons that store theirs.

        Args:
            letters: Which.
            now: This moment.
            before: What else is done in the transaction, before they are.
        """
        for left in reversed(range(TRIES)):
            try:
                with self._store.write(beside=True) as writer:
                    before(writer)
                    book, receipts = self._enter(writer, letters, now)
            except StoreConflictError as error:
                if not left:
                    raise
                log.debug("all of it again: %s", error)
            else:
                break
        self._sender.keep(book.guarding.watch)
        return receipts

    def _letter(self, item: "RawMessage | tuple[RawMessage, Reading]", now: datetime) -> Letter:
        """Read one message and make events of it."""
        raw, reading = item if isinstance(item, tuple) else (item, None)
        try:
            reading = reading or self._reader.read(raw.data)
            fingerprint = reading.fingerprint or raw.fingerprint
            arrived_at = raw.arrived_at or reading.report.received_at or now
            if not EPOCH <= arrived_at <= now:
                arrived_at = now  # a clock or a header that is wrong; no window may be bent by it
            events = tuple(self._attributor.events_of(raw, reading, fingerprint, arrived_at))
            author = author_of(raw, reading.report)
        except Exception as error:  # noqa: BLE001 - see below
            # Our own mistake, whatever it is: this message goes to a person with its octets, and
            # the ones behind it go on. One of the two places where everything is caught.
            log_our_mistake(raw, error)
            defect = f"our reader failed: {type(error).__name__}"
            return Letter(raw, raw.fingerprint, BounceReport(Kind.OTHER, defects=(defect,)), now)
        return Letter(raw, fingerprint, reading.report, arrived_at, events, author)

    def _enter(
        self, writer: "Writer", letters: Sequence[Letter], now: datetime
    ) -> tuple[Book, list[Receipt]]:
        """Lay out and write the rows that follow from some letters."""
        book = Book.of(
            writer,
            letters,
            self._policy,
            self._sender,
            lambda: self._known_on(now.toordinal(), writer),
            self._subscriptions,
        )
        receipts = [self._follow(book, letter, now) for letter in letters]
        book.write(writer, now)
        revive(writer, self._policy, book.signs, now, self._subscriptions)
        return book, receipts

    def _known_on(self, day: int, writer: "Writer") -> int:
        """Count the addresses that ever showed life, once a day: it takes a while."""
        if self._known[0] != day:
            self._known = (day, writer.addresses_alive())
        return self._known[1]

    def _follow(self, book: Book, letter: Letter, now: datetime) -> Receipt:
        """Decide what follows from one letter, given what the book knows."""
        if first := book.ids.get(letter.fingerprint):
            return letter.receipt(ReceiptState.DUPLICATE, first)
        message_id = book.ids[letter.fingerprint] = new_id(now)
        if letter.unreadable:
            book.quarantined.append((message_id, letter))
            return letter.receipt(ReceiptState.QUARANTINED, message_id)
        book.messages.append(letter.stored(message_id, now))
        book.note_mail(letter, message_id)
        if letter.report.kind is _OTHER:
            book.note_reply(letter)
        new, suppressed = 0, []
        for event in letter.events:
            if event.key in book.keys:
                continue
            if book.proven and event.key in book.proven:
                event = believed(event)  # noqa: PLW2901  what it is from here on
            book.disown(event, letter.report)
            decision, relapse = self._decided(book, event, letter)
            stored = StoredEvent(new_id(now), message_id, event, decision)
            book.add(stored, letter.report)
            new += 1
            if book.carry_out(stored, now, self._policy.coming_back, relapse):
                suppressed.append(event.attribution.recipient)
        return letter.receipt(_STORED, message_id, new, tuple(suppressed))

    def _decided(self, book: Book, event: BounceEvent, letter: Letter) -> tuple[Decision, str]:
        """Decide on an event; says too what relapse it is, if it is one."""
        past = book.past.get(event.attribution.recipient, ())
        settled = book.settled_at(event)
        decision = decide(self._policy, event, past, settled, book.facts[event.key])
        relapse = ""
        if book.releases and decision.action in _LISTING:
            if release := book.let_go_after(event):
                because = f"{decision.because}; not counted, {release}"
                decision = Decision(DecisionAction.COUNT, decision.rule, because)
            elif decision.action is _SUPPRESS and (
                relapse := book.relapse(event, self._policy.coming_back.relapse)
            ):
                decision = decision._replace(because=f"{decision.because}; {relapse}")
        return book.guarding.look(event, letter.report.original.message_id, decision), relapse

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

        def taken_out(writer: "Writer") -> None:
            writer.claim({name for letter in letters for name in letter.claims})
            for item, letter in zip(items, letters, strict=True):
                assert letter.fingerprint == item.fingerprint, "handed over without its octets"
                if not letter.unreadable:
                    writer.remove_quarantine(item.id)

        receipts = [
            receipt._replace(state=ReceiptState.QUARANTINED) if letter.unreadable else receipt
            for letter, receipt in zip(letters, self._stored(letters, now, taken_out), strict=True)
        ]
        log_receipts(letters, receipts)
        return receipts


def log_receipts(letters: Sequence[Letter], receipts: Sequence[Receipt]) -> None:
    """Write one line a message, and one an address that is suppressed from now on.

    All of them are one record: a record and a write for each line cost a tenth of the storing.
    """
    if not receipts or not log.isEnabledFor(logging.INFO):
        return
    lines: list[str] = []
    for letter, receipt in zip(letters, receipts, strict=True):
        state, id_, fingerprint, kind, events, suppressed = receipt
        lines.append(
            f"{state} {fingerprint[:12]} from {letter.raw.locator}: {kind}, {events} events"
        )
        lines += [f"suppressed {address} by message {id_}" for address in suppressed]
    log.info("%s", "\n".join(map(printable, lines)))


def log_our_mistake(raw: RawMessage, error: Exception) -> None:
    """Say that a message broke our reader; where it broke, only to those who debug."""
    log.error(
        "%s is put in quarantine: our reader failed on it (%r); please report this",
        raw.locator,
        error,
        exc_info=error if log.isEnabledFor(logging.DEBUG) else None,
    )
