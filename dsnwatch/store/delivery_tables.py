"""Tables of what hooks have to tell, and how they fare; terms as in `tables`."""

from sqlalchemy import BigInteger, Index, Text
from sqlmodel import Field, SQLModel


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


_TABLES = SQLModel.metadata.tables
OUTBOX = _TABLES["outbox"]
LANE = _TABLES["lane"]
DEAD_LETTER = _TABLES["dead_letter"]
HOOK = _TABLES["hook"]
