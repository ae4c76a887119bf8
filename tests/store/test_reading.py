"""What the store answers."""

from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import create_engine, event

from dsnwatch.model import BounceClass, Kind
from dsnwatch.store import EventFilter, MessageFilter, Store, SuppressionFilter, queries
from tests.databases import on_sqlite

from .builders import (
    DAY,
    NOW,
    a_message,
    a_raw,
    a_store,
    a_success,
    a_suppression,
    a_verdict,
    an_event,
)

pytestmark = pytest.mark.usefixtures("placed")
SOFT = a_verdict("mailbox_full", BounceClass.SOFT)


def a_store_with_events(tmp_path: Path) -> Store:
    store = a_store(tmp_path)
    with store.write() as writer:
        writer.add_events(
            [
                an_event("anne@example.org", "1"),
                an_event("bert@example.org", "2", verdict=SOFT, occurred_at=NOW - 3 * DAY),
                an_event("carl@example.net", "3", stream="", kind=Kind.COMPLAINT),
                an_event("anne@example.org", "4", message_id="M", occurred_at=NOW + DAY),
            ]
        )
    return store


@pytest.mark.parametrize(
    ("wanted", "keys"),
    [
        (EventFilter(), "1234"),
        (EventFilter(address="anne@example.org"), "14"),
        (EventFilter(domain="example.org"), "124"),
        (EventFilter(reason="mailbox_full"), "2"),
        (EventFilter(bounce_class=BounceClass.HARD), "134"),
        (EventFilter(kind=Kind.COMPLAINT), "3"),
        (EventFilter(stream=""), "3"),
        (EventFilter(since=NOW), "134"),
        (EventFilter(until=NOW), "2"),
        (EventFilter(since=NOW - 3 * DAY, until=NOW + DAY), "123"),
        (EventFilter(message_id="M"), "4"),
        (EventFilter(domain="example.org", bounce_class=BounceClass.SOFT), "2"),
        (EventFilter(address="nobody@example.org"), ""),
    ],
    ids=lambda value: (
        ",".join(name for name, given in asdict(value).items() if given is not None) or "all"
        if isinstance(value, EventFilter)
        else ""
    ),
)
def test_events_are_narrowed(tmp_path: Path, wanted: EventFilter, keys: str) -> None:
    store = a_store_with_events(tmp_path)
    assert "".join(each.event.key for each in store.events(wanted)) == keys


def test_events_come_in_pages_that_join_without_gap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "PAGE", 3)
    store, events = a_store(tmp_path), [an_event() for _ in range(10)]
    with store.write() as writer:
        writer.add_events(events)
    assert list(store.events()) == events
    assert list(store.events(limit=4)) == events[:4]
    assert list(store.events(limit=4, after=events[3].id)) == events[4:8]
    assert list(store.events(after=events[9].id)) == []
    assert list(store.events(limit=0)) == []


def test_suppressions_come_in_pages_that_join_without_gap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "PAGE", 2)
    store = a_store(tmp_path)
    every = [a_suppression(f"{name}@x.test", stream=s) for name in "abc" for s in ("", "news")]
    with store.write() as writer:
        writer.put_suppressions(every)
    assert list(store.suppressions()) == every
    assert list(store.suppressions(after=("a@x.test", ""), limit=3)) == every[1:4]


def test_list_goes_on_while_another_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "PAGE", 1)
    store = a_store_with_events(tmp_path)
    listed = store.events()
    next(listed)
    with store.write() as writer:
        writer.add_events([an_event(key="5")])
    assert [each.event.key for each in listed] == ["2", "3", "4", "5"]


@on_sqlite
@pytest.mark.parametrize(
    "wanted",
    [
        EventFilter(),
        EventFilter(domain="example.org"),
        EventFilter(reason="mailbox_full"),
        EventFilter(bounce_class=BounceClass.HARD),
        EventFilter(kind=Kind.BOUNCE, since=NOW),
    ],
    ids=["all", "domain", "reason", "class", "kind"],
)
def test_page_of_a_long_list_is_never_sorted(tmp_path: Path, wanted: EventFilter) -> None:
    store, said = a_store_with_events(tmp_path), list[tuple[str, tuple[object, ...]]]()
    statements = type(create_engine("sqlite://"))
    event.listen(
        statements,
        "before_cursor_execute",
        lambda _c, _k, sql, given, *_: said.append((sql, given)),
    )
    list(store.events(wanted, limit=2))
    select, given = next(one for one in said if one[0].startswith("SELECT"))
    with create_engine(f"sqlite:///{store.where}").connect() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {select}", given)
        assert "TEMP B-TREE" not in str(plan.all())


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (SuppressionFilter(), ["a@x.test", "b@y.test", "c@x.test"]),
        (SuppressionFilter(address="a@x.test"), ["a@x.test"]),
        (SuppressionFilter(domain="x.test"), ["a@x.test", "c@x.test"]),
        (SuppressionFilter(reason="complaint"), ["b@y.test"]),
        (SuppressionFilter(stream="news"), ["c@x.test"]),
        (SuppressionFilter(origin="manual"), []),
        (SuppressionFilter(active_at=NOW), ["b@y.test", "c@x.test"]),
    ],
    ids=["all", "address", "domain", "reason", "stream", "origin", "active"],
)
def test_suppressions_are_narrowed(
    tmp_path: Path, wanted: SuppressionFilter, found: list[str]
) -> None:
    store = a_store(tmp_path)
    with store.write() as writer:
        writer.put_suppressions(
            [
                a_suppression("a@x.test", until=NOW),
                a_suppression("b@y.test", reason="complaint"),
                a_suppression("c@x.test", stream="news", until=NOW + DAY),
            ]
        )
    assert [each.address for each in store.suppressions(wanted)] == found


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (MessageFilter(), "12"),
        (MessageFilter(kind=Kind.OTHER), "2"),
        (MessageFilter(dialect="exim"), ""),
        (MessageFilter(stream="news", since=NOW), "2"),
        (MessageFilter(until=NOW), "1"),
    ],
    ids=["all", "kind", "dialect", "since", "until"],
)
def test_messages_are_narrowed(tmp_path: Path, wanted: MessageFilter, found: str) -> None:
    store = a_store(tmp_path)
    one, two = a_message(b"1", arrived_at=NOW - DAY), a_message(b"2", kind=Kind.OTHER)
    with store.write() as writer:
        writer.add_messages([one, two])
    numbers = {one.id: "1", two.id: "2"}
    assert "".join(numbers[each.id] for each in store.messages(wanted)) == found


@pytest.mark.parametrize(("now", "active"), [(NOW, 2), (NOW + DAY, 1)], ids=["today", "tomorrow"])
def test_counts_tell_how_much_there_is(tmp_path: Path, now: datetime, active: int) -> None:
    store = a_store_with_events(tmp_path)
    with store.write() as writer:
        writer.add_messages([a_message()])
        writer.add_events([a_success()])
        writer.add_quarantine("Q", a_raw(b"?"), "f", (), NOW)
        writer.put_suppressions([a_suppression(until=NOW + DAY), a_suppression("b@x.test")])
    counts = store.counts(now)
    assert (counts.messages, counts.events, counts.quarantined) == (1, 5, 1)
    assert dict(counts.by_class) == {"hard": 3, "soft": 1, "block": 0, "undetermined": 0}
    assert counts.suppressions == active


def test_what_is_not_there_is_none(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    assert store.message("no") is None
    assert store.raw("no") is None
    assert store.event("no") is None
    assert store.suppression("no") is None
    assert store.quarantine_item("no") is None
