"""Tables of what guards count and what is held for a person; terms as in `tables`."""

from sqlalchemy import BigInteger, Index, Text
from sqlmodel import Field, SQLModel

_GIVEN = {"autoincrement": False}
"""A number of ours as a key; without this SQLAlchemy would have the database count."""


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


_TABLES = SQLModel.metadata.tables
GUARD_HOUR = _TABLES["guard_hour"]
HOLD = _TABLES["hold"]
HELD = _TABLES["held"]
