"""Answers look-ups on one socket, over any number of connections, in one thread.

An answer takes some microseconds and never waits for a writer, so nothing is gained by more
threads; and a mail server that waits for the answer wants no queue before it.
"""

import logging
import selectors
import socket
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from dsnwatch.config_hook import server_of
from dsnwatch.config_lookup import UNIX
from dsnwatch.errors import UnavailableError
from dsnwatch.lookup import Wire, WireError

if TYPE_CHECKING:
    from dsnwatch.config_lookup import LookupSection

log = logging.getLogger(__name__)

CONNECTIONS_AT_MOST = 1000
PIECE = 65536
UNSENT_AT_MOST = 1 << 20
"""Octets of answers that wait for a client; until it reads them it is not heard."""

IDLE_SECONDS = 3600.0
"""A connection that asks nothing for so long is closed; Postfix closes its own much sooner."""

_LOOK_SECONDS = 60.0


@dataclass(slots=True, eq=False)
class _Client:
    """One connection, what has come on it and what is to go."""

    socket: socket.socket
    received: bytearray = field(default_factory=bytearray)
    unsent: bytearray = field(default_factory=bytearray)
    last: float = 0.0
    waiting: bool = False
    """Whether it is to read before it is heard again."""


class LookupServer:
    """Serves one `[[lookup]]` section.

    Args:
        section: Where to listen.
        wire: The protocol.
        end: Called at the end of `run`, in its thread.

    Raises:
        UnavailableError: It cannot listen there.
    """

    def __init__(
        self, section: "LookupSection", wire: Wire, end: Callable[[], None] = lambda: None
    ) -> None:
        self._wire = wire
        self._end = end
        self._path: Path | None = None
        self._ready = selectors.DefaultSelector()
        self._wake, self._stopping = socket.socketpair()
        try:
            self._server = self._listen(section)
        except OSError as error:
            self.close()
            raise UnavailableError(
                f"cannot listen on {section.listen} ({error.strerror}); free it, or set listen"
            ) from error
        self._clients: set[_Client] = set()
        self._wake.settimeout(0)
        self._server.settimeout(0)

    @property
    def port(self) -> int:
        """The TCP port it listens on; 0 on a unix socket."""
        name = self._server.getsockname()
        return int(name[1]) if isinstance(name, tuple) else 0

    def run(self) -> None:
        """Answer until `stop` is called."""
        self._ready.register(self._wake, selectors.EVENT_READ)
        self._ready.register(self._server, selectors.EVENT_READ)
        swept = time.monotonic()
        try:
            while True:
                for key, _ in self._ready.select(_LOOK_SECONDS):
                    if key.fileobj is self._wake:
                        return
                    if key.fileobj is self._server:
                        self._accept()
                    else:
                        self._serve(key.data)
                if time.monotonic() - swept > _LOOK_SECONDS:
                    swept = time.monotonic()
                    self._sweep(swept)
        finally:
            self.close()
            self._end()

    def stop(self) -> None:
        """Make `run` return; from any thread, and more than once."""
        with suppress(OSError):
            self._stopping.send(b"x")

    def close(self) -> None:
        """Give back every socket; `run` does so at its end."""
        for client in list(getattr(self, "_clients", ())):
            self._drop(client)
        for each in (getattr(self, "_server", None), self._wake, self._stopping):
            if each is not None:
                each.close()
        self._ready.close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)
            self._path = None

    def _listen(self, section: "LookupSection") -> socket.socket:
        if not section.listen.startswith(UNIX):
            host, port = server_of(section.listen)
            assert port is not None
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            return socket.create_server((host, port), family=family, backlog=128)
        path = Path(section.listen.removeprefix(UNIX))
        _clear(path)
        server = socket.socket(socket.AF_UNIX)
        try:
            server.bind(str(path))
            self._path = path
            path.chmod(int(section.mode, 8))
            server.listen(128)
        except OSError:
            server.close()
            raise
        return server

    def _accept(self) -> None:
        try:
            accepted, _ = self._server.accept()
        except OSError as error:  # gone again, or no descriptors left
            log_not_accepted(error)
            return
        if len(self._clients) >= CONNECTIONS_AT_MOST:
            accepted.close()
            return
        accepted.settimeout(0)
        if accepted.family != socket.AF_UNIX:
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client = _Client(accepted, last=time.monotonic())
        self._clients.add(client)
        self._ready.register(accepted, selectors.EVENT_READ, client)

    def _serve(self, client: _Client) -> None:
        """Hear a client and answer, or send on what it has not read yet."""
        try:
            if not client.waiting:
                piece = client.socket.recv(PIECE)
                if not piece:
                    self._drop(client)
                    return
                client.received += piece
                client.unsent += self._wire.answer(client.received)
            self._send(client)
        except (BlockingIOError, InterruptedError):
            pass
        except (OSError, WireError):
            self._drop(client)

    def _send(self, client: _Client) -> None:
        if client.unsent:
            with suppress(BlockingIOError):
                del client.unsent[: client.socket.send(client.unsent)]
        client.last = time.monotonic()
        waiting = bool(client.unsent)
        if waiting != client.waiting:
            client.waiting = waiting
            wanted = selectors.EVENT_WRITE if waiting else selectors.EVENT_READ
            self._ready.modify(client.socket, wanted, client)

    def _sweep(self, now: float) -> None:
        for client in [each for each in self._clients if now - each.last > IDLE_SECONDS]:
            self._drop(client)

    def _drop(self, client: _Client) -> None:
        self._clients.discard(client)
        with suppress(KeyError, ValueError):
            self._ready.unregister(client.socket)
        client.socket.close()


def _clear(path: Path) -> None:
    """Take away a socket that a process left behind which has gone; nothing else."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            return  # bind says what is wrong
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX) as asked:
        try:
            asked.connect(str(path))
        except OSError:
            path.unlink()


def log_not_accepted(error: OSError) -> None:
    """Say that a connection did not come about."""
    log.warning("a look-up was not accepted: %s", error.strerror)
