"""Tables of how daemons fare, what they have read, and who may come in; terms as in `tables`."""

from sqlalchemy import BigInteger, Text
from sqlmodel import Field, SQLModel


class CursorRow(SQLModel, table=True):
    """How far a source has been read; moves in the transaction that stores what was read."""

    __tablename__ = "cursor"
    __table_args__ = ({"sqlite_with_rowid": False},)

    name: str = Field(primary_key=True, sa_type=Text)
    position: str = Field(sa_type=Text)
    node: str = Field(sa_type=Text)


DAEMON = "daemon"
"""The name of what a daemon says of itself, and not of a part."""


class FiguresRow(SQLModel, table=True):
    """How a part of a daemon fares, as it said last: `dsnwatch status` reads it."""

    __tablename__ = "figures"
    __table_args__ = ({"sqlite_with_rowid": False},)

    name: str = Field(primary_key=True, sa_type=Text)
    """The part: `mailbox bounces`; or `DAEMON`."""
    node: str = Field(primary_key=True, sa_type=Text)
    at: int = Field(sa_type=BigInteger)
    figures: str = Field(sa_type=Text)
    """A JSON object."""


class LeaseRow(SQLModel, table=True):
    """Who has a duty; the daemon that has it holds a lock on the server besides."""

    __tablename__ = "lease"
    __table_args__ = ({"sqlite_with_rowid": False},)

    name: str = Field(primary_key=True, sa_type=Text)
    """`mailbox bounces`."""
    token: int = Field(sa_type=BigInteger)
    """One more each time it is taken: who comes with an older one has lost it."""
    at: int = Field(sa_type=BigInteger)
    """When it was taken."""
    node: str = Field(sa_type=Text)


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


_TABLES = SQLModel.metadata.tables
CURSOR = _TABLES["cursor"]
FIGURES = _TABLES["figures"]
LEASE = _TABLES["lease"]
TOKEN = _TABLES["token"]
