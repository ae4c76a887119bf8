"""What several daemons on one PostgreSQL take in, and what a bounce costs: run by hand.

`python -m tests.benchmarks.scaling --messages 4000` starts a server that writes to disk as it does
anywhere (fsync on), then 1, 2 and 4 processes that each take in as many, in groups as the daemon
forms them. SQLite, with one process, stands beside it. A first group of each is not counted: until
a daemon has met its statements and rules it takes longer. Only the ratios of one run mean
anything.
"""

import argparse
import multiprocessing
import os
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from dsnwatch.ingest import Ingest
from dsnwatch.model import RawMessage
from dsnwatch.policy import Policy
from dsnwatch.reading.reader import Reader
from dsnwatch.store import open_store
from dsnwatch.store.lookup import HeldLookup
from dsnwatch.subscriptions import Subscription, Subscriptions
from tests.cli.builders import a_bounce
from tests.servers.postgresql import Server, running

if TYPE_CHECKING:
    from multiprocessing.queues import Queue

GROUP = 200
TICKS = os.sysconf("SC_CLK_TCK")
LOOK_UPS, ROUNDS = 500, 20


def take_in(
    url: str, first: int, count: int, ready: Callable[[], object], spent: "Queue[float]"
) -> None:
    """Be one daemon: read and commit so many, and a group before."""
    reader, policy = Reader.load(), Policy.preset("default")
    mail = [
        RawMessage(
            a_bounce(f"user{number}@example{number % 50}.com", number=number),
            f"{number}", "smtp", None, "news", vouched=True,
        )
        for number in range(first, first + GROUP + count)
    ]  # fmt: skip
    with closing(open_store(url, node=f"n{first}")) as store:
        ingest = Ingest(store, reader, policy, subscriptions=Subscriptions([Subscription("crm")]))
        ingest.commit(mail[:GROUP])
        ready()
        began = time.process_time()
        for start in range(GROUP, GROUP + count, GROUP):
            ingest.commit(mail[start : start + GROUP])
    spent.put(time.process_time() - began)


def measure(url: str, daemons: int, messages: int, spent: Callable[[], float]) -> str:
    """Take so many in by each of some processes; gives a line of the table."""
    together = multiprocessing.Barrier(daemons + 1)
    ours: Queue[float] = multiprocessing.Queue()
    several = [
        multiprocessing.Process(
            target=take_in, args=(url, n * (GROUP + messages), messages, together.wait, ours)
        )
        for n in range(daemons)
    ]
    for each in several:
        each.start()
    together.wait()
    server, began = spent(), time.monotonic()
    ours_spent = sum(ours.get() for _ in several)
    took, server = time.monotonic() - began, spent() - server
    for each in several:
        each.join()
    done = messages * daemons
    return (
        f"{daemons:7}  {done / took:10,.0f}  {ours_spent / done * 1e6:14,.0f}"
        f"  {server / done * 1e6:17,.0f}"
    )


def spent_by(server: Server) -> float:
    """Count the processor seconds of a server and all its processes, those that ended too."""
    master = int((server.folder / "data" / "postmaster.pid").read_text().splitlines()[0])
    children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    total = 0
    for pid in (str(master), *children):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += sum(map(int, fields[11:13]))
        if pid == str(master):
            total += sum(map(int, fields[13:15]))
    return total / TICKS


def look_up(url: str) -> float:
    """Give the seconds of one look-up over the kept connection, in the quickest of some rounds."""
    with closing(HeldLookup(url)) as lookup:
        lookup.hold()
        lookup.since("nobody@example.com", "news")
        took = []
        for start in range(ROUNDS):
            began = time.monotonic()
            for number in range(LOOK_UPS):
                lookup.since(f"user{number * ROUNDS + start}@example.com", "news")
            took.append((time.monotonic() - began) / LOOK_UPS)
        return min(took)


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=4000, help="that each daemon takes in")
    messages = parser.parse_args().messages
    print("daemons  messages/s  ours, us/message  server, us/message")
    with TemporaryDirectory() as folder:
        file = f"sqlite:///{folder}/a.db"
        open_store(file).close()
        print(measure(file, 1, messages, lambda: 0.0), "  (SQLite)")
        print(f"look-up: {look_up(file) * 1e6:.0f} us (SQLite)")
    with running({"fsync": "on"}) as server:
        for daemons in (1, 2, 4):
            url = server.a_store()
            print(measure(url, daemons, messages, lambda: spent_by(server)))
        print(f"look-up: {look_up(url) * 1e6:.0f} us (PostgreSQL, loopback)")


if __name__ == "__main__":
    main()
