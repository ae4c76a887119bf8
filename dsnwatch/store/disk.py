"""The disk a database file lies on: whether it can be written, has room, and is this machine's."""

import os
import re
from pathlib import Path

ENOUGH_BYTES = 1 << 20

NETWORK_KINDS = re.compile(r"nfs\d?|cifs|smb\d?|smbfs|afs|ceph|(fuse\.)?(glusterfs|sshfs|s3fs)")
"""File systems that several machines can have mounted: their locks do not hold SQLite's log."""

MOUNTS = Path("/proc/self/mountinfo")


def free_bytes(where: str) -> int:
    """Say how much room is left where the file lies; enough where nobody can tell."""
    try:
        disk = os.statvfs(Path(where).parent)
    except OSError:
        return ENOUGH_BYTES
    return disk.f_bavail * disk.f_frsize


def is_read_only(where: str) -> bool:
    """Whether the file system that the file lies on is mounted read-only."""
    try:
        return bool(os.statvfs(Path(where).parent).f_flag & os.ST_RDONLY)
    except OSError:
        return False


def network_kind(where: str, mounts: str | None = None) -> str | None:
    """Name the kind of network file system that the file lies on; None for a local disk.

    Args:
        where: Path of the file, which need not be there.
        mounts: As /proc/self/mountinfo has them (proc(5)); None reads it.
    """
    if mounts is None:
        try:
            mounts = MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
        except OSError:
            return None
    if NETWORK_KINDS.search(mounts) is None:  # so nearly everywhere
        return None
    path, best, kind = os.path.realpath(where), "", ""
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        point = re.sub(r"\\(\d{3})", lambda found: chr(int(found[1], 8)), before.split(" ")[4])
        if len(point) >= len(best) and Path(path).is_relative_to(point):
            best, kind = point, after.split(" ")[0]
    return kind if NETWORK_KINDS.fullmatch(kind) else None
