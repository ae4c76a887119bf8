"""Answers look-ups on one socket, over any number of connections, in one thread.

An answer takes some microseconds and never waits for a writer, so nothing is gained by more
threads; and a mail server that waits for the answer wants no queue before it.
"""

import logging
import selectors
import socket
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from dsnwatch.config.hook import server_of
from dsnwatch.config.lookup import UNIX
from dsnwatch.errors import UnavailableError
from dsnwatch.lookup import Source, Wire, WireError
from dsnwatch.unix_socket import listening

if TYPE_CHECKING:
    from dsnwatch.config.lookup import LookupSection

log = logging.getLogger(__name__)

CONNECTIONS_AT_MOST = 1000
BACKLOG = 128
PIECE = 65536
HELD_SECONDS = 0.005
"""How old the state of the store may be that is answered from."""

IDLE_SECONDS = 3600.0
"""A connection that asks nothing for so long is closed; Postfix closes its own much sooner."""

_LOOK_SECONDS = 60.0


@dataclass(slots=True, eq=False)
class _Client:
    """One connection, what has come on it and what is to go."""

    socket: socket.socket
    last: float
    received: bytearray = field(default_factory=bytearray)
    unsent: bytes = b""


class LookupServer:
    """Serves one `[[lookup]]` section.

    Args:
        section: Where to listen.
        wire: The protocol.
        source: Where the answers come from; used and closed in the thread of `run`.

    Raises:
        UnavailableError: It cannot listen there.
    """

    def __init__(self, section: "LookupSection", wire: Wire, source: Source) -> None:
        self._wire = wire
        self._source = source
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
        swept = held = time.monotonic()
        wait = _LOOK_SECONDS
        try:
            while True:
                found = self._ready.select(wait)
                now = time.monotonic()
                if now - held >= HELD_SECONDS:
                    self._source.release()
                    held, wait = now, _LOOK_SECONDS
                    if now - swept > _LOOK_SECONDS:
                        self._sweep(now)
                        swept = now
                if found:
                    self._source.hold()
                    wait = HELD_SECONDS
                for key, _ in found:
                    if key.data is not None:
                        self._serve(key.data, now)
                    elif key.fileobj is self._server:
                        self._accept(now)
                    else:
                        return
        finally:
            self.close()
            self._source.close()

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
            return socket.create_server((host, port), family=family, backlog=BACKLOG)
        path = Path(section.listen.removeprefix(UNIX))
        opened = listening(path, int(section.mode, 8), BACKLOG)
        self._path = path
        return opened

    def _accept(self, now: float) -> None:
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
        client = _Client(accepted, now)
        self._clients.add(client)
        self._ready.register(accepted, selectors.EVENT_READ, client)

    def _serve(self, client: _Client, now: float) -> None:
        """Hear a client and answer, or send on what it has not read yet."""
        client.last = now
        try:
            if client.unsent:
                self._send(client, client.unsent)
                return
            piece = client.socket.recv(PIECE)
            if not piece:
                self._drop(client)
                return
            client.received += piece
            if answers := self._wire.answer(client.received):
                self._send(client, answers)
        except (BlockingIOError, InterruptedError):
            pass
        except (OSError, WireError):
            self._drop(client)

    def _send(self, client: _Client, octets: bytes) -> None:
        """Send what the client takes; until it has all of it, it is not heard."""
        try:
            sent = client.socket.send(octets)
        except BlockingIOError:
            sent = 0
        if sent == len(octets) and not client.unsent:
            return  # as nearly always
        client.unsent = octets[sent:]
        wanted = selectors.EVENT_WRITE if client.unsent else selectors.EVENT_READ
        self._ready.modify(client.socket, wanted, client)

    def _sweep(self, now: float) -> None:
        for client in [each for each in self._clients if now - each.last > IDLE_SECONDS]:
            self._drop(client)

    def _drop(self, client: _Client) -> None:
        self._clients.discard(client)
        with suppress(KeyError, ValueError):
            self._ready.unregister(client.socket)
        client.socket.close()


def log_not_accepted(error: OSError) -> None:
    """Say that a connection did not come about."""
    log.warning("a look-up was not accepted: %s", error.strerror)
