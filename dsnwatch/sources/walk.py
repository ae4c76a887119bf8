"""Which mail lies under the paths a person gave: files, Maildirs, folders of them."""
# A path is shown as it was given; Path would rewrite it ("./x" to "x").
# ruff: noqa: PTH112, PTH116, PTH118, PTH208

import os
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from dsnwatch.errors import SourceError
from dsnwatch.sources.mbox import from_line
from dsnwatch.sources.octets import (
    GZIP_MAGIC,
    HEAD_BYTES,
    Failed,
    head,
    reading,
    refuse_special,
    shown,
    trouble,
)

FileKind = Literal["mbox", "mbox.gz", "maildir", "eml", "stdin"]
_MAILDIR_FOLDERS = frozenset({"cur", "new", "tmp"})
_ARCHIVES = (
    (0, b"PK\x03\x04", "a zip archive; unpack it"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it"),
    (0, b"\xfd7zXZ\x00", "compressed by xz; unpack it (unxz)"),
    (0, b"BZh", "compressed by bzip2; unpack it (bunzip2)"),
    (0, b"\x28\xb5\x2f\xfd", "compressed by zstd; unpack it (unzstd)"),
    (0, b"!BDN", "an Outlook data file; turn it into an mbox (readpst)"),
    (257, b"ustar", "a tar archive; unpack it"),
)


@dataclass(frozen=True, slots=True)
class Found:
    """One place with mail.

    Attributes:
        path: The path given, joined with what lies below it.
        kind: How it must be read.
        octets: What it takes on the disk; 0 for standard input.
        files: A Maildir's messages in order, as `cur/name`, with their octets.
    """

    path: str
    kind: FileKind
    octets: int
    files: tuple[tuple[str, int], ...] = ()


PassedOver = Callable[[str], None]
"""Takes the path of one file that is no mail, as `shown` writes it."""


def _unsaid(_: str) -> None:
    """Tell nobody."""


def walk(
    paths: Sequence[str], failed: Failed, passed_over: PassedOver = _unsaid
) -> Iterator[Found]:
    """Find the mail under paths, in an order that depends on names only.

    Folders are searched to the bottom, sorted by name; hidden files and folders are passed over,
    apart from the subfolders of a Maildir. A folder that several symlinks lead to is searched
    once. An empty file is an empty mbox, and gives nothing unless its name says `.eml`. A file that
    was not named itself is read only where it begins as mail does, or has a name only mail has.

    Args:
        paths: Files and folders, in the order wanted; `-` is standard input.
        failed: Gets an error for each thing that cannot be mail or cannot be read.
        passed_over: Gets each file of a folder that is no mail.
    """
    for path in paths:
        if path == "-":
            yield Found(path, "stdin", 0)
        else:
            yield from _below(path, failed, passed_over)


def _below(top: str, failed: Failed, passed_over: PassedOver) -> Iterator[Found]:
    seen: set[tuple[int, int]] = set()
    waiting = [top]
    found: Found | None
    while waiting:
        path = waiting.pop()
        try:
            status = os.stat(path)
            refuse_special(path, status.st_mode)
            if stat.S_ISREG(status.st_mode):
                found = _file(path, named=path == top)
                if found is None:
                    passed_over(shown(path))
            else:
                # A loop of symlinks leads to a folder that has been here before.
                if (status.st_dev, status.st_ino) in seen:
                    continue
                seen.add((status.st_dev, status.st_ino))
                found, below = _folder(path, failed)
                waiting += [os.path.join(path, name) for name in reversed(below)]
        except (OSError, ValueError) as error:
            failed(trouble(path, error))
        except SourceError as error:
            failed(error)
        else:
            if found is not None:
                yield found


def _file(path: str, *, named: bool) -> Found | None:
    """Tell what a file is; None where it is no mail and nobody named it."""
    with reading(path) as descriptor:
        octets = os.fstat(descriptor).st_size
        first = os.pread(descriptor, HEAD_BYTES, 0)
        text = head(descriptor)
    if path.lower().endswith((".eml", ".eml.gz")):
        return Found(path, "eml", octets)
    for content in (first, text):
        for at, magic, what in _ARCHIVES:
            if content.startswith(magic, at):
                raise SourceError(f"'{shown(path)}': {what} and give the result")
    # What holds nothing but blank lines is an mbox whose last message has gone.
    if text and not from_line(text):
        mail = named or path.rpartition("/")[2].isdigit() or begins_as_mail(text)
        return Found(path, "eml", octets) if mail else None
    return Found(path, "mbox.gz" if first.startswith(GZIP_MAGIC) else "mbox", octets)


def begins_as_mail(head: bytes) -> bool:
    """Say whether octets begin with a header field, and have one of those that mail has.

    Args:
        head: The first octets, some hundred at least.

    Source: RFC 5322 section 2.2; a text like a README, a configuration or a database has none.
    """
    head = head.removeprefix(b"\xef\xbb\xbf")
    return _FIELD.match(head) is not None and _OF_MAIL.search(_BLANK.split(head, 1)[0]) is not None


_FIELD = re.compile(rb">?(?:From [^\n]*\n)?[!-9;-~]{1,76}[ \t]{0,4}:")
_BLANK = re.compile(rb"\r\n\r\n|\n\n|\r\r")
_OF_MAIL = re.compile(
    rb"(?:^|[\r\n])(?:Received|Return-Path|Delivered-To|From|To|Subject|Date|Message-ID|"
    rb"MIME-Version|Content-Type|DKIM-Signature|ARC-Seal|X-[A-Za-z\-]{2,40})[ \t]{0,4}:",
    re.IGNORECASE,
)


def _folder(path: str, failed: Failed) -> tuple[Found | None, list[str]]:
    names = sorted(os.listdir(path))
    if not all(os.path.isdir(os.path.join(path, name)) for name in ("cur", "new")):
        return None, [name for name in names if not name.startswith(".")]
    # Beside its messages a Maildir holds indexes and lists, which are no mail, and folders: those
    # of Maildir++ begin with a dot.
    below = [
        name
        for name in names
        if name not in _MAILDIR_FOLDERS and os.path.isdir(os.path.join(path, name))
    ]
    files = _maildir_files(path, failed)
    found = Found(path, "maildir", sum(octets for _, octets in files), files) if files else None
    return found, below


def _maildir_files(path: str, failed: Failed) -> tuple[tuple[str, int], ...]:
    """List a Maildir's messages by unique name, which begins with the second they came in.

    So the order stays when a program moves them from new to cur, or changes their flags.
    """
    files = []
    for folder in ("cur", "new"):
        place = os.path.join(path, folder)
        try:
            names = sorted(os.listdir(place))
        except OSError as error:
            failed(trouble(place, error))
            continue
        for name in names:
            if name.startswith("."):
                continue
            try:
                status = os.stat(os.path.join(place, name))
                refuse_special(os.path.join(place, name), status.st_mode)
            except OSError as error:
                failed(trouble(os.path.join(place, name), error))
            except SourceError as error:
                failed(error)
            else:
                if stat.S_ISREG(status.st_mode):
                    files.append((name.partition(":")[0], f"{folder}/{name}", status.st_size))
    return tuple((name, octets) for _, name, octets in sorted(files))
