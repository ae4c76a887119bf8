"""Deciding again changes what follows from the rules, and nothing that a person did."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dsnwatch.changes import Changes
from dsnwatch.ingest import Ingest
from dsnwatch.model import RawMessage
from dsnwatch.policy import Policy
from dsnwatch.reading.reader import Reader
from dsnwatch.records import Suppression
from dsnwatch.replay import Consequence, Effect, Replay
from dsnwatch.rules import Rules
from dsnwatch.store import EventFilter, Store, SuppressionFilter, open_store
from dsnwatch.subscriptions import Subscription, Subscriptions
from tests.cli.builders import a_bounce

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)
DAY = timedelta(days=1)
POLICY = Policy.preset("default")
EVERYTHING = Subscriptions([Subscription("all")])
READER = Reader.load()
LENIENT = """\
[[cause]]
id = "ours-lenient"
reason = "mailbox_unavailable"
phrases = ["user unknown"]
examples = ["550 user unknown"]
"""
STRICT = """\
[[cause]]
id = "ours-strict"
reason = "user_unknown"
phrases = ["mailbox full"]
status = ["5.2.2", "4.2.2"]
examples = ["550 5.2.2 mailbox full"]
"""
RENAMED = """\
[[cause]]
id = "ours-renamed"
reason = "user_unknown"
phrases = ["user unknown"]
examples = ["550 user unknown"]
"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(str(tmp_path / "a.db"))
    yield opened
    opened.close()


def rules(folder: Path, text: str) -> Rules:
    """Load our rules with a file of the user's."""
    draft = folder / "draft"
    draft.mkdir(exist_ok=True)
    (draft / "ours.toml").write_text(text, encoding="utf-8")
    return Reader.load(draft).rules


def take_in(store: Store, *messages: bytes, at: datetime = NOW) -> None:
    """Store messages that arrived at a moment."""
    ingest = Ingest(store, READER, POLICY, lambda: at)
    ingest.commit([RawMessage(data, "m", "eml", at, vouched=True) for data in messages])


def a_full_mailbox(number: int, address: str = "anne@example.com") -> bytes:
    """Report a full mailbox for ever."""
    return a_bounce(address, reason="mailbox_full", number=number).replace(b"4.2.2", b"5.2.2")


def again(store: Store, rules: Rules) -> list[Consequence]:
    """Say what would follow."""
    with Replay(store, rules, POLICY) as run:
        assert [*run.changes()]
        return [*run.consequences()]


def done(store: Store, rules: Rules, at: datetime = NOW + DAY) -> list[Consequence]:
    """Do it."""
    with Replay(store, rules, POLICY, EVERYTHING, clock=lambda: at) as run:
        assert [*run.changes()]
        return [*run.apply("cli:anne", "new rows")]


def listed(store: Store) -> list[str]:
    return [row.address for row in store.suppressions(SuppressionFilter())]


def rows(store: Store, statement: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(store.where)) as connection:
        return connection.execute(statement).fetchall()


def test_the_same_rules_change_nothing(store: Store) -> None:
    take_in(store, a_bounce("anne@example.com"))
    with Replay(store, READER.rules, POLICY) as run:
        assert [*run.changes()] == []
        assert [*run.consequences()] == []
        assert run.judged == 1


def test_looking_writes_nothing(store: Store, tmp_path: Path) -> None:
    take_in(store, a_bounce("anne@example.com"))
    before = [*store.events()]
    (one,) = again(store, rules(tmp_path, LENIENT))
    assert (one.effect, one.address) == (Effect.RELEASE, "anne@example.com")
    assert [*store.events()] == before
    assert listed(store) == ["anne@example.com"]


def test_who_is_not_dead_any_more_is_released_and_that_is_told(
    store: Store, tmp_path: Path
) -> None:
    take_in(store, a_bounce("anne@example.com"), a_bounce("bob@example.com", number=2))
    (old, *_) = store.events()
    assert len(done(store, rules(tmp_path, LENIENT))) == 2
    assert listed(store) == []
    new = store.event(old.id)
    assert new is not None
    assert new.event.verdict is not None
    assert (new.event.verdict.reason, new.event.verdict.rule) == (
        "mailbox_unavailable",
        "ours-lenient",
    )
    assert new.event._replace(verdict=old.event.verdict) == old.event
    assert new.decision.action == "count"
    told = rows(store, "SELECT type, address FROM outbox WHERE type LIKE '%.removed' ORDER BY 2")
    assert told == [
        ("suppression.removed", "anne@example.com"),
        ("suppression.removed", "bob@example.com"),
    ]


def test_who_is_dead_by_the_new_rules_is_suppressed_with_his_event(
    store: Store, tmp_path: Path
) -> None:
    take_in(store, a_full_mailbox(1))
    (stored,) = store.events()
    (one,) = done(store, rules(tmp_path, STRICT))
    assert one.effect is Effect.SUPPRESS
    (row,) = store.suppressions(SuppressionFilter())
    assert (row.reason, row.event_id, row.until) == ("user_unknown", stored.id, None)
    assert row.since == NOW
    assert rows(store, "SELECT count(*) FROM outbox WHERE type = 'suppression.added'") == [(1,)]


