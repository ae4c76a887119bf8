"""Whose file it is and how old its tables are, told by plain SQL before anything heavy loads."""

import errno
import os
import sqlite3
import stat
import time
from contextlib import closing, suppress
from pathlib import Path

from dsnwatch.errors import StoreError, StoreSchemaError
from dsnwatch.store.disk import network_kind
from dsnwatch.store.faults import READ_ONLY, foreign, told

APPLICATION_ID = 0x64736E77
"""Stands in the header of every store of ours: "dsnw"."""

REVISIONS = (
    "0001",
    "0002",
    "0003",
    "0004",
    "0005",
    "0006",
    "0007",
    "0008",
    "0009",
    "0010",
    "0011",
    "0012",
)
"""The migrations in order, oldest first; the last is what this version writes."""

HEAD = REVISIONS[-1]


def make_file(path: Path) -> None:
    """Make an empty database file for its owner's eyes only, and its folder, if not there.

    Raises:
        StoreError: The folder or the file cannot be made, or it lies on a network file system.
    """
    if kind := network_kind(str(path)):
        raise StoreError(
            f"store {path}: lies on a network file system ({kind}), whose locks do not keep "
            "SQLite's log whole; name a place on a disk of this machine with --store"
        )
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Not by opening it: closing it again would drop the locks that another connection of this
        # process holds on it (https://www.sqlite.org/howtocorrupt.html section 2.2).
        with suppress(FileExistsError):
            os.mknod(path, 0o600 | stat.S_IFREG)
            if os.geteuid() == 0:  # a command of root's may be first in the service's folder
                owner = path.parent.stat()
                with suppress(PermissionError):  # root in a container may not; nor need he
                    os.chown(path, owner.st_uid, owner.st_gid)
    except OSError as error:
        if error.errno == errno.EROFS:
            raise StoreError(f"store {path}: {READ_ONLY}") from error
        raise StoreError(
            f"store {path}: cannot be made ({error.strerror}); give this user its folder, or name "
            "another with --store"
        ) from error


def revision_of_file(path: Path, busy_ms: int) -> str | None:
    """Find how old the tables of the database at `path` are; see `revision`.

    The file must exist. One that is still empty is made ready for the first migration.
    """
    with told(str(path)), closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA busy_timeout={busy_ms:d}")
        found = revision(connection, str(path))
        if found is None:  # so that a sweep can give pages back; only an empty file takes it
            connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
        if found is None and _write_ahead(connection, busy_ms) != "wal":
            raise StoreError(
                f"store {path}: its file system has no shared memory (a network one?); name a "
                "place on a local disk with --store"
            )
        return found


def _write_ahead(connection: sqlite3.Connection, busy_ms: int) -> str:
    """Switch to a write-ahead log; tells the mode it is in then.

    When two switch at once SQLite refuses one without asking its busy handler, so we wait here.
    """
    deadline = time.monotonic() + busy_ms / 1000
    while True:
        try:
            return str(connection.execute("PRAGMA journal_mode=WAL").fetchone()[0])
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def revision(connection: sqlite3.Connection, where: str) -> str | None:
    """Find how old the tables are.

    Returns:
        One of `REVISIONS`; None where the database is empty.

    Raises:
        StoreSchemaError: Not a store of ours, or one that a newer dsnwatch made.
    """
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    if application_id != APPLICATION_ID:
        (objects,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if application_id or objects:
            raise foreign(where)
        return None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return known(row and row[0], where)


def known(version: str | None, where: str) -> str:
    """Give a revision that we know.

    Raises:
        StoreSchemaError: It is a newer dsnwatch's.
    """
    if version not in REVISIONS:
        raise StoreSchemaError(
            f"store {where}: written by a newer dsnwatch (schema {version}, this one "
            f"knows up to {HEAD}); upgrade dsnwatch, or name another store with --store"
        )
    return version
