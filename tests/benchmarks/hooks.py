"""How fast hooks are told and look-ups answered, against the bare thing in the same run.

    python -m tests.benchmarks.hooks [--events 5000] [--connections 1] [--rows 1000000]
                                     [--questions 30000] [--clients 4] [--rounds 5]

* Delivery: events from the store to a receiver on the loopback, signed, against `httpx2.Client`
  posting the same bodies there over as many connections, with nothing else to do.
* At rest: from the commit of an event to its arrival, with nobody waking the worker.
* Ballast: the same events with and without so many rows that wait, and as many that are dead.
* Look-ups: socketmap questions of as many clients, each waiting for its answer, against an echo
  server of the same protocol, one thread with selectors as ours is.

The machine may be busy with other things: both sides of a comparison take turns, and each round
gives a ratio of its own; what is printed is the median of them, with the least and the greatest.
"""

import argparse
import multiprocessing
import selectors
import socket
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2

from dsnwatch.config.lookup import LookupSection
from dsnwatch.hooks import open_hook
from dsnwatch.lookups import server
from dsnwatch.outbox import Worker
from dsnwatch.records import News, Suppression
from dsnwatch.store import Store, new_id, open_store
from tests.hooks.builders import Folder, a_free_port, a_section
from tests.hooks.events import a_failure

SECRET = "whsec_MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI="
LISTED = 100_000
LATER = datetime.now(UTC) + timedelta(days=1)
BATCH = 5000


