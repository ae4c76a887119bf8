"""What SQLite's errors mean to the person who reads them: one line with the next step each."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from dsnwatch.errors import StoreBusyError, StoreError, StoreFullError, StoreSchemaError
from dsnwatch.store.disk import ENOUGH_BYTES, free_bytes, is_read_only

BUSY = "another process is writing to it; try again, or see which one it is with `fuser`"
FULL = "no space left on its disk; make room, then run the command again"
FAILED = (
    "reading or writing failed ({name}); look at the disk with `dmesg`, and keep the store off "
    "network file systems"
)
FOREIGN = "the file is not a dsnwatch store; name another with --store"
DAMAGED = (
    "the file is damaged; put a backup in its place, or rescue what is left with sqlite3's "
    "`.recover`"
)
NO_RIGHT = (
    "this user may not write to it; give him the file and its folder, or name another with --store"
)
READ_ONLY = (
    "its file system is mounted read-only; find out why (`dmesg`: Linux does so after errors of "
    "the disk), mount it for writing, or name another place with --store"
)
NOT_OPENED = (
    "cannot be opened; see that its folder is there and that this user may write to it, or name "
    "another with --store"
)

PRIMARY = 0xFF
"""An extended result code holds the primary one in its low byte."""

ERRORS: dict[int, tuple[type[StoreError], str]] = {
    sqlite3.SQLITE_BUSY: (StoreBusyError, BUSY),
    sqlite3.SQLITE_LOCKED: (StoreBusyError, BUSY),
    sqlite3.SQLITE_FULL: (StoreFullError, FULL),
    sqlite3.SQLITE_IOERR: (StoreError, FAILED),
    sqlite3.SQLITE_PROTOCOL: (StoreError, FAILED),
    sqlite3.SQLITE_NOTADB: (StoreSchemaError, FOREIGN),
    sqlite3.SQLITE_CORRUPT: (StoreError, DAMAGED),
    sqlite3.SQLITE_READONLY: (StoreError, NO_RIGHT),
    sqlite3.SQLITE_PERM: (StoreError, NO_RIGHT),
    sqlite3.SQLITE_AUTH: (StoreError, NO_RIGHT),
    sqlite3.SQLITE_CANTOPEN: (StoreError, NOT_OPENED),
}
"""By primary result code. Source: https://www.sqlite.org/rescode.html"""

ON_READ_ONLY = frozenset(
    {
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_READONLY,
    }
)
"""What SQLite says of a file system that is mounted read-only, by the moment it finds out."""


def translate(error: sqlite3.Error, where: str) -> StoreError | None:
    """Say what went wrong with the database file at `where`.

    Returns:
        The error to raise instead; None where it is our own mistake (wrong SQL, a broken
        constraint) and has to surface as it is.
    """
    code = getattr(error, "sqlite_errorcode", 0) & PRIMARY
    if code not in ERRORS:
        return None
    # A log that cannot grow its shared memory says "I/O error", not "full".
    if code == sqlite3.SQLITE_IOERR and free_bytes(where) < ENOUGH_BYTES:
        code = sqlite3.SQLITE_FULL
    kind, text = ERRORS[code]
    if code in ON_READ_ONLY and is_read_only(where):
        kind, text = StoreError, READ_ONLY
    return kind(f"store {where}: {text.format(name=getattr(error, 'sqlite_errorname', ''))}")


def foreign(where: str) -> StoreSchemaError:
    """Say that the file is somebody else's."""
    return StoreSchemaError(f"store {where}: {FOREIGN}")


@contextmanager
def told(where: str) -> Iterator[None]:
    """Raise what SQLite raises inside as an error of ours, where it is not our own mistake.

    Raises:
        StoreError: Or the subclass that fits.
    """
    try:
        yield
    except sqlite3.Error as error:
        ours = translate(error, where)
        if ours is None:
            raise
        raise ours from error
