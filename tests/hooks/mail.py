"""A mail server on the loopback that keeps what it gets."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from ssl import SSLContext
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from .builders import a_free_port


@dataclass
class Mail:
    """One message as it came."""

    sender: str | None
    recipients: list[str]
    data: bytes
    user: str = ""


@dataclass
class MailServer:
    """What it got, and what it answers."""

    port: int = 0
    got: list[Mail] = field(default_factory=list)
    reply: str = "250 2.0.0 ok"
    refuses: str = ""

    async def handle_RCPT(  # noqa: N802  the signature is aiosmtpd's
        self,
        server: SMTP,  # noqa: ARG002  likewise
        session: Session,  # noqa: ARG002  likewise
        envelope: Envelope,
        address: str,
        rcpt_options: list[str],  # noqa: ARG002  likewise
    ) -> str:
        if address == self.refuses:
            return "550 5.1.1 no such user"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(  # noqa: N802  likewise
        self,
        server: SMTP,  # noqa: ARG002  likewise
        session: Session,
        envelope: Envelope,
    ) -> str:
        if self.reply.startswith("250"):
            user = session.auth_data if isinstance(session.auth_data, str) else ""
            data = envelope.content if isinstance(envelope.content, bytes) else b""
            self.got.append(Mail(envelope.mail_from, envelope.rcpt_tos, data, user))
        return self.reply


def _let_in(
    server: SMTP,  # noqa: ARG001  likewise
    session: Session,  # noqa: ARG001  likewise
    envelope: Envelope,  # noqa: ARG001  likewise
    mechanism: str,  # noqa: ARG001  likewise
    data: object,
) -> AuthResult:
    if isinstance(data, LoginPassword) and data.password == b"s3cret":
        return AuthResult(success=True, auth_data=data.login.decode())
    return AuthResult(success=False)


@contextmanager
def a_mail_server(tls: SSLContext | None = None) -> Iterator[MailServer]:
    """Serve on a port of the loopback; with a certificate, STARTTLS and a password are needed."""
    server = MailServer(a_free_port())
    needed: dict[str, Any] = {}
    if tls is not None:
        needed = {
            "require_starttls": True,
            "tls_context": tls,
            "authenticator": _let_in,
            "auth_required": True,
        }
    controller = Controller(server, hostname="127.0.0.1", port=server.port, **needed)
    controller.start()
    try:
        yield server
    finally:
        controller.stop()
