"""`[[hook]]`: another system to be told; as many of them as there are."""

import re
from collections.abc import Mapping
from datetime import timedelta
from email.utils import parseaddr
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal
from urllib.parse import urlsplit

from pydantic import field_validator, model_validator

from dsnwatch.config.sections import Section, option
from dsnwatch.config.values import Duration

Format = Literal["dsnwatch", "cloudevents", "postmark", "sendgrid", "ses", "mailgun", "listmonk"]
Class = Literal["hard", "soft", "block", "undetermined"]
LeastTrust = Literal["signed", "matched", "vouched", "dkim", "claimed"]
Tls = Literal["implicit", "starttls", "none"]

WHOSE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "url": "webhook",
        "url_file": "webhook",
        "secret_file": "webhook",
        "user": "webhook, smtp",
        "password_file": "webhook, smtp",
        "token_file": "webhook",
        "allow_private": "webhook",
        "ca_file": "webhook, smtp",
        "topic": "webhook",
        "command": "exec",
        "path": "file",
        "rotate_at": "file",
        "keep": "file",
        "server": "smtp",
        "tls": "smtp",
        "sender": "smtp",
        "to": "smtp",
        "every": "smtp",
    }
)
"""The kinds that an option is for; the others are for all."""

_KINDS = frozenset(kind for kinds in WHOSE.values() for kind in kinds.split(", "))
_NEEDED = {"exec": ("command",), "file": ("path",), "smtp": ("server", "sender", "to")}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]*")
_SHORTEST, _LONGEST = timedelta(milliseconds=100), timedelta(minutes=5)
_MOST_WORKERS, _MOST_AT_ONCE = 16, 1000


