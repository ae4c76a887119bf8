"""Moves a store from one database into another, and sees that it has arrived.

Rows go over some at a time, in the order of their keys; how far each table is stands in the target,
in the transaction that wrote the rows. So a copy that was interrupted goes on where it was.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from sqlalchemy import Column, Connection, Table, delete, func, select, tuple_
from sqlmodel import SQLModel

from dsnwatch.errors import StoreError, UsageError
from dsnwatch.store.connections import reading, writing
from dsnwatch.store.daemon_tables import CURSOR
from dsnwatch.store.engine import Store
from dsnwatch.store.rows import Row
from dsnwatch.store.statements import Statements

ROWS = 500
OCTETS = 16 << 20
"""Rows of messages are written earlier where they are large."""

MARK = "db copy"
"""Rows of `cursor` whose name begins with this are ours, and go when all is done."""

_MODULUS = 1 << 128


@dataclass(frozen=True, slots=True)
class Copied:
    """How far a table is.

    Attributes:
        rows: Rows gone over by now, those of before an interruption too.
        of: Rows there are.
    """

    table: str
    rows: int
    of: int


@dataclass(frozen=True, slots=True)
class Sum:
    """What a table holds: how many rows, and a sum over all their values in any order."""

    rows: int
    checksum: str


class _Into(Statements):
    def add(self, table: Table, rows: Sequence[Row]) -> None:
        self._insert(table, rows)

    def note(self, name: str, position: str) -> None:
        self._put(CURSOR, [{"name": name, "position": position, "node": self._node}])


def tables() -> list[Table]:
    """Give all tables of a store."""
    return list(SQLModel.metadata.sorted_tables)


def copy(source: Store, target: Store) -> Iterator[Copied]:
    """Copy all rows that are not there yet; gives by and by how far it is.

    Args:
        source: Nobody may write to it meanwhile.
        target: Empty, or begun by an earlier copy from the same source.

    Raises:
        UsageError: The target has rows that no copy of this source put there.
        StoreError: One of them cannot be read or written.
    """
    _begin(source, target)
    for table in tables():
        yield from _copy(source, target, table)


def verify(source: Store, target: Store) -> Iterator[tuple[str, Sum, Sum]]:
    """Count and sum up every table on both sides.

    Raises:
        StoreError: One of them cannot be read.
    """
    for table in tables():
        yield table.name, sum_of(source, table), sum_of(target, table)


def finish(target: Store) -> None:
    """Forget how far the copy was: the target is a store like any other."""
    with writing(target.engine, target.where) as connection:
        connection.execute(delete(CURSOR).where(CURSOR.c.name.startswith(MARK)))


def sum_of(store: Store, table: Table) -> Sum:
    """Read a whole table, and sum it up."""
    rows = total = 0
    for page in _pages(store, table, None):
        for row in page:
            if table is CURSOR and str(row["name"]).startswith(MARK):
                continue
            rows += 1
            total += _number(row, table)
    return Sum(rows, f"{total % _MODULUS:032x}")


def _number(row: Row, table: Table) -> int:
    digest = blake2b(digest_size=16)
    for column in table.c:
        value = row[column.name]
        if isinstance(value, bytes | memoryview):
            digest.update(b"b%d:" % len(value))
            digest.update(value)
        else:
            text = ("" if value is None else repr(value)).encode(errors="surrogatepass")
            digest.update(b"n" if value is None else b"t%d:" % len(text))
            digest.update(text)
    return int.from_bytes(digest.digest(), "big")


def _begin(source: Store, target: Store) -> None:
    """See that the target is for us.

    Raises:
        UsageError: It is not.
    """
    with writing(target.engine, target.where) as connection:
        found = connection.scalar(select(CURSOR.c.position).where(CURSOR.c.name == MARK))
        if found == source.where:
            return
        filled = [table.name for table in tables() if _has_rows(connection, table)]
        if filled or found is not None:
            raise UsageError(
                f"store {target.where}: is not empty ({', '.join(filled[:3]) or 'another copy'}); "
                "name an empty database"
            )
        _Into(connection, "").note(MARK, source.where)


def _has_rows(connection: Connection, table: Table) -> bool:
    return connection.execute(select(*table.primary_key).limit(1)).first() is not None


def _copy(source: Store, target: Store, table: Table) -> Iterator[Copied]:
    mark = f"{MARK} {table.name}"
    with reading(source.engine, source.where) as connection:
        there = connection.scalar(select(func.count()).select_from(table)) or 0
    with reading(target.engine, target.where) as connection:
        position = connection.scalar(select(CURSOR.c.position).where(CURSOR.c.name == mark))
    done, after = json.loads(position) if position else (0, None)
    keys = [column.name for column in table.primary_key]
    for page in _pages(source, table, after):
        for rows in _pieces(page):
            done += len(rows)
            last = [rows[-1][key] for key in keys]
            with writing(target.engine, target.where) as connection:
                into = _Into(connection, "")
                into.add(table, rows)
                into.note(mark, json.dumps([done, last]))
        yield Copied(table.name, done, there)


def _pieces(page: Sequence[Row]) -> Iterator[list[Row]]:
    """Cut a page where its octets become many."""
    piece: list[Row] = []
    octets = 0
    for row in page:
        piece.append(row)
        octets += sum(len(value) for value in row.values() if isinstance(value, bytes | str))
        if octets > OCTETS:
            yield piece
            piece, octets = [], 0
    if piece:
        yield piece


def _pages(store: Store, table: Table, after: Sequence[object] | None) -> Iterator[list[Row]]:
    """Give the rows behind a key, in the order of the keys."""
    keys: list[Column[object]] = list(table.primary_key)
    statement = select(table).order_by(*keys).limit(ROWS)
    while True:
        page = statement
        if after is not None:
            page = page.where(
                keys[0] > after[0] if len(keys) == 1 else tuple_(*keys) > tuple(after)
            )
        with reading(store.engine, store.where) as connection:
            rows = [dict(row) for row in connection.execute(page).mappings()]
        if rows:
            yield rows
        if len(rows) < ROWS:
            return
        after = [rows[-1][key.name] for key in keys]


def mismatch(found: Sequence[tuple[str, Sum, Sum]], target: str) -> StoreError | None:
    """Say which tables did not arrive as they were; None where all did."""
    wrong = [name for name, here, there in found if here != there]
    if not wrong:
        return None
    return StoreError(
        f"store {target}: {', '.join(wrong)} did not arrive as they were; was the source written "
        "to meanwhile? Stop its daemon, empty the target and copy again"
    )
