"""The tables; SQLModel stands here only, and what leaves this room are the nouns of `model`.

Ids are ULIDs in text. Times are microseconds since 1970 in UTC (`ids.to_micros`). Text keeps
neither NUL nor lone surrogates, which PostgreSQL refuses; JSON escapes both. No foreign keys:
bytes, facts, events and suppressions are kept for different lengths of time, and each names what
it follows from after that is gone.

Tables with short rows and a key that is looked up are WITHOUT ROWID: flat from 1e5 to 1e7 rows.
"""

from sqlalchemy import BigInteger, Index, LargeBinary, Text, text
from sqlmodel import Field, SQLModel

_GIVEN = {"autoincrement": False}
"""A number of ours as a key; without this SQLAlchemy would have the database count."""


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
    decision_stream: str | None = Field(sa_type=Text)
    """The stream that is suppressed; null is every stream."""
    void: str | None = Field(sa_type=Text)
    """The rollback it counts for nothing since; null where it counts."""
    node: str = Field(sa_type=Text)


class SuppressionRow(SQLModel, table=True):
    """An address not to be mailed, for one stream or ("") for all; read by `lookup` too.

    Of one that was forgotten the address is a keyed hash (`hash:...`), and the domain is empty.
    """

    __tablename__ = "suppression"
    __table_args__ = (
        Index(
            "suppression_batch",
            "batch",
            sqlite_where=text("batch IS NOT NULL"),
            postgresql_where=text("batch IS NOT NULL"),
        ),
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


class LifeRow(SQLModel, table=True):
    """The last sign of life of an address."""

    __tablename__ = "life"
    __table_args__ = ({"sqlite_with_rowid": False},)

    address: str = Field(primary_key=True, sa_type=Text)
    at: int | None = Field(sa_type=BigInteger)
    """Null where the only sign came of a message that failed afterwards."""
    source: str = Field(sa_type=Text)
    """`delivered`, `sent`, `reply`, `signal`."""
    message: int | None = Field(sa_type=BigInteger)
    """Key of the message that was delivered; should it fail after all, the sign is none."""
    before: int | None = Field(sa_type=BigInteger)
    """The sign before it."""
    node: str = Field(sa_type=Text)


class SentRow(SQLModel, table=True):
    """A message of ours went to a recipient: known by the hash of its id and address."""

    __tablename__ = "sent"
    __table_args__ = ({"sqlite_with_rowid": False},)

    key: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs=_GIVEN)


class SentCountRow(SQLModel, table=True):
    """How much was sent in an hour; what rates are measured against."""

    __tablename__ = "sent_count"
    __table_args__ = ({"sqlite_with_rowid": False},)

    hour: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs=_GIVEN)
    stream: str = Field(primary_key=True, sa_type=Text)
    campaign: str = Field(primary_key=True, sa_type=Text)
    messages: int = Field(sa_type=BigInteger)


class GuardHourRow(SQLModel, table=True):
    """How many reports of a kind came in an hour; what the flood guard goes by."""

    __tablename__ = "guard_hour"
    __table_args__ = ({"sqlite_with_rowid": False},)

    name: str = Field(primary_key=True, sa_type=Text)
    hour: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs=_GIVEN)
    reports: int = Field(sa_type=BigInteger)


class HoldRow(SQLModel, table=True):
    """Decisions held back together, for one reason, until a person agrees or not."""

    __tablename__ = "hold"
    __table_args__ = (Index("hold_name", "name", unique=True),)

    id: str = Field(primary_key=True, sa_type=Text)
    name: str = Field(sa_type=Text)
    """What makes it one batch: `flood 2026-03-01T12`, `trust`, `sender ...`."""
    kind: str = Field(sa_type=Text)
    opened_at: int = Field(sa_type=BigInteger)
    summary: str = Field(sa_type=Text)
    node: str = Field(sa_type=Text)


class HeldRow(SQLModel, table=True):
    """A decision that is held back; its event says all the rest."""

    __tablename__ = "held"
    __table_args__ = (
        Index("held_hold", "hold_id", "event_id"),
        Index("held_address", "address"),
        {"sqlite_with_rowid": False},
    )

    event_id: str = Field(primary_key=True, sa_type=Text)
    hold_id: str = Field(sa_type=Text)
    address: str = Field(sa_type=Text)


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


class TokenRow(SQLModel, table=True):
    """What lets a program or a person in: a token, or a session opened with one."""

    __tablename__ = "token"
    __table_args__ = ({"sqlite_with_rowid": False},)

    id: str = Field(primary_key=True, sa_type=Text)
    name: str = Field(sa_type=Text)
    hash: str = Field(sa_type=Text)
    """SHA-256 of the secret, in hex; the secret itself is nowhere."""
    scopes: str = Field(sa_type=Text)
    """With a blank between."""
    made_at: int = Field(sa_type=BigInteger)
    made_by: str = Field(sa_type=Text)
    until: int | None = Field(sa_type=BigInteger)
    used_at: int | None = Field(sa_type=BigInteger)
    parent: str | None = Field(sa_type=Text)
    """Of a session: the token it was opened with."""
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
SUPPRESSION = _TABLES["suppression"]
FORMER_SUPPRESSION = _TABLES["former_suppression"]
RELEASE = _TABLES["release"]
TRIAL = _TABLES["trial"]
LIFE = _TABLES["life"]
SENT = _TABLES["sent"]
SENT_COUNT = _TABLES["sent_count"]
GUARD_HOUR = _TABLES["guard_hour"]
HOLD = _TABLES["hold"]
HELD = _TABLES["held"]
OUTBOX = _TABLES["outbox"]
LANE = _TABLES["lane"]
DEAD_LETTER = _TABLES["dead_letter"]
HOOK = _TABLES["hook"]
CURSOR = _TABLES["cursor"]
FIGURES = _TABLES["figures"]
TOKEN = _TABLES["token"]
QUARANTINE = _TABLES["quarantine"]
AUDIT = _TABLES["audit"]
