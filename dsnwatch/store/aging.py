"""What was kept long enough goes: found by a reader, let go of some rows a transaction.

So mail that comes in waits for one such transaction at most, however much has grown old at once.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Generic, NamedTuple, TypeVar

from sqlalchemy import ColumnElement, Engine, Table, delete, select

from dsnwatch.store.connections import reading
from dsnwatch.store.hold_tables import HELD
from dsnwatch.store.ids import first_id
from dsnwatch.store.sign_tables import SENT, SENT_COUNT
from dsnwatch.store.statements import Statements
from dsnwatch.store.tables import EVENT, RAW_MESSAGE, SUPPRESSION

AT_ONCE = 2_000
"""Rows let go of in one transaction: a fifth of a second with the octets of messages."""


Key = TypeVar("Key", str, int)


class Stretch(NamedTuple, Generic[Key]):
    """Rows of a table by their keys, both ends among them."""

    first: Key
    last: Key


class AgeQueries:
    """The reading half; a part of `Store`."""

    _engine: Engine
    _where: str

    def old_octets(self, before: datetime) -> Iterator[Stretch[str]]:
        """Find the messages whose octets were stored before a moment, by id."""
        key = RAW_MESSAGE.c.message_id
        return self._stretches(key, key < first_id(before))

    def old_events(self, before: datetime) -> Iterator[Stretch[str]]:
        """Find the events that were stored before a moment and may go."""
        return self._stretches(EVENT.c.id, (EVENT.c.id < first_id(before)) & _is_free())

    def old_sent(self, before_key: int) -> Iterator[Stretch[int]]:
        """Find what was sent before, by the smallest key that stays."""
        return self._stretches(SENT.c.key, SENT.c.key < before_key)

    def _stretches(
        self, key: ColumnElement[Key], old: ColumnElement[bool]
    ) -> Iterator[Stretch[Key]]:
        statement = select(key).where(old).order_by(key).limit(AT_ONCE)
        behind = statement
        while True:
            with reading(self._engine, self._where) as connection:
                keys = connection.scalars(behind).all()
            if keys:
                yield Stretch(keys[0], keys[-1])
            if len(keys) < AT_ONCE:
                return
            behind = statement.where(key > keys[-1])


class AgeWrites(Statements):
    """The writing half; a part of `Writer`. Each tells how many rows have gone."""

    def drop_octets(self, stretch: Stretch[str]) -> int:
        """Let go of the octets of messages; their facts stay."""
        return self._drop(RAW_MESSAGE, RAW_MESSAGE.c.message_id, stretch)

    def drop_events(self, stretch: Stretch[str]) -> int:
        """Let go of events, but for those a suppression rests on by now, or a hold."""
        return self._drop(EVENT, EVENT.c.id, stretch, _is_free())

    def drop_sent(self, stretch: Stretch[int]) -> int:
        """Let go of what was sent."""
        return self._drop(SENT, SENT.c.key, stretch)

    def drop_sent_counts(self, before_hour: int) -> int:
        """Let go of the figures of what was sent, by the first hour (since 1970) that stays."""
        return self._connection.execute(
            delete(SENT_COUNT).where(SENT_COUNT.c.hour < before_hour)
        ).rowcount

    def _drop(
        self,
        table: Table,
        key: ColumnElement[Key],
        stretch: Stretch[Key],
        *which: ColumnElement[bool],
    ) -> int:
        rows = delete(table).where(key >= stretch.first, key <= stretch.last, *which)
        return self._connection.execute(rows).rowcount


def _is_free() -> ColumnElement[bool]:
    """Whether neither a suppression nor a hold rests on an event."""
    resting = select(SUPPRESSION.c.event_id).where(SUPPRESSION.c.event_id == EVENT.c.id)
    waiting = select(HELD.c.event_id).where(HELD.c.event_id == EVENT.c.id)
    return ~resting.exists() & ~waiting.exists()
