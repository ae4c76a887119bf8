"""What the API and the pages cost: run it, read the tables.

    python -m tests.benchmarks.web [--events 50000 500000] [--days 900] [--suppressions 100000]

`GET /v1/check`, with its token, against a FastAPI route that answers a constant, both served by
uvicorn in one process of their own, over connections that stay, by turns. The pages of two stores
that got as much a day, the second one for ten times as long, asked by turns, and so the lists of
the API for values that are seldom; each price is the median of its times, each ratio that of its
turns, for whatever else the machine does weighs on both of a turn. `--events 500000 5000000
--suppressions 1000000` is the full size: 8 GB, filled in 5 to 17 minutes, as busy as
the machine is.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import uvicorn
from fastapi import FastAPI
from starlette.testclient import TestClient

from dsnwatch.model import Scope
from tests.benchmarks.filling import DAYS, fill, suppress
from tests.http.builders import OPENED, Place
from tests.lookup.builders import a_free_port

CONNECTIONS = 8
ASKED = 2000
TURNS = 6
"""How often a page is asked for in a round; its ratio is the median of those of all turns."""
PAGES = (
    "/",
    "/trends",
    "/trends?by=reason&span=24h",
    "/trends?by=stream&span=30d",
    "/trends?by=provider&span=90d",
    "/trends?by=domain&span=90d",
    "/trends?by=campaign&span=90d",
    "/todo",
    "/review",
    "/review/forged",
    "/address?a=u1@d1.example.com",
    "/search?q=d1.example.com",
    "/search?q=seldom.example.com",
    "/search/near?q=u77",
    "/v1/backscatter",
    "/v1/alerts",
    "/v1/streams/newsletter/state",
    "/v1/suppressions",
    "/metrics",
    "/v1/events?provider=seldom",
    "/v1/events?campaign=seldom&order=newest",
    "/v1/events?stream=seldom",
    "/v1/events?domain=seldom.example.com",
    "/v1/events?kind=complaint",
    "/v1/events?class=undetermined&order=newest",
    "/v1/events?reason=user_unknown&provider=seldom",
    "/v1/events?since={since}&until={until}",
    "/v1/events?since={since}&until={until}&order=newest",
    "/v1/messages?kind=complaint",
    "/v1/messages?stream=seldom&order=newest",
    "/v1/suppressions?domain=seldom.example.com",
    "/v1/suppressions?reason=complaint",
    "/v1/suppressions?origin=manual",
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
        token = place.token(Scope.ADMIN)
        looking[count].post("/sign-in", data={"token": token})
        looking[count].headers["Authorization"] = f"Bearer {token}"
    small, large = places
    print(f"{'milliseconds':60}{small:>12,}{large:>12,}{'ratio':>8}")
    since = next(iter(places.values())).clock() - timedelta(days=DAYS)
    when = {"since": f"{since:%FT%TZ}", "until": f"{since + timedelta(hours=1):%FT%TZ}"}
    for path in (page.format(**when) for page in PAGES):
        times: dict[int, list[float]] = {count: [] for count in places}
        for _ in range(rounds * TURNS):
            for count, client in looking.items():
                start = time.perf_counter()
                answer = client.get(path)
                times[count].append(time.perf_counter() - start)
                assert answer.status_code == 200, path
        mid = {count: statistics.median(values[1:]) * 1000 for count, values in times.items()}
        turns = zip(times[large][1:], times[small][1:], strict=True)
        ratio = statistics.median(one / other for one, other in turns)
        told = f"{mid[small]:12.1f}{mid[large]:12.1f}{ratio:8.2f}"
        print(f"{path[:58]:60}{told}", flush=True)
    print("(wanted: 1.3 or less)")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, nargs=2, default=[50_000, 500_000])
    parser.add_argument("--days", type=int, default=900, help="that the second store has")
    parser.add_argument("--suppressions", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--serve", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        folder, check, constant = arguments.serve
        serve(Path(folder), {"check": int(check), "constant": int(constant)})
        return
    now, whole = datetime.now(UTC), max(arguments.events)
    with TemporaryDirectory(prefix="dsnwatch-benchmark-") as name:
        places = {}
        for count in arguments.events:
            folder = Path(name) / str(count)
            folder.mkdir()
            start = time.perf_counter()
            blocks = max(arguments.days * count // whole // DAYS, 1)
            fill(folder / "a.db", count // blocks, blocks, now)
            suppress(folder / "a.db", arguments.suppressions, now)
            print(f"{count:,} events made in {time.perf_counter() - start:.0f} s", flush=True)
            places[count] = Place(folder)
            places[count].clock.now = now
        large = places[arguments.events[1]]
        token = large.token(Scope.CHECK)
        compare_checks(Path(name) / str(arguments.events[1]), token, arguments.rounds)
        compare_pages(places, arguments.rounds)
        while OPENED:
            OPENED.pop().close()


if __name__ == "__main__":
    main()
