"""Connections to the database: how each is set up, and what its errors become."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from dsnwatch.store.faults import told
from dsnwatch.store.postgres import begin_writing
from dsnwatch.store.postgres_faults import translate

CACHE_KIB = 4 * 1024
CHECKPOINT_PAGES = 16384  # 64 MB: far fewer pages are written twice than with the default of 4 MB
LOG_LIMIT_BYTES = 64 << 20
WRITES = "dsnwatch_writes"

# The driver asks the class of each value that is neither a number nor text how to write it, and
# meets an AttributeError within: as costly as five values that it knows, and a row of events has
# ten of them. So it is told: what comes out is what went in.
sqlite3.register_adapter(type(None), dict[None, None]().get)
sqlite3.register_adapter(bool, int)
sqlite3.register_adapter(bytes, bytes)


def connect_to(path: Path, busy_ms: int) -> Engine:
    """Make an engine whose transactions wait at most `busy_ms` for another writer."""
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        poolclass=QueuePool,
        pool_use_lifo=True,
        pool_size=4,
        max_overflow=-1,
        hide_parameters=True,  # an error's text goes to a log, and mail does not
        connect_args={"timeout": busy_ms / 1000, "check_same_thread": False},
    )
    event.listen(engine, "connect", _set_up)
    event.listen(engine, "begin", _begin)
    return engine


@contextmanager
def reading(engine: Engine, where: str) -> Iterator[Connection]:
    """Open a short transaction that sees one state of the database.

    Raises:
        StoreError: Or the subclass that fits.
    """
    with _told(where), engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.execution_options(isolation_level="REPEATABLE READ")
        yield connection


@contextmanager
def writing(
    engine: Engine, where: str, *, beside: bool = False, rows: bool = False
) -> Iterator[Connection]:
    """Open a transaction that holds the write lock from its first moment.

    Commits at the end, rolls back on any exception. In SQLite a deferred transaction that turns
    into a writer half-way is refused at once when another one wrote meanwhile; hence IMMEDIATE.

    Args:
        engine: The database.
        where: What it is called.
        beside: Whether others may write meanwhile, where the database lets them: then the caller
            claims what it decides about.
        rows: Whether the locks on the rows it writes are all it needs.

    Raises:
        StoreError: Or the subclass that fits.
    """
    with (
        _told(where),
        engine.connect().execution_options(**{WRITES: True}) as connection,
        connection.begin(),
    ):
        if engine.dialect.name == "postgresql" and not rows:
            begin_writing(connection, beside=beside)
        yield connection


@contextmanager
def outside(engine: Engine, where: str) -> Iterator[Callable[[str], tuple[int, ...]]]:
    """Give what runs statements that no transaction may hold; it answers with their first row.

    Raises:
        StoreError: Or the subclass that fits.
    """
    with _told(where), engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        alone = engine.dialect.name == "postgresql"  # SQLite is left to itself anyway (`_set_up`)
        if alone:
            driver.autocommit = True

        def run(statement: str) -> tuple[int, ...]:
            cursor = driver.execute(statement)
            return tuple(cursor.fetchone() or ()) if cursor.description else ()

        try:
            yield run
        finally:
            if alone:
                driver.autocommit = False


@contextmanager
def _told(where: str) -> Iterator[None]:
    """Do as `faults.told` does, also where SQLAlchemy wrapped the driver's error in its own."""
    with told(where):
        try:
            yield
        except DBAPIError as error:
            if isinstance(error.orig, sqlite3.Error):
                raise error.orig from error
            ours = error.orig and translate(error.orig, where)
            if ours:
                raise ours from error
            raise


def _set_up(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    """Prepare a new connection; we say BEGIN ourselves, the driver's own guess comes too late."""
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
    cursor.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
    cursor.execute(f"PRAGMA journal_size_limit={LOG_LIMIT_BYTES}")
    cursor.close()


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
