"""How to get into a mailbox: TLS, then a password or an OAuth 2 token, as the server has it."""

import json
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol

from imapclient.exceptions import LoginError

from dsnwatch.config.mailbox import MailboxSection
from dsnwatch.sources.imap_trouble import MailboxError, Trouble

REFUSED: Final = b"\x01"
"""What a client of OAUTHBEARER says to an error, so that the server may end (RFC 7628 3.2.3)."""


@dataclass(frozen=True, slots=True)
class AccessToken:
    """What an OAuth 2 server gave.

    Attributes:
        expires_at: Aware; None where nobody said.
    """

    text: str
    expires_at: datetime | None = None


class Fetch(Protocol):
    """Gets a token that is good for a while yet; may ask the network."""

    def __call__(self, *, renew: bool) -> AccessToken:
        """Get it; with `renew`, one that was not given before.

        Raises:
            DsnwatchError: There is none to be had.
        """
        ...


class Login(Protocol):
    """A way in."""

    @property
    def renewable(self) -> bool:
        """Whether a refusal may be about a token that another one can replace."""
        ...

    def log_in(self, client: Any, *, renew: bool) -> datetime | None:  # noqa: ANN401  IMAPClient ships no types
        """Log in on a connection that has been greeted.

        Args:
            client: An IMAPClient.
            renew: Do not use a token that was used before.

        Returns:
            When what was shown expires, and the connection with it; None for never.

        Raises:
            DsnwatchError: There is nothing to show: no password, no token.
            LoginError: The server refused, as IMAPClient says it.
        """
        ...


@dataclass(frozen=True, slots=True)
class Password:
    """Logs in with user and password.

    Attributes:
        read: Reads the password, anew at each login.
    """

    user: str
    read: Callable[[], str]

    @property
    def renewable(self) -> bool:
        """No: a password that was refused is refused again."""
        return False

    def log_in(self, client: Any, *, renew: bool) -> datetime | None:  # noqa: ANN401, ARG002  as above
        """Log in by AUTHENTICATE PLAIN, which takes any character, else by LOGIN."""
        password = self.read()
        if client.has_capability("AUTH=PLAIN"):
            client.plain_login(self.user, password)
        elif client.has_capability("LOGINDISABLED"):
            raise LoginError("LOGINDISABLED")
        else:
            client.login(self.user, password)
        return None


@dataclass(frozen=True, slots=True)
class Bearer:
    """Logs in with an access token."""

    user: str
    fetch: Fetch

    @property
    def renewable(self) -> bool:
        """Yes: it may have been revoked."""
        return True

    def log_in(self, client: Any, *, renew: bool) -> datetime | None:  # noqa: ANN401  as above
        """Log in by OAUTHBEARER (RFC 7628), else by XOAUTH2."""
        token = self.fetch(renew=renew)
        if client.has_capability("AUTH=OAUTHBEARER"):
            who = self.user.replace("=", "=3D").replace(",", "=2C")
            first = f"n,a={who},\x01host={client.host}\x01port={client.port}\x01"
            _say(client, "OAUTHBEARER", f"{first}auth=Bearer {token.text}\x01\x01", REFUSED)
        else:
            _say(client, "XOAUTH2", f"user={self.user}\x01auth=Bearer {token.text}\x01\x01", b"")
        return token.expires_at


def _say(client: Any, mechanism: str, first: str, farewell: bytes) -> None:  # noqa: ANN401  as above
    """Do one of the two mechanisms: one message, and an empty answer to the error there may be."""
    said: list[bytes] = []

    def answer(challenge: bytes) -> str | bytes:
        said.append(challenge)
        return first if len(said) == 1 else farewell

    try:
        client.sasl_login(mechanism, answer)
    except LoginError as error:
        raise LoginError(f"{error}{_reason(said[1:])}") from error


def _reason(challenges: list[bytes]) -> str:
    """Read the error out of the JSON the server sent before it said NO."""
    for challenge in challenges:
        try:
            found = json.loads(challenge)
        except ValueError:
            continue
        if isinstance(found, dict) and "status" in found:
            return f" (status {found['status']})"
    return ""


def tls_context(section: MailboxSection, ca_file: Path | None) -> ssl.SSLContext | None:
    """Make what a server's certificate is checked by; None for a mailbox without TLS.

    Raises:
        MailboxError: The file of certificates cannot be used.
    """
    if section.tls == "none":
        return None
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise MailboxError(
            f"mailbox '{section.name}': tls_ca_file: {ca_file} cannot be used ({error}); give a "
            "file of certificates in PEM",
            Trouble.TLS,
        ) from error
