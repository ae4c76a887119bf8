"""Tables of what was sent, and of signs of life; terms as in `tables`."""

from sqlalchemy import BigInteger, Text
from sqlmodel import Field, SQLModel

_GIVEN = {"autoincrement": False}
"""A number of ours as a key; without this SQLAlchemy would have the database count."""


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


_TABLES = SQLModel.metadata.tables
LIFE = _TABLES["life"]
SENT = _TABLES["sent"]
SENT_COUNT = _TABLES["sent_count"]
