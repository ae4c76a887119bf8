"""A small disk of its own (tmpfs), to be filled and to be mounted read-only."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

from tests.servers.needs import lacking_is, need


@dataclass(frozen=True)
class Disk:
    """A mounted disk.

    Attributes:
        folder: Where it is mounted.
        kib: Its size.
    """

    folder: Path
    kib: int

    def fill(self) -> None:
        """Leave no room on it: it is as large as what is on it."""
        disk = os.statvfs(self.folder)
        used = (disk.f_blocks - disk.f_bfree) * disk.f_frsize // 1024
        with suppress(subprocess.CalledProcessError):  # somebody was faster and took more
            self.mount(f"size={max(used, 4)}k")

    def make_room(self) -> None:
        """Give the room back."""
        self.mount(f"size={self.kib}k")

    def mount(self, how: str) -> None:
        """Mount it anew: `ro`, `rw`, `size=...`."""
        _run("mount", "-o", f"remount,{how}", str(self.folder))


@contextmanager
def a_disk(kib: int) -> Iterator[Disk]:
    """Mount a disk of so many KiB; unmounted when the block ends."""
    need("mount", "umount", root=True)
    folder = Path(mkdtemp(prefix="dsnwatch-disk-"))
    try:
        try:
            _run("mount", "-t", "tmpfs", "-o", f"size={kib}k,mode=0755", "tmpfs", str(folder))
        except subprocess.CalledProcessError:
            lacking_is("may not mount anything")
        try:
            yield Disk(folder, kib)
        finally:
            _run("umount", "--lazy", str(folder))
    finally:
        folder.rmdir()


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603  ours
