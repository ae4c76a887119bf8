"""The daemon's look at the figures: what it finds in a real store, and whom it tells."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dsnwatch.alerting import Alerting, AlertingPart, time_of
from dsnwatch.alerts import State, Step, state_of
from dsnwatch.config.alerts import AlertsSection
from dsnwatch.metrics import MailboxFigures
from dsnwatch.model import BounceClass, Kind
from dsnwatch.store import HookState, Store, open_store
from dsnwatch.store.ids import Ulids
from dsnwatch.subscriptions import Subscription, Subscriptions
from tests.databases import on_sqlite
from tests.store.builders import NOW, a_verdict, an_event

HOUR = timedelta(hours=1)
THIS_HOUR = int(NOW.timestamp()) // 3600
EVERYBODY = Subscriptions([Subscription("ops")])
SOFT = a_verdict("mailbox_full", BounceClass.SOFT)


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    opened = open_store(database, node="n1")
    yield opened
    opened.close()


def looking(store: Store, **limits: object) -> Alerting:
    """Give what looks, with hook `ops` told of everything."""
    return Alerting(store, AlertsSection(**limits), ["ops"], "n1", EVERYBODY)  # type: ignore[arg-type]  # fields of its own


def sent(store: Store, count: int, hour: int = THIS_HOUR, campaign: str = "") -> None:
    """Tell what was sent."""
    with store.write() as writer:
        writer.count_sent({(hour, "news", campaign): count})


def fail(store: Store, count: int, at: datetime = NOW) -> None:
    """Store soft failures."""
    with store.write() as writer:
        writer.add_events([an_event(occurred_at=at, verdict=SOFT) for _ in range(count)])


def told(store: Store) -> list[tuple[str, dict[str, object]]]:
    """Take what the hook is to be told, in order."""
    with store.deliveries() as box:
        lanes = box.lease("ops", NOW + 30 * 24 * HOUR, NOW + 31 * 24 * HOUR, "t", 99)
    news = sorted((news for lane in lanes for news in lane.news), key=lambda each: each.id)
    return [(each.type, json.loads(each.payload)["data"]) for each in news]


def test_failing_stream_is_told_paused_and_cleared(store: Store) -> None:
    sent(store, 1000)
    fail(store, 60)
    look = looking(store)
    assert len(look.turn(NOW).raised) == 1
    assert look.turn(NOW + HOUR / 60) == Step()
    (entry,) = store.alerts()
    assert state_of("news", [entry.alert]) is State.PAUSE
    sent(store, 9000)
    over = look.turn(NOW + HOUR / 30)
    assert len(over.cleared) == 1
    assert store.alerts() == []
    assert [each.alert.name for each in store.alerts(NOW)] == ["rate total stream news"]
    types = told(store)
    assert [type_ for type_, _ in types] == ["alert.raised", "campaign.pause", "alert.cleared"]
    pause = types[1][1]
    assert (pause["stream"], pause["campaign"], pause["failed"]) == ("news", None, 60)
    assert pause["rate"] == pytest.approx(0.06)


def test_failures_of_today_are_not_held_against_the_mail_of_yesterday(store: Store) -> None:
    sent(store, 1000, THIS_HOUR - 10)
    fail(store, 60)
    assert looking(store).turn(NOW).raised == ()
    fail(store, 60, NOW - 10 * HOUR)
    assert len(looking(store).turn(NOW).raised) == 1


def test_a_stream_nobody_told_of_for_long_has_no_rate(store: Store) -> None:
    sent(store, 1000, THIS_HOUR - 30)
    fail(store, 60, NOW - 30 * HOUR)
    assert looking(store).turn(NOW).raised == ()


def test_a_campaign_alone_is_found(store: Store) -> None:
    sent(store, 9000, campaign="autumn")
    sent(store, 1000, campaign="spring")  # what `an_event` belongs to
    fail(store, 60)
    (entry,) = looking(store).turn(NOW).raised
    assert (entry.alert.name, entry.alert.campaign) == ("rate total campaign spring", "spring")
    assert state_of("news", [entry.alert]) is State.WARN


def test_spike_needs_a_day_of_history(store: Store) -> None:
    look = looking(store, hook_waiting=24 * HOUR)  # nobody tells the hook of the alert itself
    fail(store, 30)
    assert look.turn(NOW).raised == ()
    fail(store, 1, NOW - 48 * HOUR)
    (entry,) = look.turn(NOW).raised
    assert entry.alert.name == "spike news - mailbox_full"
    assert look.turn(NOW + HOUR) == Step()
    assert len(look.turn(NOW + 2 * HOUR).cleared) == 1


def test_mailboxes_of_this_machine_and_hooks_are_looked_at(store: Store) -> None:
    lagging = MailboxFigures("bounces", started_at=NOW - HOUR, failing=True, last_error="refused")
    with store.write() as writer:
        writer.say_figures(NOW, {"mailbox bounces": lagging.to_json()})
        writer.deliveries.put_state(HookState("ops", failures=7, error="503"))
    found = [entry.alert for entry in looking(store).turn(NOW).raised]
    assert [alert.name for alert in found] == ["mailbox bounces", "hook ops"]
    assert found[0].summary.endswith("for 60 min: refused")
    elsewhere = Alerting(store, AlertsSection(), [], "n2", EVERYBODY)
    assert len(elsewhere.turn(NOW).cleared) == (1 if store.shared else 2)


def test_unread_mail_is_found(store: Store) -> None:
    with store.write() as writer:
        at = int(NOW.timestamp() * 10**6)
        writer.tally_mail([(at, "", Kind.OTHER.value)] * 15 + [(at, "", "quarantined")] * 6)
        writer.tally_mail([(at, "", Kind.BOUNCE.value)] * 10)
    (entry,) = looking(store).turn(NOW).raised
    assert entry.alert.name == "unread"


@on_sqlite
def test_the_part_looks_and_goes_on_where_the_store_cannot_be_read(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    sent(store, 1000)
    fail(store, 60)
    folded: list[int] = []
    part = AlertingPart(looking(store), lambda: folded.append(1), HOUR, lambda: NOW)
    part.look()
    part.look()
    assert folded == [1]
    assert "critical: stream news: 6 % of 1,000" in caplog.text
    Path(store.where).rename(f"{store.where}.gone")
    store.close()
    Path(store.where).mkdir()
    part.look()
    assert "could not look" in caplog.text
    part.stop()
    part.run()


def test_an_id_tells_when_it_was_given() -> None:
    assert abs(time_of(Ulids().next(NOW)) - NOW) < timedelta(milliseconds=1)
    assert time_of("0" * 26) == datetime(1970, 1, 1, tzinfo=UTC)
