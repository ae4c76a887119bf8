"""`[web]`: the API and the pages: where they are served, and who is let in."""

import ipaddress
import re
from pathlib import Path
from typing import Literal

from pydantic import field_validator, model_validator

from dsnwatch.config.hook import server_of
from dsnwatch.config.lookup import UNIX, Mode, is_loopback
from dsnwatch.config.sections import Section, option

_HEADER = re.compile(r"[A-Za-z0-9-]{1,64}")
Scope = Literal["read", "check", "write", "admin"]


class WebSection(Section):
    """`[web]`: API and pages; both are off where there is no such section."""

    listen: str = option(
        "127.0.0.1:8025",
        "Where to listen: address:port, or unix: and the path of a socket. An address that is not "
        "a loopback one needs tls_cert_file or allow_remote.",
        unit="address:port or unix:path",
    )
    mode: Mode = option("0660", "The rights of a unix socket.", unit="octal number")
    tls_cert_file: Path | None = option(
        None,
        "Certificate chain in PEM; with it everything is HTTPS. Read anew at SIGHUP. A relative "
        "path lies beside the configuration file.",
        unit="path",
    )
    tls_key_file: Path | None = option(
        None, "Its private key, where it stands in a file of its own.", unit="path"
    )
    allow_remote: bool = option(
        default=False,
        description="Whether to listen without TLS on an address that other machines reach. "
        "Tokens then cross the network in clear: only where something before it has TLS.",
        unit="true or false",
    )
    proxy_user_header: str | None = option(
        None,
        "Header in which a reverse proxy that has let a person in names him: X-Remote-User. "
        "Believed of proxy_from alone; the proxy must take it out of what comes from outside.",
        unit="name of a header",
    )
    proxy_from: tuple[str, ...] = option(
        (),
        'Whom proxy_user_header is believed: addresses, networks, or "unix" for whoever may '
        "connect to our unix socket. Everybody on such a machine can say who he is.",
        unit="list of addresses",
    )
    proxy_scopes: tuple[Scope, ...] = option(
        ("read", "check", "write"),
        "What people the proxy names may do: read, check, write, admin.",
        unit="list of names",
    )
    open_metrics: bool = option(
        default=False,
        description="Whether /metrics is given without a token. There are names of mailboxes and "
        "hooks in it, and no addresses.",
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

    @field_validator("proxy_user_header")
    @classmethod
    def _a_header(cls, value: str | None) -> str | None:
        if value is not None and not _HEADER.fullmatch(value):
            raise ValueError(f"'{value}' is no name of a header; write it like X-Remote-User")
        return value

    @field_validator("proxy_from")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for each in value:
            if each != "unix":
                try:
                    ipaddress.ip_network(each)
                except ValueError as error:
                    raise ValueError(f"{error}; write an address, a network or unix") from error
        return value

    @model_validator(mode="after")
    def _decided(self) -> "WebSection":
        if self.tls_key_file and not self.tls_cert_file:
            raise ValueError("tls_key_file needs tls_cert_file")
        if self.proxy_user_header and not self.proxy_from:
            raise ValueError("proxy_user_header needs proxy_from: whoever may name people")
        if self.proxy_from and not self.proxy_user_header:
            raise ValueError("proxy_from needs proxy_user_header")
        if not (self.tls_cert_file or self.allow_remote or self.listen.startswith(UNIX)):
            host, _ = server_of(self.listen)
            if host != "localhost" and not is_loopback(host):
                raise ValueError(
                    f"{self.listen} is no loopback address; that needs tls_cert_file, or "
                    "allow_remote behind something that has TLS"
                )
        return self

    def believes(self, client: str | None) -> bool:
        """Say whether a client may name people.

        Args:
            client: Its address as text; None over a unix socket.
        """
        if client is None:
            return "unix" in self.proxy_from
        try:
            address = ipaddress.ip_address(client)
        except ValueError:
            return False
        return any(
            address in ipaddress.ip_network(each) for each in self.proxy_from if each != "unix"
        )
