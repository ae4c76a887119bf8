"""`[[lookup]]` and `[[export]]`: how a mail server asks whom not to mail, as it sends."""

import ipaddress
import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, field_validator, model_validator

from dsnwatch.config.hook import server_of
from dsnwatch.config.sections import Section, option
from dsnwatch.config.values import Duration

Answer = Literal["reject", "discard", "defer"]

UNIX = "unix:"
_SHORTEST = timedelta(seconds=1)


def _octal(value: str) -> str:
    if not re.fullmatch(r"0?[0-7]{3}", value):
        raise ValueError(f"'{value}' is no mode; write it like \"0640\"")
    return value


Mode = Annotated[str, AfterValidator(_octal)]
"""The rights of a file, as chmod takes them."""


class LookupSection(Section):
    """`[[lookup]]`: a socket that a mail server asks about each recipient."""

    kind: Literal["socketmap", "policy"] = option(
        ...,
        "The protocol: socketmap (check_recipient_access socketmap:...) or policy "
        "(check_policy_service ...), both of Postfix.",
        unit="name",
    )
    listen: str = option(
        ...,
        "Where to listen: address:port, or unix: and the path of a socket. An address that is not "
        "a loopback one needs allow_remote.",
        unit="address:port or unix:path",
    )
    answer: Answer = option(
        "reject",
        "What is to become of mail to a suppressed recipient: reject, discard (the whole message, "
        "whoever else it is for), or defer.",
        unit="name",
    )
    stream: str = option(
        "",
        "The kind of mail that is asked about; what holds for every kind counts too. A socketmap "
        "may name another as its map.",
        unit="text",
    )
    on_error: Literal["defer", "pass"] = option(
        "defer",
        "What to answer while the store cannot be read: defer mail, or let it pass.",
        unit="name",
    )
    mode: Mode = option("0660", "The rights of a unix socket.", unit="octal number")
    allow_remote: bool = option(
        default=False,
        description="Whether to listen on an address that other machines reach. Whoever reaches "
        "it can ask who is suppressed: put a firewall before it.",
        unit="true or false",
    )

    @field_validator("listen")
    @classmethod
    def _a_place(cls, value: str) -> str:
        path = value.removeprefix(UNIX)
        if value.startswith(UNIX):
            if not path.startswith("/") or "\0" in path:
                raise ValueError(f"'{value}' has no absolute path behind unix:")
        elif server_of(value)[1] is None:
            raise ValueError(f"'{value}' has no port; write address:port or unix:/path")
        return value

    @model_validator(mode="after")
    def _here_only(self) -> "LookupSection":
        if not self.allow_remote and not self.listen.startswith(UNIX):
            host, _ = server_of(self.listen)
            if host != "localhost" and not is_loopback(host):
                raise ValueError(f"{self.listen} is no loopback address; that needs allow_remote")
        return self


class ExportSection(Section):
    """`[[export]]`: a file for a mail server, written anew by the daemon when something changed."""

    kind: Literal["postfix", "exim"] = option(
        ..., "Whose words it is in: postfix or exim.", unit="name"
    )
    path: Path = option(
        ...,
        "The file; it is replaced whole. A relative path lies beside the configuration file.",
        unit="path",
    )
    answer: Answer = option(
        "reject",
        "What is to become of mail to a suppressed recipient: reject, discard (the whole message, "
        "whoever else it is for), or defer. For Exim it makes the status code only.",
        unit="name",
    )
    stream: str = option(
        "",
        "The kind of mail it is for; what holds for every kind is in it too.",
        unit="text",
    )
    mode: Mode = option(
        "0644",
        "The rights of the file. Everybody on the machine can read who is suppressed, unless a "
        "group and 0640 keep it closer.",
        unit="octal number",
    )
    every: Duration = option(
        timedelta(minutes=1),
        "How long to wait at least between two of them.",
        unit='length of time ("1s" or more)',
    )
    command: tuple[str, ...] = option(
        (),
        "Program and arguments to run after each, without a shell: "
        '["postmap", "lmdb:/etc/postfix/suppressed"].',
        unit="list of texts",
    )

    @field_validator("every")
    @classmethod
    def _not_too_often(cls, value: timedelta) -> timedelta:
        if value < _SHORTEST:
            raise ValueError('must be "1s" or more')
        return value


def is_loopback(host: str) -> bool:
    """Say whether a host, written as an address, is this machine's own."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
