"""Text files of the operator's: read line by line, written whole or not at all."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from dsnwatch import whole_file
from dsnwatch.errors import DataError, SourceError


@contextmanager
def text_lines(path: Path) -> Iterator[Iterator[str]]:
    """Open a UTF-8 file, or standard input for `-`, and give its lines as they are asked for.

    Raises:
        SourceError: It cannot be opened.
        DataError: It is not UTF-8.
    """
    try:
        if str(path) == "-":
            yield (row.decode() for row in sys.stdin.buffer)
        else:
            # newline="" leaves line ends inside quoted CSV cells as they are.
            with path.open(encoding="utf-8-sig", newline="") as file:
                yield file
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not UTF-8; convert it, for instance with iconv") from error
    except OSError as error:
        if error.filename != str(path):
            raise
        raise SourceError(f"{path}: {error.strerror}; check the path and its rights") from error


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
