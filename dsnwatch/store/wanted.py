"""Which rows a list is to have, said so that the database need not look at all the others.

A list goes by id, page by page. For a value that most rows have the next page is near; a seldom
one has an index, which ends with the id. A stretch of time is looked for between the ids that its
days have (`stored_day`). Of several values SQLite is told which is the rarest: it keeps no
statistics of its own.
"""

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Table, and_, func, literal_column, or_, select

from dsnwatch.model import Kind
from dsnwatch.records import RELAPSE
from dsnwatch.store.answers import EventFilter, MessageFilter, SuppressionFilter
from dsnwatch.store.conditions import (
    Conditions,
    Values,
    beside_values,
    between,
    given,
    values_of,
)
from dsnwatch.store.figure_tables import STORED_DAY
from dsnwatch.store.ids import first_id
from dsnwatch.store.tables import EVENT, MESSAGE, SUPPRESSION
from dsnwatch.store.tally import DAY_MICROS
from dsnwatch.store.values import to_micros

FEW = 1000
"""So many rows are looked at as fast as any index is chosen."""

_RAREST_FIRST = {
    EVENT: (
        "message_id", "address", "campaign", "domain", "provider", "reason", "kind", "stream",
        "bounce_class",
    ),
    MESSAGE: ("kind", "stream"),
    SUPPRESSION: ("stream", "origin", "domain", "reason"),
}  # fmt: skip
"""Columns with an index."""

_PARTLY = {
    (EVENT, "kind"): Kind.BOUNCE.value,
    (MESSAGE, "kind"): Kind.BOUNCE.value,
    (SUPPRESSION, "reason"): "user_unknown",
    (SUPPRESSION, "origin"): "bounce",
    (SUPPRESSION, "stream"): "",
}
"""The value that most rows have, and which the index of that column leaves out."""


def events(connection: Connection, wanted: EventFilter) -> Conditions:
    """Say which events are wanted."""
    found = beside_values(wanted) + _ids(connection, EVENT, wanted.since, wanted.until)
    return found + _equal(connection, EVENT, values_of(wanted))


def messages(connection: Connection, wanted: MessageFilter) -> Conditions:
    """Say which messages are wanted."""
    values = given(kind=wanted.kind, dialect=wanted.dialect, stream=wanted.stream)
    found = between(MESSAGE.c.arrived_at, wanted.since, wanted.until)
    found += _ids(connection, MESSAGE, wanted.since, wanted.until)
    if wanted.stored_since is not None:
        found.append(MESSAGE.c.id >= first_id(wanted.stored_since))
    return found + _equal(connection, MESSAGE, values)


def suppressions(connection: Connection, wanted: SuppressionFilter) -> Conditions:
    """Say which suppressions are wanted, but for the address."""
    values = given(
        domain=wanted.domain, reason=wanted.reason, origin=wanted.origin, stream=wanted.stream
    )
    found = [] if wanted.active_at is None else [active(wanted.active_at)]
    if wanted.ends_after is not None:
        found.append(SUPPRESSION.c.until > to_micros(wanted.ends_after))
    if wanted.since_before is not None:
        found.append(SUPPRESSION.c.since < to_micros(wanted.since_before))
    if wanted.relapsed:
        found.append(SUPPRESSION.c.note.startswith(RELAPSE))
    if wanted.address is not None:  # its key is enough
        return found + [SUPPRESSION.c[name] == value for name, value in values.items()]
    return found + _equal(connection, SUPPRESSION, values)


def active(now: datetime) -> ColumnElement[bool]:
    """Say when a suppression holds; `lookup` says the same."""
    moment = to_micros(now)
    lifted = SUPPRESSION.c.lifted_until
    return and_(
        or_(SUPPRESSION.c.until.is_(None), SUPPRESSION.c.until > moment),
        or_(lifted.is_(None), lifted <= moment),
    )


def _ids(
    connection: Connection, table: Table, since: datetime | None, until: datetime | None
) -> Conditions:
    """Say between which ids a stretch of time stands; where nothing happened, that nothing does."""
    if since is None and until is None:
        return []
    day = STORED_DAY.c.day
    days: Conditions = [STORED_DAY.c.what == table.name]
    if since is not None:
        days.append(day >= to_micros(since) // DAY_MICROS)
    if until is not None:
        days.append(day <= to_micros(until) // DAY_MICROS)
    asked = select(func.min(STORED_DAY.c.first), func.max(STORED_DAY.c.last)).where(*days)
    first, last = connection.execute(asked).one()
    return [table.c.id >= (first or ""), table.c.id <= (last or "")]


def _equal(connection: Connection, table: Table, values: Values) -> Conditions:
    """Say that columns have these values; and have SQLite begin with the rarest of them."""
    indexed = [
        name
        for name in _RAREST_FIRST[table]
        if name in values and _PARTLY.get((table, name)) != values[name]
    ]
    best = _rarest(connection, table, indexed, values)
    found: Conditions = []
    for name, value in values.items():
        if name == best or connection.dialect.name != "sqlite":
            found += _is(table, name, value)
        else:  # the sign has no index used for it
            found.append(literal_column(f"+{table.name}.{name}") == value)
    return found


def _rarest(connection: Connection, table: Table, names: list[str], values: Values) -> str | None:
    if len(names) < 2 or connection.dialect.name != "sqlite" or names[0] in {  # noqa: PLR2004
        "message_id", "address",
    }:  # fmt: skip
        return next(iter(names), None)
    counts = {}
    for name in names:
        some = select(*table.primary_key).where(*_is(table, name, values[name]))
        asked = select(func.count()).select_from(some.limit(FEW).subquery())
        counts[name] = connection.scalar(asked) or 0
    return min(names, key=lambda name: counts[name])


def _is(table: Table, name: str, value: str) -> Conditions:
    """Say that a column has a value, in words that show which index fits."""
    column, often = table.c[name], _PARTLY.get((table, name))
    if often is None or often == value:
        return [column == value]
    return [column == value, column != literal_column(f"'{often}'")]
