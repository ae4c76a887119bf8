"""Files that are there whole or not at all, for whoever reads them meanwhile."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


@contextmanager
def rising(path: Path) -> Iterator[TextIO]:
    """Open a file beside its place, to be written to in UTF-8; it is put there after the block.

    Should the block raise, it is gone, and what was in its place is there still.

    Raises:
        OSError: It cannot be written.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("x", encoding="utf-8", newline="") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def beside(path: Path, texts: Iterable[str], mode: int | None = None) -> Iterator[Path]:
    """Write texts to a file beside its place, on disk when the block begins.

    The block puts it there with `replace`; it is gone after the block otherwise.

    Args:
        path: Its place.
        texts: One after the other, in UTF-8.
        mode: Its rights; None leaves them to the umask.

    Raises:
        OSError: It cannot be written; what is in its place is there still.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("x", encoding="utf-8", newline="") as stream:
            if mode is not None:
                os.fchmod(stream.fileno(), mode)
            stream.writelines(texts)
            stream.flush()
            os.fsync(stream.fileno())
        yield part
    finally:
        part.unlink(missing_ok=True)


def write(path: Path, texts: Iterable[str]) -> None:
    """Write texts to a file and put it in its place.

    Raises:
        OSError: It cannot be written; what was there before is there still.
    """
    with beside(path, texts) as part:
        part.replace(path)
