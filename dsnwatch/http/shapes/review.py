"""Shapes of `/v1/quarantine`, `/v1/holds` and `/v1/backscatter`."""

from pydantic import BaseModel

from dsnwatch.http.shapes.events import EventShape
from dsnwatch.model import Kind, Trust


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


class Forged(BaseModel):
    """How many reports there were about mail that was never ours."""

    day: int
    week: int
    month: int
    ever: int


class Backscatter(BaseModel):
    """A page of them, newest first."""

    counts: Forged
    items: list[EventShape]
    next: str | None
