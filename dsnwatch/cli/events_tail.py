"""`dsnwatch events tail`: the latest events, and those that come while one looks."""

import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from dsnwatch.records import StoredEvent
    from dsnwatch.store import EventFilter, Place, Store

PAUSE = 0.5
"""Seconds between two looks."""


def latest(store: "Store", wanted: "EventFilter", count: int) -> "list[StoredEvent]":
    """Give the last events, in the order they were stored."""
    return [*store.events(wanted, count, newest=True)][::-1]


def coming(
    store: "Store",
    wanted: "EventFilter",
    place: "Place",
    shown: "Sequence[StoredEvent]",
    pause: "Callable[[], None]" = lambda: time.sleep(PAUSE),
) -> "Iterator[StoredEvent | None]":
    """Give each event that is stored behind a place, once, in the order they come; for ever.

    Args:
        store: Where they come.
        wanted: Which.
        place: Where to begin (`Store.feed_end`).
        shown: What was shown since the place was asked for.
        pause: Waits between two looks.

    Returns:
        Events; None when there is nothing more for the moment.
    """
    seen = {one.id for one in shown}
    while True:
        found = store.follow(place, wanted)
        place = found.place
        yield from (one for one in found.events if one.id not in seen)
        if not found.more:
            yield None
            pause()


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
