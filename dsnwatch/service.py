"""The daemon: which parts run, in which thread, what signals do, and in which order it ends.

The main thread is an asyncio loop with the parts that serve sockets (`LoopPart`). What blocks has a
thread of its own (`ThreadPart`): each mailbox, the outbox, and the inbox, which alone writes what
comes in. To plug in something new, add a planner to `PLANNERS`.

The end (SIGTERM, SIGINT): no new mail is taken, what was taken is committed and answered for, then
the outbox stops, then the store is closed. What has not ended by then is left: nobody was told that
its message is on disk, so it will come again.
"""

import asyncio
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from dsnwatch.errors import DsnwatchError
from dsnwatch.inbox import Inbox
from dsnwatch.ingest import Ingest
from dsnwatch.model import RawMessage, Receipt
from dsnwatch.watch import Watcher, watcher_of

if TYPE_CHECKING:
    from concurrent.futures import Future

    from dsnwatch.config import Configuration
    from dsnwatch.policy import Policy
    from dsnwatch.reading import Reader
    from dsnwatch.store import Store

log = logging.getLogger(__name__)

GRACE = timedelta(seconds=8)
"""How long the whole end may take; systemd is told 10 s and then kills."""

STUCK = timedelta(minutes=3)
"""A thread that gave no sign for so long hangs: everything it waits for has a shorter limit."""

TICK = timedelta(seconds=1)


class LoopPart(Protocol):
    """Serves sockets in the main loop; `start` raises a DsnwatchError where it cannot."""

    async def start(self) -> None:
        """Begin to serve, and return."""

    async def stop(self, grace: timedelta) -> None:
        """Take nothing new, let what is under way end within `grace`, and return."""


@runtime_checkable
class ThreadPart(Protocol):
    """Blocks, in a thread of its own."""

    def run(self) -> None:
        """Work until `stop` is called. Raising is a mistake of ours and ends the daemon."""

    def stop(self) -> None:
        """Make `run` return soon; from any thread. Called again: let go of whatever hangs."""


@runtime_checkable
class Pulsing(Protocol):
    """A part that lets the watchdog see whether it moves."""

    @property
    def busy_since(self) -> float | None:
        """The last sign of life as `time.monotonic` has it; None while it rightly rests."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a part may use.

    Attributes:
        submit: Leaves a message at the inbox; see `Inbox.submit`.
    """

    configuration: "Configuration"
    store: "Store"
    submit: Callable[[RawMessage, float], "Future[Receipt]"]


@dataclass(frozen=True, slots=True)
class Planned:
    """A part that the configuration asks for.

    Attributes:
        name: Unique: `mailbox bounces`.
        says: What the configuration says of it; where a reload finds another value, the part is
            stopped and made anew.
        make: Makes it, not started.
    """

    name: str
    says: Hashable
    make: Callable[[Surroundings], LoopPart | ThreadPart]


@dataclass(frozen=True, slots=True)
class Loaded:
    """What is read at the start and again at each SIGHUP."""

    configuration: "Configuration"
    reader: "Reader"
    policy: "Policy"


Planner = Callable[["Configuration"], Iterable[Planned]]


def mailboxes(configuration: "Configuration") -> Iterator[Planned]:
    """Ask for a watcher a mailbox.

    Raises:
        ConfigError: A secret cannot be read, or an extra is not installed.
    """
    for index, section in enumerate(configuration.settings.mailbox):
        keys = [key for key in type(section).model_fields if key.endswith("_file")]
        paths = ((key, getattr(section, key)) for key in keys if key != "tls_ca_file")
        secrets = tuple(
            configuration.secret(path, f"mailbox.{index}.{key}") for key, path in paths if path
        )
        yield Planned(
            f"mailbox {section.name}",
            (section, configuration.settings.stream, secrets),
            partial(_watcher, index),
        )


def _watcher(index: int, around: "Surroundings") -> Watcher:
    return watcher_of(around.configuration, index, around.store, around.submit)


PLANNERS: Sequence[Planner] = (mailboxes,)
"""What reads the parts to run from the configuration, in the order they are started."""


class Running:
    """A part at work, whichever kind it is."""

    def __init__(self, planned: Planned, part: LoopPart | ThreadPart) -> None:
        self.planned = planned
        self.part = part
        self.error: BaseException | None = None
        self._over = asyncio.Event()

    async def start(self) -> None:
        """Start it; what blocks gets its thread here, and nowhere else."""
        if isinstance(self.part, ThreadPart):
            run = partial(self._run, self.part, asyncio.get_running_loop())
            # A daemon thread: one that hangs in the resolver may not keep the process from ending.
            threading.Thread(target=run, name=self.planned.name, daemon=True).start()
        else:
            await self.part.start()

    def _run(self, part: ThreadPart, loop: asyncio.AbstractEventLoop) -> None:
        try:
            part.run()
        except BaseException as error:  # noqa: BLE001  the end of a thread: `Service` looks at it
            self.error = error
        finally:
            with suppress(RuntimeError):  # the loop has gone: we were left behind
                loop.call_soon_threadsafe(self._over.set)

    async def stop(self, grace: timedelta) -> None:
        """Stop it, and wait for at most `grace`."""
        if isinstance(self.part, ThreadPart):
            for _ in ("gently", "for good"):
                self.part.stop()
                if await _in_time(self._over.wait(), grace / 2):
                    return
        elif await _in_time(self.part.stop(grace), grace):
            return
        log_left(self.planned.name)

    @property
    def ended(self) -> bool:
        """Whether its thread is over, though nobody stopped it."""
        return self._over.is_set()

    def moves(self, now: float) -> bool:
        """Whether it has given a sign of life lately, or rests."""
        since = self.part.busy_since if isinstance(self.part, Pulsing) else None
        return since is None or now - since < STUCK.total_seconds()


