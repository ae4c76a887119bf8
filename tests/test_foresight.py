"""What a draft would have made of the past is told, and nothing is changed by it."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from dsnwatch import foresight
from dsnwatch.foresight import Difference, Foreseen, Foresight
from dsnwatch.ingest import Ingest
from dsnwatch.model import RawMessage
from dsnwatch.policy import Policy
from dsnwatch.reading.reader import Reader
from dsnwatch.records import Sign
from dsnwatch.revival import revive
from dsnwatch.store import Store, open_store
from tests.databases import rows

from .policy.builders import a_policy
from .test_ingest import a_bounce

TODAY = datetime(2026, 3, 31, 12, tzinfo=UTC)
DAY = timedelta(days=1)
ANNE = "anne@example.org"
DEFAULT = Policy.preset("default")
COLD = Policy.preset("cold")
TRANSACTIONAL = Policy.preset("transactional")
READER = Reader.load()
S, R, L, H = Difference.SUPPRESS, Difference.RELEASE, Difference.LONGER, Difference.HOLD


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    with closing(open_store(database)) as opened:
        yield opened


def soft(store: Store, *days_ago: float, address: str = ANNE, first: int = 0) -> None:
    batch = []
    for number, days in enumerate(days_ago, start=first):
        data = a_bounce(
            address, status="4.3.0", text="451 4.3.0 local error",
            original=f"{address}.{number}", number=number,
        )  # fmt: skip
        batch.append(RawMessage(data, "m", "mbox", TODAY - days * DAY, "news", vouched=True))
    Ingest(store, READER, DEFAULT, lambda: TODAY).commit(batch)


def hard(store: Store, days_ago: float, address: str = ANNE) -> None:
    raw = RawMessage(a_bounce(address), "h", "mbox", TODAY - days_ago * DAY, vouched=True)
    Ingest(store, READER, DEFAULT, lambda: TODAY).commit([raw])


def alive(store: Store, days_ago: float) -> None:
    with store.write() as writer:
        revive(writer, DEFAULT, [Sign(ANNE, TODAY - days_ago * DAY, "sent")], TODAY)


def foreseen(store: Store, draft: Policy, days: int = 90, now: Policy = DEFAULT) -> list[Foreseen]:
    return [*Foresight(store, now, draft, TODAY - days * DAY).look()]


def told(store: Store, draft: Policy, days: int = 90) -> list[tuple[Difference, bool]]:
    return [(one.difference, one.alive_at is not None) for one in foreseen(store, draft, days)]


def test_a_policy_does_not_differ_from_itself(store: Store) -> None:
    soft(store, 9, 6, 3)
    hard(store, 2, "bob@example.org")
    assert foreseen(store, DEFAULT) == []


def test_who_would_be_suppressed_is_named_with_the_row(store: Store) -> None:
    soft(store, 3.2, 3.1, 3)
    (one,) = foreseen(store, COLD)
    assert (one.address, one.difference, one.now) == (ANNE, S, None)
    assert one.then is not None
    assert (one.then.rule, one.then.until) == ("soft", TODAY + 87 * DAY)


def test_who_would_be_let_be_is_named(store: Store) -> None:
    soft(store, 9, 6, 3)
    (one,) = foreseen(store, TRANSACTIONAL)
    assert (one.difference, one.then) == (R, None)
    assert one.now is not None


def test_who_showed_life_afterwards_is_told(store: Store) -> None:
    soft(store, 9, 6, 3)
    alive(store, 1)
    assert told(store, TRANSACTIONAL) == [(R, True)]
    (one,) = foreseen(store, TRANSACTIONAL)
    assert one.alive_at == TODAY - DAY


def test_who_showed_life_before_is_not(store: Store) -> None:
    alive(store, 20)
    soft(store, 9, 6, 3)
    assert told(store, TRANSACTIONAL) == [(R, False)]


def test_life_between_starts_the_count_afresh_under_both(store: Store) -> None:
    soft(store, 9, 6)
    alive(store, 5)
    soft(store, 3, first=2)
    assert foreseen(store, COLD) == []


def test_what_lies_before_the_days_only_counts(store: Store) -> None:
    soft(store, 20, 15, 3.1)
    assert foreseen(store, TRANSACTIONAL, days=2) == []
    assert told(store, TRANSACTIONAL, days=10) == [(R, False)]


def test_other_lengths_and_holds_are_told(store: Store) -> None:
    soft(store, 9, 6, 3)
    row = {
        "id": "soft", "class": ["soft"], "count": 3, "within": "30d", "then": "suppress",
    }  # fmt: skip
    assert told(store, a_policy(rule=[row | {"for": "ever"}])) == [(L, False)]
    assert told(store, a_policy(rule=[row | {"for": "9d"}])) == [(Difference.SHORTER, False)]
    assert told(store, a_policy(rule=[row | {"then": "hold", "for": "90d"}])) == [(H, False)]
    assert told(store, a_policy(never_suppress=["@example.org"])) == [(R, False)]
    assert told(store, a_policy(require_trust="matched")) == [(H, False)]


def test_a_table_for_a_stream_is_gone_by(store: Store) -> None:
    soft(store, 3.2, 3.1, 3)
    stream = {"name": "news", "preset": "cold"}
    assert told(store, a_policy(stream=[stream])) == [(S, False)]
    assert told(store, a_policy(stream=[stream | {"name": "shop"}])) == []


def test_nothing_is_written(store: Store) -> None:
    soft(store, 9, 6, 3)

    def everything() -> list[list[dict[str, object]]]:
        return [rows(store.url, name) for name in ("event", "suppression", "audit", "outbox")]

    before = everything()
    assert foreseen(store, TRANSACTIONAL)
    assert everything() == before


def test_many_addresses_are_looked_at_some_at_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(foresight, "AT_ONCE", 7)
    people = [f"user{number:02}@example.org" for number in range(30)]
    for person in people:
        soft(store, 3.2, 3.1, 3, address=person)
    look = Foresight(store, DEFAULT, COLD, TODAY - 90 * DAY)
    assert [one.address for one in look.look()] == people
    assert (look.events, look.addresses) == (90, 30)
