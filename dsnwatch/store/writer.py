"""One writing transaction: what is asked while deciding, and the rows that follow from it."""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any, TypeGuard

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    CursorResult,
    Select,
    Table,
    bindparam,
    delete,
    func,
    literal_column,
    select,
    update,
)

from dsnwatch.model import (
    Action,
    BounceClass,
    News,
    PastEvent,
    RawMessage,
    StatusCode,
    StoredEvent,
    StoredMessage,
    Suppression,
)
from dsnwatch.rfc.json_text import to_json
from dsnwatch.store.answers import QuarantineItem
from dsnwatch.store.deliveries import (
    Deliveries,
    into_lanes,
    into_outbox,
    lane_rows,
    outbox_rows,
)
from dsnwatch.store.ids import first_id, new_id
from dsnwatch.store.inserts import Inserting, laid_out, over, plain
from dsnwatch.store.replays import ReplayWrites
from dsnwatch.store.rows import (
    Row,
    event_row,
    message_row,
    quarantine_row,
    suppression_of,
    suppression_row,
)
from dsnwatch.store.tables import (
    AUDIT,
    CURSOR,
    EVENT,
    FIGURES,
    LANE,
    MESSAGE,
    OUTBOX,
    QUARANTINE,
    RAW_MESSAGE,
    SUPPRESSION,
)
from dsnwatch.store.values import from_micros, storable, to_micros

PIECE = 1 << 20
"""Octets written at once; a message of more is not handed to SQLite whole."""


