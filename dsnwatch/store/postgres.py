"""A PostgreSQL server: how we connect to it, and the locks by which several daemons share it.

psycopg is an extra, and is loaded here only, inside the functions that need it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, cast

from dsnwatch.errors import UsageError, installing
from dsnwatch.store.location import server_url
from dsnwatch.store.postgres_arrays import array

if TYPE_CHECKING:
    from psycopg import Connection as Driver
    from psycopg.rows import TupleRow
    from sqlalchemy import Connection, Engine

CONNECT_SECONDS = 10
GONE_SECONDS = 30
"""A server that stays silent for so long, though something was sent to it, is gone."""

IDLE_SECONDS = 60
"""The server ends a transaction in which nothing is said for so long: its locks keep others."""

NAMES_AT_MOST = 512
"""Locks one transaction takes; the server has room for 6400 by default, for all of them."""

Parameters = Mapping[str, object] | Sequence[object]
Statement = tuple[str, Parameters]
"""What the driver is given: a text, and what its places hold."""

CLAIM = (
    "SELECT count(pg_advisory_xact_lock(number)) FROM "
    "(SELECT number FROM unnest(%s::bigint[]) AS given (number) ORDER BY number) AS sorted"
)
WRITING = "dsnwatch writing"
MIGRATING = "dsnwatch migrating"
MANY = "dsnwatch many"


def lock_number(name: str) -> int:
    """Give the number of an advisory lock."""
    return int.from_bytes(
        blake2b(name.encode(errors="surrogatepass"), digest_size=8).digest(), "big", signed=True
    )


def need_driver() -> None:
    """See that the extra is installed.

    Raises:
        UsageError: It is not.
    """
    try:
        import psycopg  # noqa: F401, PLC0415  an extra
    except ImportError as error:
        raise UsageError(f"store: PostgreSQL needs an extra: {installing('postgres')}") from error


def connect(url: str, busy_ms: int, *, autocommit: bool = False) -> "Driver[TupleRow]":
    """Connect to the server.

    Args:
        url: As for `open_store`. What it leaves out libpq takes from the environment and from
            PGPASSFILE.
        busy_ms: How long a lock is waited for.
        autocommit: Whether each statement is a transaction of its own.

    Raises:
        UsageError: The URL cannot be read, or the extra is not installed.
        psycopg.OperationalError: There is no connection; see `postgres_faults`.
    """
    need_driver()
    import psycopg  # noqa: PLC0415  an extra
    from psycopg.conninfo import conninfo_to_dict, make_conninfo  # noqa: PLC0415  likewise

    libpq_url = server_url(url)
    try:
        given = conninfo_to_dict(libpq_url)
    except psycopg.ProgrammingError as error:
        raise UsageError(
            "store: the URL of the server cannot be read; write "
            "postgresql+psycopg://USER@HOST:PORT/DATABASE"
        ) from error.with_traceback(None)
    settings = (
        f"-c lock_timeout={busy_ms:d} -c jit=off "
        f"-c idle_in_transaction_session_timeout={IDLE_SECONDS * 1000} "
        # A machine that lost its power is noticed, and what it held is free again.
        "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3"
    )
    usual: dict[str, str | int] = {
        "application_name": "dsnwatch",
        "connect_timeout": CONNECT_SECONDS,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": GONE_SECONDS * 1000,
        "client_encoding": "utf8",
    }
    ours = {name: value for name, value in usual.items() if name not in given}
    options = f"{settings} {given.get('options') or ''}".strip()
    made = psycopg.connect(make_conninfo(libpq_url, **ours, options=options), autocommit=True)
    # What a daemon calls stored is on disk, whatever is usual on that server.
    made.execute(
        "SELECT set_config('synchronous_commit', 'on', false) "
        "WHERE current_setting('synchronous_commit') = 'off'"
    )
    made.autocommit = autocommit
    return made


def engine_for(url: str, busy_ms: int) -> "Engine":
    """Make an engine whose transactions wait at most `busy_ms` for a lock.

    Raises:
        UsageError: The extra is not installed.
    """
    need_driver()
    from sqlalchemy import create_engine  # noqa: PLC0415  `connect` is used without it

    return create_engine(
        "postgresql+psycopg://",
        creator=lambda: connect(url, busy_ms),
        pool_use_lifo=True,
        pool_size=4,
        max_overflow=-1,
        pool_pre_ping=True,  # a server that was started anew costs nobody a message
        hide_parameters=True,  # an error's text goes to a log, and mail does not
    )


def begin_writing(connection: "Connection", *, beside: bool) -> None:
    """Take the lock of those who write: alone, or beside others who claim what they decide on."""
    how = "_shared" if beside else ""
    connection.exec_driver_sql(
        f"SELECT pg_advisory_xact_lock{how}(%s)",
        (lock_number(WRITING),),
    )


def send(connection: "Connection", statements: Sequence[Statement]) -> None:
    """Do some statements in one way there and back; none of the answers is looked at.

    Raises:
        DBAPIError: One of them failed, and those behind it were not done.
    """
    import psycopg  # noqa: PLC0415  an extra
    from sqlalchemy.exc import DBAPIError  # noqa: PLC0415  `connect` is used without it

    driver = cast("Driver[TupleRow]", connection.connection.driver_connection)
    try:
        with driver.pipeline():
            for text, parameters in statements:
                driver.execute(text.encode(), parameters)
    except psycopg.Error as error:
        raise DBAPIError(None, None, error) from error


def lock(name: str) -> Statement:
    """Let no other transaction be behind this point until this one ends."""
    return "SELECT pg_advisory_xact_lock(%s)", (lock_number(name),)


def claims(names: Iterable[str]) -> Iterator[Statement]:
    """Let no other transaction claim any of these until this one ends.

    They are taken in one order by everybody, so two never wait for each other. Many at once take
    the lock of those who write alone, lest the server run out of room for locks.
    """
    numbers = sorted({lock_number(name) for name in names})
    few = len(numbers) <= NAMES_AT_MOST
    how = "_shared" if few else ""
    yield f"SELECT pg_advisory_xact_lock{how}(%s)", (lock_number(MANY),)
    if few:
        yield CLAIM, (array(numbers),)
