"""Mail in files, as other programs write it."""

import gzip
import re
from collections.abc import Iterable
from pathlib import Path

from dsnwatch.errors import SourceError
from dsnwatch.model import RawMessage
from dsnwatch.sources.files import read

DATED = b"From anne@example.com Thu Jan  1 00:00:00 2026\n"


def a_message(number: int = 1, *, octets: int = 0) -> bytes:
    """One message that differs from those of other numbers, with a body of some length."""
    body = b"A line of text that is fifty octets long, or so...\n" * (octets // 51)
    return b"Subject: message %d\n\nText.\n%s" % (number, body)


def quoted(data: bytes) -> bytes:
    """Quote as mboxrd does: one `>` more before whatever looks like a From_ line."""
    return re.sub(rb"^(>*From )", rb">\1", data, flags=re.MULTILINE)


def an_mbox(messages: Iterable[bytes], *, line: bytes = DATED, blank: bytes = b"\n") -> bytes:
    """Join messages as mboxrd does."""
    return b"".join(line + quoted(data) + blank for data in messages)


def write(place: Path, data: bytes, *, packed: bool = False) -> str:
    """Write a file, compressed by gzip or not, and give its path."""
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(gzip.compress(data, mtime=0) if packed else data)
    return str(place)


def a_maildir(place: Path, messages: Iterable[bytes], *, folder: str = "cur") -> str:
    """Make a Maildir with messages in one of its folders."""
    for name in ("cur", "new", "tmp"):
        (place / name).mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(messages):
        suffix = ":2,S" if folder == "cur" else ""
        (place / folder / f"{1767225600 + number}.M{number}.example{suffix}").write_bytes(data)
    return str(place)


def tried(*paths: str) -> tuple[list[RawMessage], list[SourceError]]:
    """Read paths to the end: what came, and what was wrong."""
    errors: list[SourceError] = []
    return list(read(paths, failed=errors.append)), errors
