"""The few statements that all writing is made of."""

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any, TypeGuard

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    CursorResult,
    Table,
    func,
    literal_column,
    select,
    update,
)

from dsnwatch.store import postgres
from dsnwatch.store.forgotten import NOBODY, Forgotten
from dsnwatch.store.inserts import Inserting, arrays, laid_out, over, plain
from dsnwatch.store.questions import Question
from dsnwatch.store.rows import Row, Values

PIECE = 1 << 20
"""Octets written at once; a message of more is not handed to SQLite whole."""


class Statements:
    """What each part of `Writer` stands on: the connection of one writing transaction.

    On a server each statement is a way there and back, which costs more than what it does where few
    messages are stored at once. What nobody waits for the answer of is put off (`together`), and
    goes in one way with what comes behind it, before anything is asked.
    """

    def __init__(
        self,
        connection: Connection,
        node: str,
        forgotten: Forgotten = NOBODY,
        *,
        together: bool = False,
    ) -> None:
        self._open = connection
        self._dialect = connection.dialect
        self._node = node
        self._forgotten = forgotten
        self._together = together and connection.dialect.name == "postgresql"
        self._waiting: list[postgres.Statement] = []

    @property
    def _connection(self) -> Connection:
        """The connection, with everything done that was put off."""
        self._send()
        return self._open

    def _do(self, text: str, parameters: postgres.Parameters) -> None:
        """Do something whose answer nobody waits for, now or with what comes behind it."""
        if self._together:
            self._waiting.append((text, parameters))
        else:
            self._open.exec_driver_sql(text, parameters)

    def _send(self) -> None:
        """Do everything that was put off."""
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            postgres.send(self._open, waiting)

    def claim(self, names: Iterable[str]) -> None:
        """Let nobody else decide about these until the transaction ends.

        Args:
            names: Addresses, fingerprints. In a transaction that writes alone nothing is to do.
        """
        if self._dialect.name == "postgresql":
            postgres.send(self._connection, [*postgres.claims(names)])

    def _ask(
        self, question: Question, values: Iterable[str | int], **given: str | int | None
    ) -> CursorResult[*tuple[Any, ...]]:
        """Ask a question about some values, past SQLAlchemy's own walk over a statement."""
        text, parameters = question.for_driver(self._dialect, values, given)
        return self._connection.exec_driver_sql(text, parameters)

    def _is_empty(self, table: Table) -> bool:
        """Say whether a table has no row, for a tenth of what asking it for some costs."""
        text = f"SELECT 1 FROM {table.name} LIMIT 1"  # noqa: S608  our own names
        return self._connection.exec_driver_sql(text).first() is None

    def _add(self, table: Table, rows: Sequence[Row], octets: str = "") -> None:
        """Insert rows, all with the same columns; `octets` names the one that can be large."""
        large = [(row, value) for row in rows if octets and _is_large(value := row[octets])]
        if not large or self._dialect.name != "sqlite":
            self._insert(table, rows)
            if large:
                self._send()  # it is not held longer than it has to be
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
        """Insert rows, all with the same columns."""
        if rows:
            names = tuple(column.name for column in table.c if column.name in rows[0])
            self._insert_values(table, names, [*map(row_getter(*names), rows)], how)

    def _insert_values(
        self, table: Table, names: tuple[str, ...], rows: Sequence[Values], how: Inserting = plain
    ) -> None:
        """Hand rows to the driver as they are.

        Our values are what it takes, and SQLAlchemy's own walk over each parameter would double
        the price of an event (27 µs against 14).

        Args:
            table: Where to.
            names: Columns in the order of the table.
            rows: Their values in that order.
            how: What to do with a row that is there.
        """
        if not rows:
            return
        text, order = laid_out(table, names, self._dialect, how)
        if order is None:
            self._do(text, arrays(table, names, rows))
        else:
            assert tuple(order) == names, f"{table.name}: columns are not in the order of the table"
            self._connection.exec_driver_sql(text, rows)


def row_getter(*names: str) -> Callable[[Mapping[str, object]], Values]:
    """Make what takes the values of some columns out of a row; of one column too."""
    if len(names) == 1:
        return lambda row: (row[names[0]],)
    return itemgetter(*names)


def _is_large(value: object) -> TypeGuard[bytes]:
    return isinstance(value, bytes) and len(value) > PIECE
