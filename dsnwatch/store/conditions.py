"""What a filter rules out, as conditions on the columns of a table."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import ColumnElement, literal_column

from dsnwatch.model import Trust
from dsnwatch.store.answers import EventFilter
from dsnwatch.store.ids import first_id
from dsnwatch.store.tables import EVENT
from dsnwatch.store.values import storable, to_micros

Conditions = list[ColumnElement[bool]]


Values = Mapping[str, str]
"""Columns, and the value that each is to have."""


def given(**values: str | None) -> Values:
    """Give the values that are asked for, as they are stored; None is any."""
    return {name: storable(value) for name, value in values.items() if value is not None}


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


def values_of(wanted: EventFilter) -> Values:
    """Give the values that the columns of events are to have."""
    return given(
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


def beside_values(wanted: EventFilter) -> Conditions:
    """Ask for all else that a filter of events wants."""
    conditions = between(EVENT.c.occurred_at, wanted.since, wanted.until)
    if wanted.void == "":
        conditions.append(EVENT.c.void.is_(None))
    if wanted.backscatter is not None:
        conditions.append(backscatter() if wanted.backscatter else ~backscatter())
    if wanted.stored_since is not None:
        conditions.append(EVENT.c.id >= first_id(wanted.stored_since))
    if wanted.stored_until is not None:
        conditions.append(EVENT.c.id < first_id(wanted.stored_until))
    return conditions


def of_events(wanted: EventFilter) -> Conditions:
    """Ask for the events that a filter does not rule out."""
    values = values_of(wanted)
    return [*(EVENT.c[name] == value for name, value in values.items()), *beside_values(wanted)]


def backscatter() -> ColumnElement[bool]:
    """Ask for events about mail that was never ours, in the words of their index."""
    return EVENT.c.trust == literal_column(f"'{Trust.BACKSCATTER.value}'")
