"""What PostgreSQL's errors mean to the person who reads them: one line with the next step each."""

from dsnwatch.errors import (
    StoreBusyError,
    StoreConflictError,
    StoreError,
    StoreFullError,
    StoreSchemaError,
)

GONE = (
    "the server does not answer ({said}); see that it runs and that store.url names its host and "
    "port"
)
LOGIN = (
    "the server refused the login ({said}); check the user in store.url and store.password_file "
    "(or PGPASSFILE), and the server's pg_hba.conf"
)
NO_DATABASE = "the server has no such database; make it with `createdb`, or correct store.url"
NO_RIGHT = "this user may not do that ({said}); give the database to him (ALTER DATABASE ... OWNER)"
FULL = "no space left on the server's disk; make room there, then run the command again"
LOCKS = (
    "the server has no room for more locks; raise max_locks_per_transaction in its "
    "postgresql.conf (docs/scaling.md) and start it anew"
)
CONNECTIONS = "the server takes no more connections; raise its max_connections, or end some"
READ_ONLY = (
    "the server takes no writes (a standby, or default_transaction_read_only); name the primary "
    "in store.url"
)
BUSY = "another one is writing for longer than we wait; try again, or look into pg_stat_activity"
CONFLICT = "another daemon wrote the same at the same moment; try again"
FOREIGN = "the tables in this database are not those of dsnwatch; name another in store.url"
DAMAGED = "the database is damaged ({said}); look into the server's log, and put a backup in place"
FAILED = "the server failed ({said}); look into its log"

Fault = tuple[type[StoreError], str]

BY_STATE: dict[str, Fault] = {
    "28P01": (StoreError, LOGIN),
    "28000": (StoreError, LOGIN),
    "3D000": (StoreError, NO_DATABASE),
    "42501": (StoreError, NO_RIGHT),
    "42P01": (StoreSchemaError, FOREIGN),
    "42703": (StoreSchemaError, FOREIGN),
    "53100": (StoreFullError, FULL),
    "53200": (StoreError, LOCKS),
    "53300": (StoreBusyError, CONNECTIONS),
    "25006": (StoreError, READ_ONLY),
    "55P03": (StoreBusyError, BUSY),
    "57014": (StoreBusyError, BUSY),
    "25P03": (StoreBusyError, BUSY),
    "40001": (StoreConflictError, CONFLICT),
    "40P01": (StoreConflictError, CONFLICT),
    "23505": (StoreConflictError, CONFLICT),
    "57P01": (StoreError, GONE),
    "57P02": (StoreError, GONE),
    "57P03": (StoreError, GONE),
    "57P04": (StoreError, NO_DATABASE),
}
"""By SQLSTATE. Source: https://www.postgresql.org/docs/current/errcodes-appendix.html"""

BY_CLASS: dict[str, Fault] = {
    "08": (StoreError, GONE),
    "58": (StoreError, FAILED),
    "XX": (StoreError, DAMAGED),
}
"""By the first two characters of it."""

BY_PHRASE: tuple[tuple[str, Fault], ...] = (
    ("password authentication failed", BY_STATE["28P01"]),
    ("no password supplied", BY_STATE["28P01"]),
    ("authentication failed", BY_STATE["28P01"]),
    ("no pg_hba.conf entry", BY_STATE["28000"]),
    ("role ", BY_STATE["28000"]),
    ("database ", BY_STATE["3D000"]),
    ("too many clients", BY_STATE["53300"]),
    ("remaining connection slots", BY_STATE["53300"]),
    ("session is read-only", BY_STATE["25006"]),
)
"""What is said where there is no connection yet: libpq gives no SQLSTATE for that then."""

LONGEST = 200


def translate(error: BaseException, where: str) -> StoreError | None:
    """Say what went wrong with the database at `where`.

    Args:
        error: A `psycopg.Error`; anything else is not ours to explain.
        where: The server, without a password.

    Returns:
        The error to raise instead; None where it is our own mistake (wrong SQL, a broken
        constraint) and has to surface as it is.
    """
    if not any(kind.__module__.startswith("psycopg") for kind in type(error).__mro__):
        return None
    said = " ".join(str(error).split())
    state = getattr(error, "sqlstate", None)
    if state is None:
        if not any(kind.__name__ == "OperationalError" for kind in type(error).__mro__):
            return None
        fault = next((fault for phrase, fault in BY_PHRASE if _fatal(phrase, said)), None)
        fault = fault or (StoreError, GONE)
    else:
        fault = BY_STATE.get(state) or BY_CLASS.get(state[:2])
    if fault is None:
        return None
    kind, text = fault
    cause = said.rpartition("failed: ")[2] or said
    return kind(f"store {where}: {text.format(said=cause[:LONGEST])}")


def _fatal(phrase: str, said: str) -> bool:
    """Say whether the server refused us with these words; a host's name may hold them too."""
    _, mark, refused = said.partition("FATAL: ")
    return phrase in (refused if mark else "")
