"""What was sent, into the store: known messages, counts, signs of life, rejections as events.

Told once or ten times, each fact counts once: by its message and recipient, or by its mark. One
batch is one transaction, and what is remembered of a log is bounded, so that a log of any length
takes as much memory as a short one.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Protocol

from dsnwatch.matching import event_key, message_key
from dsnwatch.model import (
    Action,
    BounceReport,
    Kind,
    OriginalMessage,
    RawMessage,
    Reading,
    RecipientStatus,
    StatusCode,
)
from dsnwatch.policy import Policy
from dsnwatch.policy.guards import hour_of
from dsnwatch.records import Receipt, Sign
from dsnwatch.revival import revive
from dsnwatch.rfc.address import normalise
from dsnwatch.sent import Rejected, Sent
from dsnwatch.subscriptions import NOBODY, Subscriptions

if TYPE_CHECKING:
    from dsnwatch.attribute import Attributor
    from dsnwatch.ingest import Ingest
    from dsnwatch.store import Store, Writer

log = logging.getLogger(__name__)

BATCH = 5000
"""Facts a transaction: their keys are written in order, which a large index thanks."""


class Judges(Protocol):
    """What gives verdicts to a report: `reading.Reader`."""

    def judge(self, report: BounceReport) -> Reading:
        """Judge a report."""


@dataclass(slots=True)
class Taken:
    """What became of facts.

    Attributes:
        facts: How many were told.
        new: How many messages of them were not known before.
        alive: How many showed life.
        freed: How many suppressions ended by that.
        rejected: How many were refused in the session.
        events: How many events that made.
        suppressed: How many were suppressed by them.
    """

    facts: int = 0
    new: int = 0
    alive: int = 0
    freed: int = 0
    rejected: int = 0
    events: int = 0
    suppressed: int = 0


@dataclass(slots=True)
class Sends:
    """Takes in what was sent.

    Args:
        store: Where it goes.
        ingest: Takes rejections in, as events.
        judges: Says what rejections mean.
        policy: Decides who is let go of.
        attributor: Knows streams by their return paths.
        stream: The kind of mail where a fact says none.
        subscriptions: Which hooks want to be told.
    """

    store: "Store"
    ingest: "Ingest"
    judges: Judges
    policy: Policy
    attributor: "Attributor"
    stream: str = ""
    subscriptions: Subscriptions = NOBODY
    taken: Taken = field(default_factory=Taken)

    def take_in(self, facts: Iterable[Sent | Rejected], now: datetime) -> Iterator[Taken]:
        """Take facts in, some a transaction; gives how far it is after each, all of it on disk.

        Raises:
            StoreError: What was given before stays; told again, nothing counts twice.
        """
        rest = iter(facts)
        while batch := list(islice(rest, BATCH)):
            self._sent([one for one in batch if isinstance(one, Sent)], now)
            self._rejected([one for one in batch if isinstance(one, Rejected)])
            self.taken.facts += len(batch)
            yield self.taken

    def _sent(self, facts: Sequence[Sent], now: datetime) -> None:
        if not facts:
            return
        with self.store.write() as writer:
            new = self._enter(writer, facts)
            signs = _signs(writer, new)
            freed = revive(writer, self.policy, signs, now, self.subscriptions)
        self.taken.new += sum(one.messages for one in new)
        self.taken.alive += len(signs)
        self.taken.freed += len(freed)

    def _enter(self, writer: "Writer", facts: Sequence[Sent]) -> list[Sent]:
        """Write down what was not known; gives it."""
        keyed = {fact.keys: fact for fact in facts}
        known = writer.sent_among({keys[0] for keys in keyed})
        new = {keys: fact for keys, fact in keyed.items() if keys[0] not in known}
        others = {key for keys in new for key in keys[1:]}
        others -= writer.sent_among(others) if others else set()
        writer.add_sent({keys[0] for keys in new} | others)
        counts: Counter[tuple[int, str, str]] = Counter()
        for fact in new.values():
            counts[hour_of(fact.at), self._stream_of(fact), fact.campaign] += fact.messages
        writer.count_sent(counts)
        return [*new.values()]

    def _stream_of(self, fact: Sent) -> str:
        return fact.stream or self.attributor.stream_of_sender(fact.sender) or self.stream

    def _rejected(self, facts: Sequence[Rejected]) -> None:
        if not facts:
            return
        with self.store.write() as writer:
            new = self._enter(writer, [_attempt(one) for one in facts])
        self.taken.new += len(new)
        receipts = self.ingest.commit([self._read(one) for one in facts])
        self.taken.rejected += len(facts)
        self._count(receipts)

    def _count(self, receipts: Sequence[Receipt]) -> None:
        self.taken.events += sum(receipt.events for receipt in receipts)
        self.taken.suppressed += sum(len(receipt.suppressed) for receipt in receipts)

    def _read(self, fact: Rejected) -> tuple[RawMessage, Reading]:
        """Make of a log line what the mail server would have reported."""
        status = None if fact.status is None else StatusCode.of(fact.status)
        said = RecipientStatus(
            recipient=normalise(fact.recipient),
            action=Action.FAILED,
            original_recipient=normalise(fact.recipient),
            final_recipient=normalise(fact.final_recipient),
            status=status,
            diagnostic=fact.text,
            remote_mta=fact.remote,
        )
        original = OriginalMessage(message_id=fact.message_id, from_=fact.sender or None)
        report = BounceReport(
            Kind.BOUNCE,
            dialect="postfix",
            reporting_mta=fact.host,
            received_at=fact.at,
            original=original,
            recipients=(said,),
            return_path=fact.sender or None,
        )
        stream = self.attributor.stream_of_sender(fact.sender) or self.stream
        raw = RawMessage(fact.line, fact.place, "log", fact.at, stream, vouched=True)
        return raw, self.judges.judge(report)


def _attempt(fact: Rejected) -> Sent:
    """Say that a refused message was sent: rates are measured against it, and it was ours."""
    return Sent(
        fact.at,
        normalise(fact.recipient).lower(),
        message_id=fact.message_id,
        mark=fact.line.decode("utf-8", "replace"),
        sender=fact.sender,
    )


def _signs(writer: "Writer", facts: Sequence[Sent]) -> list[Sign]:
    """Find what shows life: delivered, and not told as failed by then."""
    told = [fact for fact in facts if fact.delivered and fact.recipient]
    failures = {
        event_key(Kind.BOUNCE, fact.message_id, fact.recipient): fact
        for fact in told
        if fact.message_id
    }
    failed = {id(failures[key]) for key in writer.stored_event_keys(failures)}
    return [
        Sign(
            fact.recipient,
            fact.at,
            "sent",
            message_key(fact.message_id, fact.recipient) if fact.message_id else None,
        )
        for fact in told
        if id(fact) not in failed
    ]