class Writer(ReplayWrites):
    """The rows of one transaction; all of them are there after it, or none.

    Nothing here commits: `Store.write` does, when its block ends without an exception.
    """

    def __init__(self, connection: Connection, node: str) -> None:
        self._connection = connection
        self._node = node

    def stored_fingerprints(self, fingerprints: Iterable[str]) -> dict[str, str]:
        """Find which messages are there already, stored or in quarantine.

        Returns:
            Fingerprint to the ULID it is stored under; the unknown ones are absent.
        """
        found: dict[str, str] = {}
        for table in (QUARANTINE, MESSAGE):
            statement = select(table.c.fingerprint, table.c.id)
            for row in self._among(statement, table.c.fingerprint, fingerprints):
                found[row[0]] = row[1]
        return found

    def stored_event_keys(self, keys: Iterable[str]) -> set[str]:
        """Find which of these events are there already."""
        asked = {storable(key): key for key in keys}
        column = EVENT.c.key
        return {asked[row[0]] for row in self._among(select(column), column, asked)}

    def past_events(
        self, recipients: Iterable[str], since: datetime
    ) -> dict[str, tuple[PastEvent, ...]]:
        """Find the stored failures of each recipient, of every class, oldest first.

        Args:
            recipients: Addresses counted against, normalised.
            since: Occurred at this moment or later. There is no upper bound: an old mbox read
                today has events later than its own in the store.

        Returns:
            The events by recipient; those without any are absent.
        """
        asked = {storable(recipient): recipient for recipient in recipients}
        found: defaultdict[str, list[PastEvent]] = defaultdict(list)
        statement = (
            select(
                EVENT.c.address,
                EVENT.c.occurred_at,
                func.coalesce(MESSAGE.c.original_message_id, EVENT.c.key),
                EVENT.c.reason,
                EVENT.c.bounce_class,
                EVENT.c.status,
            )
            .outerjoin_from(EVENT, MESSAGE, MESSAGE.c.id == EVENT.c.message_id)
            .where(
                EVENT.c.occurred_at >= to_micros(since),
                EVENT.c.action == Action.FAILED.value,
                EVENT.c.bounce_class.is_not(None),
            )
            .order_by(EVENT.c.address, EVENT.c.occurred_at, EVENT.c.id)
        )
        rows = self._among(statement, EVENT.c.address, asked)
        for address, occurred_at, message, reason, bounce_class, status in rows:
            found[asked[address]].append(
                PastEvent(
                    from_micros(occurred_at),
                    message,
                    reason,
                    BounceClass(bounce_class),
                    StatusCode.of(status) if status else None,
                )
            )
        return {recipient: tuple(events) for recipient, events in found.items()}

    def suppressions_of(self, addresses: Iterable[str]) -> dict[str, tuple[Suppression, ...]]:
        """Find the suppressions of each address, for whatever stream, lapsed ones too.

        Returns:
            The suppressions by address, in the order of their streams; the free ones are absent.
        """
        asked = {storable(address): address for address in addresses}
        found: defaultdict[str, list[Suppression]] = defaultdict(list)
        column = SUPPRESSION.c.address
        statement = select(SUPPRESSION).order_by(column, SUPPRESSION.c.stream)
        for row in self._among(statement, column, asked).mappings():
            found[asked[row["address"]]].append(suppression_of(row))
        return {address: tuple(suppressions) for address, suppressions in found.items()}

    def add_messages(self, messages: Sequence[StoredMessage]) -> None:
        """Store messages with their octets; none of them may be there already."""
        self._add(MESSAGE, [message_row(message, self._node) for message in messages])
        self._add(
            RAW_MESSAGE,
            [{"message_id": message.id, "data": message.raw.data} for message in messages],
            octets="data",
        )

    def add_events(self, events: Sequence[StoredEvent]) -> None:
        """Store events; none of their keys may be there already."""
        self._add(EVENT, [event_row(event, self._node) for event in events])

    def put_suppressions(self, suppressions: Sequence[Suppression]) -> None:
        """Suppress addresses; what was said of the same address and stream before is replaced.

        Of two in the same call the later one stays.
        """
        rows = [suppression_row(suppression, self._node) for suppression in suppressions]
        self._put(SUPPRESSION, [*{(row["address"], row["stream"]): row for row in rows}.values()])

    def remove_suppression(self, address: str, stream: str = "") -> Suppression | None:
        """Release an address in one stream, or ("") from the suppression for all streams.

        Returns:
            What was said of it; None where nothing was.
        """
        this = (
            SUPPRESSION.c.address == storable(address),
            SUPPRESSION.c.stream == storable(stream),
        )
        row = self._connection.execute(select(SUPPRESSION).where(*this)).mappings().first()
        if row is None:
            return None
        self._connection.execute(delete(SUPPRESSION).where(*this))
        return suppression_of(row)

    def add_news(self, news: Sequence[News], now: datetime) -> None:
        """Put what other systems want to be told into the outbox, for each hook it names."""
        if not (rows := outbox_rows(news, self._node)):
            return
        self._insert(OUTBOX, rows, into_outbox)
        self._insert(LANE, lane_rows(rows, now), into_lanes)

    @property
    def deliveries(self) -> Deliveries:
        """The rest of the outbox, in this transaction."""
        return Deliveries(self._connection, self._node)

    def add_quarantine(
        self, id_: str, raw: RawMessage, fingerprint: str, defects: tuple[str, ...], at: datetime
    ) -> None:
        """Keep a message that cannot be read, with its octets; it may not be there already.

        Args:
            id_: The ULID to keep it under.
            raw: As it came.
            fingerprint: Its fingerprint, so that it is known when it comes again.
            defects: Why it cannot be read.
            at: Now.
        """
        item = QuarantineItem(id_, raw, fingerprint, defects, at)
        self._add(QUARANTINE, [quarantine_row(item, self._node)], octets="data")

    def remove_quarantine(self, id_: str) -> bool:
        """Take a message out of quarantine; tells whether it was there."""
        gone = self._connection.execute(delete(QUARANTINE).where(QUARANTINE.c.id == id_))
        return gone.rowcount > 0

    def audit(  # noqa: PLR0917 - one of each, in the order a sentence would have them
        self,
        at: datetime,
        who: str,
        verb: str,
        subject: str,
        because: str,
        detail: Mapping[str, object],
    ) -> None:
        """Write down that somebody did something.

        Args:
            at: Now.
            who: A person or a part of ours (`cli:anne`, `policy`).
            verb: What was done: `suppression.remove`, `quarantine.retry` ...
            subject: What it was done to: an address, an id.
            because: The reason that was given.
            detail: Whatever belongs to it, as JSON takes it.
        """
        row: Row = {
            "id": new_id(at),
            "at": to_micros(at),
            "who": storable(who),
            "verb": verb,
            "subject": storable(subject),
            "because": storable(because),
            "detail": json.dumps(detail),
            "node": self._node,
        }
        self._add(AUDIT, [row])

    def cursor(self, name: str) -> str | None:
        """Find how far a source has been read; None where it never was."""
        asked = select(CURSOR.c.position).where(CURSOR.c.name == storable(name))
        return self._connection.scalar(asked)

    def put_cursor(self, name: str, position: str) -> None:
        """Say how far a source has been read."""
        row: Row = {
            "name": storable(name),
            "position": storable(position),
            "node": self._node,
        }
        self._put(CURSOR, [row])

    def say_figures(self, at: datetime, figures: Mapping[str, str]) -> None:
        """Say how the parts of this machine's daemon fare; what it said before is replaced.

        Args:
            at: Now.
            figures: A JSON object a part, by its name.
        """
        self._connection.execute(delete(FIGURES).where(FIGURES.c.node == self._node))
        rows: list[Row] = [
            {"name": storable(name), "node": self._node, "at": to_micros(at), "figures": text}
            for name, text in figures.items()
        ]
        self._add(FIGURES, rows)

    def sweep_raw(self, before: datetime) -> int:
        """Let go of the octets of messages stored before a moment; their facts stay.

        Returns:
            How many messages it was.
        """
        old = RAW_MESSAGE.c.message_id < first_id(before)
        return self._connection.execute(delete(RAW_MESSAGE).where(old)).rowcount

    def sweep_events(self, before: datetime) -> int:
        """Let go of events stored before a moment, but for those a suppression rests on.

        Returns:
            How many events it was.
        """
        resting = select(SUPPRESSION.c.event_id).where(SUPPRESSION.c.event_id == EVENT.c.id)
        old = (EVENT.c.id < first_id(before)) & ~resting.exists()
        return self._connection.execute(delete(EVENT).where(old)).rowcount

    def _among(
        self, statement: Select[*tuple[Any, ...]], column: ColumnElement[str], values: Iterable[str]
    ) -> CursorResult[*tuple[Any, ...]]:
        """Ask for the rows whose column has one of these values.

        SQLite gets them as one parameter: one each costs SQLAlchemy more than the look-up itself.
        """
        every = list(values)
        if self._connection.dialect.name == "postgresql":
            return self._connection.execute(statement.where(column.in_(every)))
        given = func.json_each(bindparam("among")).table_valued("value")
        among = statement.where(column.in_(select(given.c.value)))
        return self._connection.execute(among, {"among": to_json(every)})

    def _add(self, table: Table, rows: Sequence[Row], octets: str = "") -> None:
        """Insert rows, all with the same columns; `octets` names the one that can be large."""
        large = [(row, value) for row in rows if octets and _is_large(value := row[octets])]
        if not large or self._connection.dialect.name != "sqlite":
            self._insert(table, rows)
            return
        hollow = [row | {octets: b""} if _is_large(row[octets]) else row for row in rows]
        self._insert(table, hollow)
        key = table.primary_key.columns[0]
        for row, value in large:
            self._fill(table, table.c[octets], key == row[key.name], value)

    def _fill(
        self, table: Table, column: Column[bytes], this: ColumnElement[bool], octets: bytes
    ) -> None:
        """Write a large value piece by piece: as a parameter SQLite would copy it twice."""
        room = update(table).where(this).values({column: func.zeroblob(len(octets))})
        self._connection.execute(room)
        number = self._connection.scalar(
            select(literal_column("rowid")).select_from(table).where(this)
        )
        driver = self._connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        assert isinstance(number, int)
        view = memoryview(octets)
        with driver.blobopen(table.name, column.name, number) as blob:
            for start in range(0, len(octets), PIECE):
                blob.write(view[start : start + PIECE])

    def _put(self, table: Table, rows: Sequence[Row]) -> None:
        """Insert rows, or overwrite the ones with the same primary key."""
        self._insert(table, rows, over)

    def _insert(self, table: Table, rows: Sequence[Row], how: Inserting = plain) -> None:
        """Hand rows to the driver as they are.

        Our values are what it takes, and SQLAlchemy's own walk over each parameter would double
        the price of an event (27 µs against 14).
        """
        if not rows:
            return
        text, names = laid_out(table, tuple(rows[0]), self._connection.dialect, how)
        if names is None:
            self._connection.exec_driver_sql(text, [*rows])
        else:
            in_order = itemgetter(*names)
            self._connection.exec_driver_sql(text, [in_order(row) for row in rows])


def _is_large(value: object) -> TypeGuard[bytes]:
    return isinstance(value, bytes) and len(value) > PIECE
