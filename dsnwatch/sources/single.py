"""Read messages that have a file, or standard input, to themselves."""
# A path is shown as it was given; Path would rewrite it ("./x" to "x").
# ruff: noqa: PTH118, PTH119

import logging
import os
import sys
from datetime import datetime
from io import BytesIO

from dsnwatch.errors import SourceError
from dsnwatch.sources.mbox import BLOCK_BYTES, MOST_BYTES, Fill, arrival, from_line
from dsnwatch.sources.octets import GZIP_MAGIC, Failed, filler, reading, shown, trouble, unpacking
from dsnwatch.sources.walk import walk

log = logging.getLogger(__name__)

Whole = tuple[bytes, datetime | None]
"""A message that is all of its file, and when its From_ line, if it had one, says it came."""


def _whole(fill: Fill, octets: int = BLOCK_BYTES) -> Whole:
    """Put together at most 64 MiB of a message, without the From_ line that deliveries prepend.

    Args:
        fill: Gives the message.
        octets: How long it is likely to be.
    """
    kept = BytesIO()
    with memoryview(bytearray(max(1, min(octets, BLOCK_BYTES)))) as buffer:
        while (room := MOST_BYTES - kept.tell()) and (got := fill(buffer[:room])):
            kept.write(buffer[:got])
    data = kept.getvalue()
    line = from_line(data)
    return (data[line:], arrival(data)) if line else (data, None)


def whole_file(path: str, tell: Failed) -> Whole | None:
    """Read a file that is one message, whether compressed by gzip or not.

    Args:
        path: Of a regular file; an empty one is an empty message.
        tell: Gets an error where it cannot be read to its end.

    Returns:
        What could be read; None where nothing could.
    """
    errors: list[SourceError] = []
    got = None
    try:
        with reading(path) as descriptor:
            if os.pread(descriptor, len(GZIP_MAGIC), 0) == GZIP_MAGIC:
                with (
                    open(descriptor, "rb", closefd=False) as packed,
                    unpacking(packed, path, errors.append) as fill,
                ):
                    got = _whole(fill)
            else:
                octets = os.fstat(descriptor).st_size
                got = _whole(filler(descriptor, 0, octets), octets)
    except SourceError as error:
        errors.append(error)
    for told in errors:
        tell(told)
    return None if got is None or (errors and not got[0]) else got


class Maildir:
    """The messages of a Maildir, while other programs move and remove them."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._moved: dict[str, str] | None = None

    def read(self, name: str, tell: Failed) -> Whole | None:
        """Read a message by the name it was listed under, or by the one it has now.

        One that is gone is nobody's mistake: its owner removed it.
        """
        place = os.path.join(self._path, name)
        if not os.path.lexists(place):
            place = self._now(name)
        if place:
            return whole_file(place, tell)
        log_removed(self._path, name)
        return None

    def _now(self, name: str) -> str:
        """Find a message by its unique name, which never changes; "" where it is gone."""
        if self._moved is None:
            # Once a chunk: were it for each message, a busy Maildir would be listed all day.
            self._moved = {
                os.path.basename(file).partition(":")[0]: file
                for found in walk([self._path], lambda _: None)
                if found.path == self._path
                for file, _ in found.files
            }
        file = self._moved.get(os.path.basename(name).partition(":")[0])
        return os.path.join(self._path, file) if file else ""


def log_removed(path: str, name: str) -> None:
    """Say that a message of a Maildir was removed before it could be read."""
    log.info("passed over %s: gone before it was read", shown(os.path.join(path, name)))


def standard_input(path: str, tell: Failed) -> Whole | None:
    """Read the message that is piped in, whether compressed by gzip or not.

    What is behind the most that is kept is read too, so that no writer is cut off.

    Args:
        path: What errors call it.
        tell: Gets an error where it cannot be read to its end.

    Returns:
        What could be read; None where nothing could.
    """
    # A service can be started without one, whatever its type says.
    piped = getattr(sys.stdin, "buffer", None)
    if piped is None or piped.closed:
        tell(SourceError("standard input is closed; give a path, or pipe the message in"))
        return None
    errors: list[SourceError] = []
    got = None
    try:
        if piped.peek(len(GZIP_MAGIC)).startswith(GZIP_MAGIC):
            with unpacking(piped, path, errors.append) as fill:
                got = _whole(fill)
        else:
            got = _whole(piped.readinto)
        while piped.read(BLOCK_BYTES):
            pass
    except OSError as error:
        errors.append(trouble(path, error))
    for told in errors:
        tell(told)
    return got
