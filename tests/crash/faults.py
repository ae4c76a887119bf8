"""What is done to the daemon: a row a fault; each heals what it did."""

import random
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass

from tests.crash.world import World
from tests.servers.proxy import Cut

DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Circumstances:
    """How a fault is done.

    Attributes:
        chance: Chooses moments.
        pause: Seconds that a trouble lasts.
    """

    chance: random.Random
    pause: float


Fault = Callable[[World, Circumstances], None]


def _lasting(how: Circumstances) -> None:
    time.sleep(how.pause * how.chance.uniform(0.5, 1.0))


def _kill_daemon(world: World, how: Circumstances) -> None:
    time.sleep(how.chance.uniform(0, how.pause))
    world.daemon.signal(signal.SIGKILL)


def _kill_twice(world: World, how: Circumstances) -> None:
    """Kill it while it starts up, too."""
    _kill_daemon(world, how)
    time.sleep(how.chance.uniform(0.2, 1.2))
    world.daemon.signal(signal.SIGKILL)


def _kill_import(world: World, how: Circumstances) -> None:
    time.sleep(how.chance.uniform(0, how.pause))
    for program in world.imports:
        program.signal(signal.SIGKILL)


def _stop_daemon(world: World, how: Circumstances) -> None:
    time.sleep(how.chance.uniform(0, how.pause))
    world.daemon.signal(signal.SIGTERM)


def _reload(world: World, how: Circumstances) -> None:
    for _ in range(3):
        world.daemon.signal(signal.SIGHUP)
        time.sleep(how.pause / 3)


def _hold(world: World, how: Circumstances) -> None:
    with world.daemon.paused():
        _lasting(how)


def _fill_disk(world: World, how: Circumstances) -> None:
    world.disk.fill()
    try:
        _lasting(how)
    finally:
        world.disk.make_room()


def _fill_disk_and_kill(world: World, how: Circumstances) -> None:
    """It has to start, too, where there is no room."""
    world.disk.fill()
    try:
        _kill_daemon(world, how)
        _lasting(how)
    finally:
        world.disk.make_room()


def _lock(world: World, how: Circumstances) -> None:
    with suppress(sqlite3.OperationalError), closing(sqlite3.connect(world.store)) as database:
        database.isolation_level = None
        database.execute("PRAGMA busy_timeout=5000")
        database.execute("BEGIN IMMEDIATE")
        _lasting(how)
        database.execute("ROLLBACK")


def _cut_imap(world: World, how: Circumstances) -> None:
    for _ in range(3):
        time.sleep(how.pause * how.chance.uniform(0, 0.4))
        world.imap.cut_all()


def _cut_imap_command(world: World, how: Circumstances) -> None:
    """Cut it at some of its next commands, before, within and after the answer."""
    world.imap.how = how.chance.choice(list(Cut))
    here = len(world.imap.commands)
    world.imap.cut_at = {here + how.chance.randrange(12) for _ in range(4)}
    _lasting(how)
    world.imap.cut_at = set()


def _deaf_imap(world: World, how: Circumstances) -> None:
    world.imap.deaf = True
    _lasting(how)
    world.imap.deaf = False
    world.imap.cut_all()


def _kill_dovecot(world: World, how: Circumstances) -> None:
    world.account.server.kill()
    _lasting(how)
    world.account.server.run()


def _renumber(world: World, how: Circumstances) -> None:
    """Give the mailbox another UIDVALIDITY, as a restore from a backup does."""
    with suppress(OSError, StopIteration):
        world.account.renumber()
    _lasting(how)


def _cut_smtp(world: World, how: Circumstances) -> None:
    for _ in range(6):
        time.sleep(how.pause * how.chance.uniform(0, 0.2))
        world.smtp.cut()


def _hooks_are_refused(world: World, how: Circumstances) -> None:
    _hook_does(world, how, "refuse")


def _hooks_hang(world: World, how: Circumstances) -> None:
    _hook_does(world, how, "hang")


def _hooks_are_cut(world: World, how: Circumstances) -> None:
    """They were heard, and nobody says so."""
    _hook_does(world, how, "cut")


def _hook_does(world: World, how: Circumstances, does: str) -> None:
    world.hook_does = does
    _lasting(how)
    world.hook_does = "answer"


def _clock_leaps(world: World, how: Circumstances) -> None:
    world.set_clock(world.wrong + how.chance.uniform(60, 2 * DAY))
    _lasting(how)


def _clock_falls_back(world: World, how: Circumstances) -> None:
    world.set_clock(world.wrong - how.chance.uniform(60, 2 * DAY))
    _lasting(how)


def _clock_is_mad(world: World, how: Circumstances) -> None:
    right = world.wrong
    for _ in range(4):
        world.set_clock(right + how.chance.uniform(-40 * DAY, 40 * DAY))
        time.sleep(how.pause / 4)
    world.set_clock(right)


FAULTS: tuple[tuple[str, Fault], ...] = (
    ("kill -9 the daemon", _kill_daemon),
    ("kill -9 it again while it starts", _kill_twice),
    ("kill -9 the import", _kill_import),
    ("SIGTERM, and start anew", _stop_daemon),
    ("SIGHUP, three times", _reload),
    ("hold it (SIGSTOP), and let it go on", _hold),
    ("fill the disk", _fill_disk),
    ("fill the disk, and kill -9 the daemon", _fill_disk_and_kill),
    ("lock the database", _lock),
    ("cut IMAP connections", _cut_imap),
    ("cut IMAP at some commands", _cut_imap_command),
    ("an IMAP server that says nothing more", _deaf_imap),
    ("kill -9 the IMAP server", _kill_dovecot),
    ("another UIDVALIDITY", _renumber),
    ("cut SMTP connections", _cut_smtp),
    ("a receiver of hooks that refuses", _hooks_are_refused),
    ("a receiver of hooks that hangs", _hooks_hang),
    ("a receiver of hooks that hears and is cut", _hooks_are_cut),
    ("the clock leaps ahead", _clock_leaps),
    ("the clock falls back", _clock_falls_back),
    ("the clock goes mad", _clock_is_mad),
)
"""What can go wrong."""
