"""What one bad hour suppressed is taken back: all of it, nothing else, and exactly."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from dsnwatch.changes import Changes
from dsnwatch.ingest import Ingest
from dsnwatch.model import RawMessage
from dsnwatch.policy import Policy
from dsnwatch.policy.guards import fingerprint
from dsnwatch.reading.reader import Reader
from dsnwatch.records import Suppression
from dsnwatch.store import EventFilter, Store, open_store
from dsnwatch.subscriptions import Subscription, Subscriptions
from dsnwatch.undoing import Incident, Restored, Rollback, undo
from tests.databases import asked

from .test_ingest import a_bounce, a_full_mailbox

TODAY = datetime(2026, 3, 31, 12, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
ANNE, BOB = "anne@example.org", "bob@example.org"
POLICY = Policy.preset("default")
READER = Reader.load()
ALL = Subscriptions([Subscription("all")])
EVER = Incident(TODAY - 400 * DAY, TODAY + DAY)


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    with closing(open_store(database)) as opened:
        yield opened


def take_in(store: Store, *messages: bytes, at: datetime = TODAY, stream: str = "") -> None:
    batch = [
        RawMessage(data, f"m#{n}", "mbox", at, stream, vouched=True)
        for n, data in enumerate(messages)
    ]
    Ingest(store, READER, POLICY, lambda: max(at, TODAY), ALL).commit(batch)


def dead(address: str, number: int = 0, text: str = "550 5.1.1 no such user") -> bytes:
    return a_bounce(address, original=f"{number}@x.example", number=number, text=text)


def taken_back(store: Store, incident: Incident = EVER) -> tuple[str, list[Restored]]:
    with Rollback(store, incident, ALL, lambda: TODAY) as found:
        return found.id, [*found.apply("cli:bob", "a bad hour")]


def previewed(store: Store, incident: Incident = EVER) -> list[Restored]:
    with Rollback(store, incident, ALL, lambda: TODAY) as found:
        return [*found.preview()]


def listed(store: Store) -> list[Suppression]:
    return [*store.suppressions()]


def addresses(store: Store) -> list[str]:
    return [row.address for row in listed(store)]


def rows(store: Store, question: str) -> list[tuple[object, ...]]:
    return asked(store.url, question)


def told(store: Store, type_: str) -> list[object]:
    told = rows(store, "SELECT type, address FROM outbox ORDER BY id")
    return [address for each, address in told if each == type_]


def state(store: Store) -> list[list[tuple[object, ...]]]:
    return [
        rows(store, f"SELECT * FROM {name} ORDER BY 1, 2")  # noqa: S608  our own names
        for name in ("suppression", "event", "audit", "outbox", "release")
    ]


def test_what_an_hour_suppressed_is_free_and_all_are_told(store: Store) -> None:
    take_in(store, dead("old@example.org", 1), at=TODAY - 3 * HOUR)
    take_in(store, dead(ANNE, 2), dead(BOB, 3), at=TODAY - HOUR)
    take_in(store, dead("new@example.org", 4), at=TODAY)
    incident = Incident(TODAY - 2 * HOUR, TODAY)
    id_, restored = taken_back(store, incident)
    assert [(each.address, each.after) for each in restored] == [(ANNE, None), (BOB, None)]
    assert addresses(store) == ["new@example.org", "old@example.org"]
    assert told(store, "suppression.removed") == [ANNE, BOB]
    audit = rows(store, "SELECT verb, subject, who, because FROM audit ORDER BY id")
    assert audit == [
        ("suppression.rollback", ANNE, "cli:bob", "a bad hour"),
        ("suppression.rollback", BOB, "cli:bob", "a bad hour"),
        ("rollback", id_, "cli:bob", "a bad hour"),
    ]


def test_a_preview_says_the_same_and_changes_nothing(store: Store) -> None:
    take_in(store, a_full_mailbox(1), dead(ANNE, 2), dead(BOB, 3))
    before = state(store)
    expected = previewed(store)
    assert state(store) == before
    assert taken_back(store)[1] == expected
    assert len(expected) == 2


def test_done_again_it_changes_nothing(store: Store) -> None:
    take_in(store, dead(ANNE, 1), dead(BOB, 2))
    taken_back(store)
    before = state(store)
    assert taken_back(store)[1] == []
    assert state(store) == before


def test_it_is_undone_whole(store: Store) -> None:
    for number in range(3):
        take_in(store, a_full_mailbox(number), at=TODAY - (40 - 15 * number) * DAY)
    take_in(store, dead(BOB, 9), dead(ANNE, 8))
    before = listed(store)
    id_, _ = taken_back(store, Incident(TODAY - HOUR, TODAY + HOUR))
    assert listed(store) != before
    again = [*undo(store, id_, "cli:bob", "they are dead indeed", ALL, lambda: TODAY)]
    assert {row.address for row in again} == {ANNE, BOB}
    assert listed(store) == before
    assert [*undo(store, id_, "cli:bob", "twice", ALL, lambda: TODAY)] == []


def test_whom_a_person_let_go_of_since_stays_free(store: Store) -> None:
    take_in(store, dead(ANNE, 1))
    id_, _ = taken_back(store)
    take_in(store, dead(ANNE, 2))
    with store.write() as writer:
        Changes(writer, TODAY + HOUR, "cli:bob").release([(ANNE, "")], "phoned")
    assert [*undo(store, id_, "cli:bob", "was right", ALL, lambda: TODAY + 2 * HOUR)] == []
    assert addresses(store) == []


def test_who_was_suppressed_for_a_while_before_is_so_again(store: Store) -> None:
    for number in range(3):
        take_in(store, a_full_mailbox(number), at=TODAY - (40 - 15 * number) * DAY)
    (before,) = listed(store)
    take_in(store, dead(ANNE, 9))
    (during,) = listed(store)
    assert (before.rule, during.rule) == ("mailbox_full_for_long", "hard")
    _, restored = taken_back(store, Incident(TODAY - HOUR, TODAY + HOUR))
    assert restored == [Restored(ANNE, "", during, before)]
    assert listed(store) == [before]


def test_what_another_event_asks_for_stays(store: Store) -> None:
    take_in(store, dead(ANNE, 1), at=TODAY - 2 * HOUR)
    take_in(store, dead(ANNE, 2), at=TODAY)
    _, (restored,) = taken_back(store, Incident(TODAY - 3 * HOUR, TODAY - HOUR))
    assert restored.after is not None
    assert listed(store) == [restored.after]
    assert restored.after.since == TODAY
    assert told(store, "suppression.removed") == []


def by_hand(store: Store, address: str = ANNE) -> Suppression:
    row = Suppression(address, "manual", "manual", "suppressions add", TODAY - DAY)
    with store.write() as writer:
        Changes(writer, TODAY, "cli:bob").put([row])
    return row


@pytest.mark.parametrize("first", [True, False], ids=["before", "after"])
def test_what_a_person_suppressed_stays(store: Store, *, first: bool) -> None:
    row = by_hand(store) if first else None
    take_in(store, dead(ANNE, 1))
    row = row or by_hand(store)
    taken_back(store)
    assert listed(store) == [row]


def test_events_taken_back_are_counted_no_more(store: Store) -> None:
    for number in range(4):
        take_in(store, a_full_mailbox(number), at=TODAY - (9 - number) * DAY)
    take_in(store, a_full_mailbox(5), at=TODAY - HOUR)
    assert addresses(store) == [ANNE]
    taken_back(store, Incident(TODAY - 2 * HOUR, TODAY))
    assert addresses(store) == []
    take_in(store, a_full_mailbox(6))
    assert addresses(store) == [ANNE]  # the fifth that counts


@pytest.mark.parametrize(
    ("narrow", "left"),
    [
        pytest.param({"rule": "hard"}, [], id="the row of the policy"),
        pytest.param({"rule": "complaint"}, [ANNE, BOB], id="another row"),
        pytest.param({"stream": "news"}, [ANNE], id="a stream"),
        pytest.param({"stream": ""}, [ANNE, BOB], id="mail of no known stream"),
        pytest.param({"fingerprint": "0" * 12}, [ANNE, BOB], id="other words"),
    ],
)
def test_it_is_narrowed(store: Store, narrow: dict[str, str], left: list[str]) -> None:
    take_in(store, dead(ANNE, 1), stream="shop")
    take_in(store, dead(BOB, 2), stream="news")
    taken_back(store, Incident(EVER.since, EVER.until, **narrow))  # type: ignore[arg-type]  # texts
    assert addresses(store) == left


def test_it_is_narrowed_to_the_words_and_the_rule_that_judged(store: Store) -> None:
    take_in(store, dead(ANNE, 1, "550 5.1.1 <anne@example.org>: no such user here"))
    take_in(store, dead(BOB, 2, "550 5.1.1 mailbox bob does not exist"))
    (first, second) = store.events(EventFilter())
    assert first.event.verdict is not None
    assert len(previewed(store, Incident(EVER.since, EVER.until, first.event.verdict.rule))) >= 1
    words = Incident(EVER.since, EVER.until, fingerprint=fingerprint(second.event))
    assert [each.address for each in taken_back(store, words)[1]] == [BOB]


def test_the_hours_may_be_those_of_reading(store: Store) -> None:
    take_in(store, dead(ANNE, 1), at=TODAY - 9 * DAY)  # read today
    today = (TODAY - HOUR, TODAY + 4000 * DAY)
    assert previewed(store, Incident(*today)) == []
    assert len(previewed(store, Incident(*today, by_reading=True))) == 1


def test_many_are_done_some_a_transaction(store: Store) -> None:
    people = [f"user{n}@example.org" for n in range(450)]
    take_in(store, *(dead(each, n) for n, each in enumerate(people)))
    _, restored = taken_back(store)
    assert [each.address for each in restored] == sorted(people)
    assert addresses(store) == []


def test_stopped_half_way_it_goes_on(store: Store) -> None:
    people = [f"user{n}@example.org" for n in range(450)]
    take_in(store, *(dead(each, n) for n, each in enumerate(people)))
    with Rollback(store, EVER, ALL, lambda: TODAY) as found:
        next(found.apply("cli:bob", "a bad hour"))
    assert len(addresses(store)) == 250
    assert len(taken_back(store)[1]) == 250
