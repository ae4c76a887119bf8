"""Text files of the operator's: read line by line, written whole or not at all."""

import gzip
import io
import shutil
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import BinaryIO, TextIO

from dsnwatch import whole_file
from dsnwatch.errors import DataError, SourceError

GZIP = b"\x1f\x8b"
MAX_LINE = 1 << 20
"""Characters of a line that are given at once."""

Texts = Callable[[], Iterator[str]]
"""Gives the lines of a file from the first one on."""


@contextmanager
def texts_of(path: Path) -> Iterator[Texts]:
    """Open a UTF-8 file, also a compressed one, or standard input for `-`, to be read repeatedly.

    What can be read but once is copied to a temporary file first.

    Yields:
        What gives the lines from the first one on, each time it is called; an endless line comes
        in pieces.

    Raises:
        SourceError: It cannot be opened or read.
        DataError: It is not UTF-8.
    """
    try:
        with ExitStack() as stack:
            yield partial(_lines, _seekable(path, stack))
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not UTF-8; convert it, for instance with iconv") from error
    except (OSError, EOFError, zlib.error) as error:
        if isinstance(error, OSError) and error.filename not in {None, str(path)}:
            raise
        why = getattr(error, "strerror", None) or error
        raise SourceError(f"{path}: {why}; check the path and its rights") from error


def _seekable(path: Path, stack: ExitStack) -> BinaryIO:
    """Open a file that can be read again."""
    if str(path) == "-":
        return _copied(sys.stdin.buffer, stack)
    file = stack.enter_context(path.open("rb"))
    return file if file.seekable() else _copied(file, stack)


def _copied(file: BinaryIO, stack: ExitStack) -> BinaryIO:
    copy: BinaryIO = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115  the stack closes it  # type: ignore[assignment]  # it is one
    shutil.copyfileobj(file, copy)
    return copy


def _lines(file: BinaryIO) -> Iterator[str]:
    file.seek(0)
    packed = file.read(2) == GZIP
    file.seek(0)
    octets = gzip.open(file) if packed else file  # noqa: SIM115  closed with the file below it
    # newline="" leaves line ends inside quoted CSV cells as they are.
    text = io.TextIOWrapper(octets, encoding="utf-8-sig", newline="")
    try:
        yield from iter(lambda: text.readline(MAX_LINE), "")
    finally:
        with suppress(ValueError):  # the file may be closed by now
            text.detach()


def write_texts(path: Path | None, texts: Iterable[str]) -> None:
    """Write texts one after the other to a file, or to standard output.

    A file is written beside its place and put there when it is whole and on disk, so that whoever
    reads it meanwhile has the old one.

    Raises:
        OSError: It cannot be written; what was there before is there still.
    """
    if path is None or (path.exists() and not path.is_file()):
        with path.open("w") if path else _standard_output() as stream:
            stream.writelines(texts)
        return
    whole_file.write(path, texts)


@contextmanager
def _standard_output() -> Iterator[TextIO]:
    yield sys.stdout
