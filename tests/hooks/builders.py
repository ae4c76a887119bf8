"""Events to tell, a hook that remembers, a clock that is moved, and a receiver on the loopback."""

import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from ssl import SSLContext
from typing import Any

from dsnwatch.config.hook import HookSection
from dsnwatch.errors import HookError
from dsnwatch.events import VERSION
from dsnwatch.hooks import Delivery
from dsnwatch.records import News
from dsnwatch.rfc.json_text import to_json
from dsnwatch.store import Store, new_id

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def move(self, by: timedelta) -> None:
        self.now += by


def a_free_port() -> int:
    """Find a port of the loopback where nobody listens."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port: int = server.getsockname()[1]
    return port


Answer = Callable[[News], None]


class Remembers:
    """A hook that notes what it is told, and fails as it is told to."""

    every = timedelta(0)
    timeout = timedelta(seconds=10)

    def __init__(self, batch: int = 1) -> None:
        self.batch = batch
        self.deliveries: list[Delivery] = []
        self.told: list[News] = []
        self.fails: Answer = lambda _: None
        self.closed = False

    def deliver(self, delivery: Delivery) -> None:
        self.deliveries.append(delivery)
        for news in delivery.news:
            self.fails(news)
        self.told += delivery.news

    def close(self) -> None:
        self.closed = True

    @property
    def ids(self) -> list[str]:
        return [news.id for news in self.told]

    @property
    def tries(self) -> Counter[str]:
        return Counter(news.id for delivery in self.deliveries for news in delivery.news)


def down(_: News) -> None:
    """Fail as a receiver that is not there."""
    raise HookError("nobody answers")


def some_news(address: str = "anne@example.org", type_: str = "bounce.hard") -> News:
    """Give an event for the hook `crm`."""
    id_ = new_id(NOW)
    data = {"recipient": address}
    payload = {
        "type": type_,
        "version": VERSION,
        "id": id_,
        "timestamp": "2026-03-31T12:00:00Z",
        "data": data,
    }
    return News(id_, type_, address, to_json(payload), ("crm",))


def put(store: Store, *news: News, at: datetime = NOW) -> tuple[News, ...]:
    """Put events into the outbox."""
    with store.write() as writer:
        writer.add_news(news, at)
    return news


def put_many(store: Store, count: int) -> tuple[News, ...]:
    """Put events of distinct addresses into the outbox."""
    return put(store, *(some_news(f"user{number}@example.org") for number in range(count)))


def a_section(**said: Any) -> HookSection:  # noqa: ANN401  whatever a section can say
    """Give a section of the configuration."""
    return HookSection(**{"name": "crm", "kind": "webhook"} | said)


class Folder:
    """A configuration in a folder, and what lies beside it."""

    node = "mx1"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def secret(self, path: Path, key: str) -> str:  # noqa: ARG002  the contract's signature
        return (self.folder / path).read_text().rstrip("\r\n")

    def beside(self, path: Path) -> Path:
        return self.folder / path


@dataclass
class Request:
    """What a receiver got."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """An HTTP server that notes what it gets, and answers as it is told to."""

    port: int = 0
    requests: list[Request] = field(default_factory=list)
    status: int = 204
    headers: Sequence[tuple[str, str]] = ()
    respond: Callable[[BaseHTTPRequestHandler], None] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/bounces"


@contextmanager
def a_receiver(tls: SSLContext | None = None) -> Iterator[Receiver]:
    """Serve on a port of the loopback."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(length)
            if len(body) < length:
                return  # whoever asked was killed half-way: that is no request
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.requests.append(Request(self.path, headers, body))
            if receiver.respond is not None:
                receiver.respond(self)
                return
            self.send_response(receiver.status)
            for name, value in receiver.headers:
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            pass  # a client that hangs up is what the tests want

    with Server(("127.0.0.1", 0), Handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        receiver.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()
