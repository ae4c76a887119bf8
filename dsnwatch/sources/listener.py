"""Receives bounces over SMTP and LMTP; a message is answered 250 when it is on disk.

What leaves this room is a `RawMessage` for `submit`; nothing is relayed, and nothing is ever sent
back. `listener_session` speaks with one client, this file with all of them: who may come in, how
fast, for how long.
"""

import asyncio
import logging
import os
import socket
import ssl
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from ipaddress import IPv6Address, IPv6Network
from pathlib import Path
from typing import TYPE_CHECKING

from dsnwatch.config.listener import ListenerSection, place_of
from dsnwatch.errors import ConfigError
from dsnwatch.model import RawMessage
from dsnwatch.rfc.return_path import Key, keys_of
from dsnwatch.sources.listener_commands import Recipients
from dsnwatch.sources.listener_session import Session
from dsnwatch.sources.listener_sockets import BACKLOG, sockets_of
from dsnwatch.sources.listener_tls import Certificate
from dsnwatch.sources.listener_wall import Wall
from dsnwatch.sources.listener_wire import Patience, Wire

if TYPE_CHECKING:
    from concurrent.futures import Future

    from dsnwatch.config.settings import Configuration
    from dsnwatch.records import Receipt

log = logging.getLogger(__name__)

MINUTE = 60.0
PREFIX = 64
"""Bits of an IPv6 address that one customer of a provider cannot change."""

LOOKS_PER_IDLE = 5
CROWDED = 0.8
"""From this share of the connections on, those that say nothing are cut off sooner."""

CROWD = "421 4.7.0 too many connections; come again later"
CROWD_OF_YOURS = "421 4.7.0 too many connections of yours; come again later"


class Listener:
    """Takes mail in for the domains of our return paths; lives in one asyncio loop.

    Args:
        section: What the configuration says of it.
        submit: Leaves a message for the store (`Inbox.submit`); raises UnavailableError when full.
        hostname: The name to greet with, where the section has none.
        stream: The stream of its mail, where the section has none.
        keys: Those that return paths are signed with.
        certificate: For STARTTLS.
        patience: How long clients may take.

    Attributes:
        counts: How often each thing has happened since the start: `connection`, `message stored`,
            `message deferred`, `recipient refused`, `error` ...
    """

    def __init__(
        self,
        section: ListenerSection,
        submit: Callable[[RawMessage], "Future[Receipt]"],
        *,
        hostname: str = "",
        stream: str = "",
        keys: Sequence[Key] = (),
        certificate: Certificate | None = None,
        patience: Patience | None = None,
    ) -> None:
        self.section = section
        self._submit = submit
        self.hostname = section.hostname or hostname or socket.getfqdn()
        self.stream = section.stream or stream
        self.recipients = Recipients(section, keys, _today)
        self.counts: Counter[str] = Counter()
        self._certificate = certificate
        self._patience = patience or Patience()
        self._connections: set[Wire] = set()
        self._clients: Counter[str] = Counter()
        self._messages: Counter[str] = Counter()
        self._minute = 0.0
        self._sockets: list[socket.socket] = []
        self._servers: list[asyncio.Server] = []
        self._empty = asyncio.Event()
        self._clock: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        """Listen, and return.

        Raises:
            ConfigError: A place does not exist here.
            UnavailableError: A place is taken, or not for us to take.
        """
        self.loop = asyncio.get_running_loop()
        self.wall = Wall(self._submit, self.loop)
        _silence_aiosmtpd()
        self._sockets = sockets_of(self.section.listen, os.environ)
        for each in self._sockets:
            each.setblocking(False)  # noqa: FBT003  the standard library's own
            # Not create_unix_server: it removes the file, which may be systemd's.
            server = await self.loop.create_server(lambda: Door(self), sock=each, backlog=BACKLOG)
            self._servers.append(server)
        self._look_at_clock()
        log_listening(self.section.protocol, self.places)

    async def stop(self, grace: timedelta) -> None:
        """Take no new clients, let messages under way end, and return.

        Args:
            grace: How long they may take; who has not been answered by then will come again.
        """
        for path in self._own_paths():
            path.unlink(missing_ok=True)
        for server in self._servers:
            server.close()
        self._servers.clear()
        for connection in list(self._connections):
            connection.stop()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wait_for_all(), grace.total_seconds())
        for connection in list(self._connections):
            connection.abandon()
        if self._clock is not None:
            self._clock.cancel()

    @property
    def places(self) -> tuple[tuple[str, int] | str, ...]:
        """Where it listens: `(address, port)`, or the path of a Unix socket."""
        return tuple(
            name if isinstance(name, str) else (str(name[0]), int(name[1]))
            for name in (each.getsockname() for each in self._sockets)
        )

    @property
    def connections(self) -> int:
        """How many clients there are at this moment."""
        return len(self._connections)

    def tls(self) -> ssl.SSLContext | None:
        """Give what TLS is spoken with at this moment; None where it is not."""
        return None if self._certificate is None else self._certificate.context()

    def receive(self, transport: asyncio.Transport, client: str | None) -> str | None:
        """Let a client in who has just connected; else give what he is turned away with."""
        if len(self._connections) >= self.section.max_connections:
            self.note("connection turned away")
            return CROWD
        # Behind a proxy the client is known later.
        refused = None if self.section.proxy_protocol else self.welcome(client)
        if refused is None:
            connection = Session(self, client, self._patience)
            self._connections.add(connection)
            transport.set_protocol(connection)
            connection.connection_made(transport)
            self.note("connection")
        return refused

    def welcome(self, client: str | None) -> str | None:
        """Count a client in; else give what he is turned away with."""
        limit = self.section.max_connections_per_ip
        origin = self._origin(client)
        if origin is None or not limit:
            return None
        if self._clients[origin] >= limit:
            self.note("connection turned away")
            return CROWD_OF_YOURS
        self._clients[origin] += 1
        return None

    def goodbye(self, connection: Wire, welcomed: str | None) -> None:
        """Count a connection out, and the client who was welcomed with it."""
        self._connections.discard(connection)
        origin = self._origin(welcomed)
        if origin is not None and origin in self._clients:
            self._clients[origin] -= 1
            if not self._clients[origin]:
                del self._clients[origin]
        if not self._connections:
            self._empty.set()

    def too_fast(self, client: str | None) -> bool:
        """Count a message of a client's; says whether it is one too many in this minute."""
        limit = self.section.messages_per_minute_per_ip
        origin = self._origin(client)
        if origin is None or not limit:
            return False
        now = self.loop.time()
        if now - self._minute >= MINUTE:
            self._minute = now
            self._messages.clear()
        self._messages[origin] += 1
        return self._messages[origin] > limit

    def note(self, what: str) -> None:
        """Count something that happened."""
        self.counts[what] += 1

    def blame(self, error: Exception) -> None:
        """Log a mistake of ours."""
        log.error("a command failed by a mistake of ours; please report this", exc_info=error)

    def _origin(self, client: str | None) -> str | None:
        """Give what a client is counted by: an IPv4 address, or the /64 of an IPv6 one.

        None over a Unix socket, and for LMTP: who speaks that is a server of our own (RFC 2033
        section 1).
        """
        if client is None or self.section.protocol == "lmtp":
            return None
        if ":" not in client:
            return client
        address = IPv6Address(client.partition("%")[0])
        return str(address.ipv4_mapped or IPv6Network((address, PREFIX), strict=False))

    async def _wait_for_all(self) -> None:
        while self._connections:
            self._empty.clear()
            await self._empty.wait()

    def _look_at_clock(self) -> None:
        """Cut off who takes too long, now and a little later again."""
        now = self.loop.time()
        crowded = len(self._connections) >= CROWDED * self.section.max_connections
        for connection in list(self._connections):
            connection.look_at_clock(now, crowded=crowded)
        shortest = min(self._patience.idle, self._patience.idle_when_crowded, self._patience.data)
        self._clock = self.loop.call_later(shortest / LOOKS_PER_IDLE, self._look_at_clock)

    def _own_paths(self) -> list[Path]:
        paths = (place_of(text).path for text in self.section.listen)
        return [path for path in paths if path is not None] if self._servers else []


