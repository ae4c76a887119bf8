"""Lets go of what was kept long enough, and ends trials: by hand, or in the daemon every hour."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from threading import Event
from typing import TYPE_CHECKING

from dsnwatch.changes import Changes
from dsnwatch.config.values import duration_text
from dsnwatch.errors import StoreError
from dsnwatch.matching import first_sent_key
from dsnwatch.policy.guards import SENDER, SENDER_HOURS, USUAL_DAYS, hour_of
from dsnwatch.store import SuppressionFilter
from dsnwatch.store.duties import Duty
from dsnwatch.store.figure_answers import HOURS_KEPT
from dsnwatch.store.ids import first_id
from dsnwatch.subscriptions import NOBODY, Subscriptions

if TYPE_CHECKING:
    from dsnwatch.config.settings import Settings
    from dsnwatch.store import Store, Writer
    from dsnwatch.store.aging import Key, Stretch

log = logging.getLogger(__name__)

AT_ONCE = 500
"""Suppressions let go of in one transaction."""

SILENT = timedelta(days=7)
"""A daemon that has said nothing for so long is gone for good: renamed, or taken away."""

EVERY = timedelta(hours=1)
FIRST = timedelta(minutes=1)
"""How long after the start the daemon sweeps: mail that waited comes first."""

_EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class Sweep:
    """One going over of the store.

    Args:
        store: What to go over.
        settings: Say how long things are kept.
        who: For the audit log.
        wanted: Which hooks want to be told of suppressions that end.
        stopped: Whether to stop after the transaction under way.
    """

    store: "Store"
    settings: "Settings"
    who: str
    wanted: Subscriptions = NOBODY
    stopped: Callable[[], bool] = lambda: False

    def run(self, now: datetime) -> dict[str, int]:
        """Do it, some rows a transaction.

        Returns:
            How much was let go of, by what it is.

        Raises:
            StoreError: What was done before stays; the next time goes on.
        """
        gone: Counter[str] = Counter()
        gone["trials"] = self._again(lambda writer: self._end_trials(writer, now))
        for reason, length in self.settings.policy.keep.items():
            if length is not None:
                gone["suppressions"] += self._suppressions(reason, length, now)
        keep = self.settings.keep
        gone["raw_messages"] = self.octets(_before(now, keep.raw_messages))
        gone["events"] = self.events(_before(now, keep.events))
        gone["sent"] = self._sent(_before(now, keep.sent))
        with self.store.write() as writer:
            gone["dead_letters"] = writer.deliveries.sweep(_before(now, keep.dead_letters))
            gone["sent"] += writer.drop_sent_counts(hour_of(_before(now, keep.sent)))
            gone["history"] = writer.sweep_history(_before(now, keep.events))
            writer.sweep_guard_hours(hour_of(now - timedelta(days=USUAL_DAYS + 1)))
            writer.sweep_guard_hours(hour_of(now) - SENDER_HOURS, SENDER)
            writer.fold_tallies()
            writer.sweep_tallies(now - HOURS_KEPT, _before(now, keep.events))
            writer.sweep_alerts(_before(now, keep.events))
            writer.sweep_figures(now - SILENT)
            if any(gone.values()):
                writer.audit(now, self.who, "store.sweep", self.store.where, "keep", dict(gone))
        return dict(gone)

    def octets(self, before: datetime) -> int:
        """Let go of the octets of messages stored before a moment; tells how many messages."""
        old = self.store.old_octets(before)
        return self._each(old, lambda writer, some: writer.drop_octets(some))

    def events(self, before: datetime) -> int:
        """Let go of the events stored before a moment that nothing rests on; tells how many."""
        first_kept = first_id(before)
        with self.store.write() as writer:
            writer.note_sweep(first_kept)
            writer.sweep_feed(first_kept)
        old = self.store.old_events(before)
        return self._each(old, lambda writer, some: writer.drop_events(some))

    def _sent(self, before: datetime) -> int:
        old = self.store.old_sent(first_sent_key(before))
        return self._each(old, lambda writer, some: writer.drop_sent(some))

    def _again(self, some: "Callable[[Writer], int]") -> int:
        """Do something some rows at a time, until nothing is left of it."""
        count = 0
        while not self.stopped():
            with self.store.write() as writer:
                done = some(writer)
            count += done
            if done < AT_ONCE:
                break
        return count

    def _end_trials(self, writer: "Writer", now: datetime) -> int:
        begun = now - self.settings.policy.coming_back.trial
        return Changes(writer, now, self.who, self.wanted).end_trials(begun, AT_ONCE)

    def _suppressions(self, reason: str, keep: timedelta, now: datetime) -> int:
        """Take off the list what was on it for so long; old reports bring nobody back."""
        wanted = SuppressionFilter(reason=reason, since_before=now - keep)
        because = f"policy.keep.{reason} is {duration_text(keep)}"
        rest = ((row.address, row.stream) for row in self.store.suppressions(wanted))
        count = 0
        while not self.stopped() and (piece := list(islice(rest, AT_ONCE))):
            with self.store.write() as writer:
                changes = Changes(writer, now, self.who, self.wanted)
                count += len(changes.release(piece, because, verb="suppression.sweep"))
        return count

    def _each(
        self,
        stretches: "Iterator[Stretch[Key]]",
        drop: "Callable[[Writer, Stretch[Key]], int]",
    ) -> int:
        """Let go of rows, a stretch in a transaction."""
        count = 0
        for stretch in stretches:
            if self.stopped():
                break
            with self.store.write() as writer:
                count += drop(writer, stretch)
        return count


def _before(now: datetime, keep: timedelta | None) -> datetime:
    """The moment before which something goes; the beginning of time where it stays for ever."""
    return _EPOCH if keep is None else now - keep


class Keeper:
    """Sweeps in the daemon.

    Args:
        store: What to sweep.
        settings: Say how long things are kept.
        wanted: Which hooks want to be told.
        clock: Tells the time.
        first: How long after the start the first time comes.
        duty: Says whether it is ours to sweep; of several daemons one does.
    """

    def __init__(  # noqa: PLR0917  those that tests leave out come last
        self,
        store: "Store",
        settings: "Settings",
        wanted: Subscriptions = NOBODY,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        first: timedelta = FIRST,
        duty: Duty | None = None,
    ) -> None:
        self._stop = Event()
        self._duty = duty
        self._sweep = Sweep(store, settings, "daemon", wanted, self._is_over)
        self._clock = clock
        self._first = first

    def run(self) -> None:
        """Sweep every hour until `stop` is called."""
        wait = self._first
        while not self._stop.wait(wait.total_seconds()):
            wait = EVERY
            self.look()
        if self._duty is not None:
            self._duty.end()

    def look(self) -> None:
        """Sweep once, where it is ours to do; where another daemon does, its hour comes too."""
        if self._duty is not None:
            self._duty.begin()
        if self._is_over():
            return
        try:
            log_swept(self._sweep.run(self._clock()))
        except StoreError as error:
            log_not_swept(error)

    def _is_over(self) -> bool:
        """Whether to stop, or to leave the rest to another daemon."""
        return self._stop.is_set() or (self._duty is not None and not self._duty.is_ours)

    def stop(self) -> None:
        """End; from any thread."""
        self._stop.set()


def log_swept(gone: dict[str, int]) -> None:
    """Say what was let go of."""
    if told := [f"{count} {name.replace('_', ' ')}" for name, count in gone.items() if count]:
        log.info("kept long enough: %s", ", ".join(told))


def log_not_swept(error: StoreError) -> None:
    """Say why nothing was let go of; the next hour tries again."""
    log.warning("the store is not swept, and will be in an hour: %s", error)
