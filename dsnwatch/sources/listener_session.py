"""What is said over one connection: SMTP or LMTP, as far as a host needs it that sends nothing.

Source: RFC 5321; RFC 2033 (LMTP), RFC 2920 (PIPELINING), RFC 3207 (STARTTLS), RFC 1870 (SIZE), RFC
6152 (8BITMIME), RFC 6531 (SMTPUTF8), RFC 2034 (enhanced status codes), RFC 3848 (their names).
"""

from datetime import UTC, datetime
from typing import Final

from dsnwatch.errors import StoreBusyError, StoreError, UnavailableError
from dsnwatch.model import Evidence, RawMessage
from dsnwatch.rfc.printable import printable
from dsnwatch.sources.listener_commands import Refused, recipient, sender
from dsnwatch.sources.listener_data import TOO_BIG, Refusal
from dsnwatch.sources.listener_wire import (
    MAX_IDLE_COMMANDS,
    OUR_MISTAKE,
    TOO_MANY_COMMANDS,
    House,
    Patience,
    Wire,
)

MAX_RECIPIENTS: Final = 100
MAX_SHOWN: Final = 255

NO_ROOM = "451 4.3.1 there is no room at the moment; come again later"
LOCKED = "451 4.3.0 the store is busy; come again later"
ERRORS: Final[tuple[tuple[type[BaseException], str], ...]] = (
    (UnavailableError, NO_ROOM),
    (StoreBusyError, LOCKED),
    (StoreError, NO_ROOM),
    (BaseException, OUR_MISTAKE),  # the inbox has logged it
)
"""What a message is answered that is not on disk, by the reason; the first that fits."""

EARLY = "521 5.5.0 it was not your turn to speak"
NOT_HERE = "502 5.5.1 not done here"
TOO_FAST = "450 4.7.28 too many messages in this minute; come again later"


