"""A store with somebody on the list, and servers that answer from it."""

import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dsnwatch.config.lookup import LookupSection
from dsnwatch.lookup.server import LookupServer
from dsnwatch.lookups import server
from dsnwatch.records import Suppression
from dsnwatch.store import Store

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)
DAY = timedelta(days=1)
WHY = "stopped by dsnwatch since 2026-03-30"


def suppress(store: Store, *addresses: str, stream: str = "", days: int | None = None) -> None:
    """Put addresses on the list, for ever or for so many days."""
    until = None if days is None else NOW + days * DAY
    with store.write() as writer:
        writer.put_suppressions(
            [
                Suppression(each, "user_unknown", "bounce", "hard", NOW - DAY, until, stream=stream)
                for each in addresses
            ]
        )


@contextmanager
def serving(store_url: str, **said: object) -> Iterator[LookupServer]:
    """Answer in a thread of its own."""
    section = LookupSection.model_validate({"listen": "127.0.0.1:1"} | said)
    if "listen" not in said:
        section = section.model_copy(update={"listen": f"127.0.0.1:{a_free_port()}"})
    served = server(section, store_url, lambda: NOW)
    thread = threading.Thread(target=served.run)
    thread.start()
    try:
        yield served
    finally:
        served.stop()
        thread.join(10)
        assert not thread.is_alive()


def a_free_port() -> int:
    """Find a port of the loopback where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
    return port


OPEN: list[socket.socket] = []
"""What `conftest` closes after each test."""


class Client:
    """Asks over one connection."""

    def __init__(self, where: int | Path) -> None:
        if isinstance(where, int):
            self.socket = socket.create_connection(("127.0.0.1", where), 10)
        else:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(10)
            self.socket.connect(str(where))
        OPEN.append(self.socket)

    def send(self, octets: bytes) -> None:
        self.socket.sendall(octets)

    def receive(self, end: bytes) -> bytes:
        """Read up to the end of one answer; b"" where the connection was closed."""
        answer = b""
        while not answer.endswith(end):
            piece = self.socket.recv(1 if end == b"," else 65536)
            if not piece:
                break
            answer += piece
        return answer

    def ask(self, key: str | bytes, name: str = "suppressed") -> str:
        """Ask a socketmap."""
        self.send(netstring(name.encode() + b" " + (key.encode() if isinstance(key, str) else key)))
        answer = self.receive(b",")
        return answer.partition(b":")[2][:-1].decode()

    def ask_policy(self, recipient: str, *others: tuple[str, str]) -> str:
        """Ask a policy service."""
        self.send(policy_question([("recipient", recipient), *others]))
        return self.receive(b"\n\n").decode().strip()

    @property
    def closed(self) -> bool:
        try:
            return self.socket.recv(1) == b""
        except ConnectionError:
            return True


def netstring(octets: bytes) -> bytes:
    return b"%d:%b," % (len(octets), octets)


def policy_question(attributes: Iterable[tuple[str, str]]) -> bytes:
    """Write a question as Postfix's smtpd does."""
    said = [("request", "smtpd_access_policy"), ("protocol_state", "RCPT"), *attributes]
    return "".join(f"{name}={value}\n" for name, value in said).encode() + b"\n"
