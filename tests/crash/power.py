"""A store whose machine lost its power: copies of its files, at one moment, their end torn."""

import random
import sqlite3
from contextlib import closing
from pathlib import Path
from shutil import copyfile

WAL_HEADER = 32
FRAME_HEADER = 24


def copied(store: Path, folder: Path) -> Path:
    """Copy a store whose writers stand still: the file and its log, not the shared memory."""
    target = folder / "copy.db"
    for end in ("", "-wal"):
        Path(f"{target}{end}").unlink(missing_ok=True)
        if Path(f"{store}{end}").exists():
            copyfile(f"{store}{end}", f"{target}{end}")
    Path(f"{target}-shm").unlink(missing_ok=True)
    return target


def torn(store: Path, chance: random.Random) -> None:
    """Tear the end of the log, as happens to what no fsync has confirmed.

    What stands before the last commit was confirmed (`synchronous=FULL`); what stands behind it may
    be there in part, or be anything.
    """
    log = Path(f"{store}-wal")
    if not log.exists():
        return
    data = log.read_bytes()
    safe = confirmed(data)
    rest = bytearray(data[safe : safe + chance.randrange(len(data) - safe + 1)])
    for _ in range(min(len(rest), 8)):
        rest[chance.randrange(len(rest))] = chance.randrange(256)
    garbage = chance.randbytes(chance.randrange(9000)) if chance.random() < 0.5 else b""
    log.write_bytes(data[:safe] + rest + garbage)


def confirmed(log: bytes) -> int:
    """Say how many octets of a log stand before the end of its last commit.

    Source: https://www.sqlite.org/fileformat2.html section 4: a frame whose header holds a size of
    the database ends a transaction; frames of an older log have another salt.
    """
    if len(log) < WAL_HEADER:
        return 0
    page = int.from_bytes(log[8:12], "big")
    salt, end = log[16:24], WAL_HEADER
    for start in range(WAL_HEADER, len(log) - FRAME_HEADER - page + 1, FRAME_HEADER + page):
        if log[start + 8 : start + 16] != salt:
            break
        if log[start + 4 : start + 8] != bytes(4):
            end = start + FRAME_HEADER + page
    return end


def opens(store: Path) -> str:
    """Open a copy as the daemon would after the power came back; gives what SQLite says of it."""
    with closing(sqlite3.connect(store)) as database:
        return str(database.execute("PRAGMA integrity_check").fetchone()[0])
