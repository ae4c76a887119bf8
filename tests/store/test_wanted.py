"""Lists give exactly what is asked for, and look at few rows for what is seldom."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, event

from dsnwatch.config.settings import Settings
from dsnwatch.keeping import Sweep
from dsnwatch.model import BounceClass, Kind, Trust
from dsnwatch.records import StoredEvent
from dsnwatch.store import EventFilter, MessageFilter, Store, SuppressionFilter

from .builders import DAY, NOW, a_message, a_store, a_suppression, a_verdict, an_event

both = pytest.mark.usefixtures("placed")

SELDOM = a_verdict("spam_content", BounceClass.BLOCK)._replace(provider="seldom")


def some_events() -> list[StoredEvent]:
    """Make events of some days, of which few are unlike the others."""
    found = []
    for number in range(60):
        seldom = number % 20 == 7
        made = an_event(
            f"u{number}@{'seldom' if seldom else 'often'}.example.org",
            verdict=SELDOM if seldom else a_verdict(),
            occurred_at=NOW - number % 9 * DAY,
        )
        about = made.event.attribution._replace(
            stream="seldom" if seldom else "often",
            campaign="seldom" if seldom else None,
            trust=Trust.BACKSCATTER if number % 10 == 3 else Trust.VOUCHED,
        )
        kind = Kind.COMPLAINT if number % 30 == 7 else Kind.BOUNCE
        event_ = made.event._replace(attribution=about, kind=kind)
        found.append(made._replace(event=event_))
    return found


@contextmanager
def planned(store: Store) -> Iterator[list[str]]:
    """Gather how SQLite goes about what is asked of events, messages and the list meanwhile."""
    plans: list[str] = []
    asking = False

    def note(
        connection: Connection, _c: object, text: str, values: tuple[object, ...],
        _x: object, _m: object,
    ) -> None:  # fmt: skip
        nonlocal asking
        if asking or not text.startswith("SELECT"):
            return
        asking = True
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", values)
        plans.extend(str(row[3]) for row in rows)
        asking = False

    event.listen(store.engine, "before_cursor_execute", note)
    yield plans
    event.remove(store.engine, "before_cursor_execute", note)


def a_full_store(tmp_path: Path) -> Store:
    store = a_store(tmp_path)
    with store.write() as writer:
        writer.add_events(some_events())
        writer.add_messages([a_message(b"Subject: 1\n\n", kind=Kind.OTHER)])
        writer.put_suppressions(
            [
                a_suppression(f"u{number}@{'seldom' if number == 5 else 'often'}.example.org")
                for number in range(30)
            ]
        )
    return store


SINCE, UNTIL = NOW - 5 * DAY, NOW - 3 * DAY
EVENTS: dict[str, tuple[EventFilter, Callable[[StoredEvent], bool]]] = {
    "provider": (
        EventFilter(provider="seldom"),
        lambda e: e.event.verdict is not None and e.event.verdict.provider == "seldom",
    ),
    "campaign": (
        EventFilter(campaign="seldom"), lambda e: e.event.attribution.campaign == "seldom",
    ),
    "stream": (EventFilter(stream="seldom"), lambda e: e.event.attribution.stream == "seldom"),
    "domain": (
        EventFilter(domain="seldom.example.org"),
        lambda e: e.event.attribution.recipient.endswith("@seldom.example.org"),
    ),
    "reason": (EventFilter(reason="spam_content"), lambda e: e.event.verdict == SELDOM),
    "class": (EventFilter(bounce_class=BounceClass.BLOCK), lambda e: e.event.verdict == SELDOM),
    "kind": (EventFilter(kind=Kind.COMPLAINT), lambda e: e.event.kind is Kind.COMPLAINT),
    "time": (
        EventFilter(since=SINCE, until=UNTIL), lambda e: SINCE <= e.event.occurred_at < UNTIL
    ),
    "backscatter": (
        EventFilter(backscatter=True),
        lambda e: e.event.attribution.trust is Trust.BACKSCATTER,
    ),
    "two": (
        EventFilter(stream="often", provider="seldom", backscatter=False),
        lambda _: False,
    ),
    "three": (
        EventFilter(kind=Kind.BOUNCE, campaign="seldom", since=NOW - 8 * DAY),
        lambda e: e.event.kind is Kind.BOUNCE
        and e.event.attribution.campaign == "seldom"
        and e.event.occurred_at >= NOW - 8 * DAY,
    ),
    "nobody": (EventFilter(provider="nobody"), lambda _: False),
    "before": (EventFilter(until=NOW - 99 * DAY), lambda _: False),
}  # fmt: skip


@both
def test_list_has_the_events_that_were_asked_for(tmp_path: Path) -> None:
    store = a_full_store(tmp_path)
    every = [*store.events()]
    for name, (wanted, fits) in EVENTS.items():
        right = [each.id for each in every if fits(each)]
        assert [each.id for each in store.events(wanted)] == right, name
        assert [each.id for each in store.events(wanted, newest=True)] == right[::-1], name
        assert bool(right) is (name not in {"two", "nobody", "before"}), name


@pytest.mark.parametrize("name", EVENTS)
def test_events_that_are_asked_for_are_searched_for(tmp_path: Path, name: str) -> None:
    store = a_full_store(tmp_path)
    with planned(store) as plans:
        list(store.events(EVENTS[name][0], 10))
    assert plans
    scans = [plan for plan in plans if plan.startswith("SCAN event") or "TEMP" in plan]
    # An index that has such rows only is gone through from where one is.
    assert [plan for plan in scans if "event_backscatter" not in plan] == []


def test_rarest_of_several_values_leads(tmp_path: Path) -> None:
    store = a_full_store(tmp_path)
    with planned(store) as plans:
        list(store.events(EventFilter(stream="often", reason="spam_content"), 10))
    assert "event_reason" in plans[-1]


@pytest.mark.parametrize(
    "wanted",
    [
        MessageFilter(kind=Kind.OTHER),
        MessageFilter(stream="seldom"),
        MessageFilter(since=SINCE, until=UNTIL),
    ],
    ids=("kind", "stream", "time"),
)
def test_messages_that_are_asked_for_are_searched_for(
    tmp_path: Path, wanted: MessageFilter
) -> None:
    store = a_full_store(tmp_path)
    with planned(store) as plans:
        list(store.messages(wanted, 10))
    assert not [plan for plan in plans if plan.startswith("SCAN message") or "TEMP" in plan]


@pytest.mark.parametrize(
    "wanted",
    [
        SuppressionFilter(domain="seldom.example.org", active_at=NOW),
        SuppressionFilter(reason="complaint"),
        SuppressionFilter(origin="manual"),
        SuppressionFilter(stream="newsletter"),
        SuppressionFilter(address="u5@seldom.example.org", reason="user_unknown"),
    ],
    ids=("domain", "reason", "origin", "stream", "address"),
)
def test_suppressions_that_are_asked_for_are_searched_for(
    tmp_path: Path, wanted: SuppressionFilter
) -> None:
    store = a_full_store(tmp_path)
    with planned(store) as plans:
        list(store.suppressions(wanted, 10))
    assert not [plan for plan in plans if plan.startswith("SCAN suppr") or "TEMP" in plan]


@both
def test_messages_of_a_time_are_found(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    old = a_message(b"Subject: old\n\n")
    old = old._replace(arrived_at=NOW - 5 * DAY)
    with store.write() as writer:
        writer.add_messages([old])
        writer.add_messages([a_message(b"Subject: new\n\n")])
    found = [*store.messages(MessageFilter(since=NOW - 6 * DAY, until=NOW - DAY))]
    assert [each.id for each in found] == [old.id]


@both
def test_totals_stay_when_events_go(tmp_path: Path) -> None:
    store = a_full_store(tmp_path)
    before = store.counts(NOW)
    assert (before.messages, before.events, before.backscatter) == (1, 54, 6)
    assert Sweep(store, Settings(), "cli:anne").events(NOW + timedelta(days=999))
    assert replace(store.counts(NOW), suppressions=0) == replace(before, suppressions=0)
