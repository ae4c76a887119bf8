"""The shapes of what the API takes and gives; the words are those of the commands' `--json`."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from dsnwatch.model import Action, BounceClass, Fault, Kind, Trust
from dsnwatch.records import DecisionAction

Address = Annotated[str, Field(min_length=3, max_length=998, description="name@domain")]
Stream = Annotated[str, Field(max_length=200)]
Because = Annotated[str, Field(max_length=2000)]
MOST = 10_000
"""Addresses of one request."""


class Body(BaseModel):
    """What is sent to us: nothing unknown is in it."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Checked(BaseModel):
    """Whether one address may be mailed."""

    address: str
    suppressed: bool
    stream: str | None = Field(None, description='The stream it is suppressed for; "" is all.')
    reason: str | None = None
    since: str | None = None
    until: str | None = Field(None, description="Null is for ever.")
    event_id: str | None = None
    rule: str | None = None


class Asked(Body):
    """Addresses, and the kind of mail that is to be sent to them."""

    addresses: list[str] = Field(min_length=1, max_length=MOST)
    stream: Stream = ""


class CheckedAll(BaseModel):
    """Whether addresses may be mailed, in the order they were asked for."""

    results: list[Checked]
    suppressed: int
    invalid: list[str] = Field(description="Those that are no addresses; they have no result.")


class Suppressed(BaseModel):
    """An address that is not to be mailed."""

    address: str
    stream: str
    reason: str
    origin: str
    rule: str
    since: str
    until: str | None
    event_id: str | None
    note: str


class Suppressions(BaseModel):
    """A page of the list."""

    items: list[Suppressed]
    next: str | None


class ToAdd(Body):
    """Addresses to be suppressed by hand."""

    addresses: list[Address] = Field(min_length=1, max_length=MOST)
    stream: Stream = ""
    because: Because = ""
    until: datetime | None = Field(None, description="Null is for ever.")


class Added(BaseModel):
    """What was written; the others were suppressed for as long already."""

    added: list[str]
    unchanged: int


class ToRemove(Body):
    """Addresses that may be mailed again."""

    addresses: list[Address] = Field(min_length=1, max_length=MOST)
    stream: Stream = ""
    because: Because = Field(min_length=1)


class Removed(BaseModel):
    """What was taken off the list; the others were not on it."""

    removed: list[str]
    absent: int


class Imported(BaseModel):
    """How many rows a file had, and how many said more than the list did."""

    rows: int
    written: int
    batch: str | None
    dry_run: bool


class DecisionShape(BaseModel):
    """What the policy made of an event."""

    action: DecisionAction
    rule: str
    because: str
    until: str | None
    stream: str


class EventShape(BaseModel):
    """One thing that happened to one recipient: said, meant, decided."""

    id: str
    message_id: str
    kind: Kind
    occurred_at: str
    recipient: str
    found_by: str
    trust: Trust
    stream: str
    campaign: str | None
    list_id: str | None
    original_recipient: str | None
    final_recipient: str | None
    action: Action
    permanent: bool | None
    bounce_class: BounceClass | None = Field(alias="class")
    reason: str | None
    fault: Fault | None
    status: str | None
    reply_code: str | None
    rule: str | None
    confidence: float | None
    provider: str | None
    diagnostic: str
    remote_mta: str | None
    blocklist: str | None
    blocked_ip: str | None
    retry_after_seconds: int | None
    queue_id: str | None
    forwarded_to: str | None
    help_url: str | None
    decision: DecisionShape


class Events(BaseModel):
    """A page of events."""

    items: list[EventShape]
    next: str | None


class EvidenceShape(BaseModel):
    """Who handed a message over."""

    client: str | None
    helo: str
    sender: str
    protocol: str
    tls: str | None


class MessageShape(BaseModel):
    """A message that came in."""

    id: str
    kind: Kind
    arrived_at: str
    source: str
    stream: str
    dialect: str | None
    message_id: str | None
    original_message_id: str | None
    recipients: list[str]
    evidence: EvidenceShape | None
    fingerprint: str
    defects: list[str]


class Messages(BaseModel):
    """A page of messages."""

    items: list[MessageShape]
    next: str | None


class QuarantinedShape(BaseModel):
    """A message that could not be read."""

    id: str
    at: str
    source: str
    stream: str
    fingerprint: str
    defects: list[str]


