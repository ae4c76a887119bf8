"""`kind = "smtp"`: a notice by mail, or a digest of what came about since the last one.

The envelope sender is empty and the message says that a machine wrote it (RFC 3834), so that no
bounce and no automatic reply comes back and becomes an event of its own.
"""

import logging
import re
import smtplib
import ssl
from base64 import b64decode
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC
from email.message import EmailMessage
from email.policy import SMTP
from typing import TYPE_CHECKING

from dsnwatch.config.hook import server_of
from dsnwatch.errors import HookError
from dsnwatch.events import EVENTS
from dsnwatch.hooks import Delivery, Secrets
from dsnwatch.hooks.payloads import mail, read
from dsnwatch.hooks.tls import trusting, why
from dsnwatch.news import MAIL
from dsnwatch.records import News
from dsnwatch.rfc.printable import printable

if TYPE_CHECKING:
    from dsnwatch.config.hook import HookSection

log = logging.getLogger(__name__)

DIGEST_AT_MOST = 500
"""Events in one mail."""

SHOWN_AT_MOST = 300
"""Characters of a stranger's text in a line."""

_PORTS = {"none": 25, "starttls": 587, "implicit": 465}
_NOT_IN_HOSTS = re.compile(r"[^A-Za-z0-9.-]")
_DETAILS = (
    "from",
    "subject",
    "reason",
    "status",
    "diagnostic",
    "because",
    "until",
    "summary",
    "stream",
)


class SmtpHook:
    """Hands notices to one mail server.

    Args:
        section: The server, sender and recipients.
        password: Of the section's user; None where it has none.
        tls: For starttls and implicit.
    """

    def __init__(
        self, section: "HookSection", password: str | None, tls: ssl.SSLContext, node: str
    ) -> None:
        assert section.server is not None
        assert section.sender is not None
        self.every = section.every
        self.batch = DIGEST_AT_MOST if section.every else section.batch
        self.timeout = section.timeout
        self._host, port = server_of(section.server)
        self._port = port or _PORTS[section.tls]
        self._tls = section.tls
        self._context = tls
        self._user, self._password = section.user, password
        self._sender, self._to = section.sender, section.to
        self._node = _NOT_IN_HOSTS.sub("-", node) or "localhost"

    def deliver(self, delivery: Delivery) -> None:
        """Send one mail; see `Hook`."""
        message = notice(delivery, self._sender, self._to, self._node)
        where = f"{self._host}:{self._port}"
        try:
            with self._connect() as server:
                if self._tls == "starttls":
                    server.starttls(context=self._context)
                if self._user is not None and self._password is not None:
                    server.login(self._user, self._password)
                refused = server.send_message(message, "", list(self._to))
        except smtplib.SMTPResponseException as error:
            raise HookError(
                f"{where} answered {error.smtp_code}",
                answers=error.smtp_code >= 500,  # noqa: PLR2004  for good
            ) from error
        except smtplib.SMTPRecipientsRefused as error:
            raise HookError(f"{where} refuses {', '.join(self._to)}", answers=True) from error
        except smtplib.SMTPException as error:
            raise HookError(f"{where}: {type(error).__name__}") from error
        except OSError as error:
            raise HookError(f"{where}: {why(error)}") from error
        if refused:
            log_refused(where, refused)  # the others have it; once more would be twice to them

    def close(self) -> None:
        """Nothing is kept open."""

    def _connect(self) -> smtplib.SMTP:
        seconds = self.timeout.total_seconds()
        if self._tls == "implicit":
            return smtplib.SMTP_SSL(
                self._host, self._port, self._node, timeout=seconds, context=self._context
            )
        return smtplib.SMTP(self._host, self._port, self._node, timeout=seconds)


def notice(delivery: Delivery, sender: str, to: Sequence[str], node: str) -> EmailMessage:
    """Write the mail that tells of some events.

    Nothing a stranger wrote is in a header, and no control character in the text.
    """
    message = EmailMessage(SMTP)
    message["Subject"] = f"[dsnwatch {node}] {_subject(delivery.news)}"
    message["From"] = sender
    message["To"] = ", ".join(to)
    message["Date"] = delivery.at.astimezone(UTC)
    message["Message-ID"] = f"<{delivery.id}@{node}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content("\n".join(_told(each) for each in delivery.news) + "\n", charset="utf-8")
    for each in delivery.news:
        if each.type == MAIL and (octets := mail(read(each))["octets"]) is not None:
            # As octets: as message/rfc822 it would have to be well-formed, and strangers wrote it.
            message.add_attachment(
                b64decode(octets),
                maintype="application",
                subtype="octet-stream",
                filename=f"{each.id}.eml",
            )
    return message


def _subject(news: Sequence[News]) -> str:
    if len(news) == 1:
        return f"{news[0].type}: {EVENTS[news[0].type][1]}"
    counts = Counter(each.type for each in news)
    return ", ".join(f"{count} {type_}" for type_, count in counts.most_common())


def _told(news: News) -> str:
    """Tell one event in a few lines."""
    event = read(news)
    data = dict(event["data"])
    details = [(name, str(data[name])) for name in _DETAILS if data.get(name)]
    return "\n".join(
        [
            f"{event['timestamp']}  {event['type']}  {printable(news.address)[:SHOWN_AT_MOST]}",
            *(f"    {name}: {printable(text)[:SHOWN_AT_MOST]}" for name, text in details),
            f"    id: {news.id}",
            "",
        ]
    )


def log_refused(where: str, refused: Iterable[str]) -> None:
    """Say who does not get a notice that others got."""
    log.warning("%s refuses %s; check `to`", where, ", ".join(refused))


def make(section: "HookSection", secrets: Secrets, key: str) -> SmtpHook:
    """Make the hook of its section; see `Make`."""
    password = None
    if section.password_file is not None:
        password = secrets.secret(section.password_file, f"{key}.password_file")
    return SmtpHook(section, password, trusting(section, secrets, key), secrets.node)
