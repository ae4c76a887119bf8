"""One transaction, laid out before it is written: what is known, and the rows that follow."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from dsnwatch.model import (
    BounceEvent,
    BounceReport,
    Kind,
    News,
    PastEvent,
    RawMessage,
    Receipt,
    ReceiptState,
    StoredEvent,
    StoredMessage,
    Suppression,
)
from dsnwatch.news import news_of_event, news_of_suppression_by, suppression_by
from dsnwatch.policy import Policy, merge, running
from dsnwatch.subscriptions import NOBODY, Subscriptions

if TYPE_CHECKING:
    from dsnwatch.store import Writer


@dataclass(frozen=True, slots=True)
class Letter:
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
        """Say what became of it."""
        return Receipt(state, id_, self.fingerprint, self.report.kind, events, suppressed)

    def stored(self, id_: str, now: datetime) -> StoredMessage:
        """Give it the id it is kept under."""
        return StoredMessage(id_, self.raw, self.fingerprint, self.report, self.arrived_at, now)


@dataclass(slots=True)
class Book:
    """One transaction: what is known of its letters, and the rows it will write."""

    ids: dict[str, str]
    keys: set[str]
    past: dict[str, list[PastEvent]]
    standing: dict[str, Suppression]
    subscriptions: Subscriptions = NOBODY
    messages: list[StoredMessage] = field(default_factory=list)
    events: list[StoredEvent] = field(default_factory=list)
    changed: dict[str, Suppression] = field(default_factory=dict)
    news: list[News] = field(default_factory=list)
    quarantined: list[tuple[str, Letter]] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        writer: "Writer",
        letters: Sequence[Letter],
        policy: Policy,
        subscriptions: Subscriptions = NOBODY,
    ) -> "Book":
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
            subscriptions,
        )

    def add(self, stored: StoredEvent, report: BounceReport) -> None:
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
        self.news += news_of_event(self.subscriptions, stored, report)

    def suppress(self, stored: StoredEvent, now: datetime) -> bool:
        """Put the event's recipient on the list; says whether that is news at this moment."""
        new = suppression_by(stored)
        before = self.standing.get(new.address)
        if merge(before, new) is None:
            return False
        self.standing[new.address] = self.changed[new.address] = new
        if not running(new, now):
            return False  # an old mbox: it held then, and nobody needs to hear of it now
        self.news += news_of_suppression_by(self.subscriptions, stored)
        return before is None or not running(before, now)

    def write(self, writer: "Writer", now: datetime) -> None:
        """Write every row; COMMIT is the caller's."""
        writer.add_messages(self.messages)
        writer.add_events(self.events)
        writer.put_suppressions([*self.changed.values()])
        writer.add_news(self.news, now)
        for id_, letter in self.quarantined:
            defects = letter.report.defects
            writer.add_quarantine(id_, letter.raw, letter.fingerprint, defects, now)
