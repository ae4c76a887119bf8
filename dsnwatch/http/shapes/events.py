"""Shapes of `/v1/events` and `/v1/messages`."""

from pydantic import BaseModel, Field

from dsnwatch.model import Action, BounceClass, Fault, Kind, Trust
from dsnwatch.records import DecisionAction


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