class Session(Wire):
    """One client, from the greeting to the end.

    A method of a command gets what stands behind it, without the white space around; None for
    nothing.
    """

    def __init__(self, house: House, client: str | None, patience: Patience) -> None:
        super().__init__(house, client, patience)
        self._lmtp = house.section.protocol == "lmtp"
        self._hello = "LHLO" if self._lmtp else "EHLO"
        self._smtp_methods = {name: getattr(self, method) for name, method in COMMANDS}

    def __dir__(self) -> tuple[str, ...]:
        """Name nothing.

        For each connection aiosmtpd goes twice through every name of an object, to find its
        commands and its ways of AUTH: 165 µs. The commands are told above, and AUTH is none.
        """
        return ()

    async def smtp_HELO(self, hostname: str | None) -> None:
        """Begin, without extensions."""
        await self._begin(hostname, extended=False, here=not self._lmtp)

    async def smtp_EHLO(self, hostname: str | None) -> None:
        """Begin, with extensions."""
        await self._begin(hostname, extended=True, here=not self._lmtp)

    async def smtp_LHLO(self, hostname: str | None) -> None:
        """Begin LMTP."""
        await self._begin(hostname, extended=True, here=self._lmtp)

    async def _begin(self, hostname: str | None, *, extended: bool, here: bool) -> None:
        assert self.session is not None
        if not here:
            await self.push(f"500 5.5.1 say {self._hello}")
        elif not hostname:
            await self.push("501 5.5.4 say your name with it")
        else:
            self._forget()
            self.session.host_name = hostname
            self.session.extended_smtp = extended
            lines = [self.hostname, *(self._extensions() if extended else ())]
            head = [f"250-{line}" for line in lines[:-1]]
            await self._idle("\r\n".join([*head, f"250 {lines[-1]}"]))

    def _extensions(self) -> list[str]:
        size = self.house.section.max_message_size
        offered = [
            "PIPELINING",
            f"SIZE {size}",
            "8BITMIME",
            "SMTPUTF8",
            "ENHANCEDSTATUSCODES",
        ]
        if self.house.tls() is not None and self.encryption() is None:
            offered.append("STARTTLS")
        return offered

    async def smtp_STARTTLS(self, arg: str | None) -> None:
        """Go on under TLS."""
        context = self.house.tls()
        if arg:
            await self.push("501 5.5.4 STARTTLS takes no argument")
        elif context is None:
            await self.push("502 5.5.1 no TLS here")
        elif self.encryption() is not None:
            await self.push("503 5.5.1 this is TLS already")
        elif self.spoke_early():
            self.cut(EARLY)
        else:
            await self.shake_hands(context)

    async def smtp_MAIL(self, arg: str | None) -> None:
        """Begin a message."""
        assert self.session is not None
        assert self.envelope is not None
        section = self.house.section
        if not self.session.host_name:
            await self.push(f"503 5.5.1 say {self._hello} first")
        elif section.require_tls and self.encryption() is None:
            await self.push("530 5.7.0 say STARTTLS first")
        elif self.envelope.mail_from is not None:
            await self.push("503 5.5.1 a message has been begun already")
        elif isinstance(named := sender(arg, extended=self.session.extended_smtp), Refused):
            await self.push(named.reply)
        elif (named.size or 0) > section.max_message_size:
            await self.push(TOO_BIG.reply)
        elif self.house.too_fast(self.client):
            await self.push(TOO_FAST)
        else:
            self.envelope.mail_from = named.address
            self.envelope.smtp_utf8 = named.utf8
            await self.push("250 2.1.0 Ok")

    async def smtp_RCPT(self, arg: str | None) -> None:
        """Take a recipient, or say why not."""
        assert self.session is not None
        assert self.envelope is not None
        if self.envelope.mail_from is None:
            await self.push("503 5.5.1 say MAIL first")
            return
        judged = recipient(arg, extended=self.session.extended_smtp)
        taken = (
            judged if isinstance(judged, Refused) else self.house.recipients.judge(judged.address)
        )
        if isinstance(taken, Refused):
            self.house.note("recipient refused")
            await self.push(taken.reply)
        elif len(self.envelope.rcpt_tos) >= MAX_RECIPIENTS:
            await self.push("452 4.5.3 too many recipients; send the others another message")
        else:
            self.envelope.rcpt_tos.append(taken)
            await self.push("250 2.1.5 Ok")

    async def smtp_DATA(self, arg: str | None) -> None:
        """Take the message in; 250 is said when it is on disk."""
        assert self.envelope is not None
        recipients = self.envelope.rcpt_tos
        if arg:
            await self.push("501 5.5.4 DATA takes no argument")
        elif not recipients:
            await self.push("503 5.5.1 say MAIL and RCPT first")
        elif self.spoke_early():
            self.cut(EARLY)
        else:
            try:
                message = await self.read_message()
                if isinstance(message, Refusal):
                    self.house.note("message refused")
                    reply = message.reply
                else:
                    reply = await self._store(message)
            finally:
                self._forget()
            # RFC 2033 section 4.2: LMTP wants a reply for each recipient that was taken.
            await self.push("\r\n".join([reply] * (len(recipients) if self._lmtp else 1)))

    async def _store(self, data: bytes) -> str:
        """Hand the message over and wait until it is on disk; gives the reply."""
        self._storing = True
        try:
            given = await self.house.wall.over(self._raw(data))
        finally:
            self._storing = False
        if isinstance(given, BaseException):
            self.house.note("message deferred")
            return next(reply for kind, reply in ERRORS if isinstance(given, kind))
        self._errors = self._idle_commands = 0
        self.house.note(f"message {given.state}")
        return f"250 2.0.0 Ok: {given.state} as {given.id}"

    def _raw(self, data: bytes) -> RawMessage:
        """Make a message of what came, and of what is known of who sent it."""
        assert self.session is not None
        assert self.envelope is not None
        now = datetime.now(UTC)
        source = self.house.section.protocol
        tls = self.encryption()
        if self.envelope.smtp_utf8:
            protocol = f"UTF8{source.upper()}"
        else:
            plain = self._lmtp or not self.session.extended_smtp
            protocol = source.upper() if plain else "ESMTP"
        return RawMessage(
            data=data,
            locator=f"{source}:{self.client or 'unix'};{now:%Y-%m-%dT%H:%M:%S.%fZ}",
            source=source,
            arrived_at=now,
            stream=self.house.stream,
            recipients=tuple(dict.fromkeys(self.envelope.rcpt_tos)),
            evidence=Evidence(
                client=self.client,
                helo=_shown(self.session.host_name or ""),
                sender=self.envelope.mail_from or "",
                protocol=f"{protocol}S" if tls else protocol,
                tls=tls,
            ),
        )

    async def smtp_RSET(self, arg: str | None) -> None:
        """Forget the message."""
        if arg:
            await self.push("501 5.5.4 RSET takes no argument")
        else:
            self._forget()
            await self._idle("250 2.0.0 Ok")

    async def smtp_NOOP(self, arg: str | None) -> None:  # noqa: ARG002  anything may stand there
        """Do nothing."""
        await self._idle("250 2.0.0 Ok")

    async def smtp_HELP(self, arg: str | None) -> None:  # noqa: ARG002  anything may stand there
        """Say where to read on."""
        await self._idle("214 2.0.0 this host takes bounces; see RFC 5321")

    async def smtp_QUIT(self, arg: str | None) -> None:  # noqa: ARG002  who wants to go may go
        """Say goodbye."""
        self.cut("221 2.0.0 Bye")

    async def _not_here(self, arg: str | None) -> None:  # noqa: ARG002  whatever it is
        await self.push(NOT_HERE)

    smtp_VRFY = smtp_EXPN = smtp_ETRN = smtp_TURN = smtp_AUTH = smtp_BDAT = _not_here

    async def _idle(self, reply: str) -> None:
        """Answer a command that brings no mail nearer."""
        self._idle_commands += 1
        if self._idle_commands > MAX_IDLE_COMMANDS:
            self.cut(TOO_MANY_COMMANDS)
        await self.push(reply)

    def _forget(self) -> None:
        """Forget the message that was begun."""
        self.envelope = self._create_envelope()


COMMANDS: Final = tuple(
    (method.removeprefix("smtp_"), method) for method in vars(Session) if method[:5] == "smtp_"
)


def _shown(text: str) -> str:
    """Make one printable line of what a client said."""
    octets = text[:MAX_SHOWN].encode("utf-8", "surrogateescape")
    return printable(octets.decode("utf-8", "replace"))