def test_what_was_done_is_in_the_audit_log(store: Store, tmp_path: Path) -> None:
    take_in(store, a_full_mailbox(1))
    done(store, rules(tmp_path, STRICT))
    audit = rows(store, "SELECT who, verb, subject, because FROM audit ORDER BY id")
    assert ("cli:anne", "suppression.suppress", "anne@example.com", "new rows") in audit
    assert ("cli:anne", "rules.replay", "", "new rows") in audit


def test_doing_it_twice_does_it_once(store: Store, tmp_path: Path) -> None:
    take_in(store, a_full_mailbox(1))
    draft = rules(tmp_path, STRICT)
    assert len(done(store, draft)) == 1
    with Replay(store, draft, POLICY) as run:
        assert [*run.changes()] == []
        assert [*run.apply("cli:anne", "again")] == []


def test_going_there_and_back_leaves_all_as_it_was(store: Store, tmp_path: Path) -> None:
    take_in(store, a_bounce("anne@example.com"), a_full_mailbox(2, "bob@example.com"))
    events, list_ = [*store.events()], [*store.suppressions()]
    done(store, rules(tmp_path, LENIENT + STRICT))
    assert listed(store) == ["bob@example.com"]
    done(store, READER.rules, NOW + 2 * DAY)
    assert [*store.events()] == events
    assert [*store.suppressions()] == list_


def test_soft_failures_are_counted_again_in_the_order_they_came(
    store: Store, tmp_path: Path
) -> None:
    for number in range(3):
        take_in(store, a_bounce("anne@example.com", number=number), at=NOW + 2 * number * DAY)
    (one,) = done(store, rules(tmp_path, LENIENT), NOW + 5 * DAY)
    assert one.effect is Effect.CHANGE
    (row,) = store.suppressions(SuppressionFilter())
    assert (row.reason, row.rule) == ("mailbox_unavailable", "soft")
    assert row.until == NOW + 94 * DAY
    assert [str(each.decision.action) for each in store.events(EventFilter())] == [
        "count",
        "count",
        "suppress",
    ]


def test_another_rule_for_the_same_meaning_is_rewritten_and_nothing_follows(
    store: Store, tmp_path: Path
) -> None:
    take_in(store, a_bounce("anne@example.com"))
    draft = rules(tmp_path, RENAMED)
    with Replay(store, draft, POLICY) as run:
        (change,) = run.changes()
        assert not change.matters
        assert [*run.consequences()] == []
    assert done(store, draft) == []
    (stored,) = store.events()
    assert stored.event.verdict is not None
    assert stored.event.verdict.rule == "ours-renamed"
    assert listed(store) == ["anne@example.com"]


def released(store: Store, at: datetime) -> None:
    """Take Anne off the list, as `suppressions remove` does."""
    with store.write() as writer:
        changes = Changes(writer, at, "cli:bob")
        changes.put([Suppression("anne@example.com", "manual", "manual", "by hand", at)])
        changes.release([("anne@example.com", "")], "she phoned")


def test_whom_a_person_took_off_the_list_stays_off(store: Store, tmp_path: Path) -> None:
    take_in(store, a_full_mailbox(1))
    released(store, NOW + DAY)
    (one,) = done(store, rules(tmp_path, STRICT), NOW + 2 * DAY)
    assert one.effect is Effect.LEFT
    assert listed(store) == []


def test_what_came_after_a_release_counts(store: Store, tmp_path: Path) -> None:
    released(store, NOW - DAY)
    take_in(store, a_full_mailbox(1))
    (one,) = done(store, rules(tmp_path, STRICT))
    assert one.effect is Effect.SUPPRESS


def test_what_a_person_suppressed_is_not_released(store: Store, tmp_path: Path) -> None:
    take_in(store, a_bounce("anne@example.com"))
    by_hand = Suppression("anne@example.com", "manual", "manual", "suppressions add", NOW)
    with store.write() as writer:
        writer.put_suppressions([by_hand])
    assert done(store, rules(tmp_path, LENIENT)) == []
    assert [*store.suppressions()] == [by_hand]


def test_what_a_person_suppressed_for_a_while_may_last_longer(store: Store, tmp_path: Path) -> None:
    take_in(store, a_full_mailbox(1))
    by_hand = Suppression(
        "anne@example.com", "manual", "manual", "suppressions add", NOW, NOW + 9 * DAY
    )
    with store.write() as writer:
        writer.put_suppressions([by_hand])
    (one,) = done(store, rules(tmp_path, STRICT))
    assert (one.effect, one.before) == (Effect.LONGER, by_hand)
    (row,) = store.suppressions()
    assert row.until is None


def test_many_addresses_are_done_some_a_transaction_in_their_order(
    store: Store, tmp_path: Path
) -> None:
    take_in(store, *(a_bounce(f"user{n}@example.com", number=n) for n in range(1200)))
    told = done(store, rules(tmp_path, LENIENT))
    assert [one.address for one in told] == sorted(f"user{n}@example.com" for n in range(1200))
    assert listed(store) == []