class Door(asyncio.Protocol):
    """Where a client stands before he is let in; costs next to nothing."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let him in, or turn him away."""
        assert isinstance(transport, asyncio.Transport)
        peer = transport.get_extra_info("peername")
        client = str(peer[0]) if isinstance(peer, tuple) else None
        refused = self._listener.receive(transport, client)
        if refused is not None:
            transport.write(f"{refused}\r\n".encode())
            transport.close()


def listener_of(
    configuration: "Configuration",
    section: ListenerSection,
    submit: Callable[[RawMessage], "Future[Receipt]"],
) -> Listener:
    """Make a listener of one `[[listener]]` of the configuration, not started.

    Raises:
        ConfigError: A certificate or the keys of return paths cannot be used.
    """
    settings = configuration.settings
    certificate = None
    if section.tls_certificate_file is not None:
        key = section.tls_key_file
        certificate = Certificate(
            configuration.beside(section.tls_certificate_file),
            None if key is None else configuration.secret_place(key),
        )
    return Listener(
        section,
        submit,
        stream=settings.stream,
        keys=return_path_keys(configuration),
        certificate=certificate,
    )


def return_path_keys(configuration: "Configuration") -> tuple[Key, ...]:
    """Read the keys that return paths are signed with; none where none are configured.

    Raises:
        ConfigError: The file cannot be read, or a line of it is no key.
    """
    path = configuration.settings.return_path.key_file
    if path is None:
        return ()
    try:
        return keys_of(configuration.secret(path, "return_path.key_file"))
    except ValueError as error:
        raise ConfigError(f"return_path.key_file: {path}: {error}") from error


def _today() -> date:
    return datetime.now(UTC).date()


def _silence_aiosmtpd() -> None:
    """Keep whole return paths out of the log: aiosmtpd writes each command into it."""
    for name in ("mail.log", "mail.debug"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def log_listening(protocol: str, places: Sequence[tuple[str, int] | str]) -> None:
    """Say where bounces are received."""
    shown = ", ".join(p if isinstance(p, str) else f"{p[0]} port {p[1]}" for p in places)
    log.info("%s listener on %s", protocol, shown)
