"""Connections that go where they were meant to go, and end when they were meant to end.

A name is looked up once, each of its addresses is checked, and the connection goes to one of
these very addresses: a name that answers differently the second time (rebinding) gains nothing.
Every read and write ends at the delivery's deadline, however slowly the octets drip.
"""

import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

import httpcore2
import httpx2

from dsnwatch.errors import HookError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], list[str]]
"""Finds the addresses of a host for a port; raises OSError where there are none."""

KEPT_OPEN_SECONDS = 30.0
"""How long a connection is kept for the next delivery."""

_NAT64 = (
    ipaddress.IPv6Network("64:ff9b::/96"),
    ipaddress.IPv6Network("64:ff9b:1::/48"),
)
_6TO4 = ipaddress.IPv6Network("2002::/16")
_COMPATIBLE = ipaddress.IPv6Network("::/96")


class NotAllowedError(HookError):
    """The host leads to an address that a hook may not reach."""


def why_not(text: str, *, allow_private: bool) -> str | None:
    """Say what is wrong with connecting to an address.

    Args:
        text: An IPv4 or IPv6 address as a resolver gives it, perhaps with a zone (`fe80::1%eth0`).
        allow_private: Whether addresses that are not of the public internet are allowed.

    Returns:
        A word for what the address is; None where it may be reached. Of an IPv6 address with an
        IPv4 one inside, both must be allowed.

    Source: the IANA special-purpose address registries (RFC 6890), as `ipaddress` has them; IPv4
    inside IPv6: RFC 4291 section 2.5.5, RFC 6052, RFC 3056, RFC 4380.
    """
    address: Address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or address
    for each in (address, *_inside(address)):
        if each.is_unspecified or each.is_multicast or (each.is_reserved and each.version == 4):  # noqa: PLR2004  IPv4
            return "no address of a host"
        if allow_private:
            continue
        if each.is_loopback:
            return "a loopback address"
        if each.is_link_local:
            return "a link-local address"
        if not each.is_global:
            return "a private address"
    return None


def _inside(address: Address) -> Iterator[ipaddress.IPv4Address]:
    """Give the IPv4 addresses that an IPv6 one leads to."""
    if isinstance(address, ipaddress.IPv4Address):
        return
    if address in _6TO4 and address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo
    low = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if any(address in each for each in _NAT64) or (address in _COMPATIBLE and int(address) > 1):
        yield low


def resolve(host: str, port: int) -> list[str]:
    """Ask the system for the addresses of a host, in the order to try them."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


class Deadline:
    """The moment by which a delivery is over; set anew for each."""

    def __init__(self) -> None:
        self._end = 0.0

    def start(self, seconds: float) -> None:
        """Begin to count."""
        self._end = time.monotonic() + seconds

    def left(self, timeout: float | None, late: type[Exception]) -> float:
        """Give the seconds one step may take; raises `late` where none are left."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise late("the delivery took too long")
        return left if timeout is None else min(left, timeout)


class _Stream(httpcore2.NetworkStream):
    """A connection whose every step ends at the deadline."""

    def __init__(self, inner: httpcore2.NetworkStream, deadline: Deadline) -> None:
        self._inner = inner
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._deadline.left(timeout, httpcore2.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._deadline.left(timeout, httpcore2.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.NetworkStream:
        left = self._deadline.left(timeout, httpcore2.ConnectTimeout)
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, left), self._deadline)

    def get_extra_info(self, info: str) -> object:
        return self._inner.get_extra_info(info)


class _Backend(httpcore2.NetworkBackend):
    """Connects to the addresses that were checked, and to nothing else."""

    def __init__(self, deadline: Deadline, find: Resolve, *, allow_private: bool) -> None:
        self._deadline = deadline
        self._find = find
        self._allow_private = allow_private
        self._inner = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        try:
            addresses = self._find(host, port)
        except (OSError, UnicodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is no host name"
            raise HookError(f"{host} has no address ({why}); check the name") from error
        for address in addresses:
            if wrong := why_not(address, allow_private=self._allow_private):
                raise NotAllowedError(
                    f"{host} leads to {address}, {wrong}; set allow_private = true if it is meant"
                )
        failed: Exception | None = None
        for address in addresses:
            left = self._deadline.left(timeout, httpcore2.ConnectTimeout)
            try:
                stream = self._inner.connect_tcp(address, port, left, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failed = error
            else:
                return _Stream(stream, self._deadline)
        raise failed or httpcore2.ConnectError("no addresses")


class GuardedTransport(httpx2.BaseTransport):
    """What `httpx2.Client` sends through.

    Args:
        deadline: Started by the caller before each request.
        context: For https.
        allow_private: Whether addresses that are not of the public internet are allowed.
        find: Looks names up.
    """

    def __init__(
        self,
        deadline: Deadline,
        context: ssl.SSLContext,
        *,
        allow_private: bool,
        find: Resolve = resolve,
    ) -> None:
        self._pool = httpcore2.ConnectionPool(
            ssl_context=context,
            max_connections=1,
            keepalive_expiry=KEPT_OPEN_SECONDS,
            network_backend=_Backend(deadline, find, allow_private=allow_private),
        )

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request; the answer's body is still to be read."""
        url = request.url
        answer = self._pool.handle_request(
            httpcore2.Request(
                method=request.method,
                url=httpcore2.URL(
                    scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
                ),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx2.Response(
            status_code=answer.status, headers=answer.headers, stream=_Answer(answer)
        )

    def close(self) -> None:
        """Close the connection."""
        self._pool.close()


class _Answer(httpx2.SyncByteStream):
    """The body of an answer."""

    def __init__(self, answer: httpcore2.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        yield from self._answer.iter_stream()

    def close(self) -> None:
        with suppress(httpcore2.ConnectError, OSError):
            self._answer.close()
