"""How fast a mailbox is taken in, against a client that merely fetches: run it, read the table.

    python -m tests.benchmarks.imap [--messages 20000] [--arrivals 20] [--rounds 3]

The peer is IMAPClient, which fetches the same messages 500 at a time from the same Dovecot in the
same run, and does nothing with them. `dsnwatch run` reads, judges, stores and moves them. Needs
Dovecot, and root.
"""

import argparse
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

from tests.benchmarks.import_ import ROOT, varied
from tests.servers.dovecot import PASSWORD, UID, Account, Dovecot

SET = 500
ENOUGH, MOST_MEGABYTES, MOST_SECONDS = 0.2, 150, 2.0


def fill(account: Account, count: int) -> None:
    """Put the messages into the INBOX, faster than one by one.

    They are called as Dovecot's own delivery calls them, with their sizes (S on disk, W with CRLF):
    names that differ in a running number alone fall together in its hash tables.
    """
    account.deliver([])
    chance = random.Random(11)  # noqa: S311  the same names at each run
    for number, data in enumerate(varied(count)):
        micros, size = chance.randrange(1_000_000), len(data)
        with_crlf = size + data.count(b"\n") - data.count(b"\r\n")
        name = f"{1767225600 + 3 * number}.M{micros}P{2000 + number % 7}.mx"
        path = account.maildir / "new" / f"{name},S={size},W={with_crlf}"
        path.write_bytes(data)
        os.chown(path, UID, UID)


def peer(account: Account) -> float:
    """Messages a second of IMAPClient alone."""
    with account.client() as client:
        client.select_folder("INBOX", readonly=True)
        start = time.perf_counter()
        uids = client.search()
        for at in range(0, len(uids), SET):
            client.fetch(uids[at : at + SET], ["BODY.PEEK[]"])
        return len(uids) / (time.perf_counter() - start)


@contextmanager
def daemon(account: Account, folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Run dsnwatch on the mailbox."""
    (folder / "password").write_text(PASSWORD)
    config = folder / "dsnwatch.toml"
    config.write_text(
        f'[store]\nurl = "sqlite:///{folder}/dsnwatch.db"\n[[mailbox]]\nname = "bounces"\n'
        f'host = "127.0.0.1"\nport = {account.server.port}\ntls = "none"\n'
        f'user = "{account.user}"\npassword_file = "password"\n'
    )
    command = [sys.executable, "-m", "dsnwatch", "--config", str(config), "run"]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(command, cwd=ROOT, stderr=log) as running,  # noqa: S603  our own program
    ):
        try:
            yield running
        finally:
            running.send_signal(signal.SIGTERM)
            running.wait(30)


def until(condition: Callable[[], bool], every: float = 0.005) -> float:
    """Wait, and tell when it was so; who looks often takes time from what is looked at."""
    while not condition():
        time.sleep(every)
    return time.perf_counter()


def stored(folder: Path) -> int:
    """Count the messages in the store, those that wait for a person too."""
    path = folder / "dsnwatch.db"
    if not path.exists():
        return 0
    question = "SELECT (SELECT count(*) FROM message) + (SELECT count(*) FROM quarantine)"
    with closing(sqlite3.connect(path, timeout=20)) as connection:
        try:
            return int(connection.execute(question).fetchone()[0])
        except sqlite3.OperationalError:
            return 0  # it is being made


def megabytes(pid: int) -> float:
    """The memory of the daemon and of the process that helps it; shared pages count once (PSS)."""
    found = 0
    with suppress(OSError):  # one has ended meanwhile
        children = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children")]
        for each in [pid, *(int(child) for text in children for child in text.split())]:
            lines = Path(f"/proc/{each}/smaps_rollup").read_text().splitlines()
            found += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return found / 1024


class Peak:
    """The most memory that was seen, looked at four times a second."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._next = 0.0
        self.megabytes = 0.0

    def look(self) -> None:
        """Look, if it is time to."""
        if time.perf_counter() >= self._next:
            self._next = time.perf_counter() + 0.25
            self.megabytes = max(self.megabytes, megabytes(self._pid))


class Round(NamedTuple):
    """One mailbox emptied.

    Attributes:
        rate: Messages a second.
        megabytes: The most memory that was seen.
        delays: Seconds from arrival to store, of those that came when it was empty.
    """

    rate: float
    megabytes: float
    delays: list[float]


def emptied(account: Account, count: int) -> Round:
    """Let dsnwatch empty a mailbox, then deliver some messages one by one."""
    with TemporaryDirectory() as place, daemon(account, Path(place)) as running:
        folder = Path(place)
        start = until(lambda: b"ready:" in (folder / "log").read_bytes())
        peak = Peak(running.pid)

        def is_done() -> bool:
            peak.look()
            return account.is_empty()

        took = until(is_done, 0.05) - start
        rate = stored(folder) / took
        return Round(rate, peak.megabytes, list(arrivals(account, folder, count)))


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--messages", type=int, default=20_000)
    options.add_argument("--arrivals", type=int, default=20)
    options.add_argument("--rounds", type=int, default=3)
    given = options.parse_args()
    bases: list[float] = []
    rounds: list[Round] = []
    with Dovecot.running() as server:
        for number in range(given.rounds + 1):  # the peer before and behind each of ours
            fill(account := server.a_user(), given.messages)
            peer(account)  # warms Dovecot's cache for both
            bases.append(peer(account))
            if number < given.rounds:
                rounds.append(emptied(account, given.arrivals))
    around = [(before + after) / 2 for before, after in pairwise(bases)]
    ratios = [each.rate / base for each, base in zip(rounds, around, strict=True)]
    delays = [delay for each in rounds for delay in each.delays]
    print(f"{given.messages} messages, {os.cpu_count()} cores, {given.rounds} rounds")
    print(f"{'':44}{'messages/s':>12}{'ratio':>8}{'wanted':>8}")
    print(f"{'IMAPClient fetches, ' + str(SET) + ' at a time':44}{median(bases):12.0f}{1:8.2f}")
    print(
        f"{'dsnwatch fetches, reads, stores, moves':44}{median(each.rate for each in rounds):12.0f}"
        f"{median(ratios):8.2f}{ENOUGH:8.2f}"
    )
    print(f"ratio by round: {', '.join(f'{ratio:.2f}' for ratio in ratios)}; the median counts")
    print(
        f"peak memory of all processes (PSS): {max(each.megabytes for each in rounds):.0f} MB "
        f"(wanted: below {MOST_MEGABYTES})"
    )
    print(
        f"from arrival to store under IDLE: median {median(delays):.2f} s, "
        f"longest {max(delays):.2f} s of {len(delays)} (wanted: below {MOST_SECONDS:.0f})"
    )


def arrivals(account: Account, folder: Path, count: int) -> Iterator[float]:
    """Deliver messages one by one; how long each takes to be stored."""
    there = stored(folder)
    for number in range(count):
        start = time.perf_counter()
        account.deliver([b"Subject: late %d\n\nText\n" % number])
        yield until(lambda there=there: stored(folder) > there) - start  # type: ignore[misc]
        there += 1
        until(account.is_empty)


if __name__ == "__main__":
    main()
