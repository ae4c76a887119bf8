"""A listener with a real store behind it, and a client that says whatever it is told to."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Self

from dsnwatch.config.listener import ListenerSection
from dsnwatch.inbox import Inbox
from dsnwatch.ingest import Ingest
from dsnwatch.model import RawMessage
from dsnwatch.policy import Policy
from dsnwatch.reading.reader import Reader
from dsnwatch.rfc.return_path import Key
from dsnwatch.rules import load
from dsnwatch.sources.listener import Listener
from dsnwatch.sources.listener_tls import Certificate
from dsnwatch.sources.listener_wire import Patience
from dsnwatch.store import Store, open_store

if TYPE_CHECKING:
    from concurrent.futures import Future

    from dsnwatch.records import Receipt

DOMAIN = "return.test"
RECIPIENT = f"bounces@{DOMAIN}"
RULES = load()
Submit = Callable[[RawMessage], "Future[Receipt]"]


def a_bounce(number: int = 1, *, octets: int = 0) -> bytes:
    """Give a report that differs from those of other numbers, with CR LF."""
    address = f"user{number}@example.net"
    lines = [
        f"Message-ID: <report.{number}@mx.example.net>",
        "From: MAILER-DAEMON@mx.example.net",
        f"To: {RECIPIENT}",
        "Subject: Undelivered Mail Returned to Sender",
        "MIME-Version: 1.0",
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"',
        "",
        "--b",
        "",
        f"<{address}>: host mx.example.net said: 550 5.1.1 no such user",
        "--b",
        "Content-Type: message/delivery-status",
        "",
        "Reporting-MTA: dns; mx.example.net",
        "",
        f"Final-Recipient: rfc822; {address}",
        "Action: failed",
        "Status: 5.1.1",
        "Diagnostic-Code: smtp; 550 5.1.1 no such user",
        "",
        "--b",
        "Content-Type: message/rfc822",
        "",
        f"Message-ID: <sent.{number}@example.org>",
        "Subject: News",
        "",
        *["A line of the letter that came back, fifty octets"] * (octets // 51),
        "--b--",
        "",
    ]
    return "\r\n".join(lines).encode()


def a_section(**options: object) -> ListenerSection:
    """Say what a listener on a port of the system's choice is to do."""
    return ListenerSection.model_validate(
        {"listen": ("127.0.0.1:0",), "domains": (DOMAIN,), "hostname": "mx.return.test"} | options
    )


@dataclass(slots=True)
class Receiving:
    """A listener at work."""

    listener: Listener
    store: Store
    loop: asyncio.AbstractEventLoop

    @property
    def place(self) -> tuple[str, int]:
        """Where it listens."""
        place = self.listener.places[0]
        assert isinstance(place, tuple)
        return place

    def connect(self) -> "Client":
        """Make a connection, and read the greeting."""
        client = Client(socket.create_connection(self.place, timeout=10))
        assert client.reply().startswith("220 mx.return.test ")
        return client

    def greeted(self) -> "Client":
        """Make a connection, and say hello."""
        client = self.connect()
        hello = "LHLO" if self.listener.section.protocol == "lmtp" else "EHLO"
        assert client.say(f"{hello} mx.example.net").startswith("250")
        return client

    def until(self, done: Callable[[], bool]) -> None:
        """Wait until something has happened in the loop; a minute at most."""

        async def look() -> None:
            async with asyncio.timeout(60):
                while not done():  # noqa: ASYNC110  any number of things may change it
                    await asyncio.sleep(0.01)

        asyncio.run_coroutine_threadsafe(look(), self.loop).result()

    def stopping(self, grace: timedelta) -> "Future[None]":
        """Stop the listener alone; wait for it by `result`."""
        return asyncio.run_coroutine_threadsafe(self.listener.stop(grace), self.loop)


class Client:
    """The other end of a connection."""

    def __init__(self, connected: socket.socket) -> None:
        self.socket = connected
        self._buffer = b""

    def send(self, octets: bytes) -> None:
        """Send octets as they are."""
        self.socket.sendall(octets)

    def say(self, line: str) -> str:
        """Send a command, and read the reply."""
        self.send(line.encode("utf-8", "surrogateescape") + b"\r\n")
        return self.reply()

    def line(self) -> str:
        """Read one line; "" at the end."""
        while b"\r\n" not in self._buffer:
            try:
                got = self.socket.recv(65536)
            except ConnectionResetError:
                got = b""
            if not got:
                rest, self._buffer = self._buffer, b""
                return rest.decode()
            self._buffer += got
        line, self._buffer = self._buffer.split(b"\r\n", 1)
        return line.decode()

    def reply(self) -> str:
        """Read one reply, of one line or several; "" at the end."""
        lines = [self.line()]
        while lines[-1][3:4] == "-":
            lines.append(self.line())
        return "\n".join(lines)

    def over(self) -> bool:
        """Say whether the other side has closed."""
        return self.line() == ""

    def begin(self, *recipients: str, sender: str = "") -> None:
        """Begin a message for recipients that are taken."""
        assert self.say(f"MAIL FROM:<{sender}>").startswith("250 ")
        for each in recipients or (RECIPIENT,):
            assert self.say(f"RCPT TO:<{each}>").startswith("250 ")

    def deliver(self, data: bytes, *recipients: str, sender: str = "") -> str:
        """Deliver a message, and give the first reply to it."""
        self.begin(*recipients, sender=sender)
        assert self.say("DATA").startswith("354 ")
        self.send(stuffed(data))
        return self.reply()

    def close(self) -> None:
        """Hang up."""
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def stuffed(data: bytes) -> bytes:
    """Give a message as it goes over the wire, with its end."""
    return (b"\r\n" + data).replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n"


@contextmanager
def receiving(  # noqa: PLR0917 - all of them are given by name
    folder: Path,
    submit: Callable[[Submit], Submit] = lambda submit: submit,
    keys: tuple[Key, ...] = (),
    certificate: Certificate | None = None,
    patience: Patience | None = None,
    busy: timedelta = timedelta(seconds=10),
    **options: object,
) -> Iterator[Receiving]:
    """Run a listener with its inbox and store, each in the thread it has in the daemon.

    Args:
        folder: Where the store lies.
        submit: Puts something around `Inbox.submit`.
        keys: Of signed return paths.
        certificate: For STARTTLS.
        patience: With clients.
        busy: How long the store waits for another writer.
        options: Of `[[listener]]`.
    """
    store = open_store(str(folder / "a.db"), node="n1", busy=busy)
    inbox = Inbox(Ingest(store, Reader(RULES), Policy.preset("default")))
    listener = Listener(
        a_section(**options),
        submit(inbox.submit),
        keys=keys,
        certificate=certificate,
        patience=patience,
    )
    loop = asyncio.new_event_loop()
    threads = [Thread(target=inbox.run), Thread(target=loop.run_forever)]
    for thread in threads:
        thread.start()
    try:
        asyncio.run_coroutine_threadsafe(listener.start(), loop).result(10)
        found = Receiving(listener, store, loop)
        try:
            yield found
        finally:
            found.stopping(timedelta(seconds=0.5)).result(30)
    finally:
        inbox.stop()
        loop.call_soon_threadsafe(loop.stop)
        for thread in threads:
            thread.join()
        loop.close()
        store.close()
