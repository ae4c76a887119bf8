"""How fast bounces are received, against those who do less: run it, read the table.

    python -m tests.benchmarks.listener [--messages 5000] [--rounds 5]

`smtp-source` (of Postfix) is the load: 100 connections, 5 KB bounces, each message over a
connection of its own, and again with connections that stay. The peers are a handler of aiosmtpd
that drops everything, and a Postfix that puts messages into its queue and discards them. All run in
this run, one after the other, round by round; a ratio is the median of the rounds' ratios.

dsnwatch reads, judges and stores each message, with `synchronous=FULL`, before it says 250. As
`smtp-source` sends one message again and again, the receiver puts a number into each
(`receiver.py`).
"""

import argparse
import asyncio
import json
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from aiosmtpd.smtp import SMTP

from tests.listener.builders import RECIPIENT, a_bounce
from tests.listener.load import Load, may_open_many
from tests.servers.needs import SERVER_PATHS
from tests.servers.postfix import Postfix

CONNECTIONS = 100
IDLE = 2000
OCTETS = 4300
NUMBER = 7770777
MARK = "M" * 12
SECTION = {
    "listen": ["127.0.0.1:0"],
    "domains": ["return.test"],
    "hostname": "mx.return.test",
    "max_connections": 3000,
    "max_connections_per_ip": 0,
    "messages_per_minute_per_ip": 0,
}
DISCARDING = "default_process_limit = 200\ntransport_maps = inline:{ { * = discard: } }\n"


class Drop:
    """A handler that drops everything."""

    async def handle_DATA(self, *_: object) -> str:  # noqa: N802  the name is aiosmtpd's
        """Say yes, and forget."""
        return "250 Ok"


async def drop() -> None:
    """Serve with it, and print the port."""
    loop, handler = asyncio.get_running_loop(), Drop()
    server = await loop.create_server(
        lambda: SMTP(handler, hostname="mx.return.test", enable_SMTPUTF8=True, loop=loop),
        "127.0.0.1",
        0,
        backlog=1024,
    )
    print(json.dumps([server.sockets[0].getsockname()]), flush=True)
    await server.serve_forever()


@contextmanager
def process(*arguments: str) -> Iterator[tuple[int, int]]:
    """Run a module that prints its places; gives process id and port."""
    with subprocess.Popen(  # noqa: S603 - ours
        [sys.executable, "-m", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as running:
        try:
            assert running.stdout is not None
            ((_, port),) = json.loads(running.stdout.readline())
            yield running.pid, port
        finally:
            running.terminate()


@dataclass(frozen=True, slots=True)
class Source:
    """The load."""

    message: Path
    messages: int

    def send(self, port: int, *, stays: bool) -> float:
        """Send all of them; gives messages a second."""
        command = [
            "smtp-source",
            *(["-d"] if stays else []),
            *("-s", str(CONNECTIONS), "-m", str(self.messages), "-F", str(self.message)),
            *("-f", "", "-t", RECIPIENT, f"127.0.0.1:{port}"),
        ]
        start = time.perf_counter()
        subprocess.run(command, check=True, env={"PATH": SERVER_PATHS})  # noqa: S603 - Postfix's
        return self.messages / (time.perf_counter() - start)


def compare(source: Source, ports: dict[str, int], rounds: int, *, stays: bool) -> None:
    """Send to each in turn, and print what came of it."""
    rates: dict[str, list[float]] = {name: [] for name in ports}
    for _ in range(rounds):
        for name, port in ports.items():
            rates[name].append(source.send(port, stays=stays))
    print(f"\n{CONNECTIONS} connections, {'kept' if stays else 'one a message'}")
    ours = rates["dsnwatch"]
    for name, found in rates.items():
        ratio = statistics.median(o / theirs for o, theirs in zip(ours, found, strict=True))
        print(f"  {name:24} {statistics.median(found):8,.0f} a second   dsnwatch / it {ratio:5.2f}")


def resident(pid: int) -> float:
    """Give the memory of a process, in MB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmRSS:"))) / 1000


def wait_for(port: int, connections: int) -> Iterator[socket.socket]:
    """Open connections, one after the other, and read each greeting."""
    for _ in range(connections):
        client = socket.create_connection(("127.0.0.1", port), timeout=30)
        assert client.recv(200).startswith(b"220 ")
        yield client


def latency(port: int, messages: int) -> None:
    """Print how long the answer to a message takes."""
    load = Load({*range(messages)}, octets=OCTETS, connections=CONNECTIONS)
    load.deliver(port)
    assert not load.left
    cuts = statistics.quantiles(load.seconds, n=100)
    print(f"\nfrom the lone dot to 250, {CONNECTIONS} connections, {messages:,} messages")
    for share in (50, 95, 99):
        print(f"  {share} % within {cuts[share - 1] * 1000:6,.0f} ms")


def idle(pid: int, port: int) -> None:
    """Print what connections cost that say nothing."""
    before = resident(pid)
    with ExitStack() as open_:
        for client in wait_for(port, IDLE):
            open_.enter_context(client)
        after = resident(pid)
    print(f"\n{IDLE:,} idle connections: {after - before:,.0f} MB more ({before:,.0f} before)")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--drop", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.drop:
        asyncio.run(drop())
        return
    may_open_many(IDLE + 100)
    with TemporaryDirectory(prefix="dsnwatch-benchmark-") as name, ExitStack() as stack:
        folder = Path(name)
        data = a_bounce(NUMBER, octets=OCTETS).replace(str(NUMBER).encode(), MARK.encode())
        source = Source(folder / "bounce", arguments.messages)
        source.message.write_bytes(data.replace(b"\r\n", b"\n"))
        receiver = ["tests.benchmarks.receiver", str(folder / "a.db"), json.dumps(SECTION)]
        pid, ours = stack.enter_context(process(*receiver, "--unlike", MARK))
        _, dropping = stack.enter_context(process("tests.benchmarks.listener", "--drop"))
        postfix = stack.enter_context(Postfix.running(DISCARDING))
        ports = {
            "dsnwatch": ours,
            "aiosmtpd that drops": dropping,
            "Postfix that discards": postfix.port,
        }
        print(f"messages of {len(data):,} octets, {arguments.messages:,} a round")
        idle(pid, ours)
        for stays in (False, True):
            compare(source, ports, arguments.rounds, stays=stays)
        latency(ours, arguments.messages)
        print(f"\nmemory of dsnwatch at the end: {resident(pid):,.0f} MB")


if __name__ == "__main__":
    main()
