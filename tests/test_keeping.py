"""What was kept long enough goes, by hand or in the daemon; all else stays."""

import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from dsnwatch.changes import Changes
from dsnwatch.config.settings import Settings
from dsnwatch.ingest import Ingest
from dsnwatch.keeping import Keeper, Sweep
from dsnwatch.matching import message_key, sent_key
from dsnwatch.metrics import DaemonFigures
from dsnwatch.model import RawMessage
from dsnwatch.policy import Policy
from dsnwatch.policy.guards import hour_of
from dsnwatch.reading.reader import Reader
from dsnwatch.records import Suppression
from dsnwatch.store import EventFilter, Store, aging, open_store
from dsnwatch.subscriptions import Subscription, Subscriptions

from .test_ingest import a_bounce, news

TODAY = datetime(2026, 3, 31, 12, tzinfo=UTC)
DAY = timedelta(days=1)
ANNE, BOB = "anne@example.org", "bob@example.org"
READER = Reader.load()
ALL = Subscriptions([Subscription("all")])


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    with closing(open_store(database)) as opened:
        yield opened


def settings(**policy: object) -> Settings:
    return Settings(policy=policy)  # type: ignore[arg-type]  # as the file gives it


def put(store: Store, *rows: Suppression) -> None:
    with store.write() as writer:
        Changes(writer, TODAY, "cli:bob").put(rows)


def a_row(address: str, reason: str, days_ago: float, until: datetime | None = None) -> Suppression:
    return Suppression(address, reason, "bounce", "hard", TODAY - days_ago * DAY, until)


def swept(store: Store, made: Settings, now: datetime = TODAY) -> dict[str, int]:
    return Sweep(store, made, "daemon", ALL).run(now)


def listed(store: Store) -> list[str]:
    return [row.address for row in store.suppressions()]


def test_suppressions_are_kept_as_long_as_their_reason_says(store: Store) -> None:
    put(
        store,
        a_row("a@example.org", "mailbox_full", 181),
        a_row("b@example.org", "mailbox_full", 179),
        a_row("c@example.org", "user_unknown", 3000),
        a_row("d@example.org", "complaint", 3649),
        a_row("e@example.org", "complaint", 3651),
    )
    keep = {"mailbox_full": "180d", "complaint": "3650d", "user_unknown": "never"}
    assert swept(store, settings(keep=keep))["suppressions"] == 2
    assert listed(store) == ["b@example.org", "c@example.org", "d@example.org"]
    assert [(type_, address) for type_, address, _ in news(store)] == [
        ("suppression.removed", "e@example.org"),
        ("suppression.removed", "a@example.org"),
    ] or len(news(store)) == 2


def test_what_nobody_named_stays(store: Store) -> None:
    put(store, a_row(ANNE, "user_unknown", 3000))
    assert swept(store, settings()).get("suppressions", 0) == 0
    assert listed(store) == [ANNE]


def test_what_had_run_out_goes_without_a_word(store: Store) -> None:
    put(store, a_row(ANNE, "mailbox_full", 200, TODAY - 100 * DAY))
    assert swept(store, settings(keep={"mailbox_full": "180d"}))["suppressions"] == 1
    assert news(store) == []


def test_old_reports_bring_nobody_back(store: Store) -> None:
    policy = Policy.preset("default")
    for number in range(4):
        at = TODAY - (200 - number) * DAY
        data = a_bounce(
            status="4.3.0", text="451 4.3.0 x", original=f"{number}@x.example", number=number
        )
        raw = RawMessage(data, "m", "mbox", at, vouched=True)
        Ingest(store, READER, policy, lambda: TODAY - 190 * DAY).commit([raw])
    assert listed(store) == [ANNE]
    swept(store, settings(keep={"system_error": "180d"}))
    assert listed(store) == []


def test_many_go_some_a_transaction(store: Store) -> None:
    put(store, *(a_row(f"user{n:04}@example.org", "mailbox_full", 181) for n in range(1200)))
    assert swept(store, settings(keep={"mailbox_full": "180d"}))["suppressions"] == 1200
    assert listed(store) == []


