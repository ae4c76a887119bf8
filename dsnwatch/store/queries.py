"""What is asked of the store from outside a writing transaction: each a short read of its own.

Lists come page by page, each page read and let go before it is handed out: memory stays flat,
and a slow reader never keeps SQLite from folding its log back into the file.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    Engine,
    RowMapping,
    Select,
    Table,
    func,
    select,
    tuple_,
)

from dsnwatch.records import StoredEvent, StoredMessage, Suppression
from dsnwatch.store import wanted as wanting
from dsnwatch.store.answers import (
    EventFilter,
    ImportMade,
    MessageFilter,
    PartFigures,
    QuarantineItem,
    SuppressionFilter,
)
from dsnwatch.store.connections import reading
from dsnwatch.store.daemon_tables import DAEMON, FIGURES
from dsnwatch.store.forgotten import NOBODY, Forgotten
from dsnwatch.store.rows import (
    event_of,
    message_of,
    quarantine_of,
    suppression_of,
)
from dsnwatch.store.tables import AUDIT, EVENT, MESSAGE, QUARANTINE, RAW_MESSAGE, SUPPRESSION
from dsnwatch.store.values import from_micros, storable

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
        with reading(self._engine, self._where) as connection:
            conditions = wanting.messages(connection, wanted or MessageFilter())
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
        with reading(self._engine, self._where) as connection:
            conditions = wanting.events(connection, wanted or EventFilter())
        statement = select(EVENT).where(*conditions)
        for row in self._by_id(statement, EVENT, limit, after, newest=newest):
            yield event_of(row)

    def suppression(self, address: str, stream: str = "") -> Suppression | None:
        """Find what was said of this address for this very stream ("": for all), lapsed or not."""
        wanted = [SUPPRESSION.c.stream == storable(stream), self._is_listed(address)]
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
        with reading(self._engine, self._where) as connection:
            conditions = wanting.suppressions(connection, wanted)
        if wanted.address is not None:
            conditions.append(self._is_listed(wanted.address))
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
        return self._figures(FIGURES.c.name != DAEMON)

    def daemons(self) -> list[PartFigures]:
        """Tell what each daemon that has not ended said last of itself."""
        return self._figures(FIGURES.c.name == DAEMON)

    def _figures(self, which: ColumnElement[bool]) -> list[PartFigures]:
        statement = select(FIGURES).where(which).order_by(FIGURES.c.node, FIGURES.c.name)
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
        statement = select(func.count()).select_from(SUPPRESSION).where(wanting.active(now))
        with reading(self._engine, self._where) as connection:
            return connection.scalar(statement) or 0

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