class HookSection(Section):
    """`[[hook]]`: which system, how to reach it, and what to tell it."""

    name: str = option(
        ...,
        "What the hook is called in logs and commands, and by what its place in the outbox is "
        "remembered: letters, digits and . _ @ -.",
        unit="text",
    )
    kind: str = option(
        ...,
        "How the system is told: webhook, exec, file, smtp, or a kind that an installed package "
        "brings.",
        unit="name",
    )
    events: tuple[str, ...] = option(
        ("*",),
        "The events to tell, as docs/events lists them; suppression.* is all of that family.",
        unit="list of texts",
    )
    classes: tuple[Class, ...] = option(
        (),
        "Only events of these classes (hard, soft, block, undetermined); those without a class "
        "pass.",
        unit="list of texts",
    )
    reasons: tuple[str, ...] = option(
        (), "Only events with these reasons; those without a reason pass.", unit="list of texts"
    )
    streams: tuple[str, ...] = option(
        (), 'Only events of these streams; "" is mail of no known stream.', unit="list of texts"
    )
    least_trust: LeastTrust = option(
        "claimed",
        "Only events that are at least so sure to be about mail of yours; those that a person "
        "made pass.",
        unit="name",
    )
    format: Format = option("dsnwatch", "The words to tell it in.", unit="name")
    batch: int = option(
        1,
        "How many events go out together, where kind and format take lists; 1 to 1000.",
        unit="number",
    )
    workers: int = option(
        1,
        "How many deliveries are under way at once; 1 to 16. Order is kept per address anyway.",
        unit="number",
    )
    timeout: Duration = option(
        timedelta(seconds=10),
        "How long one delivery may take, from the first look for its address to the last octet of "
        "the answer.",
        unit='length of time ("100ms" to "5m")',
    )
    url: str | None = option(None, "Webhook: where to post to.", unit="URL")
    url_file: Path | None = option(
        None, "Webhook: file with the URL, where the URL itself is a secret.", unit="path"
    )
    secret_file: Path | None = option(
        None,
        "Webhook: file with the secret to sign with. Standard Webhooks (whsec_...), one a line, "
        "the newest first; format mailgun: its signing key; format sendgrid: a private key (PEM).",
        unit="path",
    )
    user: str | None = option(None, "Webhook and smtp: who logs in.", unit="text")
    password_file: Path | None = option(
        None, "Webhook and smtp: file with the user's password.", unit="path"
    )
    token_file: Path | None = option(
        None, "Webhook: file with a token, sent as Authorization: Bearer.", unit="path"
    )
    allow_private: bool = option(
        default=False,
        description="Webhook: whether the URL may lead to an address that is not of the public "
        "internet: loopback, private, link-local.",
        unit="true or false",
    )
    ca_file: Path | None = option(
        None,
        "Webhook and smtp: certificates (PEM) to trust instead of the system's. A relative path "
        "lies beside the configuration file.",
        unit="path",
    )
    topic: str = option(
        "arn:aws:sns:us-east-1:000000000000:dsnwatch",
        "Webhook, format ses: the TopicArn to say.",
        unit="text",
    )
    command: tuple[str, ...] = option(
        (), "Exec: program and arguments, run without a shell.", unit="list of texts"
    )
    path: Path | None = option(
        None,
        "File: where to write. A relative path lies beside the configuration file.",
        unit="path",
    )
    rotate_at: int = option(
        100_000_000, "File: the size at which a new one is begun.", unit="octets"
    )
    keep: int = option(
        5, "File: how many full ones are kept, as path.1 (the newest), path.2 ...", unit="number"
    )
    server: str | None = option(
        None, "Smtp: the mail server to hand notices to, host or host:port.", unit="text"
    )
    tls: Tls = option(
        "none",
        "Smtp: none, starttls (it must be offered), or implicit.",
        unit="name",
    )
    sender: str | None = option(
        None,
        "Smtp: the address in From. The envelope's is empty, so that no bounce comes back.",
        unit="address",
    )
    to: tuple[str, ...] = option((), "Smtp: who gets the notices.", unit="list of addresses")
    every: Duration = option(
        timedelta(0),
        "Smtp: collect events for so long and send one digest; 0s sends at once.",
        unit="length of time",
    )
    options: tuple[str, ...] = option(
        (), "For a kind that an installed package brings: whatever it takes.", unit="list of texts"
    )

    @field_validator("name", "kind")
    @classmethod
    def _plain(cls, value: str) -> str:
        if not _NAME.fullmatch(value):
            raise ValueError(f"'{value}' is no name; use letters, digits and . _ @ -")
        return value

    @field_validator("url")
    @classmethod
    def _a_url(cls, value: str | None) -> str | None:
        if value is not None:
            check_url(value)
        return value

    @field_validator("timeout")
    @classmethod
    def _not_too_long(cls, value: timedelta) -> timedelta:
        if not _SHORTEST <= value <= _LONGEST:
            raise ValueError('must lie between "100ms" and "5m"')
        return value

    @field_validator("workers")
    @classmethod
    def _some_workers(cls, value: int) -> int:
        if not 1 <= value <= _MOST_WORKERS:
            raise ValueError(f"must lie between 1 and {_MOST_WORKERS}")
        return value

    @field_validator("batch")
    @classmethod
    def _some_at_once(cls, value: int) -> int:
        if not 1 <= value <= _MOST_AT_ONCE:
            raise ValueError(f"must lie between 1 and {_MOST_AT_ONCE}")
        return value

    @field_validator("rotate_at", "keep")
    @classmethod
    def _at_least_one(cls, value: int) -> int:
        if value < 1:
            raise ValueError("must be at least 1")
        return value

    @field_validator("server")
    @classmethod
    def _a_server(cls, value: str | None) -> str | None:
        if value is not None:
            server_of(value)
        return value

    @field_validator("sender")
    @classmethod
    def _a_sender(cls, value: str | None) -> str | None:
        if value is not None:
            _address(value)
        return value

    @field_validator("to")
    @classmethod
    def _recipients(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for each in value:
            _address(each)
        return value

    @model_validator(mode="after")
    def _what_its_kind_takes(self) -> "HookSection":
        if self.kind not in _KINDS:
            return self  # a package brings it, and checks it
        for key, kinds in WHOSE.items():
            if self.kind not in kinds.split(", ") and key in self.model_fields_set:
                raise ValueError(f"{key} is for {kinds} only; take it out")
        for key in _NEEDED.get(self.kind, ()):
            if not getattr(self, key):
                raise ValueError(f'kind = "{self.kind}" needs {key}')
        if self.kind == "webhook" and (self.url is None) == (self.url_file is None):
            raise ValueError('kind = "webhook" needs either url or url_file')
        if (self.user is None) != (self.password_file is None):
            raise ValueError("user and password_file belong together; give both")
        if self.user is not None and self.token_file is not None:
            raise ValueError("user and token_file exclude each other")
        if self.kind == "smtp" and self.user is not None and self.tls == "none":
            raise ValueError('tls = "none" would send the password in the clear; set starttls')
        return self


def check_url(url: str) -> None:
    """See that a hook can post to this URL, and that it holds no password.

    Raises:
        ValueError: With what is wrong; never with the URL.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ValueError("is no URL; write https://host/path") from error
    if parts.scheme not in {"http", "https"} or not parts.hostname or not url.isprintable():
        raise ValueError("must begin with https:// (or http://) and a host")
    if port == 0 or " " in url:
        raise ValueError("is no URL; write https://host/path")
    if parts.username is not None or parts.password is not None:
        raise ValueError("holds a user or password; take them out, and set user and password_file")


def server_of(text: str) -> tuple[str, int | None]:
    """Take `host`, `host:port` or `[address]:port` apart; the port is None where none is said.

    Raises:
        ValueError: It is none of these.
    """
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or parts.netloc != text or "@" in text or not text.isprintable() or port == 0:
        raise ValueError(f"'{text}' is no server; write host or host:port")
    return host, port


def _address(text: str) -> None:
    name, address = parseaddr(text)
    if name or address != text or not all(text.rpartition("@")[::2]) or not text.isprintable():
        raise ValueError(f"'{text}' is no address; write it as name@domain")
