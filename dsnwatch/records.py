"""The nouns of what we do and keep: event, decision, receipt, suppression, token, news.

Those of what was read are in `model`, and like them these are frozen and know nothing of a store.
"""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from dsnwatch.model import (
    Action,
    BounceClass,
    BounceReport,
    Details,
    Fault,
    Kind,
    RawMessage,
    RecipientStatus,
    Scope,
    StatusCode,
    Trust,
    Verdict,
)


class ReceiptState(StrEnum):
    """What became of a message handed to `ingest`; each is said after COMMIT only."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    QUARANTINED = "quarantined"


class DecisionAction(StrEnum):
    """What we do about one event."""

    IGNORE = "ignore"
    COUNT = "count"
    HOLD = "hold"
    SUPPRESS = "suppress"


class Attribution(NamedTuple):
    """Which recipient and which mail of ours an event is about, and how far to believe it.

    Attributes:
        recipient: The address to count against, normalised.
        found_by: The way it was found: `original_recipient`, `final_recipient`, `return_path` ...
        stream: The kind of mail it was; "" where unknown.
    """

    recipient: str
    found_by: str
    trust: Trust
    stream: str = ""
    campaign: str | None = None
    list_id: str | None = None


class Facts(NamedTuple):
    """What the policy asks of an event; few kinds of it come often.

    Attributes:
        kind: The event's.
        action: What became of the mail.
        bounce_class: None where nothing failed, as with the five behind it.
        stream: The kind of mail it was; "" where unknown.
    """

    kind: Kind
    action: Action
    bounce_class: BounceClass | None = None
    reason: str = ""
    fault: Fault | None = None
    status: StatusCode | None = None
    permanent: bool | None = None
    provider: str | None = None
    stream: str = ""
    trust: Trust = Trust.CLAIMED


class BounceEvent(NamedTuple):
    """One thing that happened to one recipient, ready to be decided on and stored.

    Attributes:
        key: Unique per (recipient, original message, failed or delayed): the same failure told
            twice is one event.
        kind: `bounce`, `delay`, `success`, `complaint`, `auto_reply`, `unsubscribe` ...
        occurred_at: When it reached our side; windows and `until` count from it.
        verdict: None where nothing failed.
        details: Empty where nothing failed.
    """

    key: str
    kind: Kind
    occurred_at: datetime
    recipient: RecipientStatus
    verdict: Verdict | None
    attribution: Attribution
    details: Details = Details()

    @property
    def facts(self) -> Facts:
        """What the policy asks of it."""
        kind, action, found = self.kind, self.recipient.action, self.attribution
        verdict = self.verdict
        if verdict is None:
            return Facts(kind, action, stream=found.stream, trust=found.trust)
        return Facts(
            kind,
            action,
            verdict.bounce_class,
            verdict.reason,
            verdict.fault,
            verdict.status,
            verdict.permanent,
            verdict.provider,
            found.stream,
            found.trust,
        )


class Decision(NamedTuple):
    """What we do about one event, and why, in words a person can check.

    Attributes:
        rule: Id of the policy row that decided.
        until: End of the suppression; None is for ever. Absent (None) too when not suppressing.
        because: One sentence with the arithmetic in it.
        stream: The stream the suppression holds for; "" is every stream.
    """

    action: DecisionAction
    rule: str
    because: str
    until: datetime | None = None
    stream: str = ""


class Receipt(NamedTuple):
    """What became of one message; given only after COMMIT.

    Attributes:
        id: The stored message's ULID; that of the first copy for a duplicate.
        events: How many new events it made.
        suppressed: Addresses newly suppressed by it.
        kind: What the message was read as.
    """

    state: ReceiptState
    id: str
    fingerprint: str
    kind: Kind
    events: int = 0
    suppressed: tuple[str, ...] = ()


class PastEvent(NamedTuple):
    """A stored event of a recipient, as far as policy counts it.

    Attributes:
        message: What makes it distinct: the original's Message-ID, else the event's own key.
    """

    occurred_at: datetime
    message: str
    facts: Facts


class StoredMessage(NamedTuple):
    """A message with the id it is stored under.

    Attributes:
        stored_at: The clock at our side when it was read; decides nothing.
    """

    id: str
    raw: RawMessage
    fingerprint: str
    report: BounceReport
    arrived_at: datetime
    stored_at: datetime


class StoredEvent(NamedTuple):
    """An event, what was decided on it, and the ids both are stored under."""

    id: str
    message_id: str
    event: BounceEvent
    decision: Decision


class Suppression(NamedTuple):
    """An address that is not to be mailed.

    Attributes:
        address: Normalised.
        stream: The stream it holds for; "" is every stream.
        reason: A reason of the taxonomy, or `complaint`, `unsubscribe`, `manual`.
        origin: `bounce`, `complaint`, `unsubscribe`, `manual` or `import`.
        event_id: The event it follows from; None for manual and imported ones.
        rule: Id of the policy row, or the command that made it.
        until: None is for ever; past that moment it no longer holds.
        note: What a person said when adding it.
        batch: Id of the import or the hold it came with.
        lifted_until: While the address is tried again, it holds back nothing before that moment.
    """

    address: str
    reason: str
    origin: str
    rule: str
    since: datetime
    until: datetime | None = None
    event_id: str | None = None
    stream: str = ""
    note: str = ""
    batch: str | None = None
    lifted_until: datetime | None = None


RELAPSE = "relapse: "
"""How the note of a suppression begins that came soon after a release."""


class Sign(NamedTuple):
    """Something that shows that an address takes mail.

    Attributes:
        source: `delivered` (a report said so), `sent` (our mail server's log), `reply`, `signal`.
        message: Key of the message that was delivered (`sent.key_of`); None where there is none.
    """

    address: str
    at: datetime
    source: str
    message: int | None = None


class Life(NamedTuple):
    """The last sign of life of an address.

    Attributes:
        message: Key of the message that was delivered; should it fail after all, the sign is none.
        before: The sign before it.
    """

    at: datetime
    message: int | None = None
    before: datetime | None = None


class Release(NamedTuple):
    """An address was taken off the list: what was told of it before counts no more.

    Attributes:
        id: A ULID; events stored before it sort before it.
    """

    id: str
    address: str
    at: datetime
    who: str
    because: str
    stream: str = ""


class Token(NamedTuple):
    """What lets a program or a person in; of the secret in it only the hash is known.

    Attributes:
        id: Stands in the token itself, before the secret.
        name: What it is for, as the operator calls it.
        hash: SHA-256 of the secret, in hex.
        until: None is for ever.
        used_at: When it was last seen, to about a minute.
        parent: Of a session: the id of the token that it was opened with.
    """

    id: str
    name: str
    hash: str
    scopes: frozenset[Scope]
    made_at: datetime
    made_by: str
    until: datetime | None = None
    used_at: datetime | None = None
    parent: str | None = None


class News(NamedTuple):
    """Something other systems want to be told.

    Attributes:
        id: The one it is told under, however often, so that a receiver knows it again.
        type: `bounce.hard`, `suppression.added` ... as `docs/events/` lists them.
        address: The address it is about; order is kept per address.
        payload: JSON text, as `docs/events/` has it.
        hooks: Names of the hooks that are to tell it.
    """

    id: str
    type: str
    address: str
    payload: str
    hooks: tuple[str, ...] = ()
