"""Mail that lies in files: mbox, Maildir, .eml, folders of these, gzip of these, standard input.

Reading is cut into chunks that say all by themselves what is to be read, so that several
processes can share the work: `plan` makes them, `read_chunk` reads one, `read` does both and
counts. Files are read, never mapped: a mailbox that another program shortens in the meantime
must be an error, and would be the end of a process that has it mapped.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Final

from dsnwatch.errors import SourceError
from dsnwatch.model import RawMessage
from dsnwatch.records import Receipt
from dsnwatch.sources.mbox import (
    MOST_BYTES,
    MOST_LINE_BYTES,
    EndlessMessageError,
    Piece,
    cut,
    from_line,
    is_dated,
    next_start,
)
from dsnwatch.sources.octets import Failed, filler, head, reading, shown, unpacking
from dsnwatch.sources.single import Maildir, standard_input, whole_file
from dsnwatch.sources.walk import FileKind, Found, PassedOver, walk

CHUNK_BYTES: Final = 4 << 20
"""About this much of an mbox is one chunk: a thousand messages."""

CHUNK_FILES: Final = 500
"""So many messages of a Maildir are one chunk."""

ENDLESS_BYTES: Final = 4 * MOST_BYTES
"""A compressed message of this length is taken for a trap, and its file is read no further."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A part of the mail that can be read by itself, in this process or another.

    Attributes:
        path: The file or Maildir; `-` for standard input, which only the process that has it
            can read.
        start: Where it begins: an octet of an mbox, a message of a Maildir (from 0).
        end: Where it ends, likewise; the file's length for what is read whole.
        octets: What it is of `size`, for the progress bar.
        names: A Maildir's messages from `start` to `end`, as `cur/name`.
    """

    path: str
    kind: FileKind
    start: int
    end: int
    octets: int = 0
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FileSource:
    """The mail under some paths, as a source; what is stored stays where it lies."""

    paths: tuple[str, ...]
    vouched: bool = True
    stream: str = ""

    def messages(self) -> Iterator[RawMessage]:
        """Give all of it, in order; see `read`."""
        return read(self.paths, vouched=self.vouched, stream=self.stream)

    def stored(self, receipts: Sequence[tuple[RawMessage, Receipt]]) -> None:
        """Do nothing: the operator's files are his."""

    def close(self) -> None:
        """Do nothing: a file is open only while it is read."""


def plan(
    paths: Sequence[str],
    *,
    failed: Failed | None = None,
    passed_over: PassedOver | None = None,
) -> Iterator[Chunk]:
    """Cut the mail under paths into chunks, in the order in which it is to be read.

    Args:
        paths: Files and folders; `-` is one message on standard input.
        failed: Gets an error for each thing that cannot be read.
        passed_over: Gets the path of each file in a folder that is no mail.

    Returns:
        Chunks made as they are asked for. All that can be read is among them, whatever else
        cannot.

    Raises:
        SourceError: Without `failed`: the first error, behind the last chunk.
    """
    with _first_raised(failed) as tell:
        for found in walk(paths, tell, passed_over or (lambda _: None)):
            try:
                yield from _chunks(found)
            except SourceError as error:
                tell(error)


def read_chunk(
    chunk: Chunk,
    *,
    first: int | None = None,
    vouched: bool = True,
    stream: str = "",
    failed: Failed | None = None,
) -> Iterator[RawMessage]:
    """Read the messages of a chunk.

    Args:
        chunk: As `plan` made it, however long ago.
        first: The number of the chunk's first message in its mbox. Without it, messages of an
            mbox are located by the offset of their From_ line, `path@offset`.
        vouched: Whether the operator answers for where the mail comes from.
        stream: The stream it belongs to; "" for none.
        failed: Gets an error for each thing that cannot be read.

    Returns:
        Messages located by `path#number` (mbox, Maildir; from 1), the path, or `-`; of each at
        most 64 MiB. No more is held than one message and a MiB.

    Raises:
        SourceError: Without `failed`: the first error, behind the last message.
    """
    source = chunk.kind.partition(".")[0]
    where = shown(chunk.path)
    with _first_raised(failed) as tell:
        if chunk.kind in {"mbox", "mbox.gz"}:
            numbers = count(first or 1)
            for piece in _mbox(chunk, tell):
                place = f"{where}@{piece.offset}" if first is None else f"{where}#{next(numbers)}"
                yield RawMessage(piece.data, place, source, piece.arrived_at, stream, vouched)
        elif chunk.kind == "maildir":
            maildir = Maildir(chunk.path)
            for number, name in enumerate(chunk.names, chunk.start + 1):
                if (got := maildir.read(name, tell)) is not None:
                    yield RawMessage(got[0], f"{where}#{number}", source, got[1], stream, vouched)
        else:
            whole = standard_input if chunk.kind == "stdin" else whole_file
            if (got := whole(chunk.path, tell)) is not None:
                yield RawMessage(got[0], where, source, got[1], stream, vouched)


