"""What happened, told once more: for a hook that came later, or that lost what it had.

Events keep the ids they are told under, so a receiver knows again what it has. What a person put
on the list, or took off it, has no event; what of it holds still is told under new ids.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from dsnwatch.model import BounceReport
from dsnwatch.news import news_of_change, news_of_event, news_of_suppression_by
from dsnwatch.policy import running
from dsnwatch.records import DecisionAction, News, StoredEvent
from dsnwatch.rfc.keyed_hash import MARK
from dsnwatch.store import EventFilter, SuppressionFilter, new_id

if TYPE_CHECKING:
    from dsnwatch.store import Store
    from dsnwatch.subscriptions import Subscriptions


def news_since(
    store: "Store",
    wanted: "Subscriptions",
    since: datetime,
    until: datetime | None,
    now: datetime,
) -> Iterator[News]:
    """Tell what happened in a stretch of time, oldest first.

    Args:
        store: Where it is kept; events that have been swept are not told.
        wanted: What the hook wants to be told.
        since: What happened at this moment or later.
        until: And before this one.
        now: A suppression is told where it holds now, and rests on the event still.
    """
    for stored in store.events(EventFilter(since=since, until=until)):
        yield from news_of_event(wanted, stored, _report(store, stored))
        if stored.decision.action is DecisionAction.SUPPRESS:
            standing = store.suppression(stored.event.attribution.recipient)
            if standing and standing.event_id == stored.id and running(standing, now):
                yield from news_of_suppression_by(wanted, stored)
    for each in store.suppressions(SuppressionFilter(active_at=now)):
        if each.address.startswith(MARK):  # who was forgotten is told to nobody
            continue
        if each.event_id is None and since <= each.since and (until is None or each.since < until):
            type_ = "suppression.added"
            yield from news_of_change(wanted, type_, new_id(now), each, each.since)


def _report(store: "Store", stored: StoredEvent) -> BounceReport:
    """Find what the message said that told of an event; little, where it has been swept."""
    message = store.message(stored.message_id)
    return message.report if message else BounceReport(stored.event.kind)
