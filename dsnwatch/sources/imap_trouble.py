"""What goes wrong with an IMAP server: told apart by rows, each with the next step in it."""

import imaplib
import re
import socket
import ssl
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from imapclient.exceptions import ProtocolError

from dsnwatch.errors import DsnwatchError, SourceError

MOST_WAIT: Final = timedelta(hours=1)
"""However long a server asks us to stay away, we look again after this."""

_SHOWN: Final = 200
"""Characters of a server's answer that are repeated."""


class Trouble(StrEnum):
    """What kind of trouble it is, for who decides when to come again."""

    RESOLVE = "resolve"
    CONNECT = "connect"
    TLS = "tls"
    LOGIN = "login"
    THROTTLED = "throttled"
    LOST = "lost"
    PROTOCOL = "protocol"
    REFUSED = "refused"
    """The server answered NO or BAD; the connection is sound."""


class MailboxError(SourceError):
    """Something about a mailbox, with the step to take.

    Attributes:
        trouble: What kind.
        wait: How long the server asks us to stay away; None where it did not say.
    """

    def __init__(self, text: str, trouble: Trouble, wait: timedelta | None = None) -> None:
        super().__init__(text)
        self.trouble = trouble
        self.wait = wait


@dataclass(frozen=True, slots=True)
class Answer:
    """A row: what a server says, what it means, and what to do.

    Attributes:
        pattern: Searched in the text of NO, BAD and BYE, in any case; a group `ms` or `s` is how
            long it asks us to stay away.
        source: Who says so.
    """

    pattern: re.Pattern[str]
    trouble: Trouble
    step: str
    source: str


def _row(pattern: str, trouble: Trouble, step: str, source: str) -> Answer:
    return Answer(re.compile(pattern, re.IGNORECASE), trouble, step, source)


_LATER = "dsnwatch comes again later by itself"
ANSWERS: Final = (
    _row(
        r"throttled\. Suggested Backoff Time: (?P<ms>\d{1,9}) milliseconds",
        Trouble.THROTTLED,
        _LATER,
        "Exchange Online",
    ),
    _row(
        r"\[(?:THROTTLED|OVERQUOTA)\].*(?:limit|exceeded|bandwidth|throttl)|\[THROTTLED\]",
        Trouble.THROTTLED,
        _LATER,
        "Gmail",
    ),
    _row(
        r"\[(?:LIMIT|INUSE|UNAVAILABLE)\]|server (?:is )?(?:unavailable|busy|shutting down)"
        r"|too many (?:simultaneous )?connections|maximum number of connections",
        Trouble.THROTTLED,
        f"{_LATER}; where it lasts, see that no other program holds connections to this mailbox",
        "RFC 5530 section 3; Exchange; Dovecot",
    ),
    _row(
        r"\[OVERQUOTA\]",
        Trouble.REFUSED,
        'make room in the mailbox, or set after = "flag"',
        "RFC 9208 section 4.3",
    ),
    _row(
        r"\[EXPIRED\]",
        Trouble.LOGIN,
        "set a new password or client secret",
        "RFC 5530 section 3",
    ),
    _row(
        r"\[PRIVACYREQUIRED\]|LOGINDISABLED",
        Trouble.LOGIN,
        'set tls = "implicit" or "starttls"',
        "RFC 5530 section 3; RFC 9051 section 7.2.2",
    ),
    _row(
        r"user is authenticated but not connected",
        Trouble.LOGIN,
        "let the app into this mailbox (Add-MailboxPermission) and see that IMAP is switched on "
        "for it",
        "Exchange Online",
    ),
    _row(
        r"\[(?:ALERT|WEBALERT)[^]]*\].*(?:application-specific password|web browser|less secure)",
        Trouble.LOGIN,
        'use auth = "google", or an app password',
        "Gmail",
    ),
    _row(
        r"\[(?:AUTHENTICATIONFAILED|AUTHORIZATIONFAILED|CONTACTADMIN)\]",
        Trouble.LOGIN,
        "check user and password_file (or the OAuth 2 keys)",
        "RFC 5530 section 3",
    ),
)
"""Tried from the top."""

_STEPS: Final = {
    Trouble.LOGIN: "check user and password_file (or the OAuth 2 keys)",
    Trouble.THROTTLED: _LATER,
    Trouble.REFUSED: "see what the server's log says",
}


def said_no(text: str, *, otherwise: Trouble = Trouble.REFUSED) -> tuple[Trouble, str, str]:
    """Say what a server means that said NO, BAD or BYE.

    Args:
        text: Its words.
        otherwise: What it is where no row knows the words.

    Returns:
        The kind of trouble, the words fit to be shown, and the next step.
    """
    shown = _shown(text)
    row = next((row for row in ANSWERS if row.pattern.search(text)), None)
    if row is None:
        return otherwise, shown, _STEPS.get(otherwise, _LATER)
    return row.trouble, shown, row.step