def read(
    paths: Sequence[str],
    *,
    vouched: bool = True,
    stream: str = "",
    failed: Failed | None = None,
    passed_over: PassedOver | None = None,
) -> Iterator[RawMessage]:
    """Read the mail under paths in this process, in order.

    Arguments, messages and errors are those of `plan` and `read_chunk`; messages of an mbox are
    numbered through, `path#1` being its first.

    Raises:
        SourceError: Without `failed`: the first error, behind the last message.
    """
    with _first_raised(failed) as tell:
        number = 1
        for chunk in plan(paths, failed=tell, passed_over=passed_over):
            if chunk.start == 0:
                number = 1
            for raw in read_chunk(chunk, first=number, vouched=vouched, stream=stream, failed=tell):
                number += 1
                yield raw


def size(paths: Sequence[str]) -> int:
    """Add up the octets under paths, as they lie on the disk; what cannot be read counts nothing.

    It is the sum of the `octets` of all chunks, as long as nobody writes there.
    """
    return sum(found.octets for found in walk(paths, lambda _: None))


def _chunks(found: Found) -> Iterator[Chunk]:
    path, kind, octets = found.path, found.kind, found.octets
    if kind == "mbox":
        begin = 0
        for end in _mbox_cuts(path, octets):
            yield Chunk(path, kind, begin, end, end - begin)
            begin = end
    elif kind == "maildir":
        for begin in range(0, len(found.files), CHUNK_FILES):
            files = found.files[begin : begin + CHUNK_FILES]
            names = tuple(name for name, _ in files)
            weight = sum(octets for _, octets in files)
            yield Chunk(path, kind, begin, begin + len(files), weight, names)
    else:
        yield Chunk(path, kind, 0, octets, octets)


def _mbox_cuts(path: str, octets: int) -> Iterator[int]:
    """Find where the chunks of an mbox end: at the first message behind each 4 MiB."""
    with reading(path) as descriptor:
        dated = is_dated(head(descriptor))
        end = 0
        while end + CHUNK_BYTES < octets:
            # One octet earlier, so that a From_ line right there has its line end before it.
            near = end + CHUNK_BYTES - 1
            found = next_start(filler(descriptor, near, octets), dated=dated)
            if found is None:
                break
            end = near + found
            yield end
    yield octets


@contextmanager
def _first_raised(failed: Failed | None) -> Iterator[Failed]:
    """Give what takes errors; where nobody wants them one by one, raise the first at the end."""
    if failed is not None:
        yield failed
        return
    errors: list[SourceError] = []
    yield errors.append
    if errors:
        more = f" (and {len(errors) - 1} more that could not be read)" if errors[1:] else ""
        raise SourceError(f"{errors[0]}{more}")


def _mbox(chunk: Chunk, tell: Failed) -> Iterator[Piece]:
    """Cut an mbox, or its part from one octet to another; what is wrong is told at the end."""
    errors: list[SourceError] = []
    path = chunk.path
    try:
        with reading(path) as descriptor:
            dated = is_dated(head(descriptor))
            if chunk.kind == "mbox.gz":
                with (
                    open(descriptor, "rb", closefd=False) as packed,
                    unpacking(packed, path, errors.append) as fill,
                ):
                    yield from cut(fill, dated=dated, endless_bytes=ENDLESS_BYTES)
            elif chunk.start and not _begins_message(descriptor, chunk.start, dated=dated):
                errors.append(_changed(path))
            else:
                fill = filler(descriptor, chunk.start, chunk.end)
                yield from cut(fill, dated=dated, base=chunk.start)
                if os.fstat(descriptor).st_size < chunk.end:
                    errors.append(_changed(path))
    except EndlessMessageError:
        errors.append(
            SourceError(
                f"'{shown(path)}': unpacks to a message of more than {ENDLESS_BYTES >> 20} MiB, the"
                " rest was not read; if it is no trap, unpack it (gunzip) and give the result"
            )
        )
    except SourceError as error:
        errors.append(error)
    for told in errors:
        tell(told)


def _begins_message(descriptor: int, at: int, *, dated: bool) -> bool:
    near = os.pread(descriptor, MOST_LINE_BYTES + 1, at - 1)
    line = near[1:]
    return near[:1] == b"\n" and (is_dated(line) if dated else from_line(line) > 0)


def _changed(path: str) -> SourceError:
    return SourceError(
        f"'{shown(path)}': changed while it was being read; run again when nothing writes to it"
    )
