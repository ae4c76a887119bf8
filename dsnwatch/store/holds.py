"""What is held back for a person, and what the guards have counted."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, delete, func, select, text

from dsnwatch.records import StoredEvent
from dsnwatch.store.connections import reading
from dsnwatch.store.hold_tables import GUARD_HOUR, HELD, HOLD
from dsnwatch.store.questions import Question
from dsnwatch.store.rows import event_of
from dsnwatch.store.statements import Statements
from dsnwatch.store.tables import EVENT
from dsnwatch.store.values import from_micros, storable, to_micros

PAGE = 500
_OPEN = Question(select(HOLD.c.name, HOLD.c.id), HOLD.c.name)
_COUNTED = Question(
    select(GUARD_HOUR.c.name, GUARD_HOUR.c.hour, GUARD_HOUR.c.reports), GUARD_HOUR.c.name
)

_COUNT_HOUR = text(
    "INSERT INTO guard_hour (name, hour, reports) VALUES (:name, :hour, :reports) "
    "ON CONFLICT (name, hour) DO UPDATE SET reports = guard_hour.reports + excluded.reports"
)


@dataclass(frozen=True, slots=True)
class Hold:
    """A batch of decisions that wait for a person.

    Attributes:
        id: A ULID.
        name: What makes it one batch: `flood 2026-03-01T12`.
        kind: `trust`, `flood`, `sender` or `policy`.
        summary: What is the matter, in a line.
        events: How many decisions wait in it.
    """

    id: str
    name: str
    kind: str
    opened_at: datetime
    summary: str
    events: int = 0


class HoldQueries:
    """The reading half; a part of `Store`."""

    _engine: Engine
    _where: str

    def holds(self) -> Iterator[Hold]:
        """List what waits for a person, oldest first."""
        waiting = select(func.count()).where(HELD.c.hold_id == HOLD.c.id).scalar_subquery()
        with reading(self._engine, self._where) as connection:
            rows = connection.execute(select(HOLD, waiting.label("events")).order_by(HOLD.c.id))
            found = [
                Hold(
                    row["id"],
                    row["name"],
                    row["kind"],
                    from_micros(row["opened_at"]),
                    row["summary"],
                    row["events"],
                )
                for row in rows.mappings()
            ]
        return iter(found)

    def held_events(self, hold_id: str, limit: int | None = None) -> Iterator[StoredEvent]:
        """List the events of a hold in the order they were stored, page by page."""
        after, left = "", limit
        while left is None or left > 0:
            size = PAGE if left is None else min(PAGE, left)
            statement = (
                select(EVENT)
                .join_from(HELD, EVENT, EVENT.c.id == HELD.c.event_id)
                .where(HELD.c.hold_id == hold_id, HELD.c.event_id > after)
                .order_by(HELD.c.event_id)
                .limit(size)
            )
            with reading(self._engine, self._where) as connection:
                rows = connection.execute(statement).mappings().all()
            yield from map(event_of, rows)
            if len(rows) < size:
                return
            left = None if left is None else left - size
            after = rows[-1]["id"]


class HoldWrites(Statements):
    """The writing half; a part of `Writer`."""

    def hold_ids(self, names: Iterable[str]) -> dict[str, str]:
        """Find which holds are open, by name."""
        return {row[0]: row[1] for row in self._ask(_OPEN, names)}

    def add_holds(self, holds: Sequence[Hold]) -> None:
        """Open holds; none of their names may be there already."""
        self._add(
            HOLD,
            [
                {
                    "id": each.id,
                    "name": storable(each.name),
                    "kind": each.kind,
                    "opened_at": to_micros(each.opened_at),
                    "summary": storable(each.summary),
                    "node": self._node,
                }
                for each in holds
            ],
        )

    def add_held(self, held: Sequence[tuple[str, str, str]]) -> None:
        """Hold decisions back: the id of each event, of its hold, and its address."""
        self._add(
            HELD,
            [
                {"event_id": event_id, "hold_id": hold_id, "address": storable(address)}
                for event_id, hold_id, address in held
            ],
        )

    def some_held(self, hold_id: str, limit: int) -> list[StoredEvent]:
        """Take the first events of a hold."""
        statement = (
            select(EVENT)
            .join_from(HELD, EVENT, EVENT.c.id == HELD.c.event_id)
            .where(HELD.c.hold_id == hold_id)
            .order_by(HELD.c.event_id)
            .limit(limit)
        )
        return [event_of(row) for row in self._connection.execute(statement).mappings()]

    def remove_held(self, event_ids: Sequence[str]) -> int:
        """Hold decisions back no more; counts those that were."""
        gone = HELD.c.event_id.in_(event_ids)
        return self._connection.execute(delete(HELD).where(gone)).rowcount

    def close_hold(self, hold_id: str) -> None:
        """Close a hold with whatever is left in it."""
        self._connection.execute(delete(HELD).where(HELD.c.hold_id == hold_id))
        self._connection.execute(delete(HOLD).where(HOLD.c.id == hold_id))

    def guard_hours(self, name: str, since_hour: int) -> dict[int, int]:
        """Find how many reports were counted in each hour from one on (since 1970)."""
        statement = select(GUARD_HOUR.c.hour, GUARD_HOUR.c.reports).where(
            GUARD_HOUR.c.name == name, GUARD_HOUR.c.hour >= since_hour
        )
        return {row[0]: row[1] for row in self._connection.execute(statement)}

    def guard_counts(self, keys: Iterable[tuple[str, int]]) -> dict[tuple[str, int], int]:
        """Find how much was counted under some names in some hours; what was not is absent."""
        wanted = {*keys}
        rows = self._ask(_COUNTED, {name for name, _ in wanted})
        return {(row[0], row[1]): row[2] for row in rows if (row[0], row[1]) in wanted}

    def count_guard_hours(self, counts: Mapping[tuple[str, int], int]) -> None:
        """Add to what was counted, by name and hour."""
        if counts:
            self._connection.execute(
                _COUNT_HOUR,
                [
                    {"name": name, "hour": hour, "reports": reports}
                    for (name, hour), reports in sorted(counts.items())
                ],
            )

    def sweep_guard_hours(self, before_hour: int, named: str = "") -> None:
        """Forget what was counted long ago, under all names or those that begin so."""
        old = delete(GUARD_HOUR).where(GUARD_HOUR.c.hour < before_hour)
        self._connection.execute(old.where(GUARD_HOUR.c.name.startswith(named, autoescape=True)))
