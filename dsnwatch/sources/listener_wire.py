"""What goes over one connection, and what ends it; what is said, `listener_session` knows.

aiosmtpd reads command lines, switches to TLS and reads PROXY headers. Here is what keeps a stranger
from holding a connection for ever, or from slipping something past us: line ends, a budget for
errors, another for commands that bring no mail, and times (`Patience`).

Source: RFC 5321 sections 2.3.8 and 4.5.3.2; RFC 3207 section 6 (what was said before TLS).
"""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Protocol

from aiosmtpd.proxy_protocol import ProxyData
from aiosmtpd.smtp import SMTP, TLSSetupException

from dsnwatch.sources.listener_data import TOO_BIG, DataScanner, Refusal

if TYPE_CHECKING:
    import ssl

    from dsnwatch.config.listener import ListenerSection
    from dsnwatch.sources.listener_commands import Recipients
    from dsnwatch.sources.listener_wall import Wall

MAX_LINE: Final = 2048
"""A command with its line end; RFC 5321 asks for 512, the extensions for some 1,100 more."""

MAX_ERRORS: Final = 20
MAX_IDLE_COMMANDS: Final = 100
LINGER: Final = 5.0
"""Seconds in which a client may read why it was cut off."""

PROXY_SECONDS: Final = 30.0
NEVER: Final = timedelta(days=365).total_seconds()

OUR_MISTAKE = "451 4.3.0 something went wrong here; come again later"
TOO_MANY_ERRORS = "421 4.7.0 too many errors"
TOO_MANY_COMMANDS = "421 4.7.0 too many commands without a message"
TOO_SLOW = "421 4.4.2 that took too long"
STOPPING = "421 4.3.2 this host is stopping; come again later"
STRAY_LF = "521 5.5.2 a bare LF ends no line; lines end with CR LF"


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a client may take, in seconds.

    Attributes:
        idle: From our reply to the end of the next command, and between two pieces of a message
            (RFC 5321 section 4.5.3.2.7).
        idle_when_crowded: The same where most connections are taken.
        data: For a whole message.
        whole: For everything; a message that is being stored is waited for.
    """

    idle: float = 300.0
    idle_when_crowded: float = 20.0
    data: float = 600.0
    whole: float = 3600.0


class House(Protocol):
    """What a connection asks of its listener."""

    section: "ListenerSection"
    hostname: str
    stream: str
    recipients: "Recipients"
    wall: "Wall"
    loop: asyncio.AbstractEventLoop

    def tls(self) -> "ssl.SSLContext | None":
        """Give what TLS is spoken with at this moment; None where it is not."""

    def welcome(self, client: str | None) -> str | None:
        """Count a client in; else give what he is turned away with."""

    def goodbye(self, connection: "Wire", client: str | None) -> None:
        """Count a connection out, and the client who was welcomed with it."""

    def too_fast(self, client: str | None) -> bool:
        """Count a message of a client's; says whether it is one too many in this minute."""

    def note(self, what: str) -> None:
        """Count something that happened."""

    def blame(self, error: Exception) -> None:
        """Log a mistake of ours."""


class _Hooks:
    """What aiosmtpd asks its handler."""

    def __init__(self, house: House) -> None:
        self._house = house

    def __dir__(self) -> tuple[str, ...]:
        """Name what there is to ask: aiosmtpd looks at every name for each connection."""
        return ("handle_PROXY", "handle_exception")

    async def handle_PROXY(self, server: "Wire", *rest: object) -> bool:
        """Go by who connects by a PROXY header; it is valid."""
        data = rest[-1]
        assert isinstance(data, ProxyData)
        return server.proxied(data)

    async def handle_exception(self, error: Exception) -> str:
        """Answer a command that raised."""
        if not isinstance(error, TLSSetupException):
            self._house.blame(error)
        return OUR_MISTAKE


class _LineSizes(dict[str, int]):
    """Where aiosmtpd looks up how long each command may be; it knows none, and learns none."""

    def __missing__(self, command: str) -> int:
        return MAX_LINE


