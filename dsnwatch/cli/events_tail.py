"""`dsnwatch events tail`: the latest events, and those that come while one looks."""

import sys
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from dsnwatch.alerting import time_of
from dsnwatch.store.ids import first_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from dsnwatch.records import StoredEvent
    from dsnwatch.store import EventFilter, Store

PAUSE = 0.5
"""Seconds between two looks."""
LATE = timedelta(seconds=10)
"""Whoever stores beside us may come so late with an id that was given before."""


def latest(store: "Store", wanted: "EventFilter", count: int) -> "list[StoredEvent]":
    """Give the last events, in the order they were stored."""
    return [*store.events(wanted, count, newest=True)][::-1]


def coming(
    store: "Store",
    wanted: "EventFilter",
    shown: "Sequence[StoredEvent]",
    now: datetime,
    pause: "Callable[[], None]" = lambda: time.sleep(PAUSE),
) -> "Iterator[StoredEvent | None]":
    """Give each event that is stored from now on, once; for ever.

    Args:
        store: Where they come.
        wanted: Which.
        shown: What was shown last, in order; what is stored behind it is given.
        now: This moment; where nothing was shown, what is stored already is not given.
        pause: Waits between two looks.

    Returns:
        Events; None when there is nothing more for the moment.
    """
    last = shown[-1:] or [*store.events(wanted, 1, newest=True)]
    newest = last[0].id if last else first_id(now)
    known = {one.id for one in store.events(wanted, after=_late(newest)) if one.id <= newest}

    def come(seen: set[str], newest: str) -> "Iterator[StoredEvent | None]":
        while True:
            for stored in store.events(wanted, after=_late(newest)):
                if stored.id not in seen:
                    seen.add(stored.id)
                    newest = max(newest, stored.id)
                    yield stored
            yield None
            edge = _late(newest)
            seen = {id_ for id_ in seen if id_ > edge}
            pause()

    return come(known, newest)


def _late(newest: str) -> str:
    return first_id(max(time_of(newest) - LATE, datetime.fromtimestamp(0, UTC)))


def show(events: "Iterable[StoredEvent | None]", line: "Callable[[StoredEvent], object]") -> None:
    """Print events as they come, till the person presses Ctrl-C."""
    try:
        for stored in events:
            if stored is None:
                sys.stdout.flush()
            else:
                line(stored)
    except KeyboardInterrupt:
        sys.stdout.flush()