def test_many_events_go_some_a_transaction_and_a_stop_leaves_the_rest(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aging, "AT_ONCE", 4)
    dead = [a_bounce(f"u{n}@example.org") for n in range(15)]
    full = [a_bounce(f"v{n}@example.org").replace(b"5.1.1", b"4.2.2") for n in range(15)]
    octets = [
        each.replace(b"User unknown", b"no")
        for pair in zip(dead, full, strict=True)
        for each in pair
    ]
    mail = [RawMessage(data, f"m#{n}", "mbox", TODAY) for n, data in enumerate(octets)]
    Ingest(store, READER, Policy.preset("default"), lambda: TODAY).commit(mail)
    looks = iter([False] * 3 + [True])
    stopped = Sweep(store, settings(), "daemon", ALL, lambda: next(looks))
    assert stopped.octets(TODAY + 4000 * DAY) == 12
    assert Sweep(store, settings(), "daemon", ALL).octets(TODAY + 4000 * DAY) == 18
    assert Sweep(store, settings(), "daemon", ALL).events(TODAY + 4000 * DAY) == 15
    assert {each.event.attribution.recipient[0] for each in store.events()} == {"u"}


def test_what_was_sent_long_ago_and_counted_long_ago_goes(store: Store) -> None:
    with store.write() as writer:
        for days in (1, 90):
            at = TODAY - days * DAY
            writer.add_sent([sent_key(message_key("1@x", ANNE), at)])
            writer.count_sent({(hour_of(at), "", ""): 1})
            writer.count_guard_hours({("claimed", hour_of(at)): 3})
    assert swept(store, settings())["sent"] == 2
    with store.write() as writer:
        assert writer.guard_hours("claimed", 0) == {hour_of(TODAY - DAY): 3}


def test_what_the_list_said_before_is_known_as_long_as_events_are(store: Store) -> None:
    put(store, a_row(ANNE, "mailbox_full", 9, TODAY + DAY))
    put(store, a_row(ANNE, "user_unknown", 1))
    assert swept(store, settings())["history"] == 0
    with store.write() as writer:
        assert writer.sweep_history(TODAY + 4000 * DAY) == 1


def test_the_daemon_sweeps_by_itself_and_ends_at_once(store: Store) -> None:
    put(store, a_row(ANNE, "mailbox_full", 181))
    done = threading.Event()

    class Told(Subscriptions):
        def of_suppression(self, type_: str, suppression: Suppression) -> tuple[str, ...]:
            done.set()
            return super().of_suppression(type_, suppression)

    keeper = Keeper(
        store, settings(keep={"mailbox_full": "180d"}), Told(), lambda: TODAY, timedelta()
    )
    running = threading.Thread(target=keeper.run)
    running.start()
    assert done.wait(30)
    keeper.stop()
    running.join(30)
    assert not running.is_alive()
    assert listed(store) == []


def test_a_clock_that_was_wrong_and_jumps_back_lets_nothing_go(store: Store) -> None:
    raw = RawMessage(a_bounce(), "m", "mbox", TODAY, vouched=True)
    Ingest(store, READER, Policy.preset("default"), lambda: TODAY).commit([raw])
    gone = swept(store, settings(keep={"user_unknown": "1d"}), TODAY - 4000 * DAY)
    assert not any(gone.values())
    assert listed(store) == [ANNE]
    assert len([*store.events(EventFilter())]) == 1


def test_daemon_that_is_silent_for_a_week_is_forgotten(database: str) -> None:
    for node, days in (("old", 8), ("down", 6)):
        with closing(open_store(database, node=node)) as store:
            said = DaemonFigures("1.0", TODAY - 30 * DAY, ("mailbox m",)).to_json()
            with store.write() as writer:
                writer.say_figures(TODAY - days * DAY, {"mailbox m": "{}"}, said)
    with closing(open_store(database)) as store:
        assert [each.node for each in store.daemons()] == ["down", "old"]
        swept(store, settings())
        assert [each.node for each in store.daemons()] == ["down"]
        assert [each.node for each in store.figures()] == ["down"]
