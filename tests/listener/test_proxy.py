"""Behind a proxy the client is who the proxy says, and only then."""

import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.listener.builders import Client, Receiving, a_bounce, receiving

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"


def version_2(client: str, *, command: int = 1) -> bytes:
    """Write a header of version 2."""
    family = socket.AF_INET6 if ":" in client else socket.AF_INET
    local = "::1" if ":" in client else "127.0.0.1"
    addresses = socket.inet_pton(family, client) + socket.inet_pton(family, local)
    kind = 0x21 if ":" in client else 0x11
    body = addresses + struct.pack("!HH", 4711, 25)
    return SIGNATURE + bytes([0x20 | command, kind]) + struct.pack("!H", len(body)) + body


@pytest.fixture
def behind(tmp_path: Path) -> Iterator[Receiving]:
    """Give a listener behind a proxy."""
    with receiving(tmp_path, proxy_protocol=True, max_connections_per_ip=1) as at:
        yield at


def connected(at: Receiving, header: bytes) -> Client:
    client = Client(socket.create_connection(at.place, timeout=10))
    client.send(header)
    return client


@pytest.mark.parametrize(
    ("header", "seen"),
    [
        (b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 25\r\n", "192.0.2.7"),
        (b"PROXY TCP6 2001:db8::7 2001:db8::1 4711 25\r\n", "2001:db8::7"),
        (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
        (version_2("192.0.2.7"), "192.0.2.7"),
        (version_2("2001:db8::7"), "2001:db8::7"),
    ],
    ids=["1-ipv4", "1-ipv6", "1-unknown", "2-ipv4", "2-ipv6"],
)
def test_client_is_who_the_proxy_says(behind: Receiving, header: bytes, seen: str) -> None:
    with connected(behind, header) as client:
        assert client.reply().startswith("220 ")
        client.say("EHLO mx.example.net")
        client.deliver(a_bounce())
        (message,) = behind.store.messages()
    assert message.raw.evidence is not None
    assert message.raw.evidence.client == seen


@pytest.mark.parametrize(
    "header",
    [
        b"EHLO mx.example.net\r\n",
        b"PROXY TCP4 nobody 192.0.2.1 4711 25\r\n",
        b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 25 more\r\n",
        b"PROXY \r\n",
        b"PROXY" + b" " * 3000 + b"\r\n",
        SIGNATURE + b"\xff\xff\x00\x00",
        b"\x00" * 20,
    ],
)
def test_who_sends_no_header_is_not_spoken_to(behind: Receiving, header: bytes) -> None:
    with connected(behind, header) as client:
        assert client.over()
    behind.until(lambda: not behind.listener.connections)


def test_limits_are_those_of_the_client_and_not_of_the_proxy(behind: Receiving) -> None:
    first, second = (b"PROXY TCP4 192.0.2.%d 192.0.2.1 4711 25\r\n" % n for n in (7, 8))
    with connected(behind, first) as one, connected(behind, second) as two:
        assert one.reply().startswith("220 ")
        assert two.reply().startswith("220 ")
        with connected(behind, first) as another:
            assert another.reply().startswith("421 4.7.0 too many connections of yours")
            assert another.over()
        assert one.say("NOOP").startswith("250")
        with connected(behind, first) as another:
            assert another.reply().startswith("421 ")
    behind.until(lambda: not behind.listener.connections)
    with connected(behind, first) as one:
        assert one.reply().startswith("220 ")


def test_line_ends_are_looked_at_behind_the_header(behind: Receiving) -> None:
    with connected(behind, version_2("192.0.2.7")) as client:
        assert client.reply().startswith("220 ")
        client.send(b"NOOP\n")
        assert client.reply().startswith("521 5.5.2")
