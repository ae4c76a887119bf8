"""`python -m tests.soak --minutes 5`: a day of traffic, and a table of what grew."""

import argparse
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

from tests.crash.campaign import come_to_rest
from tests.crash.ledger import compare
from tests.crash.world import World, a_world
from tests.soak.measure import Growth, Sample, growth, look, weight

DAY = 86_400.0
HIGHEST = {"file descriptors": 0.5, "threads": 0.2}
"""By 1000 messages: what is more is a leak, however slow."""


def stored(store: Path) -> int:
    """Count the messages of a store; 0 before there is one."""
    try:
        with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as database:
            return int(database.execute("SELECT count(*) FROM message").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


def day(world: World, seconds: float, a_second: int) -> list[Sample]:
    """Send as much as is asked for, while a day goes by on the daemon's clock."""
    samples, began, fed = [], time.monotonic(), 0
    while (gone := time.monotonic() - began) < seconds:
        world.set_clock(gone / seconds * DAY)
        while fed < gone * a_second:
            way = ("imap", "direct", "direct", "postfix")[fed % 4]
            world.put(way, world.ledger.make(way))
            fed += 1
        if world.store.exists() and world.daemon.process is not None:
            samples.append(look(world.daemon.process.pid, world.store, stored(world.store)))
        time.sleep(0.5)
    return samples


def table(found: list[Growth]) -> str:
    """Lay it out for people."""
    lines = [f"{'':<18} {'first':>10} {'least':>10} {'most':>10} {'last':>10} {'a 1000 mails':>14}"]
    lines += [
        f"{each.name:<18} {each.first:>10,} {each.least:>10,} {each.most:>10,} {each.last:>10,} "
        f"{each.slope:>14.2f}"
        for each in found
    ]
    return "\n".join(lines)


def main() -> int:
    """Run; exit status 1: something grows that should not, or something was lost."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--rate", type=int, default=20, help="messages a second, all ways")
    arguments = parser.parse_args()
    seconds = arguments.minutes * 60
    with a_world(65_536 + int(seconds * arguments.rate) * 12) as world:
        samples = day(world, seconds, arguments.rate)
        rest = come_to_rest(world)
        before = weight(world.store)
        swept = subprocess.run(  # noqa: S603  ours
            world.command("db", "sweep"), capture_output=True, text=True, check=True
        )
        after = weight(world.store)
        starts = world.daemon.starts
        world.daemon.end()
        messages = stored(world.store)
        verdict = compare(world.ledger, world.store, swept=True)
    found = growth(samples)
    print(table(found))  # noqa: T201  the answer
    print(  # noqa: T201  likewise
        f"{messages:,} messages in {seconds:.0f} s, {len(samples)} looks, daemon started "
        f"{starts} times\nswept 80 days later: {before >> 10:,} to {after >> 10:,} KiB "
        f"({swept.stdout.strip().partition(': ')[2]})\n"
        f"losses: {len(verdict.losses)} {' '.join(verdict.losses[:5])}{rest}"
    )
    leaks = [each.name for each in found if each.slope > HIGHEST.get(each.name, float("inf"))]
    return 1 if leaks or verdict.losses or rest or starts != 1 else 0


if __name__ == "__main__":
    sys.exit(main())
