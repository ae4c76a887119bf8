"""The database file over the years: how large it is, and a copy of it while others write."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from dsnwatch.errors import StoreError, UsageError
from dsnwatch.store.faults import told
from dsnwatch.store.schema import APPLICATION_ID, revision

BUSY_MS = 10_000
PAGES_A_STEP = 2_000
"""Pages given back in one transaction: others write between two of them."""

KEPT_FREE = 0.1
"""What part of the pages may stay free: the mail of tomorrow takes them again."""

INCREMENTAL = 2
"""`PRAGMA auto_vacuum` of a file whose free pages can be given back piece by piece."""


@dataclass(frozen=True, slots=True)
class Size:
    """How large a database file is.

    Attributes:
        octets: The file itself.
        free: Octets in it that hold nothing.
        log: Octets of the write-ahead log beside it.
        gives_back: Whether a sweep can give the free ones back.
    """

    octets: int
    free: int
    log: int
    gives_back: bool


@dataclass(frozen=True, slots=True)
class Copied:
    """A backup that was made.

    Attributes:
        octets: Its size.
        messages: How many messages it knows.
    """

    octets: int
    messages: int


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a store's file beside whoever else has it open.

    Raises:
        StoreError: Or the subclass that fits.
    """
    with told(str(path)), closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA busy_timeout={BUSY_MS}")
        yield connection


def size(path: Path) -> Size:
    """Measure a store's file.

    Raises:
        StoreError: It cannot be read.
    """
    with opened(path) as connection:
        values = [
            int(connection.execute(f"PRAGMA {name}").fetchone()[0])
            for name in ("page_size", "page_count", "freelist_count", "auto_vacuum")
        ]
    page, pages, free, mode = values
    log = Path(f"{path}-wal")
    return Size(
        pages * page, free * page, log.stat().st_size if log.exists() else 0, mode == INCREMENTAL
    )


def give_back(path: Path) -> int:
    """Let the file shrink by the pages that hold nothing, but for a tenth; others may write.

    Returns:
        Octets given back to the disk; 0 where the file was made before this was possible, and
        `compact` has not been run.

    Raises:
        StoreError: The database said no.
    """
    before = size(path)
    if not before.gives_back:
        return 0
    with opened(path) as connection:
        surplus = _surplus(connection)
        while surplus > 0:
            step = min(surplus, PAGES_A_STEP)
            # One page a step of the statement, and `execute` takes but one (Python 3.11).
            connection.executescript(f"PRAGMA incremental_vacuum({step})")
            # Asked again: pages that only say where others are go with them.
            left = _surplus(connection)
            surplus = left if left < surplus else 0
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return max(before.octets - size(path).octets, 0)


def _surplus(connection: sqlite3.Connection) -> int:
    pages, free = (
        int(connection.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("page_count", "freelist_count")
    )
    return free - int((pages - free) * KEPT_FREE)


def compact(path: Path) -> int:
    """Write the file anew without anything free in it, for nobody else meanwhile.

    Needs as much room again as the file takes. From then on `give_back` works.

    Returns:
        Octets given back to the disk.

    Raises:
        StoreError: The database said no.
    """
    before = size(path)
    with opened(path) as connection:
        connection.execute(f"PRAGMA auto_vacuum={INCREMENTAL}")
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return max(before.octets - size(path).octets, 0)


def backup(path: Path, target: Path) -> Copied:
    """Copy a store while others write to it: one moment of it, whole, or no file at all.

    Args:
        path: The store's file.
        target: Where the copy goes; a store that is there already makes way when the copy is
            whole and on disk.

    Raises:
        UsageError: The target is the store, a folder, or another program's file.
        StoreError: One of the two cannot be read or written, or the copy is not whole.
    """
    _refuse(path, target)
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        _copy(path, part)
        copied = _verified(part)
        _to_disk(part)
        part.replace(target)
        _to_disk(target.parent)
    except OSError as error:
        raise StoreError(
            f"backup {target}: cannot be written ({error.strerror}); name another place"
        ) from error
    finally:
        for each in (part, *(Path(f"{part}{end}") for end in ("-wal", "-shm", "-journal"))):
            each.unlink(missing_ok=True)
    return copied


def _refuse(path: Path, target: Path) -> None:
    if target.is_dir():
        raise UsageError(f"backup {target}: is a folder; name a file in it")
    if not target.exists():
        return
    if target.samefile(path):
        raise UsageError(f"backup {target}: is the store itself; name another file")
    with target.open("rb") as file:
        head = file.read(72)
    if head and head[68:72] != APPLICATION_ID.to_bytes(4, "big"):
        raise UsageError(f"backup {target}: is there, and no store of ours; name another file")


def _copy(path: Path, part: Path) -> None:
    """Copy in one step: in several, each commit of another process would start it afresh."""
    with (
        opened(path) as source,
        told(str(part)),
        closing(sqlite3.connect(part)) as copy,
    ):
        source.backup(copy, pages=-1)


def _verified(part: Path) -> Copied:
    """See that a copy is whole; leaves no log beside it.

    Raises:
        StoreError: It is not.
    """
    with opened(part) as connection:
        connection.execute("PRAGMA journal_mode=DELETE").fetchall()
        said = [row[0] for row in connection.execute("PRAGMA integrity_check(1)")]
        if said != ["ok"] or revision(connection, str(part)) is None:
            raise StoreError(
                f"backup: the copy is damaged ({said[0]}), so the store is; `dsnwatch db check`"
            )
        (messages,) = connection.execute("SELECT count(*) FROM message").fetchone()
    return Copied(part.stat().st_size, messages)


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
