"""What is asked of the store from outside a writing transaction: each a short read of its own.

Lists come page by page, each page read and let go before it is handed out: memory stays flat,
and a slow reader never keeps SQLite from folding its log back into the file.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from sqlalchemy import (
    ColumnElement,
    Engine,
    RowMapping,
    Select,
    Table,
    and_,
    func,
    or_,
    select,
    tuple_,
)

from dsnwatch.model import BounceClass, Trust
from dsnwatch.records import RELAPSE, StoredEvent, StoredMessage, Suppression
from dsnwatch.store.answers import (
    EventFilter,
    ImportMade,
    MessageFilter,
    PartFigures,
    QuarantineItem,
    SuppressionFilter,
    Totals,
)
from dsnwatch.store.conditions import between, equal, of_events
from dsnwatch.store.connections import reading
from dsnwatch.store.daemon_tables import FIGURES
from dsnwatch.store.forgotten import NOBODY, Forgotten
from dsnwatch.store.hold_tables import HELD
from dsnwatch.store.ids import first_id
from dsnwatch.store.rows import (
    event_of,
    message_of,
    quarantine_of,
    suppression_of,
)
from dsnwatch.store.tables import AUDIT, EVENT, MESSAGE, QUARANTINE, RAW_MESSAGE, SUPPRESSION
from dsnwatch.store.values import from_micros, storable, to_micros

PAGE = 500
IMPORTED = "suppression.import"
"""The verb of an import in the audit log; its subject is the batch, its detail has the file."""


class Queries:
    """The reading half of the store.

    Attributes:
        forgotten: Knows the names of those who were forgotten.
    """

    forgotten: Forgotten = NOBODY

    def __init__(self, engine: Engine, where: str) -> None:
        self._engine = engine
        self._where = where

    @property
    def engine(self) -> Engine:
        """The database; for this room alone."""
        return self._engine

    def message(self, id_: str) -> StoredMessage | None:
        """Find a message and its report; its octets are left out, ask `raw` for them."""
        row = self._first(select(MESSAGE).where(MESSAGE.c.id == id_))
        return None if row is None else message_of(row)

    def messages(
        self,
        wanted: MessageFilter | None = None,
        limit: int | None = None,
        after: str | None = None,
        *,
        newest: bool = False,
    ) -> Iterator[StoredMessage]:
        """List messages in the order they were stored; without their octets.

        Args:
            wanted: Which; None is all.
            limit: How many at most; None is all.
            after: Go on behind this id.
            newest: The last one first.
        """
        wanted = wanted or MessageFilter()
        conditions = equal(MESSAGE, kind=wanted.kind, dialect=wanted.dialect, stream=wanted.stream)
        conditions += between(MESSAGE.c.arrived_at, wanted.since, wanted.until)
        if wanted.stored_since is not None:
            conditions.append(MESSAGE.c.id >= first_id(wanted.stored_since))
        statement = select(MESSAGE).where(*conditions)
        for row in self._by_id(statement, MESSAGE, limit, after, newest=newest):
            yield message_of(row)

    def raw(self, message_id: str, at_most: int | None = None) -> bytes | None:
        """Find the octets of a message as it came.

        Returns:
            None where they are gone or never were, or are more than `at_most`.
        """
        wanted = select(RAW_MESSAGE.c.data).where(RAW_MESSAGE.c.message_id == message_id)
        if at_most is not None:
            wanted = wanted.where(func.length(RAW_MESSAGE.c.data) <= at_most)
        row = self._first(wanted)
        return None if row is None else bytes(row["data"])

    def event(self, id_: str) -> StoredEvent | None:
        """Find an event."""
        row = self._first(select(EVENT).where(EVENT.c.id == id_))
        return None if row is None else event_of(row)

    def events(
        self,
        wanted: EventFilter | None = None,
        limit: int | None = None,
        after: str | None = None,
        *,
        newest: bool = False,
    ) -> Iterator[StoredEvent]:
        """List events in the order they were stored.

        Args:
            wanted: Which; None is all.
            limit: How many at most; None is all.
            after: Go on behind this id.
            newest: The last one first.
        """
        statement = select(EVENT).where(*of_events(wanted or EventFilter()))
        for row in self._by_id(statement, EVENT, limit, after, newest=newest):
            yield event_of(row)

    def suppression(self, address: str, stream: str = "") -> Suppression | None:
        """Find what was said of this address for this very stream ("": for all), lapsed or not."""
        wanted = [*equal(SUPPRESSION, stream=stream), self._is_listed(address)]
        row = self._first(select(SUPPRESSION).where(*wanted))
        return None if row is None else suppression_of(row)._replace(address=address)

    def _is_listed(self, address: str) -> ColumnElement[bool]:
        """Say which rows of the list are an address's, also where it was forgotten."""
        name = self.forgotten.name(address)
        return SUPPRESSION.c.address.in_([storable(address), *([name] if name else ())])

    def suppressions(
        self,
        wanted: SuppressionFilter | None = None,
        limit: int | None = None,
        after: tuple[str, str] | None = None,
    ) -> Iterator[Suppression]:
        """List suppressions in the order of address and stream.

        Args:
            wanted: Which; None is all, the lapsed ones too.
            limit: How many at most; None is all.
            after: Go on behind this address and stream.
        """
        wanted = wanted or SuppressionFilter()
        conditions = equal(
            SUPPRESSION,
            domain=wanted.domain,
            reason=wanted.reason,
            origin=wanted.origin,
            stream=wanted.stream,
        )
        if wanted.address is not None:
            conditions.append(self._is_listed(wanted.address))
        if wanted.active_at is not None:
            conditions.append(_active(wanted.active_at))
        if wanted.ends_after is not None:
            conditions.append(SUPPRESSION.c.until > to_micros(wanted.ends_after))
        if wanted.since_before is not None:
            conditions.append(SUPPRESSION.c.since < to_micros(wanted.since_before))
        if wanted.relapsed:
            conditions.append(SUPPRESSION.c.note.startswith(RELAPSE))
        statement = select(SUPPRESSION).where(*conditions)
        keys = [SUPPRESSION.c.address, SUPPRESSION.c.stream]
        for row in self._pages(statement, keys, limit, after):
            yield suppression_of(row)

    def imports(self, limit: int | None = None) -> list[ImportMade]:
        """List the imports into the suppression list, the latest first."""
        left = (
            select(func.count())
            .where(SUPPRESSION.c.batch == AUDIT.c.subject)
            .scalar_subquery()
            .label("left")
        )
        statement = (
            select(AUDIT, left)
            .where(AUDIT.c.verb == IMPORTED)
            .order_by(AUDIT.c.id.desc())
            .limit(limit)
        )
        with reading(self._engine, self._where) as connection:
            return [
                ImportMade(
                    row["subject"],
                    from_micros(row["at"]),
                    row["who"],
                    json.loads(row["detail"])["file"],
                    row["because"],
                    row["left"],
                )
                for row in connection.execute(statement).mappings()
            ]

    def quarantined(
        self, limit: int | None = None, after: str | None = None
    ) -> Iterator[QuarantineItem]:
        """List what could not be read, oldest first; without octets.

        Args:
            limit: How many at most; None is all.
            after: Go on behind this id.
        """
        columns = [column for column in QUARANTINE.c if column.name != "data"]
        for row in self._by_id(select(*columns), QUARANTINE, limit, after):
            yield quarantine_of(row)

    def quarantine_item(self, id_: str) -> QuarantineItem | None:
        """Find a message that could not be read, with its octets."""
        row = self._first(select(QUARANTINE).where(QUARANTINE.c.id == id_))
        return None if row is None else quarantine_of(row)

    def figures(self) -> list[PartFigures]:
        """Tell how the parts of each daemon fare, as they said last."""
        statement = select(FIGURES).order_by(FIGURES.c.node, FIGURES.c.name)
        with reading(self._engine, self._where) as connection:
            return [
                PartFigures(row["name"], row["node"], from_micros(row["at"]), row["figures"])
                for row in connection.execute(statement).mappings()
            ]

    def addresses_from(self, begun: str, limit: int) -> list[str]:
        """Find addresses that begin so, of events and of the list, in their order.

        Args:
            begun: In lower case; "" is none.
            limit: How many at most.
        """
        if not begun:
            return []
        first, end = storable(begun), f"{storable(begun)}\U0010ffff"
        found: set[str] = set()
        with reading(self._engine, self._where) as connection:
            for column in (EVENT.c.address, SUPPRESSION.c.address):
                after = first
                for _ in range(limit):
                    place = column >= after if after == first else column > after
                    asked = select(column).where(place, column < end).order_by(column).limit(1)
                    address = connection.scalar(asked)
                    if address is None:
                        break
                    found.add(address)
                    after = address
        return sorted(found)[:limit]

    def suppressed(self, now: datetime) -> int:
        """Count the suppressions that hold at a moment."""
        statement = select(func.count()).select_from(SUPPRESSION).where(_active(now))
        with reading(self._engine, self._where) as connection:
            return _number(connection.scalar(statement))

    def counts(self, now: datetime | None = None) -> Totals:
        """Count what is there, all at one moment.

        Args:
            now: Suppressions that hold at this moment are counted; None asks the clock.
        """
        active = _active(now or datetime.now(UTC))
        ours = EVENT.c.trust != Trust.BACKSCATTER.value
        counted = select(EVENT.c.bounce_class, func.count()).where(ours)
        by_class = counted.group_by(EVENT.c.bounce_class)
        foreign = select(func.count()).select_from(EVENT).where(~ours)
        with reading(self._engine, self._where) as connection:
            events = {row[0]: int(row[1]) for row in connection.execute(by_class)}
            return Totals(
                messages=_number(connection.scalar(select(func.count(MESSAGE.c.fingerprint)))),
                events=sum(events.values()),
                held=_number(connection.scalar(select(func.count()).select_from(HELD))),
                backscatter=_number(connection.scalar(foreign)),
                by_class=tuple((each, events.get(each.value, 0)) for each in BounceClass),
                suppressions=_number(
                    connection.scalar(select(func.count()).select_from(SUPPRESSION).where(active))
                ),
                quarantined=_number(
                    connection.scalar(select(func.count(QUARANTINE.c.fingerprint)))
                ),
            )

    def _first(self, statement: Select[*tuple[object, ...]]) -> RowMapping | None:
        with reading(self._engine, self._where) as connection:
            return connection.execute(statement).mappings().first()

    def _by_id(
        self,
        statement: Select[*tuple[object, ...]],
        table: Table,
        limit: int | None,
        after: str | None,
        *,
        newest: bool = False,
    ) -> Iterator[RowMapping]:
        behind = None if after is None else (after,)
        return self._pages(statement, [table.c.id], limit, behind, newest=newest)

    def _pages(
        self,
        statement: Select[*tuple[object, ...]],
        keys: Sequence[ColumnElement[str]],
        limit: int | None,
        after: tuple[str, ...] | None,
        *,
        newest: bool = False,
    ) -> Iterator[RowMapping]:
        """Give rows in the order of their keys, one page in memory at a time."""
        statement = statement.order_by(*(key.desc() if newest else key for key in keys))
        left = limit
        while left is None or left > 0:
            size = PAGE if left is None else min(PAGE, left)
            page = statement.limit(size)
            if after is not None:
                place = keys[0] if len(keys) == 1 else tuple_(*keys)
                behind = after[0] if len(keys) == 1 else after
                page = page.where(place < behind if newest else place > behind)
            with reading(self._engine, self._where) as connection:
                rows = connection.execute(page).mappings().all()
            yield from rows
            if len(rows) < size:
                return
            left = None if left is None else left - size
            after = tuple(rows[-1][str(key.key)] for key in keys)


def _active(now: datetime) -> ColumnElement[bool]:
    """Say when a suppression holds; `lookup` says the same."""
    moment = to_micros(now)
    lifted = SUPPRESSION.c.lifted_until
    return and_(
        or_(SUPPRESSION.c.until.is_(None), SUPPRESSION.c.until > moment),
        or_(lifted.is_(None), lifted <= moment),
    )


def _number(value: int | None) -> int:
    return value or 0
