"""What waits for a person is let through or let go, once and whole."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from dsnwatch import holding
from dsnwatch.changes import Changes
from dsnwatch.config.settings import Settings
from dsnwatch.holding import Holding
from dsnwatch.ingest import Ingest
from dsnwatch.keeping import Sweep
from dsnwatch.model import RawMessage
from dsnwatch.policy import Policy
from dsnwatch.reading.reader import Reader
from dsnwatch.records import DecisionAction
from dsnwatch.store import EventFilter, Hold, Store, open_store
from dsnwatch.subscriptions import Subscription, Subscriptions
from tests.databases import asked

from .policy.builders import a_policy
from .test_ingest import a_bounce

TODAY = datetime(2026, 3, 31, 12, tzinfo=UTC)
DAY = timedelta(days=1)
ANNE, BOB = "anne@example.org", "bob@example.org"
ALL = Subscriptions([Subscription("all")])
READER = Reader.load()
CAUTIOUS = a_policy(require_trust="matched")
LENIENT = Policy.preset("default")


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    with closing(open_store(database)) as opened:
        yield opened


def take_in(store: Store, *messages: bytes, policy: Policy = CAUTIOUS, days_ago: float = 0) -> None:
    at = TODAY - days_ago * DAY
    batch = [RawMessage(data, f"smtp#{n}", "smtp", at) for n, data in enumerate(messages)]
    Ingest(store, READER, policy, lambda: TODAY, ALL).commit(batch)


def many(count: int) -> list[bytes]:
    return [
        a_bounce(f"user{n}@example.org", original=f"{n}@x.example", number=n) for n in range(count)
    ]


def news(store: Store) -> list[str]:
    told = asked(store.url, "SELECT type FROM outbox ORDER BY id, type")
    return [str(type_) for (type_,) in told if not str(type_).startswith("bounce.")]


def settled(store: Store, verb: str, who: str = "cli:bob") -> list[int]:
    (hold,) = store.holds()
    return [*getattr(Holding(store, who, ALL, lambda: TODAY), verb)(hold, "seen to")]


def suppressed(store: Store) -> list[str]:
    return [each.address for each in store.suppressions()]


def actions(store: Store) -> set[DecisionAction]:
    return {stored.decision.action for stored in store.events(EventFilter())}


def test_what_is_held_suppresses_nobody_and_raises_one_alert(store: Store) -> None:
    take_in(store, *many(3))
    take_in(store, a_bounce(BOB, number=99, original="99@x.example"))
    assert suppressed(store) == []
    (hold,) = store.holds()
    assert (hold.name, hold.events) == ("trust 2026-03-31", 4)
    assert news(store).count("alert.raised") == 1
    assert news(store).count("suppression.held") == 4
    assert store.counts(TODAY).held == 4


def test_a_hold_let_through_suppresses_all_tells_of_it_and_clears_the_alert(store: Store) -> None:
    take_in(store, *many(3))
    (hold,) = store.holds()
    assert settled(store, "release") == [3]
    assert len(suppressed(store)) == 3
    assert {row.batch for row in store.suppressions()} == {hold.id}
    assert [*store.holds()] == []
    assert actions(store) == {DecisionAction.SUPPRESS}
    told = news(store)
    assert told.count("suppression.added") == 3
    assert told.count("alert.cleared") == 1


def test_a_hold_let_go_suppresses_nobody_and_counts_for_nothing(store: Store) -> None:
    take_in(store, *many(3))
    assert settled(store, "drop") == [3]
    assert suppressed(store) == []
    assert [*store.holds()] == []
    assert actions(store) == {DecisionAction.IGNORE}
    assert news(store).count("alert.cleared") == 1
    assert "suppression.added" not in news(store)


def test_who_was_let_go_is_suppressed_by_what_comes_later(store: Store) -> None:
    take_in(store, a_bounce())
    settled(store, "drop")
    take_in(store, a_bounce(original="2@x.example", number=2), policy=LENIENT)
    assert suppressed(store) == [ANNE]


def test_the_decision_says_who_let_it_through(store: Store) -> None:
    take_in(store, a_bounce())
    settled(store, "release", "cli:carla")
    (stored,) = store.events(EventFilter())
    assert stored.decision.because.endswith("; let through by cli:carla")
    rows = asked(store.url, "SELECT who, verb, subject, because FROM audit")
    assert rows == [("cli:carla", "hold.release", "trust 2026-03-31", "seen to")]


def test_stopped_half_way_the_rest_still_waits(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holding, "BATCH", 10)
    take_in(store, *many(25))
    (hold,) = store.holds()
    assert next(Holding(store, "cli:bob", ALL, lambda: TODAY).release(hold, "seen to")) == 10
    assert len(suppressed(store)) == 10
    (left,) = store.holds()
    assert left.events == 15
    assert "alert.cleared" not in news(store)
    assert settled(store, "release") == [10, 15]
    assert len(suppressed(store)) == 25


def test_what_is_suppressed_already_stays_as_it_is(store: Store) -> None:
    take_in(store, *many(2))
    take_in(store, a_bounce("user0@example.org", number=7, original="7@x"), policy=LENIENT)
    before = store.suppression("user0@example.org")
    settled(store, "release")
    assert store.suppression("user0@example.org") == before
    assert len(suppressed(store)) == 2


def test_who_is_spared_by_now_is_not_suppressed(store: Store) -> None:
    take_in(store, a_bounce(ANNE), a_bounce(BOB, number=2, original="2@x.example"))
    (hold,) = store.holds()
    released = Holding(store, "cli:bob", ALL, lambda: TODAY, spares=lambda one: one == ANNE)
    assert [*released.release(hold, "seen to")] == [2]
    assert suppressed(store) == [BOB]
    (stored,) = (one for one in store.events(EventFilter(address=ANNE)))
    assert stored.decision.action is DecisionAction.IGNORE
    assert "policy.never_suppress names this address" in stored.decision.because


def test_a_hold_is_found_by_its_name_and_by_its_id(store: Store) -> None:
    take_in(store, a_bounce())
    (hold,) = store.holds()
    found = Holding(store, "cli:bob")
    assert found.find(hold.id) == found.find(hold.name) == hold
    assert found.find("flood") is None


def test_events_that_wait_are_kept_however_old(store: Store) -> None:
    take_in(store, a_bounce())
    assert Sweep(store, Settings(), "cli:anne").events(TODAY + 4000 * DAY) == 0
    assert settled(store, "release") == [1]


def test_what_comes_after_a_hold_was_closed_opens_it_again(store: Store) -> None:
    take_in(store, a_bounce())
    settled(store, "drop")
    take_in(store, a_bounce(BOB, number=2, original="2@x.example"))
    (hold,) = store.holds()
    assert (hold.name, hold.events) == ("trust 2026-03-31", 1)
    assert news(store).count("alert.raised") == 2


def test_a_stranger_cannot_choose_the_hold_his_words_go_to(store: Store) -> None:
    take_in(store, *many(60), policy=LENIENT)
    text = "550 5.1.1 User unknown (our spam page); held (flood 2026-03-31T12): x"
    forged = [
        a_bounce(f"x{n}@example.net", text=text, number=100 + n, original=f"{100 + n}@x.example")
        for n in range(12)
    ]
    take_in(store, *forged, policy=LENIENT)
    holds: list[Hold] = [*store.holds()]
    assert {hold.kind: hold.events for hold in holds} == {"flood": 10 + 9, "sender": 3}


def test_a_person_who_let_go_before_is_not_overruled_by_a_hold_let_through(store: Store) -> None:
    """Whoever lets a hold through says that all in it are dead: that is the later word."""
    take_in(store, a_bounce())
    with store.write() as writer:
        Changes(writer, TODAY, "cli:bob").release([(ANNE, "")], "phoned")
    settled(store, "release")
    assert suppressed(store) == [ANNE]
