"""The tables that charts, rates and alerts go by; the others are in `tables`, with their terms."""

from sqlalchemy import BigInteger, Text
from sqlmodel import Field, SQLModel

_GIVEN = {"autoincrement": False}
"""A number of ours as a key; without this SQLAlchemy would have the database count."""


class TallyHourRow(SQLModel, table=True):
    """How many events of a kind there were in an hour; kept in the transaction of the events.

    What an event does not say is "". `kind` is the event's, or `backscatter` for a report about
    mail that was never ours.
    """

    __tablename__ = "tally_hour"
    __table_args__ = ({"sqlite_with_rowid": False},)

    hour: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs=_GIVEN)
    """Since 1970, in UTC."""
    stream: str = Field(primary_key=True, sa_type=Text)
    kind: str = Field(primary_key=True, sa_type=Text)
    bounce_class: str = Field(primary_key=True, sa_type=Text)
    reason: str = Field(primary_key=True, sa_type=Text)
    provider: str = Field(primary_key=True, sa_type=Text)
    decision: str = Field(primary_key=True, sa_type=Text)
    events: int = Field(sa_type=BigInteger)


class TallyDayRow(SQLModel, table=True):
    """The same by the day; these are kept when events and hours have gone."""

    __tablename__ = "tally_day"
    __table_args__ = ({"sqlite_with_rowid": False},)

    day: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs=_GIVEN)
    """Since 1970, in UTC."""
    stream: str = Field(primary_key=True, sa_type=Text)
    kind: str = Field(primary_key=True, sa_type=Text)
    bounce_class: str = Field(primary_key=True, sa_type=Text)
    reason: str = Field(primary_key=True, sa_type=Text)
    provider: str = Field(primary_key=True, sa_type=Text)
    decision: str = Field(primary_key=True, sa_type=Text)
    events: int = Field(sa_type=BigInteger)


class TallyPartRow(SQLModel, table=True):
    """How many events of a day were about a domain, or a campaign.

    Strangers name as many as they like: of a day that has too many the smallest are put together
    under "*" (`tallies.fold`).
    """

    __tablename__ = "tally_part"
    __table_args__ = ({"sqlite_with_rowid": False},)

    dimension: str = Field(primary_key=True, sa_type=Text)
    """`domain` or `campaign`."""
    day: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs=_GIVEN)
    part: str = Field(primary_key=True, sa_type=Text)
    stream: str = Field(primary_key=True, sa_type=Text)
    kind: str = Field(primary_key=True, sa_type=Text)
    bounce_class: str = Field(primary_key=True, sa_type=Text)
    events: int = Field(sa_type=BigInteger)


class TallyMailRow(SQLModel, table=True):
    """How many messages of a kind came in an hour; those in quarantine are of their own."""

    __tablename__ = "tally_mail"
    __table_args__ = ({"sqlite_with_rowid": False},)

    hour: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs=_GIVEN)
    stream: str = Field(primary_key=True, sa_type=Text)
    kind: str = Field(primary_key=True, sa_type=Text)
    messages: int = Field(sa_type=BigInteger)


class TallyTotalRow(SQLModel, table=True):
    """How many there ever were, so that nobody adds up the days of years."""

    __tablename__ = "tally_total"
    __table_args__ = ({"sqlite_with_rowid": False},)

    what: str = Field(primary_key=True, sa_type=Text)
    """`event` or `mail`; of mail the kind alone is told."""
    kind: str = Field(primary_key=True, sa_type=Text)
    bounce_class: str = Field(primary_key=True, sa_type=Text)
    reason: str = Field(primary_key=True, sa_type=Text)
    decision: str = Field(primary_key=True, sa_type=Text)
    events: int = Field(sa_type=BigInteger)


class StoredDayRow(SQLModel, table=True):
    """Between which ids all stands that happened on a day: who asks for a time looks there only."""

    __tablename__ = "stored_day"
    __table_args__ = ({"sqlite_with_rowid": False},)

    what: str = Field(primary_key=True, sa_type=Text)
    """`event` or `message`."""
    day: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs=_GIVEN)
    first: str = Field(sa_type=Text)
    last: str = Field(sa_type=Text)


class FingerprintRow(SQLModel, table=True):
    """What many refusals say alike, without what differs from one to the next."""

    __tablename__ = "fingerprint"
    __table_args__ = ({"sqlite_with_rowid": False},)

    id: str = Field(primary_key=True, sa_type=Text)
    print: str = Field(sa_type=Text)
    """As the guards name it (`policy.guards.print_of`); "" where the rule stands for the text."""
    form: str = Field(sa_type=Text)
    """The text, with what differs masked; "" where the rule stands for it."""
    rule: str = Field(sa_type=Text)
    bounce_class: str = Field(sa_type=Text)
    reason: str = Field(sa_type=Text)
    fault: str = Field(sa_type=Text)
    provider: str = Field(sa_type=Text)
    blocklist: str = Field(sa_type=Text)
    blocked_ip: str = Field(sa_type=Text)
    first_at: int = Field(sa_type=BigInteger)
    last_at: int = Field(sa_type=BigInteger)
    sample: str = Field(sa_type=Text)
    """The id of the latest of its events; it may have been let go of."""


class FingerprintDayRow(SQLModel, table=True):
    """How often it was said on a day."""

    __tablename__ = "fingerprint_day"
    __table_args__ = ({"sqlite_with_rowid": False},)

    day: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs=_GIVEN)
    id: str = Field(primary_key=True, sa_type=Text)
    events: int = Field(sa_type=BigInteger)


class AlertRow(SQLModel, table=True):
    """Something that is the matter, or was; a row for each lasting name."""

    __tablename__ = "alert"
    __table_args__ = ({"sqlite_with_rowid": False},)

    name: str = Field(primary_key=True, sa_type=Text)
    kind: str = Field(sa_type=Text)
    severity: str = Field(sa_type=Text)
    summary: str = Field(sa_type=Text)
    stream: str = Field(sa_type=Text)
    campaign: str = Field(sa_type=Text)
    pauses: bool
    failed: int = Field(sa_type=BigInteger)
    sent: int = Field(sa_type=BigInteger)
    raised_at: int = Field(sa_type=BigInteger)
    cleared_at: int | None = Field(sa_type=BigInteger)
    """Null while it is so."""
    told_at: int = Field(sa_type=BigInteger)
    told: bool
    node: str = Field(sa_type=Text)


_TABLES = SQLModel.metadata.tables
TALLY_HOUR = _TABLES["tally_hour"]
TALLY_DAY = _TABLES["tally_day"]
TALLY_PART = _TABLES["tally_part"]
TALLY_MAIL = _TABLES["tally_mail"]
TALLY_TOTAL = _TABLES["tally_total"]
STORED_DAY = _TABLES["stored_day"]
FINGERPRINT = _TABLES["fingerprint"]
FINGERPRINT_DAY = _TABLES["fingerprint_day"]
ALERT = _TABLES["alert"]
