"""What a filter rules out, as conditions on the columns of a table."""

from datetime import datetime

from sqlalchemy import ColumnElement, Table

from dsnwatch.store.answers import EventFilter
from dsnwatch.store.ids import first_id
from dsnwatch.store.tables import EVENT
from dsnwatch.store.values import storable, to_micros

Conditions = list[ColumnElement[bool]]


def equal(table: Table, **values: str | None) -> Conditions:
    """Ask for these values; None is any."""
    return [table.c[name] == storable(value) for name, value in values.items() if value is not None]


def between(
    column: ColumnElement[int], since: datetime | None, until: datetime | None
) -> Conditions:
    """Ask for a moment from one on and before another; None is any."""
    conditions: Conditions = []
    if since is not None:
        conditions.append(column >= to_micros(since))
    if until is not None:
        conditions.append(column < to_micros(until))
    return conditions


def of_events(wanted: EventFilter) -> Conditions:
    """Ask for the events that a filter does not rule out."""
    conditions = equal(
        EVENT,
        address=wanted.address,
        domain=wanted.domain,
        reason=wanted.reason,
        bounce_class=wanted.bounce_class,
        kind=wanted.kind,
        stream=wanted.stream,
        message_id=wanted.message_id,
        decision=wanted.decision,
        void=wanted.void or None,
        provider=wanted.provider,
        campaign=wanted.campaign,
    )
    if wanted.void == "":
        conditions.append(EVENT.c.void.is_(None))
    if wanted.stored_since is not None:
        conditions.append(EVENT.c.id >= first_id(wanted.stored_since))
    if wanted.stored_until is not None:
        conditions.append(EVENT.c.id < first_id(wanted.stored_until))
    return conditions + between(EVENT.c.occurred_at, wanted.since, wanted.until)
