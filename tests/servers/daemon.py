"""`dsnwatch run` with listeners, in a process of its own."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dsnwatch.store import Store, open_store

_HAND_OVER = """
import fcntl, os, sys
names, numbers, *command = sys.argv[1:]
given = [fcntl.fcntl(int(each), fcntl.F_DUPFD_CLOEXEC, 100) for each in numbers.split(":")]
for number, each in enumerate(given):
    os.dup2(each, 3 + number)
os.environ |= {"LISTEN_FDS": str(len(given)), "LISTEN_FDNAMES": names}
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(command[0], command)
"""
_TCP = re.compile(r"(\S+) port (\d+)")


@dataclass(slots=True)
class Daemon:
    """A running daemon.

    Attributes:
        log: What it has said.
    """

    process: subprocess.Popen[bytes]
    store: Path
    log: Path

    @property
    def port(self) -> int:
        """The first TCP port it listens on."""
        found = _TCP.search(self.log.read_text())
        assert found is not None
        return int(found[2])

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.wait(30)

    def stop(self) -> int:
        """End it as systemd does; gives its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def opened(self) -> Store:
        """Open its store."""
        return open_store(str(self.store))


@contextmanager
def running(
    folder: Path,
    configuration: str,
    *,
    handed: Mapping[str, int] | None = None,
) -> Iterator[Daemon]:
    """Start the daemon, wait until it is ready, and end it.

    Args:
        folder: Where its store lies, and its configuration.
        configuration: What stands in its file.
        handed: Sockets that it is handed over as systemd does, by their names.
    """
    path = folder / "dsnwatch.toml"
    path.write_text(configuration)
    store = folder / "a.db"
    command = [sys.executable, "-m", "dsnwatch", "--config", str(path), "--store", str(store)]
    command[3:3] = ["run"]
    if handed:
        numbers = ":".join(map(str, handed.values()))
        command = [sys.executable, "-c", _HAND_OVER, ":".join(handed), numbers, *command]
    said = folder / "log"  # a pipe would be full after some hundred messages, and stop the daemon
    with said.open("w") as log:
        process = subprocess.Popen(  # noqa: S603 - ours
            command, stderr=log, pass_fds=tuple(handed.values()) if handed else ()
        )
    with process:
        try:
            while ": ready: " not in said.read_text():
                assert process.poll() is None, said.read_text()
                time.sleep(0.02)
            yield Daemon(process, store, said)
        finally:
            process.kill()
