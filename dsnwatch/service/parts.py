"""What the daemon is made of: parts, in the main loop or in a thread of their own.

To be plugged in, a part needs `start` and `stop` in the loop, or `run` and `stop` in a thread; what
it tells besides (`busy_since`, `figures`) is made use of.
"""

import asyncio
import logging
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from dsnwatch.hooks import subscriptions_of
from dsnwatch.ingest import Ingest
from dsnwatch.metrics import ListenerFigures, MailboxFigures
from dsnwatch.model import RawMessage
from dsnwatch.subscriptions import Subscriptions

if TYPE_CHECKING:
    from concurrent.futures import Future

    from dsnwatch.assistant import Recipe
    from dsnwatch.attribute import Attributor
    from dsnwatch.config.settings import Configuration
    from dsnwatch.policy import Policy
    from dsnwatch.reading.reader import Reader
    from dsnwatch.records import Receipt
    from dsnwatch.store import Store

log = logging.getLogger(__name__)

STUCK = timedelta(minutes=3)
"""A thread that gave no sign for so long hangs: everything it waits for has a shorter limit."""


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


@runtime_checkable
class Figuring(Protocol):
    """A part that tells how it fares."""

    @property
    def figures(self) -> MailboxFigures:
        """The present figures; from any thread."""


@runtime_checkable
class Listening(Protocol):
    """A part that mail is brought to, and that counts what happens."""

    counts: Counter[str]

    @property
    def places(self) -> tuple[tuple[str, int] | str, ...]:
        """Where it listens: address and port, or the path of a Unix socket."""

    @property
    def connections(self) -> int:
        """How many clients there are at this moment."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What is read at the start and again at each SIGHUP.

    Attributes:
        recipe: For another process that reads as `reader` does; None for no such process.
    """

    configuration: "Configuration"
    reader: "Reader"
    policy: "Policy"
    attributor: "Attributor | None" = None
    recipe: "Recipe | None" = None

    @property
    def subscriptions(self) -> Subscriptions:
        """Which hooks want to be told of what."""
        return subscriptions_of(self.configuration.settings.hook)

    def ingest(self, store: "Store") -> Ingest:
        """Make what takes messages in by all this."""
        return Ingest(
            store,
            self.reader,
            self.policy,
            subscriptions=self.subscriptions,
            attributor=self.attributor,
        )


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a part may use.

    Attributes:
        submit: Leaves a message at the inbox; see `Inbox.submit`.
        loaded: Gets what is in force now; another one after each SIGHUP.
        figures: Gets how each part fares that tells; from any thread.
        listeners: Gets how each listener fares; from any thread.
    """

    configuration: "Configuration"
    store: "Store"
    submit: Callable[[RawMessage, float], "Future[Receipt]"]
    loaded: Callable[[], Loaded]
    figures: Callable[[], Mapping[str, MailboxFigures]]
    listeners: Callable[[], Sequence[ListenerFigures]]


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
                if await in_time(self._over.wait(), grace / 2):
                    return
        elif await in_time(self.part.stop(grace), grace):
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


async def apart(work: Callable[[], None]) -> None:
    """Do something that may block, in a thread that does not keep the process from ending."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()

    def run() -> None:
        try:
            work()
        finally:
            with suppress(RuntimeError):  # the loop has gone: we were left behind
                loop.call_soon_threadsafe(done.set)

    threading.Thread(target=run, name=getattr(work, "__name__", "apart"), daemon=True).start()
    await done.wait()


async def in_time(ending: Awaitable[object], most: timedelta) -> bool:
    """Wait for something for so long at most; tells whether it came."""
    try:
        await asyncio.wait_for(ending, most.total_seconds())
    except TimeoutError:
        return False
    return True


def log_left(name: str) -> None:
    """Say what did not end in time; nothing is lost by it."""
    log.warning("%s did not end in time and is left; what it had not stored stays there", name)
