"""`kind = "file"`: one line of JSON for each event, at the end of a file that is rotated.

A delivery is one write, on disk before it counts. Several workers may write the same file: they
take turns by a lock on a file beside it.
"""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from dsnwatch.errors import HookError
from dsnwatch.hooks import Delivery, Secrets
from dsnwatch.hooks.payloads import FORMATS, Context

if TYPE_CHECKING:
    from dsnwatch.config.hook import HookSection


class FileHook:
    """Writes to one file.

    Args:
        section: The format, when to rotate, and how many full files to keep.
        path: The file; its folder must be there.
        node: The name of this machine.
    """

    every = timedelta(0)

    def __init__(self, section: "HookSection", path: Path, node: str) -> None:
        self.batch = section.batch
        self.timeout = section.timeout
        self._render = FORMATS[section.format].render
        self._path = path
        self._lock = path.with_name(f".{path.name}.lock")
        self._rotate_at = section.rotate_at
        self._keep = section.keep
        self._context = Context(node=node, topic=section.topic)

    def deliver(self, delivery: Delivery) -> None:
        """Write the events and see them on disk; see `Hook`."""
        lines = []
        for news in delivery.news:
            context = replace(self._context, id=news.id, at=delivery.at)
            lines.append(self._render([news], context).data + b"\n")
        try:
            with self._locked():
                self._rotate()
                self._append(b"".join(lines))
        except OSError as error:
            raise HookError(f"{error.filename or self._path}: {error.strerror or error}") from error

    def close(self) -> None:
        """Nothing is kept open."""

    @contextmanager
    def _locked(self) -> Iterator[None]:
        lock = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _append(self, data: bytes) -> None:
        file = os.open(
            self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
        )
        try:
            size = os.fstat(file).st_size
            if size and os.pread(file, 1, size - 1) != b"\n":
                data = b"\n" + data  # a machine that died left half a line
            try:
                self._write(file, data)
            except OSError:
                os.ftruncate(file, size)
                raise
        finally:
            os.close(file)

    def _write(self, file: int, data: bytes) -> None:
        if os.write(file, data) < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))
        os.fsync(file)

    def _rotate(self) -> None:
        """Begin a new file where this one is full: path.1 is the newest of the full ones."""
        try:
            if self._path.stat().st_size < self._rotate_at:
                return
        except FileNotFoundError:
            return
        for number in range(self._keep - 1, 0, -1):
            if (full := self._numbered(number)).exists():
                full.replace(self._numbered(number + 1))
        self._path.replace(self._numbered(1))

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")


def make(section: "HookSection", secrets: Secrets, key: str) -> FileHook:  # noqa: ARG001  see `Make`
    """Make the hook of its section; see `Make`."""
    assert section.path is not None
    return FileHook(section, secrets.beside(section.path), secrets.node)