class Quarantined(BaseModel):
    """A page of messages that could not be read."""

    items: list[QuarantinedShape]
    next: str | None


class Reread(BaseModel):
    """What became of a message that was read again."""

    id: str
    read: bool
    kind: Kind
    events: int


class WithReason(Body):
    """Why something is done; it is kept in the audit log."""

    because: Because = Field(min_length=1)


class MaybeReason(Body):
    """Why something is done, where one says so."""

    because: Because = ""


class HoldShape(BaseModel):
    """Suppressions that wait for a person."""

    id: str
    name: str
    kind: str
    opened_at: str
    summary: str
    events: int


class Holds(BaseModel):
    """All that waits for a person, oldest first."""

    items: list[HoldShape]


class HeldShape(BaseModel):
    """One decision that waits."""

    event: str
    time: str
    recipient: str
    reason: str
    trust: Trust
    rule: str
    because: str
    until: str | None


class HeldEvents(BaseModel):
    """The first decisions of a hold."""

    items: list[HeldShape]


class Settled(BaseModel):
    """How many decisions were carried out, or dropped."""

    done: int


class SentShape(BaseModel):
    """How much was sent of a stream and campaign."""

    stream: str
    campaign: str
    messages: int


class SentCounts(BaseModel):
    """How much was sent, by stream and campaign."""

    items: list[SentShape]


class SentFact(Body):
    """Mail that was sent: to one recipient, or just how much."""

    time: str = Field(description="RFC 3339, or seconds since 1970.", max_length=64)
    recipient: str = Field("", max_length=998)
    count: int | None = Field(None, ge=0, le=10**12)
    stream: Stream = ""
    campaign: str = Field("", max_length=998)
    message_id: str = Field("", max_length=998)
    envelope_id: str = Field("", max_length=998)
    delivered: bool = False


class SentFacts(Body):
    """Facts about what was sent; told twice, each counts once."""

    facts: list[SentFact] = Field(min_length=1, max_length=MOST)


class SentTaken(BaseModel):
    """What became of them."""

    facts: int
    messages: int = Field(description="Those not known before.")
    alive: int
    freed: int


class LifeFact(Body):
    """An address showed that it takes mail: a click, a login, a reply."""

    address: Address
    at: datetime


class LifeFacts(Body):
    """Signs of life."""

    signs: list[LifeFact] = Field(min_length=1, max_length=MOST)


class LifeTaken(BaseModel):
    """How many were noted, and whom they freed of soft suppressions."""

    noted: int
    freed: list[str]


class HookShape(BaseModel):
    """How a hook is doing."""

    hook: str
    kind: str | None
    state: str
    rests_till: str | None
    waiting: int
    oldest: str | None
    dead: int
    told: int
    told_last: str | None
    failures: int
    failed_last: str | None
    error: str | None


class Hooks(BaseModel):
    """The hooks."""

    items: list[HookShape]


class Letter(BaseModel):
    """What a hook could not be told."""

    hook: str
    id: str
    at: str
    attempts: int
    error: str
    event: dict[str, object]


class Letters(BaseModel):
    """A page of what a hook could not be told."""

    items: list[Letter]
    next: str | None


class ToReplay(Body):
    """What is to be told again: dead letters, or events from a moment on."""

    ids: list[str] | None = Field(None, max_length=MOST, description="Null is all dead letters.")
    since: datetime | None = None
    until: datetime | None = None


class Replayed(BaseModel):
    """How many events will be told again."""

    events: int


class ToTry(Body):
    """A line that a mail server said."""

    text: str = Field(min_length=1, max_length=20_000)
    status: str | None = Field(None, max_length=40)
    provider: str | None = Field(None, max_length=64)
    dialect: str = Field("rfc3464", max_length=64)


class StepShape(BaseModel):
    """One rule that spoke."""

    rule: str
    reason: str
    field: str
    span: list[int]
    text: str


class Tried(BaseModel):
    """What a line would be judged."""

    text: str
    flat: str
    provider: str | None
    dialect: str
    permanent: bool | None
    bounce_class: BounceClass = Field(alias="class")
    reason: str
    fault: Fault
    status: str | None
    reply_code: str | None
    rule: str
    confidence: float
    matches: list[StepShape]


def moment(value: datetime | None) -> datetime | None:
    """Take a time without a zone for UTC."""
    if value is None:
        return None
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