def receive(port: int, seen: "multiprocessing.Queue[float] | None") -> None:
    """Answer every POST with 204, on as many connections as come."""

    def serve(connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        buffer = b""
        while True:
            while b"\r\n\r\n" not in buffer:
                piece = connection.recv(65536)
                if not piece:
                    return
                buffer += piece
            head, _, buffer = buffer.partition(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
            while len(buffer) < length:
                buffer += connection.recv(65536)
            buffer = buffer[length:]
            if seen is not None:
                seen.put(time.time())
            connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    with socket.create_server(("127.0.0.1", port), backlog=100) as listening:
        while True:
            accepted, _ = listening.accept()
            threading.Thread(target=serve, args=(accepted,), daemon=True).start()


@contextmanager
def another_process(target: Callable[..., None], *arguments: object) -> Iterator[None]:
    """Run a server beside us, until the block ends."""
    process = multiprocessing.get_context("spawn").Process(
        target=target, args=arguments, daemon=True
    )
    process.start()
    try:
        yield
    finally:
        process.kill()
        process.join()


def wait_for(port: int) -> None:
    """Wait until somebody listens."""
    for _ in range(1000):
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    sys.exit("the server beside us did not come up")


def some_news(count: int) -> list[News]:
    """Give events of distinct addresses, as ingest writes them."""
    now, payload = datetime.now(UTC), a_failure().payload
    return [
        News(new_id(now), "bounce.hard", f"user{number}@example.org", payload, ("crm",))
        for number in range(count)
    ]


def put(store: Store, news: Sequence[News], at: datetime) -> None:
    """Put events into the outbox, due at a moment."""
    for start in range(0, len(news), BATCH):
        with store.write() as writer:
            writer.add_news(news[start : start + BATCH], at)


def at_once(count: int, work: Callable[[int], None]) -> float:
    """Do something in so many threads; the seconds it took."""
    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - start


def bare(url: str, news: Sequence[News], connections: int) -> float:
    """Events a second of `httpx2.Client` alone."""

    def post(number: int) -> None:
        with httpx2.Client() as client:
            for each in news[number::connections]:
                client.post(
                    url,
                    content=each.payload.encode(),
                    headers={"Content-Type": "application/json"},
                ).raise_for_status()

    return len(news) / at_once(connections, post)


def delivered(store: Store, url: str, news: Sequence[News], connections: int, place: Path) -> float:
    """Events a second out of the store, by as many workers."""
    put(store, news, datetime.now(UTC))
    (place / "secret").write_text(SECRET)
    section = a_section(url=url, allow_private=True, secret_file="secret")
    hooks = [open_hook(section, Folder(place), 0) for _ in range(connections)]

    def work(number: int) -> None:
        worker = Worker(store, "crm", hooks[number])
        while worker.turn():
            pass
        hooks[number].close()

    took = at_once(connections, work)
    with store.deliveries(readonly=True) as looked:
        assert looked.backlog("crm").waiting in {0, RESTING.get("rows", 0)}
    return len(news) / took


RESTING: dict[str, int] = {}
"""How many rows wait for another day."""


def told(name: str, ratios: Sequence[float], note: str = "") -> None:
    """Print a line of the table."""
    middle, least, most = statistics.median(ratios), min(ratios), max(ratios)
    print(f"{name:44}{middle:8.2f}{least:8.2f}{most:8.2f}  {note}", flush=True)


def deliveries(given: argparse.Namespace, place: Path) -> None:
    """Compare delivery with httpx2 alone, and with ballast in the store."""
    port = a_free_port()
    url = f"http://127.0.0.1:{port}/"
    slices = max(given.events // given.rounds, 1)
    with (
        another_process(receive, port, None),
        closing(open_store(f"sqlite:///{place / 'light.db'}")) as light,
    ):
        wait_for(port)
        for connections in sorted({1, given.connections}):
            ratios, rates = [], []
            for _ in range(given.rounds):
                news = some_news(slices)
                before = bare(url, news, connections)
                ours = delivered(light, url, news, connections, place)
                after = bare(url, news, connections)
                ratios.append(2 * ours / (before + after))
                rates.append(ours)
            told(
                f"delivery / httpx2 alone, {connections} connections",
                ratios,
                f"{statistics.median(rates):.0f} events a second, {slices * given.rounds} in all",
            )
        with closing(open_store(f"sqlite:///{place / 'heavy.db'}")) as heavy:
            load(heavy, given.rows)
            ratios = []
            for _ in range(given.rounds):
                first = delivered(light, url, some_news(slices), 1, place)
                RESTING["rows"] = given.rows
                second = delivered(heavy, url, some_news(slices), 1, place)
                RESTING.clear()
                third = delivered(light, url, some_news(slices), 1, place)
                ratios.append((first + third) / 2 / second)
            told(f"time with {given.rows} waiting and as many dead", ratios, "times that without")


def load(store: Store, rows: int) -> None:
    """Put rows into the store that wait for tomorrow, and as many that are dead."""
    for start in range(0, rows, 50_000):
        count = min(50_000, rows - start)
        news = [each._replace(address=f"{start}.{each.address}") for each in some_news(count)]
        put(store, news, LATER)
    with closing(sqlite3.connect(store.where)) as connection:
        connection.execute(
            "INSERT INTO dead_letter (hook, id, address, type, payload, attempts, at, error, node) "
            "SELECT hook, id, address, type, payload, 9, 0, 'down', node FROM outbox"
        )
        connection.commit()


def at_rest(given: argparse.Namespace, place: Path) -> None:
    """Say how long an event takes from its commit to its arrival."""
    port = a_free_port()
    seen: multiprocessing.Queue[float] = multiprocessing.get_context("spawn").Queue()
    with (
        another_process(receive, port, seen),
        closing(open_store(f"sqlite:///{place / 'rest.db'}")) as store,
    ):
        wait_for(port)
        section = a_section(url=f"http://127.0.0.1:{port}/", allow_private=True)
        worker = Worker(store, "crm", open_hook(section, Folder(place), 0))
        thread = threading.Thread(target=worker.run)
        thread.start()
        took = []
        for number in range(given.rounds * 4):
            time.sleep(0.3 + number % 4 / 20)
            put(store, some_news(1), datetime.now(UTC))
            committed = time.time()
            took.append(seen.get(timeout=30) - committed)
        worker.stop()
        thread.join()
    told("seconds from commit to arrival, at rest", took)


def echo(port: int) -> None:
    """Send every netstring back, in one thread with selectors."""
    with socket.create_server(("127.0.0.1", port), backlog=100) as listening:
        listening.settimeout(0)
        with selectors.DefaultSelector() as ready:
            ready.register(listening, selectors.EVENT_READ, None)
            while True:
                for key, _ in ready.select():
                    if key.data is None:
                        accepted, _ = listening.accept()
                        accepted.settimeout(0)
                        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                        ready.register(accepted, selectors.EVENT_READ, bytearray())
                        continue
                    connection, buffer = key.fileobj, key.data
                    assert isinstance(connection, socket.socket)
                    piece = connection.recv(65536)
                    if not piece:
                        ready.unregister(connection)
                        connection.close()
                        continue
                    buffer += piece
                    while (colon := buffer.find(b":")) >= 0:
                        end = colon + 2 + int(buffer[:colon])
                        if len(buffer) < end:
                            break
                        connection.send(buffer[:end])
                        del buffer[:end]


def answer(port: int, url: str) -> None:
    """Answer look-ups."""
    server(LookupSection(kind="socketmap", listen=f"127.0.0.1:{port}"), url).run()


def asked(port: int, questions: Sequence[bytes], clients: int) -> float:
    """Questions a second, each client waiting for each answer."""

    def ask(number: int) -> None:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for question in questions[number::clients]:
                connection.sendall(question)
                answered = connection.recv(65536)
                while not answered.endswith(b","):
                    answered += connection.recv(65536)

    return len(questions) / at_once(clients, ask)


def lookups(given: argparse.Namespace, place: Path) -> None:
    """Compare look-ups with an echo of the questions."""
    url = f"sqlite:///{place / 'listed.db'}"
    with closing(open_store(url)) as store:
        for start in range(0, LISTED, BATCH):
            with store.write() as writer:
                writer.put_suppressions(
                    [
                        Suppression(f"user{number}@example.org", "x", "bounce", "hard", LATER)
                        for number in range(start, start + BATCH)
                    ]
                )
    count = given.questions // given.rounds
    keys = [f"suppressed user{number * 7919 % (2 * LISTED)}@example.org" for number in range(count)]
    questions = [f"{len(key)}:{key},".encode() for key in keys]
    ports = a_free_port(), a_free_port()
    with another_process(echo, ports[0]), another_process(answer, ports[1], url):
        for port in ports:
            wait_for(port)
        ratios, rates = [], []
        for _ in range(given.rounds):
            before = asked(ports[0], questions, given.clients)
            ours = asked(ports[1], questions, given.clients)
            after = asked(ports[0], questions, given.clients)
            ratios.append(2 * ours / (before + after))
            rates.append(ours)
    told(
        f"look-ups / echo, {given.clients} clients",
        ratios,
        f"{statistics.median(rates):.0f} a second, half of them suppressed",
    )


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--events", type=int, default=5000)
    options.add_argument("--connections", type=int, default=4)
    options.add_argument("--rows", type=int, default=1_000_000)
    options.add_argument("--questions", type=int, default=30_000)
    options.add_argument("--clients", type=int, default=4)
    options.add_argument("--rounds", type=int, default=5)
    parts = {"rest": at_rest, "lookups": lookups, "deliveries": deliveries}
    options.add_argument("--only", choices=parts)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        print(f"{'':44}{'median':>8}{'least':>8}{'most':>8}")
        for name, part in parts.items():
            if given.only in {None, name}:
                part(given, place)


if __name__ == "__main__":
    main()
