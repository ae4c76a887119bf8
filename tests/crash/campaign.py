"""Mail goes in by every way, one fault after the other is done, and all of it is counted."""

import random
import sqlite3
import time
from collections import Counter
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from tests.crash import power
from tests.crash.faults import DAY, FAULTS, Circumstances
from tests.crash.ledger import Verdict, compare, known
from tests.crash.world import World, a_world

SETTLE = timedelta(minutes=3)
"""How long all may take to come to rest when nothing goes wrong any more."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How large a run is.

    Attributes:
        rounds: How many faults, at least; then until `minutes` are over.
        a_round: Messages by each way in a round.
        imported: Messages in each file that is imported.
        disk_kib: Size of the store's disk.
    """

    seed: int
    rounds: int
    minutes: float = 0.0
    pause: float = 1.0
    a_round: int = 6
    imported: int = 200
    disk_kib: int = 65_536


@dataclass(frozen=True, slots=True)
class Result:
    """What came of it.

    Attributes:
        tried: How often each fault was done.
        starts: How often the daemon was started.
        copies: Copies of the store taken as if the power went, and how many were torn.
        settled: "" where all came to rest, else what did not.
        broken: What was wrong with copies.
    """

    plan: Plan
    tried: Counter[str]
    verdict: Verdict
    starts: int
    copies: int
    settled: str
    broken: tuple[str, ...]
    seconds: float

    @property
    def losses(self) -> tuple[str, ...]:
        """Everything that is not as promised."""
        stuck = (f"did not come to rest: {self.settled}",) if self.settled else ()
        return (*stuck, *self.broken, *self.verdict.losses)


def run(plan: Plan) -> Result:
    """Run a campaign; the seed chooses order and moments, the machine does the rest."""
    chance = random.Random(plan.seed)  # noqa: S311  no secret
    tried: Counter[str] = Counter()
    broken: list[str] = []
    began = time.monotonic()
    copies = 0
    with a_world(plan.disk_kib) as world:
        while sum(tried.values()) < plan.rounds or time.monotonic() - began < plan.minutes * 60:
            if not tried or sum(tried.values()) % len(FAULTS) == 0:
                order = chance.sample(FAULTS, len(FAULTS))
            name, fault = order[sum(tried.values()) % len(FAULTS)]
            _feed(world, plan, chance)
            fault(world, Circumstances(chance, plan.pause))
            tried[name] += 1
            copies += 1
            broken += _power_cut(world, chance, after=name)
        settled = come_to_rest(world)
        world.daemon.end()
        verdict = compare(world.ledger, world.store)
        if settled or verdict.losses or broken:
            keep(world)
        starts = world.daemon.starts
    seconds = time.monotonic() - began
    return Result(plan, tried, verdict, starts, copies, settled, tuple(broken), seconds)


def _feed(world: World, plan: Plan, chance: random.Random) -> None:
    """Put messages in by every way; of one in ten a second copy comes by another way."""
    for _ in range(plan.a_round):
        for way in ("imap", "direct", "postfix"):
            twice = chance.random() < 0.1
            made = world.ledger.make(way, copies=2 if twice and way != "postfix" else 1)
            world.put(way, made)
            if made.copies > 1:
                world.put("postfix", made)  # its Received line makes it another message
    if all(each.done.is_set() for each in world.imports):
        world.an_import(plan.imported)


def _power_cut(world: World, chance: random.Random, *, after: str) -> list[str]:
    """Take the store as it would be if the power went now, and see that it is good."""
    if not world.store.exists():
        return []
    told = set(world.sender.acknowledged)
    with ExitStack() as held:
        for each in (world.daemon, *world.imports):
            held.enter_context(each.paused())
        copy = power.copied(world.store, world.folder)
    power.torn(copy, chance)
    whole = power.opens(copy)
    missing = known(copy, told) if told else set()
    found = [f"power cut after '{after}': {whole}"] if whole != "ok" else []
    return [*found, *(f"power cut after '{after}': {each} was lost" for each in missing)]


def come_to_rest(world: World) -> str:
    """Wait until everything has arrived; gives what has not, "" where all has."""
    world.set_clock(max(world.wrong, 0) + 80 * DAY)  # beyond whatever it was put off to
    deadline = time.monotonic() + SETTLE.total_seconds()
    while waits := _waits(world):
        if time.monotonic() > deadline:
            return ", ".join(f"{count} {what}" for what, count in waits.items())
        if "in Postfix" in waits:  # what it finds still locked it puts off by five minutes
            world.postfix.flush()
        time.sleep(0.5)
        world.set_clock(world.wrong + 3600)
    return ""


def _waits(world: World) -> dict[str, int]:
    """Count what is still on its way."""
    waits = {
        "in the mailbox": 0 if world.account.is_empty() else world.account.count(),
        "at the sender": world.sender.waiting.unfinished_tasks,
        "in Postfix": world.queued(),
        "imports": sum(not each.done.is_set() for each in world.imports),
    }
    if not any(waits.values()):
        with closing(sqlite3.connect(world.store)) as database:
            waits["in the outbox"] = database.execute("SELECT count(*) FROM outbox").fetchone()[0]
    return {what: count for what, count in waits.items() if count}


def keep(world: World) -> None:
    """Keep what tells why, where somebody looks for it."""
    for path in (world.folder / "daemon.log", world.folder / "import.log"):
        if path.exists():
            Path("/tmp", f"dsnwatch-crash-{path.name}").write_bytes(path.read_bytes())  # noqa: S108  for a person


def table(result: Result) -> str:
    """Say what was tried, what was compared and what was lost, for people."""
    lines = [f"{'fault':<46} {'tried':>6}"]
    lines += [f"{name:<46} {result.tried[name]:>6}" for name, _ in FAULTS]
    lines += [
        f"{'the power goes (copies of the files)':<46} {result.copies:>6}",
        "",
        f"{'compared':<28} {'went in':>10} {'found':>10}",
        *(
            f"{what:<28} {wanted:>10,} {found:>10,}"
            for what, wanted, found in result.verdict.counts
        ),
        "",
        f"seed {result.plan.seed}, {result.seconds:.0f} s, daemon started {result.starts} times",
        f"losses: {len(result.losses)}",
        *(f"! {loss}" for loss in result.losses[:50]),
    ]
    return "\n".join(lines)
