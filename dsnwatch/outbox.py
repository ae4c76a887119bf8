"""News out: a lane that is due is leased, told, and settled; told later; or a dead letter.

Each event waits in the outbox once for each hook that wants it, in the lane of its address. A
worker serves one hook: it leases lanes in one short transaction, tells their events with no
transaction open, and writes down in the next what became of them. A worker that dies in between
leaves leases that run out; what it had told and not written down is told again, under the same id.
Any number of workers, here and on other machines, may serve one hook.
"""

import logging
import random
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from threading import Event as Flag
from typing import TYPE_CHECKING

from dsnwatch.errors import HookError, HookGone, StoreError
from dsnwatch.hooks import Delivery, Hook
from dsnwatch.news import MAIL, with_octets
from dsnwatch.records import News
from dsnwatch.store import HookState, Leased, Settled, new_id

if TYPE_CHECKING:
    from dsnwatch.store import Store

log = logging.getLogger(__name__)

_SECOND, _MINUTE, _HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)

AGAIN_AFTER = (
    10 * _SECOND,
    1 * _MINUTE,
    5 * _MINUTE,
    30 * _MINUTE,
    2 * _HOUR,
    6 * _HOUR,
    12 * _HOUR,
    24 * _HOUR,
)
"""How long after each failure an event is tried again; after one more it is a dead letter."""

JITTER = 0.2
"""Each of these is longer or shorter by up to this part, so that not all come back at once."""

FAILURES_TO_REST = 5
"""So many in a row, and the hook rests: then a single lane tries whether the other side is back."""

REST = (10 * _SECOND, 20 * _SECOND, 40 * _SECOND, 80 * _SECOND, 160 * _SECOND, 5 * _MINUTE)
"""How long, the first time and each time after."""

LANES_AT_ONCE = 100
MAIL_AT_MOST = 10 << 20
"""Octets of messages that one delivery can hold; larger ones are told without."""

TURN = timedelta(seconds=2)
"""No delivery is begun later than this in a turn; the lanes that are left are given back."""

SPARE = timedelta(minutes=1)
"""How much longer than a turn can take a lease lasts."""

LOOK_EVERY = timedelta(milliseconds=200)
"""How often a worker at rest looks for news."""

LOOK_SELDOM = timedelta(seconds=2)
"""How often where it is told of news: what is due again by and by nobody tells of."""


@dataclass(slots=True)
class _Turn:
    """One turn of a worker, as it goes on.

    Attributes:
        told: Events told so far.
        failures: Failures in a row, those before this turn too.
        after: How long the other side asked to be left alone.
        error: What went wrong last.
    """

    ends: float
    failures: int
    settled: list[Settled]
    told: int = 0
    after: timedelta | None = None
    error: str = ""

    @property
    def over(self) -> bool:
        """Whether no more is to be told in it."""
        return (
            time.monotonic() >= self.ends
            or self.after is not None
            or (bool(self.error) and self.failures >= FAILURES_TO_REST)
        )


