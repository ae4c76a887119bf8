"""The databases a store can lie in, and a look at them past our code."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

import psycopg
import pytest

from dsnwatch.store.location import is_server, server_url, sqlite_path
from dsnwatch.store.postgres import WRITING, lock_number

SQLITE = "sqlite"
BOTH = [SQLITE, pytest.param("postgresql", marks=pytest.mark.server)]
"""What the fixture `database` goes through."""

on_sqlite = pytest.mark.parametrize("database", [SQLITE], indirect=True)
"""For a test of SQLite's own affairs among tests that run on both."""


@contextmanager
def opened(url: str) -> "Iterator[sqlite3.Connection | psycopg.Connection[tuple[object, ...]]]":
    """Open the database as any tool would; each statement is a transaction."""
    if is_server(url):
        with psycopg.connect(server_url(url), autocommit=True) as connection:
            yield connection
    else:
        with closing(sqlite3.connect(sqlite_path(url), isolation_level=None)) as file:
            yield file


def asked(url: str, query: str) -> list[tuple[object, ...]]:
    """Ask something of it."""
    with opened(url) as connection:
        return [*connection.execute(query)]


def done(url: str, *statements: str) -> None:
    """Do something to it behind our back."""
    with opened(url) as connection:
        for statement in statements:
            connection.execute(statement)


def rows(url: str, table: str) -> list[dict[str, object]]:
    """Read a table, in the order of its first column."""
    with opened(url) as connection:
        cursor = connection.execute(f"SELECT * FROM {table} ORDER BY 1")  # noqa: S608  names of ours
        description: Sequence[Sequence[object]] = cursor.description or ()
        names = [str(each[0]) for each in description]
        return [dict(zip(names, row, strict=True)) for row in cursor]


@contextmanager
def locked(url: str) -> Iterator[None]:
    """Hold the write lock, as another process would."""
    with opened(url) as connection:
        if isinstance(connection, sqlite3.Connection):
            connection.execute("BEGIN IMMEDIATE")
        else:
            connection.execute("SELECT pg_advisory_lock(%s)", (lock_number(WRITING),))
        yield
