"""Whoever was suppressed for a while comes back: rest, trial, and then active or review."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from dsnwatch.changes import Changes
from dsnwatch.config.guards import ComingBackSection
from dsnwatch.ingest import Ingest
from dsnwatch.keeping import Sweep
from dsnwatch.model import RawMessage
from dsnwatch.policy import Policy
from dsnwatch.reading.reader import Reader
from dsnwatch.records import Sign, Suppression
from dsnwatch.returning import Rest, returning, try_again
from dsnwatch.revival import revive
from dsnwatch.store import Store, open_store
from dsnwatch.store.lookup import SuppressionLookup
from dsnwatch.subscriptions import Subscription, Subscriptions

from .test_ingest import a_bounce, news
from .test_keeping import settings

TODAY = datetime(2026, 3, 31, 12, tzinfo=UTC)
DAY = timedelta(days=1)
ANNE = "anne@example.org"
POLICY = Policy.preset("default")
READER = Reader.load()
ALL = Subscriptions([Subscription("all")])
SECTION = ComingBackSection()


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    with closing(open_store(database)) as opened:
        yield opened


def soft(number: int, at: datetime, address: str = ANNE) -> RawMessage:
    data = a_bounce(
        address, status="4.3.0", text="451 4.3.0 local error", original=f"{number}@x.example",
        number=number,
    )  # fmt: skip
    return RawMessage(data, f"m#{number}", "mbox", at, vouched=True)


def hard(number: int, at: datetime) -> RawMessage:
    data = a_bounce(original=f"{number}@x.example", number=number)
    return RawMessage(data, f"h#{number}", "mbox", at, vouched=True)


def take_in(store: Store, *messages: RawMessage, now: datetime = TODAY) -> None:
    Ingest(store, READER, POLICY, lambda: now, ALL).commit(messages)


def suppressed_softly(store: Store, last: datetime) -> None:
    take_in(store, *(soft(n, last - (6 - 3 * n) * DAY) for n in range(3)), now=last)


def state(store: Store, now: datetime) -> tuple[Rest, datetime] | None:
    found = [*returning(store, SECTION, now)]
    return (found[0].state, found[0].at) if found else None


def tried(store: Store, now: datetime) -> list[str]:
    found = try_again(store, SECTION, None, "cli:bob", ALL, clock=lambda: now)
    return [address for address, _ in found]


def mailed(store: Store, now: datetime) -> bool:
    with SuppressionLookup(store.url) as lookup:
        return lookup.find(ANNE, now) is None


def swept(store: Store, now: datetime) -> None:
    Sweep(store, settings(), "daemon", ALL).run(now)


def told(store: Store) -> list[tuple[str, object]]:
    return [
        (type_, payload["data"]["because"])  # type: ignore[index]  # what an event has in it
        for type_, _, payload in news(store)
        if type_.startswith("suppression.")
    ]


def test_after_a_rest_he_is_due(store: Store) -> None:
    suppressed_softly(store, TODAY)
    rested = TODAY + 14 * DAY
    assert state(store, TODAY) == (Rest.RESTING, rested)
    assert state(store, rested - DAY / 24) == (Rest.RESTING, rested)
    assert state(store, rested) == (Rest.DUE, rested)
    assert tried(store, TODAY + DAY) == []


def test_a_failure_while_he_rests_begins_the_rest_anew(store: Store) -> None:
    suppressed_softly(store, TODAY)
    take_in(store, soft(9, TODAY + 9 * DAY), now=TODAY + 9 * DAY)
    assert state(store, TODAY + 15 * DAY) == (Rest.RESTING, TODAY + 23 * DAY)


def test_who_is_suppressed_for_ever_or_by_hand_does_not_come_back(store: Store) -> None:
    take_in(store, hard(1, TODAY))
    by_hand = Suppression("bob@example.org", "manual", "manual", "x", TODAY, TODAY + 90 * DAY)
    with store.write() as writer:
        Changes(writer, TODAY, "cli:bob").put([by_hand])
    assert state(store, TODAY + 60 * DAY) is None


def test_a_trial_lifts_the_suppression_for_some_days(store: Store) -> None:
    suppressed_softly(store, TODAY)
    now = TODAY + 14 * DAY
    assert tried(store, now) == [ANNE]
    assert state(store, now) == (Rest.TRIAL, now + 3 * DAY)
    assert mailed(store, now + DAY)
    assert not mailed(store, now + 3 * DAY)
    assert told(store)[-1] == ("suppression.removed", "on trial until 2026-04-17 12:00 UTC")
    assert tried(store, now) == []


def test_without_a_sign_of_life_it_holds_again_and_others_are_told(store: Store) -> None:
    suppressed_softly(store, TODAY)
    now = TODAY + 14 * DAY
    tried(store, now)
    swept(store, now + DAY)
    assert told(store)[-1][0] == "suppression.removed"
    swept(store, now + 3 * DAY)
    assert told(store)[-1] == (
        "suppression.added",
        "the trial is over, and no sign of life came",
    )
    assert state(store, now + 3 * DAY) == (Rest.DUE, now)
    swept(store, now + 4 * DAY)
    assert len(told(store)) == 3


def test_two_trials_in_thirty_days_and_then_a_person_looks(store: Store) -> None:
    suppressed_softly(store, TODAY)
    first, second = TODAY + 14 * DAY, TODAY + 20 * DAY
    for now in (first, second):
        assert tried(store, now) == [ANNE]
        swept(store, now + 3 * DAY)
    assert state(store, second + 3 * DAY) == (Rest.REVIEW, second)
    assert tried(store, second + 4 * DAY) == []
    assert state(store, first + 31 * DAY) == (Rest.DUE, TODAY + 14 * DAY)


def test_a_sign_of_life_on_trial_makes_him_active(store: Store) -> None:
    suppressed_softly(store, TODAY)
    now = TODAY + 14 * DAY
    tried(store, now)
    with store.write() as writer:
        revive(writer, POLICY, [Sign(ANNE, now + DAY, "sent")], now + DAY, ALL)
    assert state(store, now + DAY) is None
    assert store.suppression(ANNE) is None
    swept(store, now + 9 * DAY)
    assert store.suppression(ANNE) is None


def test_a_failure_on_trial_ends_it(store: Store) -> None:
    suppressed_softly(store, TODAY)
    now = TODAY + 14 * DAY
    tried(store, now)
    take_in(store, soft(9, now + DAY), now=now + DAY)
    assert not mailed(store, now + DAY)
    assert told(store)[-1][0] == "suppression.added"
    assert state(store, now + DAY) == (Rest.RESTING, now + 15 * DAY)


def test_a_failure_that_came_before_the_trial_does_not_end_it(store: Store) -> None:
    suppressed_softly(store, TODAY)
    now = TODAY + 14 * DAY
    tried(store, now)
    take_in(store, soft(9, TODAY - 60 * DAY), now=now + DAY)
    assert mailed(store, now + DAY)


def test_a_block_on_trial_says_nothing(store: Store) -> None:
    suppressed_softly(store, TODAY)
    now = TODAY + 14 * DAY
    tried(store, now)
    block = a_bounce(
        status="5.7.1", text="550 5.7.1 listed at zen.spamhaus.org", original="b@x", number=70
    )
    take_in(store, RawMessage(block, "b", "mbox", now + DAY, vouched=True), now=now + DAY)
    assert mailed(store, now + DAY)


def test_a_hard_bounce_on_trial_is_for_ever(store: Store) -> None:
    suppressed_softly(store, TODAY)
    now = TODAY + 14 * DAY
    tried(store, now)
    take_in(store, hard(9, now + DAY), now=now + DAY)
    row = store.suppression(ANNE)
    assert row is not None
    assert (row.until, row.rule, row.lifted_until) == (None, "hard", None)


@pytest.mark.parametrize(("days", "flagged"), [(1, True), (29, True), (31, False)])
def test_a_hard_bounce_soon_after_a_release_suppresses_again_and_is_flagged(
    store: Store, days: int, *, flagged: bool
) -> None:
    take_in(store, hard(1, TODAY))
    with store.write() as writer:
        Changes(writer, TODAY, "cli:bob").release([(ANNE, "")], "mailbox is back")
    again = TODAY + days * DAY
    take_in(store, hard(2, again), now=again)
    row = store.suppression(ANNE)
    assert row is not None
    assert row.note == ("relapse: let go of on 2026-03-31 (mailbox is back)" if flagged else "")
    assert state(store, again) == ((Rest.REVIEW, again) if flagged else None)
    (*_, last) = store.events()
    assert ("relapse" in last.decision.because) is flagged


def test_only_so_many_and_those_who_were_named_are_tried(store: Store) -> None:
    for name in ("anne", "bob", "carl"):
        for number in range(3):
            at = TODAY - (6 - 3 * number) * DAY
            take_in(store, soft(ord(name[0]) * 10 + number, at, f"{name}@example.org"))
    now = TODAY + 20 * DAY
    named = [("bob@example.org", ""), ("nobody@example.org", "")]
    assert [*try_again(store, SECTION, named, "cli:x", clock=lambda: now)] == named[:1]
    few = [*try_again(store, SECTION, None, "cli:x", limit=1, clock=lambda: now)]
    assert few == [("anne@example.org", "")]


@pytest.mark.parametrize(("days", "suppressed"), [(-2, False), (0, False), (1, True)])
def test_what_arrived_before_a_person_let_go_of_him_suppresses_no_more(
    store: Store, days: int, *, suppressed: bool
) -> None:
    take_in(store, hard(1, TODAY - 9 * DAY))
    with store.write() as writer:
        Changes(writer, TODAY, "cli:bob").release([(ANNE, "")], "mailbox is back")
    take_in(store, hard(2, TODAY + days * DAY), now=TODAY + 2 * DAY)
    assert (store.suppression(ANNE) is not None) is suppressed
    (*_, last) = store.events()
    assert ("not counted, let go of on 2026-03-31" in last.decision.because) is not suppressed


def test_a_hard_bounce_from_before_a_sign_of_life_freed_him_still_suppresses(store: Store) -> None:
    suppressed_softly(store, TODAY - 5 * DAY)
    with store.write() as writer:
        revive(writer, POLICY, [Sign(ANNE, TODAY - 4 * DAY, "sent")], TODAY, ALL)
    take_in(store, hard(9, TODAY - DAY))
    assert store.suppression(ANNE) is not None
