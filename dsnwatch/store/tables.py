"""The tables of mail, events and the list; others lie in the files whose names end in `_tables`.

SQLModel stands in these only, and what leaves this room are the nouns of `model` and `records`.

Ids are ULIDs in text. Times are microseconds since 1970 in UTC (`ids.to_micros`). Text keeps
neither NUL nor lone surrogates, which PostgreSQL refuses; JSON escapes both. No foreign keys:
bytes, facts, events and suppressions are kept for different lengths of time, and each names what
it follows from after that is gone.

Tables with short rows and a key that is looked up are WITHOUT ROWID: flat from 1e5 to 1e7 rows.
"""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Text, text
from sqlmodel import Field, SQLModel


def _some(name: str, condition: str, *columns: str) -> Index:
    """Index the rows for which a condition holds; a question has to say it in the same words."""
    where = text(condition)
    return Index(name, *columns, sqlite_where=where, postgresql_where=where)


class MessageRow(SQLModel, table=True):
    """A message and what it said; the report is kept whole so that it can be judged again."""

    __tablename__ = "message"
    __table_args__ = (
        Index("message_fingerprint", "fingerprint", unique=True),
        Index("message_stream", "stream", "id"),
        _some("message_kind", "kind <> 'bounce'", "kind", "id"),
    )

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
        Index("event_stream", "stream", "id"),
        _some("event_provider", "provider IS NOT NULL", "provider", "id"),
        _some("event_campaign", "campaign IS NOT NULL", "campaign", "id"),
        _some("event_kind", "kind <> 'bounce'", "kind", "id"),
        _some("event_backscatter", "trust = 'backscatter'", "id"),
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
    decision_stream: str | None = Field(sa_type=Text)
    """The stream that is suppressed; null is every stream."""
    void: str | None = Field(sa_type=Text)
    """The rollback it counts for nothing since; null where it counts."""
    node: str = Field(sa_type=Text)


class FeedRow(SQLModel, table=True):
    """A transaction that stored events, numbered in the order of COMMIT (`feed`)."""

    __tablename__ = "feed"

    number: int = Field(
        sa_column=Column(
            BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=False
        )
    )
    events: str = Field(sa_type=Text)
    """Their ids in order, with nothing between."""


class SuppressionRow(SQLModel, table=True):
    """An address not to be mailed, for one stream or ("") for all; read by `lookup` too.

    Of one that was forgotten the address is a keyed hash (`hash:...`), and the domain is empty.
    """

    __tablename__ = "suppression"
    __table_args__ = (
        _some("suppression_batch", "batch IS NOT NULL", "batch"),
        Index("suppression_domain", "domain", "address", "stream"),
        _some("suppression_reason", "reason <> 'user_unknown'", "reason", "address", "stream"),
        _some("suppression_origin", "origin <> 'bounce'", "origin", "address", "stream"),
        _some("suppression_stream", "stream <> ''", "stream", "address"),
        {"sqlite_with_rowid": False},
    )

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
    batch: str | None = Field(sa_type=Text)
    """The import or the hold it came with."""
    lifted_until: int | None = Field(sa_type=BigInteger)
    """While it is tried again: it holds back nothing before that moment."""


class FormerSuppressionRow(SQLModel, table=True):
    """What the list said before another row took its place: taking that one back restores it."""

    __tablename__ = "former_suppression"
    __table_args__ = (Index("former_suppression_address", "address", "stream", "id"),)

    id: str = Field(primary_key=True, sa_type=Text)
    address: str = Field(sa_type=Text)
    stream: str = Field(sa_type=Text)
    domain: str = Field(sa_type=Text)
    reason: str = Field(sa_type=Text)
    origin: str = Field(sa_type=Text)
    rule: str = Field(sa_type=Text)
    event_id: str | None = Field(sa_type=Text)
    since: int = Field(sa_type=BigInteger)
    until: int | None = Field(sa_type=BigInteger)
    note: str = Field(sa_type=Text)
    node: str = Field(sa_type=Text)
    batch: str | None = Field(sa_type=Text)
    lifted_until: int | None = Field(sa_type=BigInteger)


class ReleaseRow(SQLModel, table=True):
    """When an address was last taken off the list, and by whom; what was before counts no more."""

    __tablename__ = "release"
    __table_args__ = ({"sqlite_with_rowid": False},)

    address: str = Field(primary_key=True, sa_type=Text)
    stream: str = Field(primary_key=True, sa_type=Text)
    id: str = Field(sa_type=Text)
    """Sorts with the ids of events: those before it are settled."""
    at: int = Field(sa_type=BigInteger)
    who: str = Field(sa_type=Text)
    because: str = Field(sa_type=Text)
    node: str = Field(sa_type=Text)


class TrialRow(SQLModel, table=True):
    """A suppressed address was tried again."""

    __tablename__ = "trial"
    __table_args__ = ({"sqlite_with_rowid": False},)

    address: str = Field(primary_key=True, sa_type=Text)
    stream: str = Field(primary_key=True, sa_type=Text)
    at: int = Field(primary_key=True, sa_type=BigInteger)
    ended: bool
    node: str = Field(sa_type=Text)


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
FEED = _TABLES["feed"]
SUPPRESSION = _TABLES["suppression"]
FORMER_SUPPRESSION = _TABLES["former_suppression"]
RELEASE = _TABLES["release"]
TRIAL = _TABLES["trial"]
QUARANTINE = _TABLES["quarantine"]
AUDIT = _TABLES["audit"]
