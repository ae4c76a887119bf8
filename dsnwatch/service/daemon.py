"""The daemon: which parts run, in which thread, what signals do, and in which order it ends.

The main thread is an asyncio loop with the parts that serve sockets (`LoopPart`). What blocks has a
thread of its own (`ThreadPart`): each mailbox, the outbox, and the inbox, which alone writes what
comes in. To plug in something new, add a planner to `plans.py`.

The end (SIGTERM, SIGINT): no new mail is taken, what was taken is committed and answered for, then
the outbox stops, then the store is closed. What has not ended by then is left: nobody was told that
its message is on disk, so it will come again.
"""

import asyncio
import gc
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from dsnwatch import __version__
from dsnwatch.assistant import COLLECT_AFTER
from dsnwatch.errors import DsnwatchError, StoreError
from dsnwatch.inbox import Inbox
from dsnwatch.mailboxes import watcher_of
from dsnwatch.metrics import DaemonFigures, ListenerFigures, MailboxFigures
from dsnwatch.service.parts import (
    Figuring,
    Listening,
    Loaded,
    Planned,
    Running,
    Surroundings,
    apart,
    in_time,
)
from dsnwatch.service.plans import PLANNERS, Planner

if TYPE_CHECKING:
    from dsnwatch.store import Store

log = logging.getLogger(__name__)

GRACE = timedelta(seconds=8)
"""How long the whole end may take; systemd is told 10 s and then kills."""

TICK = timedelta(seconds=1)

SAY_FIGURES = timedelta(seconds=10)
"""How often figures are written down for `dsnwatch status`, where they have changed."""

