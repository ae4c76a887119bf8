"""The tables; SQLModel stands here only, and what leaves this room are the nouns of `model`.

Ids are ULIDs in text. Times are microseconds since 1970 in UTC (`ids.to_micros`). Text keeps
neither NUL nor lone surrogates, which PostgreSQL refuses; JSON escapes both. No foreign keys:
bytes, facts, events and suppressions are kept for different lengths of time, and each names what
it follows from after that is gone.

Tables with short rows and a key that is looked up are WITHOUT ROWID: flat from 1e5 to 1e7 rows.
"""

from sqlalchemy import BigInteger, Index, LargeBinary, Text
from sqlmodel import Field, SQLModel


class MessageRow(SQLModel, table=True):
    """A message and what it said; the report is kept whole so that it can be judged again."""

    __tablename__ = "message"
    __table_args__ = (Index("message_fingerprint", "fingerprint", unique=True),)

    id: str = Field(primary_key=True, sa_type=Text)
    fingerprint: str = Field(sa_type=Text)
    source: str = Field(sa_type=Text)
    locator: str = Field(sa_type=Text)
    stream: str = Field(sa_type=Text)
    vouched: bool
    recipients: str = Field(sa_type=Text)
    """Envelope recipients, a JSON list."""
    evidence: str | None = Field(sa_type=Text)
    """Who handed it over (`model.Evidence`), a JSON object; null where nobody did."""
    source_arrived_at: int | None = Field(sa_type=BigInteger)
    """As the source told it."""
    arrived_at: int = Field(sa_type=BigInteger)
    """As we go by it."""
    stored_at: int = Field(sa_type=BigInteger)
    size: int = Field(sa_type=BigInteger)
    """Octets of the message as it came."""
    kind: str = Field(sa_type=Text)
    dialect: str | None = Field(sa_type=Text)
    original_message_id: str | None = Field(sa_type=Text)
    report: str = Field(sa_type=Text)
    """The whole report as JSON (`reports.to_json`)."""
    node: str = Field(sa_type=Text)


class RawMessageRow(SQLModel, table=True):
    """The octets of a message; they go first, the facts stay."""

    __tablename__ = "raw_message"

    message_id: str = Field(primary_key=True, sa_type=Text)
    data: bytes = Field(sa_type=LargeBinary)


class EventRow(SQLModel, table=True):
    """One thing that happened to one recipient: said, meant and decided side by side."""

    __tablename__ = "event"
    __table_args__ = (
        Index("event_key", "key", unique=True),
        Index("event_address", "address", "occurred_at"),
        Index("event_domain", "domain", "id"),
        Index("event_message", "message_id"),
        Index("event_class", "bounce_class", "id"),
        Index("event_reason", "reason", "id"),
    )

    id: str = Field(primary_key=True, sa_type=Text)
    message_id: str = Field(sa_type=Text)
    key: str = Field(sa_type=Text)
    kind: str = Field(sa_type=Text)
    occurred_at: int = Field(sa_type=BigInteger)
    # attributed
    address: str = Field(sa_type=Text)
    domain: str = Field(sa_type=Text)
    found_by: str = Field(sa_type=Text)
    trust: str = Field(sa_type=Text)
    stream: str = Field(sa_type=Text)
    campaign: str | None = Field(sa_type=Text)
    list_id: str | None = Field(sa_type=Text)
    # said
    recipient: str = Field(sa_type=Text)
    action: str = Field(sa_type=Text)
    original_recipient: str | None = Field(sa_type=Text)
    final_recipient: str | None = Field(sa_type=Text)
    said_status: str | None = Field(sa_type=Text)
    said_reply_code: str | None = Field(sa_type=Text)
    diagnostic: str = Field(sa_type=Text)
    prose: str = Field(sa_type=Text)
    remote_mta: str | None = Field(sa_type=Text)
    # meant; null where nothing failed
    permanent: bool | None
    bounce_class: str | None = Field(sa_type=Text)
    reason: str | None = Field(sa_type=Text)
    fault: str | None = Field(sa_type=Text)
    status: str | None = Field(sa_type=Text)
    reply_code: str | None = Field(sa_type=Text)
    rule: str | None = Field(sa_type=Text)
    confidence: float | None
    provider: str | None = Field(sa_type=Text)
    # told besides, a JSON object without what is absent (`details.as_dict`); null for nothing
    details: str | None = Field(sa_type=Text)
    # decided
    decision: str = Field(sa_type=Text)
    decision_rule: str = Field(sa_type=Text)
    because: str = Field(sa_type=Text)
    until: int | None = Field(sa_type=BigInteger)
    node: str = Field(sa_type=Text)


class SuppressionRow(SQLModel, table=True):
    """An address not to be mailed, for one stream or ("") for all; read by `lookup` too."""

    __tablename__ = "suppression"
    __table_args__ = ({"sqlite_with_rowid": False},)

    address: str = Field(primary_key=True, sa_type=Text)
    stream: str = Field(primary_key=True, sa_type=Text)
    domain: str = Field(sa_type=Text)
    reason: str = Field(sa_type=Text)
    origin: str = Field(sa_type=Text)
    rule: str = Field(sa_type=Text)
    event_id: str | None = Field(sa_type=Text)
    since: int = Field(sa_type=BigInteger)
    until: int | None = Field(sa_type=BigInteger)
    note: str = Field(sa_type=Text)
    node: str = Field(sa_type=Text)


