"""In which order events came to be seen, so that whoever follows them misses none.

Ids are given before a transaction commits, and by several daemons: one that commits late brings
ids that are smaller than some that were seen before. So each transaction that stores events numbers
itself at its end, under a lock that it holds until COMMIT, and writes its number and its ids down:
whoever sees a number sees all before it. Until then it keeps nobody waiting.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection, Engine, delete, func, select

from dsnwatch.records import StoredEvent
from dsnwatch.store import postgres
from dsnwatch.store.answers import EventFilter
from dsnwatch.store.conditions import of_events
from dsnwatch.store.connections import reading
from dsnwatch.store.ids import ID_LENGTH
from dsnwatch.store.rows import event_of
from dsnwatch.store.statements import Statements
from dsnwatch.store.tables import EVENT, FEED

AT_ONCE = 500
"""Events looked at with one question."""

ROWS = 50
"""Transactions asked for at once; an import has up to a thousand events in one."""

ADD = "INSERT INTO feed (number, events) SELECT coalesce(max(number), 0) + 1, {place} FROM feed"

LOOKED_AT = 20_000
"""Events looked at for one answer; where few are wanted, the next answer goes on."""


class Place(NamedTuple):
    """Where one who follows is: what comes next is of this transaction, behind this event."""

    transaction: int
    event: str = ""


@dataclass(frozen=True, slots=True)
class Followed:
    """What came behind a place.

    Attributes:
        events: In the order they came to be seen.
        place: Behind the last one that was looked at, wanted or not.
        more: Whether there is more to look at already.
    """

    events: tuple[StoredEvent, ...]
    place: Place
    more: bool


class FeedQueries:
    """The reading half; a part of `Store`."""

    _engine: Engine
    _where: str

    def feed_end(self) -> Place:
        """Give the place behind everything that is stored now."""
        with reading(self._engine, self._where) as connection:
            return Place((connection.scalar(select(func.max(FEED.c.number))) or 0) + 1)

    def follow(
        self, place: Place, wanted: EventFilter | None = None, limit: int = AT_ONCE
    ) -> Followed:
        """Give what came behind a place, each event once, however late it was committed.

        Args:
            place: What `feed_end` or the last answer gave.
            wanted: Which events; None is all.
            limit: How many at most; there may be fewer though there is more behind them.
        """
        conditions = of_events(wanted or EventFilter())
        found: list[StoredEvent] = []
        looked = 0
        with reading(self._engine, self._where) as connection:
            for piece in _pieces(connection, place):
                ids = [id_ for id_, _ in piece]
                asked = select(EVENT).where(EVENT.c.id.in_(ids), *conditions)
                rows = {row["id"]: row for row in connection.execute(asked).mappings()}
                for id_, behind in piece:
                    if len(found) == limit:
                        return Followed(tuple(found), place, more=True)
                    place = behind
                    if id_ in rows:
                        found.append(event_of(rows[id_]))
                looked += len(piece)
                if looked >= LOOKED_AT:
                    return Followed(tuple(found), place, more=True)
        return Followed(tuple(found), place, more=False)


def _pieces(connection: Connection, place: Place) -> Iterator[list[tuple[str, Place]]]:
    """Give ids behind a place, some at once, each with the place behind it."""
    piece: list[tuple[str, Place]] = []
    for number, ids in _transactions(connection, place.transaction):
        for id_, following in zip(ids, [*ids[1:], ""], strict=True):
            if number == place.transaction and id_ <= place.event:
                continue
            piece.append((id_, Place(number, id_) if following else Place(number + 1)))
            if len(piece) == AT_ONCE:
                yield piece
                piece = []
    if piece:
        yield piece


def _transactions(connection: Connection, first: int) -> Iterator[tuple[int, list[str]]]:
    """Give transactions from one on, and the ids of their events in order."""
    asked = select(FEED.c.number, FEED.c.events).order_by(FEED.c.number).limit(ROWS)
    while rows := connection.execute(asked.where(FEED.c.number >= first)).all():
        for number, ids in rows:
            yield number, [ids[at : at + ID_LENGTH] for at in range(0, len(ids), ID_LENGTH)]
        first = rows[-1][0] + 1


class FeedWrites(Statements):
    """The writing half; a part of `Writer`."""

    def feed(self, ids: Sequence[str]) -> None:
        """Number this transaction, which stores these events; nothing but COMMIT takes long now.

        Others that store events wait for it from here on.
        """
        place = "?"
        if self._dialect.name == "postgresql":
            place = "%s"
            self._do(*postgres.lock("dsnwatch feed"))
        self._do(ADD.format(place=place), ("".join(sorted(ids)),))

    def sweep_feed(self, first_kept: str) -> None:
        """Forget the order of events before an id; the last number stays, none is given twice."""
        newest = select(func.max(FEED.c.number)).scalar_subquery()
        kept = select(FEED.c.number).where(FEED.c.events >= first_kept).order_by(FEED.c.number)
        bound = func.coalesce(kept.limit(1).scalar_subquery(), newest)
        self._connection.execute(delete(FEED).where(FEED.c.number < bound))
