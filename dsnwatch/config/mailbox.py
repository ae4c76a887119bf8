"""`[[mailbox]]`: a mailbox to watch over IMAP; as many of them as there are."""

import ipaddress
import re
from datetime import timedelta
from pathlib import Path
from typing import Literal

from pydantic import field_validator, model_validator

from dsnwatch.config.sections import Section, option
from dsnwatch.config.values import Duration

Tls = Literal["implicit", "starttls", "none"]
After = Literal["move", "flag", "keep", "delete"]
Auth = Literal["microsoft", "google"]

PORTS = {"implicit": 993, "starttls": 143, "none": 143}
"""The usual port of each way to speak TLS (RFC 8314)."""

SHORTEST_POLL = timedelta(seconds=1)
LONGEST_POLL = timedelta(days=1)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]*")
_OF_MICROSOFT = ("tenant", "client_id", "client_secret_file", "client_certificate_file")


class MailboxSection(Section):
    """`[[mailbox]]`: where it is, how to get in, and what becomes of what was read."""

    name: str = option(
        ...,
        "What the mailbox is called in logs, metrics and commands, and by what its place is "
        "remembered: letters, digits and . _ @ -.",
        unit="text",
    )
    host: str = option(..., "The IMAP server.", unit="host name or address")
    port: int | None = option(
        None, "Its port. Without it 993, or 143 without implicit TLS.", unit="number"
    )
    tls: Tls = option(
        "implicit",
        "implicit: TLS from the first octet; starttls: it must be offered and is asked for before "
        "anything else; none: plain, to a loopback address only.",
        unit="name",
    )
    tls_ca_file: Path | None = option(
        None,
        "Certificates (PEM) to trust instead of the system's. A relative path lies beside the "
        "configuration file.",
        unit="path",
    )
    user: str = option(..., "Who logs in.", unit="text")
    password_file: Path | None = option(
        None, "File with the password. It is read anew for each login.", unit="path"
    )
    token_command: tuple[str, ...] | None = option(
        None,
        "Program and arguments, run without a shell, that writes an OAuth 2 access token on its "
        "first line.",
        unit="list of texts",
    )
    auth: Auth | None = option(
        None,
        "OAuth 2 with Microsoft 365 or Google, with the keys below; dsnwatch fetches and renews "
        "the tokens itself.",
        unit="name",
    )
    tenant: str | None = option(
        None, "Microsoft: the directory (tenant) id, or a domain of it.", unit="text"
    )
    client_id: str | None = option(
        None, "Microsoft: the application (client) id of the registered app.", unit="text"
    )
    client_secret_file: Path | None = option(
        None,
        "Microsoft: file with a client secret of the app. Without secret and certificate a person "
        "logs in once, by `dsnwatch mailbox login`.",
        unit="path",
    )
    client_certificate_file: Path | None = option(
        None,
        "Microsoft: file with the app's private key and certificate (PEM), instead of a secret.",
        unit="path",
    )
    authority: str = option(
        "https://login.microsoftonline.com",
        "Microsoft: where tokens come from; another one for national clouds.",
        unit="URL",
    )
    scope: str | None = option(
        None,
        "Microsoft: what the token is for, where it is not https://outlook.office365.com.",
        unit="text",
    )
    credentials_file: Path | None = option(
        None,
        "Google: the JSON file of a service account that may act for `user` (domain-wide "
        "delegation), or one with a refresh token (type authorized_user).",
        unit="path",
    )
    folders: tuple[str, ...] = option(
        ("INBOX", "\\Junk"),
        "Folders to read, with / between levels. \\Junk is the folder that the server marks so, "
        "whatever it is called; it may be absent.",
        unit="list of texts",
    )
    after: After = option(
        "move",
        "What becomes of a message once it is on disk. move: into folder_done or folder_unread; "
        "flag: it stays, with the keyword $DsnwatchDone; keep: nothing; delete: what was stored "
        "and understood goes, the rest moves to folder_unread.",
        unit="name",
    )
    folder_done: str = option(
        "Processed", "Where understood messages go; made if it is not there.", unit="text"
    )
    folder_unread: str = option(
        "Unrecognised",
        "Where messages go in which nothing was found, and those in quarantine; made if it is not "
        "there.",
        unit="text",
    )
    idle: bool = option(
        default=True,
        description="Whether the server may tell of new mail at once (IMAP IDLE).",
        unit="true or false",
    )
    poll_every: Duration = option(
        timedelta(minutes=15),
        "How often every folder is looked at, whatever the server tells.",
        unit='length of time ("1s" to "1d")',
    )
    stream: str = option(
        "",
        "The kind of mail whose bounces come here (newsletter, invoices ...). Without it, the one "
        "at the top.",
        unit="text",
    )

    @field_validator("name")
    @classmethod
    def _plain_name(cls, value: str) -> str:
        if not _NAME.fullmatch(value):
            raise ValueError(f"'{value}' is no name; use letters, digits and . _ @ -")
        return value

    @field_validator("host", "user", "folder_done", "folder_unread")
    @classmethod
    def _said(cls, value: str) -> str:
        if not value.strip() or not value.isprintable():
            raise ValueError("must be printable text, and not empty")
        return value

    @field_validator("host")
    @classmethod
    def _a_host(cls, value: str) -> str:
        try:
            value.strip("[]").encode("idna")
        except UnicodeError as error:
            raise ValueError(f"'{value}' is no host name or address") from error
        return value

    @field_validator("port")
    @classmethod
    def _a_port(cls, value: int | None) -> int | None:
        if value is not None and not 0 < value < 1 << 16:
            raise ValueError("must lie between 1 and 65535")
        return value

    @field_validator("folders")
    @classmethod
    def _some_folders(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value or not all(each.strip() and each.isprintable() for each in value):
            raise ValueError('name at least one folder: ["INBOX"]')
        return value

    @field_validator("poll_every")
    @classmethod
    def _often_enough(cls, value: timedelta) -> timedelta:
        if not SHORTEST_POLL <= value <= LONGEST_POLL:
            raise ValueError('must lie between "1s" and "1d"')
        return value

    @model_validator(mode="after")
    def _one_way_in(self) -> "MailboxSection":
        ways = [key for key in ("password_file", "token_command", "auth") if getattr(self, key)]
        if len(ways) != 1:
            raise ValueError(
                f"{' and '.join(ways)} exclude each other; keep one"
                if ways
                else "has no way to log in; give password_file, token_command or auth"
            )
        wanted = {"microsoft": ("tenant", "client_id"), "google": ("credentials_file",)}
        for key in wanted.get(self.auth or "", ()):
            if getattr(self, key) is None:
                raise ValueError(f'auth = "{self.auth}" needs {key}')
        for auth, keys in (("microsoft", _OF_MICROSOFT), ("google", ("credentials_file",))):
            for key in keys:
                if self.auth != auth and getattr(self, key) is not None:
                    raise ValueError(f'{key} is for auth = "{auth}" only; take it out')
        if self.client_secret_file and self.client_certificate_file:
            raise ValueError("client_secret_file and client_certificate_file exclude each other")
        if not self.authority.startswith("https://"):
            raise ValueError("authority must begin with https://")
        return self

    @model_validator(mode="after")
    def _plain_to_ourselves_only(self) -> "MailboxSection":
        if self.tls == "none" and not _is_loopback(self.host):
            raise ValueError(
                'tls = "none" would send the password in the clear; it is for loopback addresses '
                'only: set tls = "implicit" or "starttls"'
            )
        return self

    @property
    def port_in_use(self) -> int:
        """The configured port, else the usual one."""
        return self.port or PORTS[self.tls]


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