class OutboxRow(SQLModel, table=True):
    """One thing that one hook has still to tell; written in the transaction that made it true."""

    __tablename__ = "outbox"

    hook: str = Field(primary_key=True, sa_type=Text)
    address: str = Field(primary_key=True, sa_type=Text)
    id: str = Field(primary_key=True, sa_type=Text)
    type: str = Field(sa_type=Text)
    payload: str = Field(sa_type=Text)
    node: str = Field(sa_type=Text)


class LaneRow(SQLModel, table=True):
    """The queue of one address at one hook: there as long as it has rows in the outbox.

    Who holds the lease of a lane delivers its rows, oldest first; so order is kept per address
    whatever the number of workers, and what waits behind a failure is in nobody's way.
    """

    __tablename__ = "lane"
    __table_args__ = (Index("lane_due", "hook", "due"), {"sqlite_with_rowid": False})

    hook: str = Field(primary_key=True, sa_type=Text)
    address: str = Field(primary_key=True, sa_type=Text)
    due: int = Field(sa_type=BigInteger)
    """When it may be taken: at once, after a failure later, while leased at the lease's end."""
    attempts: int
    """How often its first row has failed."""
    lease: str = Field(sa_type=Text)
    """Who delivers; a new one each time it is taken."""
    version: int = Field(sa_type=BigInteger)
    """One more with each row put in, so that a lane that got another row is not let go of."""


class DeadLetterRow(SQLModel, table=True):
    """What a hook could not tell, kept for a person; nothing waits behind it."""

    __tablename__ = "dead_letter"

    hook: str = Field(primary_key=True, sa_type=Text)
    id: str = Field(primary_key=True, sa_type=Text)
    address: str = Field(sa_type=Text)
    type: str = Field(sa_type=Text)
    payload: str = Field(sa_type=Text)
    attempts: int
    at: int = Field(sa_type=BigInteger)
    error: str = Field(sa_type=Text)
    node: str = Field(sa_type=Text)


class HookRow(SQLModel, table=True):
    """How a hook is doing; all its workers go by it."""

    __tablename__ = "hook"
    __table_args__ = ({"sqlite_with_rowid": False},)

    name: str = Field(primary_key=True, sa_type=Text)
    paused: bool
    not_before: int | None = Field(sa_type=BigInteger)
    """It rests till then: the circuit breaker, a Retry-After, or the next digest."""
    failures: int
    """How often in a row the other side did not answer as it should."""
    delivered: int = Field(sa_type=BigInteger)
    delivered_at: int | None = Field(sa_type=BigInteger)
    failed_at: int | None = Field(sa_type=BigInteger)
    error: str = Field(sa_type=Text)
    """What went wrong last."""


class CursorRow(SQLModel, table=True):
    """How far a source has been read; moves in the transaction that stores what was read."""

    __tablename__ = "cursor"
    __table_args__ = ({"sqlite_with_rowid": False},)

    name: str = Field(primary_key=True, sa_type=Text)
    position: str = Field(sa_type=Text)
    node: str = Field(sa_type=Text)


class FiguresRow(SQLModel, table=True):
    """How a part of a daemon fares, as it said last: `dsnwatch status` reads it."""

    __tablename__ = "figures"
    __table_args__ = ({"sqlite_with_rowid": False},)

    name: str = Field(primary_key=True, sa_type=Text)
    """The part: `mailbox bounces`."""
    node: str = Field(primary_key=True, sa_type=Text)
    at: int = Field(sa_type=BigInteger)
    figures: str = Field(sa_type=Text)
    """A JSON object."""


class QuarantineRow(SQLModel, table=True):
    """A message that could not be read, with its octets, waiting for a person."""

    __tablename__ = "quarantine"
    __table_args__ = (Index("quarantine_fingerprint", "fingerprint", unique=True),)

    id: str = Field(primary_key=True, sa_type=Text)
    fingerprint: str = Field(sa_type=Text)
    source: str = Field(sa_type=Text)
    locator: str = Field(sa_type=Text)
    stream: str = Field(sa_type=Text)
    vouched: bool
    recipients: str = Field(sa_type=Text)
    """Envelope recipients, a JSON list."""
    evidence: str | None = Field(sa_type=Text)
    """Who handed it over (`model.Evidence`), a JSON object; null where nobody did."""
    source_arrived_at: int | None = Field(sa_type=BigInteger)
    at: int = Field(sa_type=BigInteger)
    defects: str = Field(sa_type=Text)
    """A JSON list."""
    node: str = Field(sa_type=Text)
    data: bytes = Field(sa_type=LargeBinary)


class AuditRow(SQLModel, table=True):
    """Who did what, when and why; only ever added to."""

    __tablename__ = "audit"

    id: str = Field(primary_key=True, sa_type=Text)
    at: int = Field(sa_type=BigInteger)
    who: str = Field(sa_type=Text)
    verb: str = Field(sa_type=Text)
    subject: str = Field(sa_type=Text)
    because: str = Field(sa_type=Text)
    detail: str = Field(sa_type=Text)
    """A JSON object."""
    node: str = Field(sa_type=Text)


_TABLES = SQLModel.metadata.tables
MESSAGE = _TABLES["message"]
RAW_MESSAGE = _TABLES["raw_message"]
EVENT = _TABLES["event"]
SUPPRESSION = _TABLES["suppression"]
OUTBOX = _TABLES["outbox"]
LANE = _TABLES["lane"]
DEAD_LETTER = _TABLES["dead_letter"]
HOOK = _TABLES["hook"]
CURSOR = _TABLES["cursor"]
FIGURES = _TABLES["figures"]
QUARANTINE = _TABLES["quarantine"]
AUDIT = _TABLES["audit"]
