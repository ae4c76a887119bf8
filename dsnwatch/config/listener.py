"""`[[listener]]` and `[return_path]`: where bounces are received, how return paths are signed."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from dsnwatch.config.sections import Section, option
from dsnwatch.config.values import Size

MEBIBYTE = 1 << 20
_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.%\w]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})")
_NAME = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)(?:\.(?!-)[A-Za-z0-9_-]{1,63}(?<!-))*")
_LOCAL_PART = re.compile(r"[^\s@\"<>%!\x00-\x1f\x7f]{1,64}")
_LAST_PORT = 65535
_LEAST_SIZE = 64 << 10
_MOST_SIZE = 1 << 30


@dataclass(frozen=True, slots=True)
class Place:
    """Where a listener listens.

    Attributes:
        host: Name or address, without brackets; "" for the two other kinds.
        port: Its port; 0 lets the system choose.
        path: Of a Unix socket.
        activated: The FileDescriptorName of sockets that systemd holds; "" is all of them.
    """

    host: str = ""
    port: int = 0
    path: Path | None = None
    activated: str | None = None


def place_of(text: str) -> Place:
    """Read one entry of `listen`.

    Args:
        text: `192.0.2.1:25`, `[::]:25`, `mx.example.org:25`, `unix:/run/x.sock`, `systemd`, or
            `systemd:NAME` for the sockets of that FileDescriptorName.

    Raises:
        ValueError: It is none of these.
    """
    if text == "systemd" or text.startswith("systemd:"):
        return Place(activated=text.partition(":")[2])
    if text.startswith("unix:"):
        path = Path(text.removeprefix("unix:"))
        if not path.is_absolute():
            raise ValueError(f"'{text}': the path of a Unix socket begins with a slash")
        return Place(path=path)
    found = _HOST.fullmatch(text)
    if found is None or int(found[3]) > _LAST_PORT:
        raise ValueError(
            f'\'{text}\' is no place to listen; write it like "0.0.0.0:25", "[::]:25", '
            '"unix:/run/dsnwatch/lmtp.sock" or "systemd"'
        )
    return Place(found[1] or found[2], int(found[3]))


def domain_of(text: str) -> str:
    """Read a domain; A-labels and lower case come back.

    Raises:
        ValueError: It is none.
    """
    try:
        name = text.lower().rstrip(".").encode("idna").decode("ascii")
    except UnicodeError:
        name = ""
    if not _NAME.fullmatch(name):
        raise ValueError(f"'{text}' is no domain; write it like \"bounce.example.org\"")
    return name


def _a_place(text: str) -> str:
    place_of(text)
    return text


def _a_host(text: str) -> str:
    return domain_of(text) if text else ""


def _a_local_part(text: str) -> str:
    if not _LOCAL_PART.fullmatch(text):
        raise ValueError(
            f"'{text}' is no local part; write what stands before the @, with * for anything, "
            'like "bounces+*"'
        )
    return text


def _a_message_size(octets: int) -> int:
    if not _LEAST_SIZE <= octets <= _MOST_SIZE:
        raise ValueError('must lie between "64 KiB" and "1 GiB"')
    return octets


Count = Annotated[int, Field(strict=True, ge=0, le=1_000_000)]


class ListenerSection(Section):
    """`[[listener]]`: takes bounces in over SMTP or LMTP, for the domains of our return paths."""

    listen: tuple[Annotated[str, AfterValidator(_a_place)], ...] = option(
        ("0.0.0.0:25", "[::]:25"),
        'Where to listen: "ADDRESS:PORT", "[IPv6]:PORT", "unix:/PATH", "systemd" for every socket '
        'that systemd hands over, "systemd:NAME" for those with that FileDescriptorName.',
        unit="list of places",
    )
    protocol: Literal["smtp", "lmtp"] = option(
        "smtp",
        "smtp for an MX, lmtp behind a mail server of your own.",
        unit="name",
    )
    hostname: Annotated[str, AfterValidator(_a_host)] = option(
        "",
        "The name the listener greets with. Without it, the machine's.",
        unit="host name",
    )
    domains: tuple[Annotated[str, AfterValidator(domain_of)], ...] = option(
        ...,
        "The domains of your return paths; mail for any other is refused (550 5.7.1). At least "
        "one.",
        unit="list of domains",
    )
    recipients: tuple[Annotated[str, AfterValidator(_a_local_part)], ...] = option(
        ("bounces", "bounces+*"),
        "Local parts that mail is taken for, * for any text; others are refused (550 5.1.1).",
        unit="list of patterns",
    )
    require_signed: bool = option(
        default=False,
        description="Whether only signed return paths that are valid are taken (550 5.7.1), and "
        "mail to postmaster and abuse.",
        unit="true or false",
    )
    stream: str = option(
        "",
        "The kind of mail that what comes here counts for. Without it, the stream at the top.",
        unit="text",
    )
    tls_certificate_file: Path | None = option(
        None,
        "PEM file with the certificate and its chain; STARTTLS is offered with it. Read again "
        "when it has changed.",
        unit="path",
    )
    tls_key_file: Path | None = option(
        None,
        "PEM file with the certificate's key. Without it, the key stands in the same file. A "
        "relative path is looked for in $CREDENTIALS_DIRECTORY first.",
        unit="path",
    )
    require_tls: bool = option(
        default=False,
        description="Whether mail is taken over TLS only. Many that send bounces speak none.",
        unit="true or false",
    )
    proxy_protocol: bool = option(
        default=False,
        description="Whether a proxy (HAProxy, a load balancer) says in a PROXY header, version 1 "
        "or 2, who connects. Nobody else may reach the port then.",
        unit="true or false",
    )
    max_message_size: Annotated[Size, AfterValidator(_a_message_size)] = option(
        10 * MEBIBYTE,
        "The largest message that is taken (552 5.3.4).",
        unit='size ("64 KiB" to "1 GiB")',
    )
    max_connections: Annotated[Count, Field(ge=1)] = option(
        500, "Connections at once (421).", unit="number"
    )
    max_connections_per_ip: Count = option(
        20,
        "Connections at once from one IPv4 address or IPv6 /64 (421); 0 is no limit. LMTP has "
        "none: who speaks it is a server of yours.",
        unit="number",
    )
    messages_per_minute_per_ip: Count = option(
        300,
        "Messages a minute from one IPv4 address or IPv6 /64 (450); 0 is no limit. LMTP has none.",
        unit="number",
    )

    @model_validator(mode="after")
    def _can_be_done(self) -> "ListenerSection":
        if not self.listen:
            raise ValueError("listen needs at least one place")
        if not self.domains:
            raise ValueError('domains needs at least one domain: domains = ["bounce.example.org"]')
        if not self.recipients:
            raise ValueError('recipients needs at least one local part; "*" is all of them')
        if self.tls_certificate_file is None:
            if self.tls_key_file is not None:
                raise ValueError("tls_key_file is of no use without tls_certificate_file")
            if self.require_tls:
                raise ValueError("require_tls needs tls_certificate_file")
        return self


class ReturnPathSection(Section):
    """`[return_path]`: what return paths of ours are signed with."""

    key_file: Path | None = option(
        None,
        "File with the keys of signed return paths, one a line: a letter, a space, at least 32 "
        "hexadecimal digits. The first signs, all verify. A relative path is looked for in "
        "$CREDENTIALS_DIRECTORY, else beside the configuration file.",
        unit="path",
    )
    prefix: Annotated[str, AfterValidator(_a_local_part)] = option(
        "bounces", "What signed return paths begin with.", unit="local part"
    )
    domain: Annotated[str, AfterValidator(_a_host)] = option(
        "",
        "The domain of signed return paths, whose mail comes to dsnwatch. `dsnwatch verp` needs "
        "it.",
        unit="domain",
    )