class Worker:
    """Tells one hook what waits for it.

    Args:
        store: Where it waits.
        name: The hook's name.
        hook: Tells it.
        clock: Tells the time.
        chance: Gives a number from 0 to 1, for the jitter.
    """

    def __init__(
        self,
        store: "Store",
        name: str,
        hook: Hook,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._store = store
        self._name = name
        self._hook = hook
        self._clock = clock
        self._chance = chance
        self._stop = Flag()
        self._news = Flag()
        self._busy_since: float | None = None

    @property
    def busy_since(self) -> float | None:
        """When the delivery under way began, by `time.monotonic`; None at rest."""
        return self._busy_since

    def run(self) -> None:
        """Tell what waits, and what comes, until `stop` is called."""
        duties = self._store.duties
        duties.heed(self.wake)
        try:
            while not self._stop.is_set():
                try:
                    told = self.turn()
                except StoreError as error:
                    log_no_store(self._name, error)
                    told = False
                if not told:
                    look = LOOK_SELDOM if duties.wakes else LOOK_EVERY
                    self._news.wait(look.total_seconds())
                self._news.clear()
        finally:
            duties.unheed(self.wake)
            self._hook.close()

    def wake(self) -> None:
        """Say that there may be news; without it a worker looks often enough."""
        self._news.set()

    def stop(self) -> None:
        """Make `run` return when the delivery under way is over."""
        self._stop.set()
        self._news.set()

    def turn(self) -> bool:
        """Lease lanes that are due, tell them, settle them.

        Returns:
            Whether there was anything to do.

        Raises:
            StoreError: Nothing was leased; or what was told is not written down, and will be told
                again when the lease has run out.
        """
        now = self._clock()
        with self._store.deliveries(readonly=True) as looked:
            if self._rests(looked.state(self._name), now) or not looked.is_due(self._name, now):
                return False
        lease = new_id(now)
        with self._store.deliveries() as taken:
            state = taken.state(self._name)
            if self._rests(state, now):
                return False
            tries = state.failures >= FAILURES_TO_REST
            until = now + TURN + self._hook.timeout + SPARE
            lanes = taken.lease(
                self._name, now, until, lease, 1 if tries else max(LANES_AT_ONCE, self._hook.batch)
            )
        if not lanes:  # other workers, woken by the same news, were quicker: nothing to write down
            return False
        turn = _Turn(time.monotonic() + TURN.total_seconds(), state.failures, [])
        try:
            self._tell(lanes, turn)
        finally:
            self._busy_since = None
            now = self._clock()
            with self._store.deliveries() as back:
                back.settle(self._name, lease, turn.settled, now)
                back.put_state(self._after(back.state(self._name), turn, now))
        return True

    def _tell(self, lanes: Sequence[Leased], turn: _Turn) -> None:
        """Tell the events of some lanes, and note what became of each."""
        waiting = deque(lanes)
        while waiting:
            if turn.over or self._stop.is_set():
                turn.settled += [Settled(lane, 0, attempts=lane.attempts) for lane in waiting]
                return
            group = self._group(waiting)
            if len(group) == 1:
                turn.settled.append(self._tell_lane(group[0], turn))
            else:
                turn.settled += self._tell_group(group, turn)

    def _group(self, waiting: deque[Leased]) -> list[Leased]:
        """Take lanes that go out together; one that has failed goes alone, and harms none."""
        group = [waiting.popleft()]
        room = self._hook.batch - len(group[0].news)
        while waiting and not group[0].attempts and not waiting[0].attempts:
            room -= len(waiting[0].news)
            if room < 0:
                break
            group.append(waiting.popleft())
        return group

    def _tell_group(self, group: Sequence[Leased], turn: _Turn) -> list[Settled]:
        error = self._deliver([news for lane in group for news in lane.news], 1, turn)
        if error is None:
            return [Settled(lane, len(lane.news)) for lane in group]
        return [self._failed(lane, 0, 1, error) for lane in group]

    def _tell_lane(self, lane: Leased, turn: _Turn) -> Settled:
        told = 0
        while told < len(lane.news):
            if told and (turn.over or self._stop.is_set()):
                break
            tried = 0 if told else lane.attempts
            count = 1 if tried else self._hook.batch
            error = self._deliver(lane.news[told : told + count], tried + 1, turn)
            if error is not None:
                return self._failed(lane, told, tried + 1, error)
            told = min(told + count, len(lane.news))
        return Settled(lane, told)

    def _deliver(self, news: Sequence[News], attempt: int, turn: _Turn) -> HookError | None:
        """Tell some events; gives what went wrong."""
        self._busy_since = time.monotonic()
        whole = self._with_mail(news)
        try:
            self._hook.deliver(Delivery(whole, attempt, self._clock()))
        except HookError as error:
            turn.failures = 0 if error.answers else turn.failures + 1
            turn.error = str(error)
            if error.after_seconds is not None:
                turn.after = timedelta(seconds=error.after_seconds)
            return error
        except Exception as error:  # noqa: BLE001 - see below
            # Our own mistake, or that of a hook somebody else wrote: this event goes to a person
            # in the end, and the ones behind it go on.
            log_our_mistake(self._name, news[0].id, error)
            turn.error = f"a mistake in the hook: {type(error).__name__}"
            return HookError(turn.error, answers=True)
        turn.told += len(news)
        turn.failures = 0
        turn.error = ""
        return None

    def _with_mail(self, news: Sequence[News]) -> tuple[News, ...]:
        """Put messages that are told into the news of them, as many as a delivery can hold."""
        room, whole = MAIL_AT_MOST, []
        for each in news:
            octets = self._store.raw(each.id, room) if each.type == MAIL and room else None
            if octets is not None:
                room -= len(octets)
            whole.append(each if octets is None else with_octets(each, octets))
        return tuple(whole)

    def _failed(self, lane: Leased, told: int, attempts: int, error: HookError) -> Settled:
        """Say when an event is tried again, or that it never will be."""
        news, now = lane.news[told], self._clock()
        if isinstance(error, HookGone) or attempts > len(AGAIN_AFTER):
            log_dead(self._name, news, attempts, error)
            return Settled(lane, told, None, attempts, dead=True, error=str(error))
        due = now + self._about(AGAIN_AFTER[attempts - 1])
        if error.after_seconds is not None:
            due = max(due, now + timedelta(seconds=error.after_seconds))
        log_failed(self._name, news, attempts, error, due)
        return Settled(lane, told, due, attempts, error=str(error))

    def _after(self, state: HookState, turn: _Turn, now: datetime) -> HookState:
        """Say how the hook is doing after a turn, and till when it rests."""
        rest: timedelta | None = None
        if turn.after is not None:
            rest = turn.after
        elif turn.failures >= FAILURES_TO_REST:
            rest = self._about(REST[min(turn.failures - FAILURES_TO_REST, len(REST) - 1)])
            log_rests(self._name, turn.failures, rest, turn.error)
        elif turn.told and self._hook.every:
            rest = self._hook.every
        state = replace(
            state,
            failures=turn.failures,
            not_before=now + rest if rest else state.not_before,
            delivered=state.delivered + turn.told,
        )
        if turn.told:
            state = replace(state, delivered_at=now)
        if turn.error:
            state = replace(state, failed_at=now, error=turn.error)
        return state

    def _about(self, length: timedelta) -> timedelta:
        return length * (1 - JITTER + 2 * JITTER * self._chance())

    @staticmethod
    def _rests(state: HookState, now: datetime) -> bool:
        return state.paused or (state.not_before is not None and state.not_before > now)


def log_failed(hook: str, news: News, attempts: int, error: HookError, due: datetime) -> None:
    """Say that an event could not be told yet."""
    log.info("hook %s: %s not told (%d): %s; again at %s", hook, news.id, attempts, error, due)


def log_dead(hook: str, news: News, attempts: int, error: HookError) -> None:
    """Say that an event will not be told."""
    log.warning(
        "hook %s: %s %s is given up after %d attempts: %s; `dsnwatch hooks dead %s` shows it",
        hook,
        news.type,
        news.id,
        attempts,
        error,
        hook,
    )


def log_rests(hook: str, failures: int, rest: timedelta, error: str) -> None:
    """Say that the other side seems to be down."""
    seconds = rest.total_seconds()
    log.warning("hook %s: %d failures in a row, rests %.0f s: %s", hook, failures, seconds, error)


def log_no_store(hook: str, error: StoreError) -> None:
    """Say that nothing could be asked or written down."""
    log.error("hook %s: %s", hook, error)


def log_our_mistake(hook: str, id_: str, error: Exception) -> None:
    """Say that an event broke a hook; where, only to those who debug."""
    log.error(
        "hook %s: a mistake in it (%r) on %s; please report this",
        hook,
        error,
        id_,
        exc_info=error if log.isEnabledFor(logging.DEBUG) else None,
    )
