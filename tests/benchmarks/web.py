"""What the API and the pages cost: run it, read the tables.

    python -m tests.benchmarks.web [--events 50000 500000] [--suppressions 100000] [--rounds 5]

`GET /v1/check`, with its token, against a FastAPI route that answers a constant, both served by
uvicorn in one process of their own, over connections that stay, by turns. The pages of two stores
that got as much a day, one for a year and one for a tenth of it, asked by turns; each page's price
is the median of its times. `--events 500000 5000000 --suppressions 1000000` is the full size, which
takes a while to fill.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import uvicorn
from fastapi import FastAPI
from starlette.testclient import TestClient

from dsnwatch.model import Action, Kind, RecipientStatus, Scope, StatusCode, Trust, Verdict
from dsnwatch.records import (
    Attribution,
    BounceEvent,
    Decision,
    DecisionAction,
    StoredEvent,
    Suppression,
)
from dsnwatch.rules import load
from dsnwatch.store import Store, new_id
from tests.http.builders import OPENED, Place
from tests.lookup.builders import a_free_port

BATCH = 5000
CONNECTIONS = 8
ASKED = 2000
DAYS = 365
PROVIDERS = ("google", "outlook", "yahoo", "gmx", None, None)
STREAMS = ("newsletter", "invoices", "notices")
PAGES = (
    "/",
    "/trends",
    "/trends?by=provider&span=90d",
    "/trends?by=domain&span=30d",
    "/todo",
    "/review",
    "/address?a=u1@d1.example.com",
    "/search?q=d1.example.com",
)


def events(count: int, step: timedelta, now: datetime) -> Iterator[StoredEvent]:
    """Make events, one a step, the oldest first."""
    rows = [*load().categories.values()]
    for number in range(count):
        row = rows[number * 7 % len(rows)]
        at = now - (count - number) * step
        address = f"u{number % 9999}@d{number % 997}.example.com"
        verdict = Verdict(
            None, row.bounce_class, row.id, row.fault, StatusCode(5, 1, 1), "550", row.id, 0.9,
            PROVIDERS[number % len(PROVIDERS)],
        )  # fmt: skip
        said = RecipientStatus(
            address, Action.FAILED, final_recipient=address, status=StatusCode(5, 1, 1),
            diagnostic=f"550 5.1.1 {row.says}, as provider {number % 40} says",
        )  # fmt: skip
        found = Attribution(
            address, "final_recipient", Trust.VOUCHED, STREAMS[number % 3], f"letter-{at:%Y-%V}"
        )
        event = BounceEvent(f"{number}", Kind.BOUNCE, at, said, verdict, found)
        yield StoredEvent(
            new_id(at), f"m{number}", event, Decision(DecisionAction.COUNT, "soft", "counted")
        )


def fill(store: Store, count: int, step: timedelta, suppressions: int, now: datetime) -> None:
    """Fill a store by script."""
    made = events(count, step, now)
    for _ in range(0, count, BATCH):
        with store.write() as writer:
            writer.add_events([event for event, _ in zip(made, range(BATCH), strict=False)])
    for start in range(0, suppressions, BATCH):
        with store.write() as writer:
            writer.put_suppressions(
                [
                    Suppression(
                        f"u{n}@d{n % 997}.example.com", "user_unknown", "bounce", "hard", now
                    )
                    for n in range(start, min(start + BATCH, suppressions))
                ]
            )


async def asked(port: int, path: str, token: str) -> float:
    """Ask over some connections that stay; gives requests a second."""
    request = (
        f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    )

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(ASKED // CONNECTIONS):
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
            await reader.readexactly(length)
        writer.close()

    start = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(CONNECTIONS)))
    return ASKED / (time.perf_counter() - start)


def serve(folder: Path, ports: Mapping[str, int]) -> None:
    """Serve both applications in this process, until it is ended."""
    constant = FastAPI()

    @constant.get("/constant")
    async def _constant() -> dict[str, object]:
        return {"address": "u1@d1.example.com", "suppressed": False}

    place = Place(folder)
    place.desk.keys._clock = lambda: datetime.now(UTC)  # noqa: SLF001  the clock of tests stands
    apps = {"check": place.app, "constant": constant}

    async def both() -> None:
        servers = [
            uvicorn.Server(
                uvicorn.Config(
                    app, port=ports[name], http="h11", ws="none", lifespan="off", access_log=False,
                    log_config=None,
                )
            )
            for name, app in apps.items()
        ]  # fmt: skip
        await asyncio.gather(*(server.serve() for server in servers))

    asyncio.run(both())


def compare_checks(folder: Path, token: str, rounds: int) -> None:
    """Measure single checks against a constant, by turns."""
    ports = {"check": a_free_port(), "constant": a_free_port()}
    command = [
        sys.executable, "-m", "tests.benchmarks.web", "--serve", str(folder),
        *(str(port) for port in ports.values()),
    ]  # fmt: skip
    paths = {"check": "/v1/check?address=u1@d1.example.com", "constant": "/constant"}
    with subprocess.Popen(command, env=os.environ) as process:  # noqa: S603  ours
        try:
            found: dict[str, list[float]] = {name: [] for name in ports}
            for name, port in ports.items():
                wait_for(port)
                asyncio.run(asked(port, paths[name], token))
            for _ in range(rounds):
                for name, port in ports.items():
                    found[name].append(asyncio.run(asked(port, paths[name], token)))
        finally:
            process.terminate()
    ratios = [ours / bare for ours, bare in zip(found["check"], found["constant"], strict=True)]
    print("requests a second, one process, connections that stay (median of rounds)")
    for name, values in found.items():
        print(f"  {name:12}{statistics.median(values):10,.0f}")
    print(f"  ratio {statistics.median(ratios):.2f} (wanted: 0.5 or more)\n")


def wait_for(port: int) -> None:
    """Wait until somebody listens."""
    for _ in range(200):
        try:
            asyncio.run(_knock(port))
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("nobody listens")


async def _knock(port: int) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()


def compare_pages(places: Mapping[int, Place], rounds: int) -> None:
    """Measure each page of both stores, by turns."""
    looking = {}
    for count, place in places.items():
        looking[count] = TestClient(place.app)
        looking[count].post("/sign-in", data={"token": place.token(Scope.ADMIN)})
    small, large = places
    print(f"{'milliseconds a page':34}{small:>12,}{large:>12,}{'ratio':>8}")
    for path in PAGES:
        times: dict[int, list[float]] = {count: [] for count in places}
        for _ in range(rounds * 3):
            for count, client in looking.items():
                start = time.perf_counter()
                answer = client.get(path)
                times[count].append(time.perf_counter() - start)
                assert answer.status_code == 200, path
        mid = {count: statistics.median(values[1:]) * 1000 for count, values in times.items()}
        print(f"{path:34}{mid[small]:12.1f}{mid[large]:12.1f}{mid[large] / mid[small]:8.2f}")
    print("(wanted: 1.3 or less)")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, nargs=2, default=[50_000, 500_000])
    parser.add_argument("--suppressions", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--serve", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        folder, check, constant = arguments.serve
        serve(Path(folder), {"check": int(check), "constant": int(constant)})
        return
    now, step = datetime.now(UTC), timedelta(days=DAYS) / max(arguments.events)
    with TemporaryDirectory(prefix="dsnwatch-benchmark-") as name:
        places = {}
        for count in arguments.events:
            folder = Path(name) / str(count)
            folder.mkdir()
            places[count] = Place(folder)
            places[count].clock.now = now
            start = time.perf_counter()
            fill(places[count].store, count, step, arguments.suppressions, now)
            print(f"{count:,} events made in {time.perf_counter() - start:.0f} s", flush=True)
        large = places[arguments.events[1]]
        token = large.token(Scope.CHECK)
        compare_checks(Path(name) / str(arguments.events[1]), token, arguments.rounds)
        compare_pages(places, arguments.rounds)
        while OPENED:
            OPENED.pop().close()


if __name__ == "__main__":
    main()
