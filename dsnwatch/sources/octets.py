"""Open and read regular files without waiting for them, and say what is wrong where one cannot."""
# A path is shown as it was given; Path would rewrite it ("./x" to "x").
# ruff: noqa: PTH114, PTH115

import errno
import os
import stat
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from gzip import GzipFile
from io import BytesIO
from typing import IO, Final

from dsnwatch.errors import SourceError
from dsnwatch.sources.mbox import Fill

Failed = Callable[[SourceError], None]
"""Takes one thing that could not be read, while the reading goes on."""

GZIP_MAGIC: Final = b"\x1f\x8b"

HEAD_BYTES: Final = 1024
"""Enough to tell what a file is: a From_ line, or the names an archive begins with."""


def shown(path: str) -> str:
    r"""Write a path so that a person, a terminal and a database can take it.

    A path that can be printed stays as it is; octets that are no text appear as `\xff`, control
    characters as `\n`.
    """
    if path.isprintable():
        return path
    return "".join(char if char.isprintable() else _escaped(char) for char in path)


def trouble(path: str, error: OSError | ValueError) -> SourceError:
    """Say in one line why a path cannot be read, and what to do."""
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.ENOENT and os.path.islink(path):
        said = (
            f"is a symlink to '{shown(os.readlink(path))}', which is not there; mend or remove it"
        )
    elif number == errno.ENOENT:
        said = "no such file or folder; check the path, or run again if it has just been renamed"
    elif number in {errno.EACCES, errno.EPERM}:
        said = "permission denied; run as its owner, or let this user read it (setfacl -m u:NAME:r)"
    elif number == errno.ELOOP:
        said = "symlinks that lead back to themselves; give the path of the file itself"
    elif isinstance(error, OSError) and error.strerror:
        said = f"{error.strerror[0].lower()}{error.strerror[1:]}; check the disk and run again"
    else:
        said = "no path can have this name; check how it was written"
    return SourceError(f"'{shown(path)}': {said}")


def refuse_special(path: str, mode: int) -> None:
    """Refuse what is neither file nor folder: reading it might wait for ever, or act.

    Raises:
        SourceError: It is a FIFO, a socket or a device.
    """
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
        return
    what = {stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket"}.get(stat.S_IFMT(mode), "a device")
    raise SourceError(
        f"'{shown(path)}': {what}, not a file; send one message to '-' (standard input), or write"
        " the mail to a file first"
    )


@contextmanager
def reading(path: str) -> Iterator[int]:
    """Open a regular file for as long as it is read.

    Raises:
        SourceError: It cannot be opened, is no regular file, or what is done with it inside
            says OSError.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        raise trouble(path, error) from error
    try:
        refuse_special(path, os.fstat(descriptor).st_mode)
        yield descriptor
    except OSError as error:
        raise trouble(path, error) from error
    finally:
        os.close(descriptor)


def filler(descriptor: int, start: int, end: int) -> Fill:
    """Read a file from `start` to `end`, or to its own end where that comes first."""

    def fill(buffer: memoryview) -> int:
        nonlocal start
        got = os.preadv(descriptor, [buffer[: end - start]], start) if start < end else 0
        start += got
        return got

    return fill


@contextmanager
def unpacking(packed: IO[bytes], path: str, tell: Failed) -> Iterator[Fill]:
    """Unpack gzip data while it is read; where it is damaged, it ends, and `tell` gets an error."""
    with GzipFile(fileobj=packed) as stream:

        def fill(buffer: memoryview) -> int:
            try:
                return stream.readinto1(buffer)
            except (EOFError, OSError, zlib.error) as error:
                said = f"{error}".rstrip(".")
                tell(
                    SourceError(
                        f"'{shown(path)}': gzip data damaged or cut off ({said}), read as far as"
                        " it goes; fetch it again from where it came from and run again"
                    )
                )
                return 0

        yield fill


def head(descriptor: int) -> bytes:
    """Give the first octets of a file, unpacked where it is compressed by gzip.

    Blank lines before the first text are left out, as some mboxes begin with one.
    """
    data = os.pread(descriptor, HEAD_BYTES, 0)
    if data.startswith(GZIP_MAGIC):
        try:
            data = GzipFile(fileobj=BytesIO(data)).read1(HEAD_BYTES)
        except (EOFError, OSError, zlib.error):
            data = b""
    return data.lstrip(b"\r\n")


def _escaped(char: str) -> str:
    octet = ord(char) - 0xDC00
    # How Python carries an octet of a file name that is no UTF-8 (PEP 383).
    if 0x80 <= octet <= 0xFF:  # noqa: PLR2004 (the range of PEP 383)
        return f"\\x{octet:02x}"
    return char.encode("unicode_escape").decode()