class Wire(SMTP):
    """One client's connection.

    Args:
        house: The listener it belongs to, which has welcomed the client.
        client: The address that connects; None over a Unix socket. With PROXY, the proxy's.
        patience: How long it may take.
    """

    line_length_limit = MAX_LINE
    command_size_limit = MAX_LINE
    command_size_limits = _LineSizes()

    def __init__(self, house: House, client: str | None, patience: Patience) -> None:
        section = house.section
        super().__init__(
            _Hooks(house),
            data_size_limit=section.max_message_size,
            enable_SMTPUTF8=True,
            hostname=house.hostname,
            ident="LMTP dsnwatch" if section.protocol == "lmtp" else "ESMTP dsnwatch",
            timeout=NEVER,  # aiosmtpd would close without a word, and knows no other times
            auth_exclude_mechanism=("LOGIN", "PLAIN"),
            proxy_protocol_timeout=PROXY_SECONDS if section.proxy_protocol else None,
            loop=house.loop,
        )
        self.house = house
        self.client = client
        self._patience = patience
        self._welcomed = self._checks_lines = not section.proxy_protocol
        self._ends_in_cr = False
        self._scanner: DataScanner | None = None
        self._message: asyncio.Future[bytes | Refusal] | None = None
        self._began = self._heard = house.loop.time()
        self._data_began: float | None = None
        self._storing = False
        self._handshakes = False
        self._stops = False
        self._cut_off = False
        self._lingering: asyncio.TimerHandle | None = None
        self._gone = False
        self._errors = 0
        self._idle_commands = 0

    def data_received(self, data: bytes) -> None:
        """Take in what came: part of a message, or commands."""
        if self._cut_off:
            return
        if self._scanner is not None:
            self._take(self._scanner, data)
            return
        if self._checks_lines:
            pairs = data.count(b"\r\n") + (self._ends_in_cr and data.startswith(b"\n"))
            self._ends_in_cr = data.endswith(b"\r")
            if data.count(b"\n") != pairs:
                self.cut(STRAY_LF)
                return
        super().data_received(data)

    def _take(self, scanner: DataScanner, data: bytes) -> None:
        """Take in part of a message."""
        self._heard = self.loop.time()
        rest = scanner.feed(data)
        if rest is None:
            if scanner.hopeless:
                self.cut(TOO_BIG.reply)
            return
        self._scanner = self._data_began = None
        self._ends_in_cr = False
        if self._message is not None and not self._message.done():
            self._message.set_result(scanner.message())
        if rest:
            self.data_received(rest)

    def connection_lost(self, error: Exception | None) -> None:
        """Count it out; aiosmtpd says so twice where TLS came to nothing."""
        if not self._gone:
            self._gone = True
            if self._lingering is not None:
                self._lingering.cancel()  # it would keep us in memory until then
            self.house.goodbye(self, self.client if self._welcomed else None)
            super().connection_lost(error)

    async def push(self, status: str | bytes) -> None:
        """Answer, and see whether the client has used up his errors.

        Raises:
            asyncio.CancelledError: There is nobody to answer any more.
        """
        reply = status if isinstance(status, str) else status.decode()
        if reply.startswith("500 ") and not reply.startswith("500 5."):  # aiosmtpd's own
            reply = "500 5.5.2 " + reply.removeprefix("500 ")
        if reply[0] in "45":
            self._errors += 1
            self.house.note("error")
            if self._errors >= MAX_ERRORS:
                self.cut(f"{reply}\r\n{TOO_MANY_ERRORS}")
        if self._cut_off:
            raise asyncio.CancelledError
        self._writer.write(f"{reply}\r\n".encode())
        try:
            await self._writer.drain()
        except ConnectionError:
            raise asyncio.CancelledError from None
        self._heard = self.loop.time()
        if self._stops:
            self.stop()

    def cut(self, reply: str) -> None:
        """Say a last word and close."""
        transport = self._pipe()
        if self._cut_off or transport is None:
            return
        self._cut_off = True
        if not self._handshakes:  # else it would get into the middle of TLS
            transport.write(f"{reply}\r\n".encode())
        transport.close()
        self._lingering = self.loop.call_later(LINGER, transport.abort)

    def stop(self) -> None:
        """End as soon as no message is on its way."""
        self._stops = True
        if not self._storing and (self.envelope is None or self.envelope.mail_from is None):
            self.cut(STOPPING)

    def _reset_timeout(self, duration: float | None = None) -> None:
        """Set aiosmtpd's own timer for the PROXY header only; it would do so at each command."""
        if self._timeout_handle is None or duration is not None or not self._checks_lines:
            super()._reset_timeout(duration)

    def abandon(self) -> None:
        """Close at once: time is up."""
        self.cut(STOPPING)
        if transport := self._pipe():
            transport.abort()

    def look_at_clock(self, now: float, *, crowded: bool) -> None:
        """Cut a client off who takes too long.

        Args:
            now: As the loop tells it.
            crowded: Whether most connections are taken.
        """
        patience = self._patience
        idle = patience.idle_when_crowded if crowded else patience.idle
        if self._storing:
            return
        if (
            now - self._heard > idle
            or now - self._began > patience.whole
            or (self._data_began is not None and now - self._data_began > patience.data)
        ):
            self.house.note("too slow")
            self.cut(TOO_SLOW)

    def proxied(self, data: ProxyData) -> bool:
        """Go on with the client that a proxy names; says whether he is welcome."""
        self._checks_lines = True
        if data.src_port is not None:  # else the proxy speaks for itself, or for a Unix socket
            self.client = str(data.src_addr)
        refused = self.house.welcome(self.client)
        self._welcomed = refused is None
        if refused is not None:
            self.cut(refused)
        return self._welcomed

    async def read_message(self) -> bytes | Refusal:
        """Say 354 and wait for the message and its end."""
        self._scanner = DataScanner(self.house.section.max_message_size)
        self._message = self.loop.create_future()
        self._data_began = self.loop.time()
        try:
            await self.push("354 end with a dot on a line of its own")
            return await self._message
        finally:
            self._scanner = self._message = self._data_began = None

    async def shake_hands(self, context: "ssl.SSLContext") -> None:
        """Go on under TLS; what was said in clear is forgotten."""
        self.tls_context = context
        self._handshakes = True
        try:
            await super().smtp_STARTTLS("")
        except TLSSetupException:
            self.house.note("TLS failed")
            raise
        finally:
            self._handshakes = False
        if self.session is None or self.session.ssl is None:
            # asyncio tells nobody of a connection that went in the middle of the handshake.
            self.connection_lost(None)
            raise asyncio.CancelledError

    def encryption(self) -> str | None:
        """Name the version and the cipher of TLS; None in clear."""
        transport = self._pipe()
        spoken = None if transport is None else transport.get_extra_info("ssl_object")
        if spoken is None:
            return None
        cipher = spoken.cipher()
        return f"{spoken.version()} {cipher[0] if cipher else '?'}"

    def spoke_early(self) -> bool:
        """Whether something waits to be read where it is our turn."""
        # Nothing public tells; aiosmtpd itself empties it so when TLS begins.
        return bool(self._reader._buffer)  # type: ignore[attr-defined] # noqa: SLF001

    def _pipe(self) -> asyncio.Transport | None:
        assert self.transport is None or isinstance(self.transport, asyncio.Transport)
        return self.transport