SAY_ANYWAY = timedelta(minutes=1)
"""How often where they have not, so that one can see that we live."""


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
        self._ingest = self._loaded.ingest(store)
        watches = bool(self._loaded.configuration.settings.mailbox)
        self._inbox = Inbox(self._ingest, recipe=self._loaded.recipe, backlog=watches)
        self._writer = Running(Planned("ingest", None, lambda _: self._inbox), self._inbox)
        # A store of our own has every duty; one that others share has a part that looks after them.
        self._sharing = [Running(Planned("duties", None, lambda _: store.duties), store.duties)]
        self._sharing = self._sharing if store.shared else []
        self._parts: dict[str, Running] = {}
        self._stop = asyncio.Event()
        self._reload = asyncio.Event()
        self._stuck: list[str] = []
        self._said = ""
        self._started_at = datetime.now(UTC)
        self._written: tuple[DaemonFigures | None, dict[str, MailboxFigures]] | None = None
        self._written_at = 0.0
        self._saying: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Run until a signal says to stop.

        Raises:
            DsnwatchError: Something could not be started.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload.set)
        for each in (self._writer, *self._sharing):
            await each.start()
        try:
            await self._arrange(self._loaded)
            notify("READY=1")
            log_ready(self._parts)
            await self._watch()
        finally:
            notify("STOPPING=1")
            await self._end()

    async def _watch(self) -> None:
        """Look after the parts until it is time to stop."""
        while not self._stop.is_set():
            await in_time(self._stop.wait(), TICK)
            if self._reload.is_set():
                self._reload.clear()
                await self._take_over()
            self._look_after()
            if self._saying is None or self._saying.done():
                self._saying = asyncio.create_task(self._say())

    def _look_after(self) -> None:
        """Feed the watchdog while everything moves; a part that has died ends the daemon."""
        running = [self._writer, *self._sharing, *self._parts.values()]
        for each in running:
            if each.ended:
                raise DsnwatchError(
                    f"{each.planned.name} ended by a mistake of ours ({each.error!r}); please "
                    "report this"
                ) from each.error
        now = time.monotonic()
        stuck = [each.planned.name for each in running if not each.moves(now)]
        if stuck != self._stuck:
            self._stuck = stuck
            log_stuck(stuck)
        if not stuck:
            notify("WATCHDOG=1")

    @property
    def figures(self) -> dict[str, MailboxFigures]:
        """How each part fares that tells; from any thread."""
        parts = list(self._parts.items())
        return {name: each.part.figures for name, each in parts if isinstance(each.part, Figuring)}

    @property
    def listeners(self) -> list[ListenerFigures]:
        """How each listener fares; from any thread."""
        return [
            ListenerFigures(name, tuple(map(_place, at.places)), at.connections, dict(at.counts))
            for name, each in list(self._parts.items())
            if isinstance(at := each.part, Listening)
        ]

    async def _say(self) -> None:
        """Tell systemd and `dsnwatch status` how all is, where that has changed."""
        figures = self.figures
        if (state := status(list(figures.values()), datetime.now(UTC), self._parts)) != self._said:
            self._said = state
            notify(f"STATUS={state}")
        silent = time.monotonic() - self._written_at
        ours = DaemonFigures(__version__, self._started_at, tuple(self._parts))
        if (ours, figures) != self._written or silent > SAY_ANYWAY.total_seconds():
            await apart(partial(self._write, figures, ours))
            await in_time(self._stop.wait(), SAY_FIGURES)

    def _write(
        self, figures: Mapping[str, MailboxFigures], ours: DaemonFigures | None = None
    ) -> None:
        try:
            with self._store.write(beside=True) as writer:
                texts = {name: each.to_json() for name, each in figures.items()}
                writer.say_figures(datetime.now(UTC), texts, ours.to_json() if ours else None)
        except StoreError as error:
            log.debug("figures are not written down: %s", error)  # whoever stores mail complains
        else:
            self._written, self._written_at = (ours, dict(figures)), time.monotonic()

    async def _take_over(self) -> None:
        """Read everything anew; where something is wrong with it, all stays as it was."""
        notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
        try:
            loaded = await asyncio.to_thread(self._load)
            await self._arrange(loaded)
        except DsnwatchError as error:
            log_refused(error)
            await self._arrange(self._loaded)  # what was stopped for it is started again
        else:
            self._loaded = loaded
            self._inbox.assistance.use(loaded.recipe)
            self._ingest.use(loaded.reader, loaded.policy, loaded.subscriptions, loaded.attributor)
            log_reloaded(self._parts)
        notify("READY=1")

    async def _arrange(self, loaded: Loaded) -> None:
        """Stop what is no longer asked for, and start what is new.

        Raises:
            DsnwatchError: Something cannot be planned (nothing has changed then) or started.
        """
        surroundings = Surroundings(
            loaded.configuration,
            self._store,
            self._inbox.submit,
            lambda: self._loaded,
            lambda: self.figures,
            lambda: self.listeners,
        )
        wanted = {
            planned.name: planned
            for planner in self._planners
            for planned in planner(loaded.configuration)
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

        stopping = [each.stop(left()) for each in self._parts.values()]
        for error in await asyncio.gather(*stopping, return_exceptions=True):
            if error is not None:
                log.error("a part did not end well", exc_info=error)
        await self._writer.stop(left())
        if self._saying is not None:
            await in_time(self._saying, left())
        await in_time(apart(partial(self._write, self.figures)), left())
        for each in self._sharing:
            await each.stop(left())


def serve(
    load: Callable[[], Loaded], store: "Store", planners: Sequence[Planner] = PLANNERS
) -> None:
    """Run the service in this thread until it is told to stop; see `Service`.

    Raises:
        DsnwatchError: Something could not be started.
    """

    async def run() -> None:
        made = Service(load, store, planners)
        # What is loaded stays for good, and what a message makes has hardly any circles in it:
        # looking for them less often is 5 % of the time of a large sweep.
        gc.freeze()
        gc.set_threshold(COLLECT_AFTER)
        await made.run()

    asyncio.run(run())


def sweep_once(loaded: Loaded, index: int, store: "Store") -> MailboxFigures:
    """Take in once what waits in a mailbox, as the daemon would.

    Args:
        loaded: Configuration, rules and policy.
        index: The mailbox's number in the configuration, from 0.
        store: Open.

    Raises:
        DsnwatchError: The mailbox or the store failed; what was not stored waits where it was.
    """
    inbox = Inbox(loaded.ingest(store), recipe=loaded.recipe)
    writing = threading.Thread(target=inbox.run, name="ingest", daemon=True)
    writing.start()
    watcher = watcher_of(loaded.configuration, index, store, inbox.submit)
    try:
        watcher.take()
        watcher.sweep()
    finally:
        watcher.close()
        inbox.stop()
        writing.join()
    return watcher.figures


def status(figures: Sequence[MailboxFigures], now: datetime, parts: Iterable[str] = ()) -> str:
    """Say in a line how the mailboxes fare, or what else runs, for `systemctl status`."""
    if not figures:
        return ", ".join(parts) or "nothing to watch"
    lag = max(each.lag(now) for each in figures)
    last = max((each.last_message_at for each in figures if each.last_message_at), default=None)
    told = [
        f"{sum(each.connected for each in figures)} of {len(figures)} mailboxes connected",
        f"lag {lag // timedelta(seconds=1)} s",
        f"{sum(each.stored for each in figures)} stored",
        f"last message {last:%Y-%m-%d %H:%M:%SZ}" if last else "no message yet",
        *(each.last_error for each in figures if each.failing),
    ]
    return "; ".join(told)


def _place(place: tuple[str, int] | str) -> str:
    if isinstance(place, str):
        return place
    host, port = place
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


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
    log.info("ready: %s", ", ".join(parts) or "nothing to watch; see `dsnwatch docs mailboxes`")


def log_reloaded(parts: Iterable[str]) -> None:
    """Say what runs now."""
    log.info("configuration and rules are read anew: %s", ", ".join(parts))


def log_refused(error: DsnwatchError) -> None:
    """Say why a new configuration is not taken."""
    log.error("the new configuration is refused and the old one stays: %s", error)


def log_stuck(names: Sequence[str]) -> None:
    """Say what hangs; systemd is not told that all is well, and starts us anew."""
    if names:
        log.error("no progress in %s; waiting for the watchdog", ", ".join(names))
    else:
        log.warning("everything moves again")
