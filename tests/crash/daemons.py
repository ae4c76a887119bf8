"""Several daemons on one PostgreSQL, killed and added while mail comes in at all of them.

On demand, larger: `python -m tests.crash.daemons --daemons 1 2 4 --messages 3000 --seconds 60`.
What they take in and what a bounce costs is to be seen where none is killed and nobody waits:
`--pause 0 --seconds 0`.
"""

import argparse
import os
import queue
import random
import smtplib
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.crash.ledger import Input, Ledger
from tests.crash.world import CONFIGURATION, REPOSITORY
from tests.databases import asked, done
from tests.hooks.builders import a_receiver
from tests.servers.dovecot import PASSWORD, Account, Dovecot, a_port
from tests.servers.postgresql import Server
from tests.servers.postgresql import running as a_server

PATIENCE, A_MESSAGE = 60.0, 0.1
"""Seconds that all may take, and that each message may take besides."""
TICKS = os.sysconf("SC_CLK_TCK")
HARD, SOFT, LISTED = "bounce.hard", "bounce.soft", "suppression.added"


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is done.

    Attributes:
        messages: Bounces that are made; half come by SMTP, half lie in a mailbox, and some in both.
        seconds: How long they are handed in for, at least.
        pause: Seconds between two kills; 0 is none.
    """

    daemons: int
    messages: int = 200
    seconds: float = 4.0
    pause: float = 0.8
    seed: int = 1


@dataclass(slots=True)
class Result:
    """What was done and found.

    Attributes:
        losses: What is missing, double or too much, a sentence each.
        again: Events that a hook was told more than once, under the id they had.
        took: Seconds from the first message until all were stored.
        spent: Seconds of processor that the daemons took meanwhile, without their starts.
    """

    plan: Plan
    kills: int = 0
    mailbox_moved: int = 0
    again: int = 0
    took: float = 0.0
    spent: float = 0.0
    losses: list[str] = field(default_factory=list)


class Daemon:
    """One daemon of several.

    Attributes:
        port: Where it listens.
        begun: What it had spent when it first took something; None before that.
    """

    def __init__(self, folder: Path, node: str, said: dict[str, object]) -> None:
        self.port = a_port()
        self.begun: float | None = None
        path = folder / f"{node}.toml"
        path.write_text(CONFIGURATION.format(node=node, smtp=self.port, folder=folder, **said))
        self.log = folder / f"{node}.log"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603  ours
                [sys.executable, "-m", "dsnwatch", "run", "--config", str(path)],
                stdout=log,
                stderr=log,
                env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
            )

    def is_ready(self) -> bool:
        """Whether it has come up."""
        assert self._process.poll() is None, self.log.read_text()
        return ": ready: " in self.log.read_text()

    @property
    def spent(self) -> float:
        """Seconds of processor it has taken, with its processes that ended."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) / TICKS

    def begin(self) -> None:
        """What it spends from now on it spends on mail."""
        if self.begun is None:
            self.begun = self.spent

    def kill(self) -> float:
        """End it at once; tells what it had spent on mail."""
        spent = 0.0 if self.begun is None else self.spent - self.begun
        self._process.kill()
        self._process.wait(30)
        return spent


class Several:
    """The daemons, what is around them, and those who send to them."""

    def __init__(self, folder: Path, said: dict[str, object], plan: Plan) -> None:
        self._folder = folder
        self._said = said
        self._numbers = count(1)
        self.daemons = [self.another() for _ in range(plan.daemons)]
        self.waiting: queue.Queue[Input] = queue.Queue()
        self.over = threading.Event()
        self._chance = random.Random(plan.seed)  # noqa: S311  no secret

    def another(self) -> Daemon:
        """Start one more, with a name of its own."""
        return Daemon(self._folder, f"n{next(self._numbers)}", self._said)

    def send(self) -> None:
        """Hand in what waits until each has its 250, at whichever daemon takes it."""
        while not self.over.is_set():
            try:
                made = self.waiting.get(timeout=0.05)
            except queue.Empty:
                continue
            daemon = self._chance.choice(self.daemons)
            try:
                with smtplib.SMTP("127.0.0.1", daemon.port, "client.test", 20) as client:
                    daemon.begin()
                    client.sendmail("", ["bounces@bounce.test"], made.data.replace(b"\n", b"\r\n"))
            except (OSError, smtplib.SMTPException):
                self.waiting.put(made)
                time.sleep(0.02)
            finally:
                self.waiting.task_done()

    def kill_one(self) -> float:
        """Kill one at once, and put a new one in its place; tells what it had spent on mail."""
        place = self._chance.randrange(len(self.daemons))
        spent = self.daemons[place].kill()
        self.daemons[place] = self.another()
        return spent


def run(plan: Plan, server: Server) -> Result:
    """Do what is planned, and compare what went in with what is there."""
    result, ledger = Result(plan), Ledger()
    url = server.a_store()
    with TemporaryDirectory() as name, Dovecot.running() as dovecot, a_receiver() as receiver:
        folder, account = Path(name), dovecot.a_user()
        (folder / "password").write_text(PASSWORD)
        account.deliver([])
        said: dict[str, object] = {
            "store": url, "imap": dovecot.port, "user": account.user, "hook": receiver.url,
        }  # fmt: skip
        several = Several(folder, said, plan)
        with _sending(several):
            try:
                _until(lambda: all(each.is_ready() for each in several.daemons), "nobody is ready")
                for each in several.daemons:
                    each.begin()
                began = time.monotonic()
                _feed(several, account, ledger, plan, result)
                _all_in(several, account, ledger, url)
                result.took = time.monotonic() - began
                result.spent += sum(each.spent - (each.begun or 0) for each in several.daemons)
                _all_told(url)
            except AssertionError as error:
                said_last = [each.log.read_text()[-1000:] for each in several.daemons]
                raise AssertionError("\n".join([str(error), *said_last])) from error
            finally:
                several.over.set()
                for each in several.daemons:
                    each.kill()
        for request in receiver.requests:
            ledger.hear(request.body)
    result.mailbox_moved = int(str(asked(url, "SELECT max(token) FROM lease")[0][0] or 0)) - 1
    result.again = sum(times - 1 for times in ledger.told.values())
    result.losses = compare(ledger, url)
    server.drop(url.rpartition("/")[2])
    return result


