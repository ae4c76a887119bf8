"""The table of duties that one of several daemons has; terms as in `tables`."""

from sqlalchemy import BigInteger, Text
from sqlmodel import Field, SQLModel


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


LEASE = SQLModel.metadata.tables["lease"]