async def _in_time(ending: Awaitable[object], most: timedelta) -> bool:
    try:
        await asyncio.wait_for(ending, most.total_seconds())
    except TimeoutError:
        return False
    return True


class Service:
    """Everything that runs, from start to end.

    Args:
        load: Reads configuration, rules and policy, at the start and again at SIGHUP.
        store: Open; whoever opened it closes it after `run`.
        planners: What asks for parts.
    """

    def __init__(
        self, load: Callable[[], Loaded], store: "Store", planners: Sequence[Planner] = PLANNERS
    ) -> None:
        self._load = load
        self._loaded = load()
        self._store = store
        self._planners = planners
        self._ingest = Ingest(store, self._loaded.reader, self._loaded.policy)
        self._inbox = Inbox(self._ingest)
        self._writer = Running(Planned("ingest", None, lambda _: self._inbox), self._inbox)
        self._parts: dict[str, Running] = {}
        self._stop = asyncio.Event()
        self._reload = asyncio.Event()

    async def run(self) -> None:
        """Run until a signal says to stop.

        Raises:
            DsnwatchError: Something could not be started.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload.set)
        await self._writer.start()
        try:
            await self._arrange()
            notify("READY=1")
            log_ready(self._parts)
            await self._watch()
        finally:
            notify("STOPPING=1")
            await self._end()

    async def _watch(self) -> None:
        """Look after the parts until it is time to stop."""
        while not self._stop.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), TICK.total_seconds())
            if self._reload.is_set():
                self._reload.clear()
                await self._take_over()
            self._look_after()

    def _look_after(self) -> None:
        running = [self._writer, *self._parts.values()]
        for each in running:
            if each.ended:
                raise DsnwatchError(
                    f"{each.planned.name} ended by a mistake of ours ({each.error!r}); please "
                    "report this"
                ) from each.error
        now = time.monotonic()
        stuck = [each.planned.name for each in running if not each.moves(now)]
        if stuck:
            log_stuck(stuck)
        else:
            notify("WATCHDOG=1")

    async def _take_over(self) -> None:
        """Read everything anew; what cannot be read leaves all as it was."""
        notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
        try:
            loaded = await asyncio.to_thread(self._load)
        except DsnwatchError as error:
            log_refused(error)
        else:
            self._loaded = loaded
            self._ingest.use(loaded.reader, loaded.policy)
            await self._arrange()
            log_reloaded(self._parts)
        notify("READY=1")

    async def _arrange(self) -> None:
        """Stop what is no longer asked for, and start what is new."""
        surroundings = Surroundings(self._loaded.configuration, self._store, self._inbox.submit)
        wanted = {
            planned.name: planned
            for planner in self._planners
            for planned in planner(self._loaded.configuration)
        }
        gone = [
            name
            for name, running in self._parts.items()
            if name not in wanted or wanted[name].says != running.planned.says
        ]
        await asyncio.gather(*(self._parts.pop(name).stop(GRACE) for name in gone))
        for name, planned in wanted.items():
            if name not in self._parts:
                running = Running(planned, planned.make(surroundings))
                await running.start()
                self._parts[name] = running

    async def _end(self) -> None:
        """Stop what brings mail, then what writes it, then what tells of it."""
        deadline = time.monotonic() + GRACE.total_seconds()

        def left() -> timedelta:
            return timedelta(seconds=max(deadline - time.monotonic(), 0.1))

        await asyncio.gather(*(each.stop(left()) for each in self._parts.values()))
        await self._writer.stop(left())


def serve(
    load: Callable[[], Loaded], store: "Store", planners: Sequence[Planner] = PLANNERS
) -> None:
    """Run the service in this thread until it is told to stop; see `Service`.

    Raises:
        DsnwatchError: Something could not be started.
    """

    async def run() -> None:
        await Service(load, store, planners).run()

    asyncio.run(run())


def notify(state: str) -> None:
    """Tell systemd something, where it listens (sd_notify(3))."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = f"\0{address[1:]}"
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
        out.settimeout(0)
        out.sendto(state.encode(), address)


def log_ready(parts: Iterable[str]) -> None:
    """Say what runs."""
    log.info("ready: %s", ", ".join(parts) or "nothing to watch; see docs/configuration.md")


def log_reloaded(parts: Iterable[str]) -> None:
    """Say what runs now."""
    log.info("configuration and rules are read anew: %s", ", ".join(parts))


def log_refused(error: DsnwatchError) -> None:
    """Say why a new configuration is not taken."""
    log.error("the new configuration is refused and the old one stays: %s", error)


def log_stuck(names: Sequence[str]) -> None:
    """Say what hangs; systemd is not told that all is well, and starts us anew."""
    log.error("no progress in %s; waiting for the watchdog", ", ".join(names))


def log_left(name: str) -> None:
    """Say what did not end in time; nothing is lost by it."""
    log.warning("%s did not end in time and is left; what it had not stored stays there", name)