def wait_of(text: str) -> timedelta | None:
    """Find how long a server asks us to stay away; None where it does not say."""
    for row in ANSWERS:
        found = row.pattern.search(text)
        if found and "ms" in row.pattern.groupindex:
            return min(timedelta(milliseconds=int(found["ms"])), MOST_WAIT)
    return None


CAUGHT: Final = (
    OSError,
    imaplib.IMAP4.error,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    ArithmeticError,
    RecursionError,
    MemoryError,
)
"""What IMAPClient and imaplib raise when the connection or the server's answers are broken."""


_BROKEN: Final[tuple[tuple[type[OSError], Trouble, str], ...]] = (
    (
        ssl.SSLCertVerificationError,
        Trouble.TLS,
        "its certificate is not trusted ({why}); set host to a name in it, or tls_ca_file",
    ),
    (
        ssl.SSLError,
        Trouble.TLS,
        "TLS failed ({why}); check port and tls (993 is implicit, 143 is starttls)",
    ),
    (
        socket.gaierror,
        Trouble.RESOLVE,
        "the name cannot be resolved ({why}); check host, and the machine's DNS",
    ),
    (
        TimeoutError,
        Trouble.LOST,
        f"no answer in time; {_LATER}; where it lasts, check host, port and firewall",
    ),
    (
        ConnectionRefusedError,
        Trouble.CONNECT,
        "nobody listens there; check host and port, and that the server runs",
    ),
    (OSError, Trouble.LOST, f"{{why}}; {_LATER}"),
)
"""What a broken connection raises, the special before the general."""


def told(name: str, doing: str, error: BaseException) -> DsnwatchError:
    """Bring whatever came out of a call to the server into one line.

    Args:
        name: The mailbox.
        doing: What was tried: `login`, `moving 3 messages to 'Processed'`.
        error: What was raised; one of `CAUGHT`, or one of ours, which is given back.
    """
    here = f"mailbox '{name}': {doing}"
    error = _first_cause(error)
    for kind, trouble, text in _BROKEN:
        if isinstance(error, kind):
            return MailboxError(f"{here}: {text.format(why=_why(error))}", trouble)
    match error:
        case DsnwatchError():
            return error
        case imaplib.IMAP4.abort():
            return _ended(here, error)
        case imaplib.IMAP4.error() if not isinstance(error, ProtocolError):
            otherwise = Trouble.LOGIN if doing == "login" else Trouble.REFUSED
            trouble, shown, step = said_no(str(error), otherwise=otherwise)
            return MailboxError(f"{here} refused ({shown}); {step}", trouble, wait_of(str(error)))
        case _:
            return MailboxError(
                f"{here}: the server's answer cannot be understood ({_shown(repr(error))}); "
                f"{_LATER}",
                Trouble.PROTOCOL,
            )


def _first_cause(error: BaseException) -> BaseException:
    """Find the broken connection that IMAPClient takes for a refused login."""
    inner: BaseException | None = error
    while isinstance(inner, imaplib.IMAP4.error) and not isinstance(inner, imaplib.IMAP4.abort):
        inner = inner.__cause__ or inner.__context__
    return inner if isinstance(inner, (imaplib.IMAP4.abort, OSError)) else error


def _why(error: OSError) -> str:
    """Say in the system's words what broke."""
    said = getattr(error, "verify_message", None) or getattr(error, "reason", None)
    return str(said or error.strerror or error).rstrip(".")


def _ended(here: str, error: BaseException) -> MailboxError:
    """The connection ended, by a BYE with a reason or just so."""
    text = str(error)
    trouble, shown, step = said_no(text, otherwise=Trouble.LOST)
    if trouble is Trouble.REFUSED:
        trouble = Trouble.LOST  # there is no connection any more
    return MailboxError(f"{here}: the connection ended ({shown}); {step}", trouble, wait_of(text))


_WRAPPED: Final = re.compile(
    r"(?:[\w ]+ (?:failed: |command error: (?:BAD )?))?\[?b(['\"])(.*)\1\]?( .*)?"
)
_NAMED: Final = re.compile(r"[\w ]+ failed: ")


def _shown(text: str) -> str:
    """Take a server's words out of what imaplib and IMAPClient put around them."""
    wrapped = _WRAPPED.fullmatch(text)
    text = wrapped[2] + (wrapped[3] or "") if wrapped else _NAMED.sub("", text, count=1)
    plain = "".join(one if one.isprintable() else " " for one in text)
    return plain if len(plain) <= _SHOWN else f"{plain[:_SHOWN]}..."