@contextmanager
def _sending(several: Several) -> Iterator[None]:
    threads = [threading.Thread(target=several.send, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        several.over.set()
        for thread in threads:
            thread.join(30)


def _feed(several: Several, account: Account, ledger: Ledger, plan: Plan, result: Result) -> None:
    """Hand everything in, by and by, while daemons are killed."""
    made = [ledger.make("imap" if number % 2 else "direct") for number in range(plan.messages)]
    start = time.monotonic()
    killed = start
    for number, each in enumerate(made):
        if each.way == "imap":
            account.deliver([each.data])
        if each.way == "direct" or number % 10 == 1:  # some are told twice, by both ways
            several.waiting.put(each)
        if plan.pause and time.monotonic() - killed > plan.pause:
            result.spent += several.kill_one()
            result.kills += 1
            killed = time.monotonic()
        behind = start + plan.seconds * number / plan.messages - time.monotonic()
        if behind > 0:
            time.sleep(behind)


def _all_in(several: Several, account: Account, ledger: Ledger, url: str) -> None:
    """Wait until everything is taken in."""
    expected = len(ledger.inputs)
    _until(lambda: several.waiting.unfinished_tasks == 0, "not all has its 250", expected)
    stored = "SELECT count(*) FROM message"
    _until(
        lambda: account.is_empty() and asked(url, stored) == [(expected,)],
        "the mailbox is not empty, or not all is stored",
        expected,
    )


def _all_told(url: str) -> None:
    """Wait until everything is told.

    Those who were killed hold leases of lanes for a minute more; here that minute is over at once.
    """
    done(url, "UPDATE lane SET due = 0")
    _until(lambda: asked(url, "SELECT count(*) FROM outbox") == [(0,)], "not all is told")


def _until(reached: Callable[[], bool], lacking: str, messages: int = 0) -> None:
    deadline = time.monotonic() + PATIENCE + messages * A_MESSAGE
    while not reached():
        if time.monotonic() > deadline:
            raise AssertionError(lacking)
        time.sleep(0.05)


def compare(ledger: Ledger, url: str) -> list[str]:
    """Say what is missing, double or too much; a sentence each."""
    wanted = {each.address for each in ledger.inputs.values()}
    hard = {each.address for each in ledger.inputs.values() if each.hard}
    losses: list[str] = []
    for what, query, there in (
        ("event", "SELECT address, count(*) FROM event GROUP BY address", wanted),
        ("suppression", "SELECT address, count(*) FROM suppression GROUP BY address", hard),
    ):
        found = {str(address): int(str(times)) for address, times in asked(url, query)}
        losses += [f"no {what} of {address}" for address in sorted(there - found.keys())]
        losses += [
            f"{times} {what}s of {address}, {int(address in there)} wanted"
            for address, times in sorted(found.items())
            if times != int(address in there)
        ]
    messages = asked(url, "SELECT count(*), count(DISTINCT fingerprint) FROM message")
    if messages != [(len(wanted), len(wanted))]:
        losses.append(f"{messages[0]} messages, {len(wanted)} wanted")
    if (counted := asked(url, "SELECT coalesce(sum(events), 0) FROM tally_hour")[0][0]) != len(
        wanted
    ):
        losses.append(f"{counted} events counted, {len(wanted)} wanted")
    told = Counter((kind, address) for kind, address, _ in ledger.told)
    due = {(HARD if address in hard else SOFT, address) for address in wanted}
    due |= {(LISTED, address) for address in hard}
    losses += [f"{kind} of {address} was not told" for kind, address in sorted(due - told.keys())]
    losses += [
        f"{kind} of {address} was told under {ids} ids"
        for (kind, address), ids in sorted(told.items())
        if ids > 1 or (kind, address) not in due
    ]
    return losses


def table(results: Sequence[Result]) -> str:
    """Lay results out."""
    lines = ["daemons  killed  taken over  messages  told twice  losses  a second  ms each"]
    lines += [
        f"{one.plan.daemons:7}  {one.kills:6}  {one.mailbox_moved:10}  {one.plan.messages:8}"
        f"  {one.again:10}  {len(one.losses):6}  {one.plan.messages / one.took:8.0f}"
        f"  {one.spent / one.plan.messages * 1000:7.1f}"
        for one in results
    ]
    return "\n".join([*lines, *(loss for one in results for loss in one.losses)])


def main() -> None:
    """Run as many as were asked for, and print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--daemons", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--messages", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--pause", type=float, default=0.8, help="seconds between kills; 0: none")
    asked_for = parser.parse_args()
    with a_server() as server:
        results = [
            run(Plan(daemons, asked_for.messages, asked_for.seconds, asked_for.pause), server)
            for daemons in asked_for.daemons
        ]
    sys.stdout.write(table(results) + "\n")
    sys.exit(any(one.losses for one in results))


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main()
