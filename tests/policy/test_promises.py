"""What is promised holds whatever comes, in whatever order, under whatever configuration."""

import random
import shutil
import sqlite3
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import permutations
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from dsnwatch.ingest import Ingest
from dsnwatch.model import (
    Action,
    BounceReport,
    Kind,
    OriginalMessage,
    RawMessage,
    Reading,
    RecipientStatus,
    StatusCode,
    Verdict,
)
from dsnwatch.policy import PRESETS, Policy
from dsnwatch.reading.reader import Reader
from dsnwatch.records import Sign, Suppression
from dsnwatch.revival import revive
from dsnwatch.store import Store, open_store
from dsnwatch.subscriptions import Subscription, Subscriptions
from dsnwatch.undoing import Incident, Rollback, undo

from .builders import MEANING, TODAY

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
ALL = Subscriptions([Subscription("all")])
READER = Reader.load()
PEOPLE = ("anne@example.org", "bob@example.org")


class What(NamedTuple):
    """A kind of report: what it is, and what its verdict says."""

    kind: Kind
    action: Action = Action.FAILED
    reason: str = ""
    status: str | None = None
    permanent: bool | None = True


SOFT = {
    "full": What(Kind.BOUNCE, reason="mailbox_full", status="4.2.2", permanent=False),
    "soft": What(Kind.BOUNCE, reason="system_error", status="4.3.0", permanent=False),
    "said for now": What(Kind.BOUNCE, reason="user_unknown", status="4.1.1", permanent=False),
    "undetermined": What(Kind.BOUNCE, reason="undetermined"),
}
WEIGHTLESS = {
    "block": What(Kind.BOUNCE, reason="reputation", status="5.7.1"),
    "security": What(Kind.BOUNCE, reason="mailbox_disabled", status="5.7.1"),
    "too big": What(Kind.BOUNCE, reason="message_too_big", status="5.3.4"),
    "greylisted": What(Kind.BOUNCE, reason="greylisted", status="4.7.1", permanent=False),
    "delay": What(Kind.DELAY, Action.DELAYED, "system_error", "4.4.1", permanent=False),
    "auto-reply": What(Kind.AUTO_REPLY, Action.DELIVERED),
    "success": What(Kind.SUCCESS, Action.DELIVERED),
    "relayed": What(Kind.SUCCESS, Action.RELAYED),
}
WEIGHTY = {
    "hard": What(Kind.BOUNCE, reason="user_unknown", status="5.1.1"),
    "complaint": What(Kind.COMPLAINT, Action.DELIVERED),
    "unsubscribe": What(Kind.UNSUBSCRIBE, Action.DELIVERED),
}
WHATS = {**SOFT, **WEIGHTLESS, **WEIGHTY}


class Report(NamedTuple):
    """A report, drawn."""

    what: str
    person: str
    original: int
    hours_ago: int = 0


REPORTS = st.builds(
    Report,
    st.sampled_from([*WHATS]),
    st.sampled_from(PEOPLE),
    st.integers(0, 7),
    st.integers(0, 960),
)
SIMULTANEOUS = st.builds(
    Report, st.sampled_from([*WHATS]), st.sampled_from(PEOPLE), st.integers(0, 7), st.just(0)
)


def letter(report: Report, now: datetime, number: int = 0) -> tuple[RawMessage, Reading]:
    """Write a report as the reader would have read it."""
    what = WHATS[report.what]
    status = None if what.status is None else StatusCode.of(what.status)
    verdict = None
    if what.reason:
        weight, fault = MEANING[what.reason]
        verdict = Verdict(what.permanent, weight, what.reason, fault, status, None, "a rule", 1.0)
    said = RecipientStatus(report.person, what.action, final_recipient=report.person, status=status)
    original = OriginalMessage(message_id=f"{report.original}@news.example")
    raw = RawMessage(repr((*report, number)).encode(), "m", "mbox", now, vouched=True)
    return raw, Reading(BounceReport(what.kind, original=original, recipients=(said,)), (verdict,))


@cache
def template() -> Path:
    """Make an empty store once: the migrations take longer than all the rest."""
    path = Path(tempfile.mkdtemp()) / "empty.db"
    open_store(f"sqlite:///{path}").close()
    return path


@pytest.fixture(scope="module", autouse=True)
def _template() -> Iterator[None]:
    yield
    shutil.rmtree(template().parent)


class World:
    """A store and its daemon, with a clock that is set by hand."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        path = self.folder / "dsnwatch.db"
        shutil.copy(template(), path)
        self.store: Store = open_store(f"sqlite:///{path}")
        self.now = TODAY
        self.policy = Policy.preset("default")
        self.ingest = Ingest(self.store, READER, self.policy, lambda: self.now, ALL)

    def close(self) -> None:
        self.store.close()
        shutil.rmtree(self.folder)

    def use(self, policy: Policy) -> None:
        self.policy = policy
        self.ingest.use(READER, policy)

    def take_in(self, letters: Sequence[tuple[RawMessage, Reading]]) -> None:
        self.ingest.commit(letters)

    def alive(self, person: str, at: datetime) -> None:
        with self.store.write() as writer:
            revive(writer, self.policy, [Sign(person, at, "signal")], self.now, ALL)

    def listed(self) -> list[Suppression]:
        return [*self.store.suppressions()]

    def rows(self, question: str) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(self.store.where)) as connection:
            return connection.execute(question).fetchall()

    def all_that_follows(self) -> list[list[tuple[object, ...]]]:
        """Everything but the messages themselves."""
        return [
            self.rows(f"SELECT * FROM {name} ORDER BY 1, 2")  # noqa: S608  our own names
            for name in ("event", "suppression", "former_suppression", "release", "life", "outbox")
        ]


class Promises(RuleBasedStateMachine):
    """Reports, signs of life, time, configuration and mistakes, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.letters: list[tuple[RawMessage, Reading]] = []
        self.keys: set[tuple[str, Kind, int]] = set()
        self.told: defaultdict[str, list[Report]] = defaultdict(list)
        self.number = 0

    def teardown(self) -> None:
        self.world.close()

    @initialize(preset=st.sampled_from([*PRESETS]))
    def begin(self, preset: str) -> None:
        self.world.use(Policy.preset(preset))

    def told_of(self, reports: Sequence[Report]) -> list[tuple[RawMessage, Reading]]:
        made = []
        for report in reports:
            self.number += 1
            at = self.world.now - report.hours_ago * HOUR
            made.append(letter(report, at, self.number))
            self.told[report.person].append(report)
            self.keys.add((report.person, WHATS[report.what].kind, report.original))
        self.letters += made
        return made

    @rule(reports=st.lists(REPORTS, min_size=1, max_size=6))
    def reports_come(self, reports: list[Report]) -> None:
        self.world.take_in(self.told_of(reports))

    @rule(person=st.sampled_from(PEOPLE), hours_ago=st.integers(0, 960))
    def somebody_shows_life(self, person: str, hours_ago: int) -> None:
        self.world.alive(person, self.world.now - hours_ago * HOUR)

    @rule(hours=st.integers(1, 240))
    def time_passes(self, hours: int) -> None:
        self.world.now += hours * HOUR

    @rule(hours=st.integers(1, 48))
    def the_clock_jumps_back(self, hours: int) -> None:
        self.world.now -= hours * HOUR

    @rule(preset=st.sampled_from([*PRESETS]))
    def the_policy_is_another(self, preset: str) -> None:
        self.world.use(Policy.preset(preset))

    @precondition(lambda self: self.letters)
    @rule()
    def the_same_comes_again(self) -> None:
        before = self.world.all_that_follows()
        self.world.take_in(self.letters)
        assert self.world.all_that_follows() == before

    @rule(reports=st.lists(SIMULTANEOUS, min_size=1, max_size=6))
    def a_bad_hour_is_taken_back_and_that_again(self, reports: list[Report]) -> None:
        world = self.world
        world.now += 2 * HOUR
        reports = [each for each in reports if each.what not in WEIGHTLESS]  # none shows life
        before = world.listed()
        world.take_in(self.told_of(reports))
        after = world.listed()
        incident = Incident(world.now, world.now + HOUR)
        with Rollback(world.store, incident, ALL, lambda: world.now) as found:
            expected = [*found.preview()]
            assert world.listed() == after
            assert [*found.apply("cli:test", "a bad hour")] == expected
        assert world.listed() == before
        with Rollback(world.store, incident, ALL, lambda: world.now) as again:
            assert [*again.apply("cli:test", "a bad hour")] == []
        assert world.listed() == before
        back = [*undo(world.store, found.id, "cli:test", "it was not", ALL, lambda: world.now)]
        assert sorted(back, key=attrgetter("address", "stream")) == [
            r for r in after if r not in before
        ]
        assert world.listed() == after

    @invariant()
    def nothing_but_the_addresss_own_failures_suppresses(self) -> None:
        listed = {row.address for row in self.world.listed()}
        for person, reports in self.told.items():
            weighty = any(each.what in WEIGHTY for each in reports)
            soft = {each.original for each in reports if each.what in SOFT}
            if not weighty and len(soft) < 2:
                assert person not in listed

    @invariant()
    def every_effect_happens_once(self) -> None:
        ((events, keys),) = self.world.rows("SELECT count(*), count(DISTINCT key) FROM event")
        assert events == keys == len(self.keys)

    @invariant()
    def every_suppression_names_its_event_and_rule_and_was_told(self) -> None:
        rows = self.world.rows(
            "SELECT s.rule, e.decision_rule, e.decision, e.address = s.address, e.void, "
            "(SELECT count(*) FROM outbox AS o WHERE o.address = s.address "
            "AND o.type = 'suppression.added') FROM suppression AS s "
            "LEFT JOIN event AS e ON e.id = s.event_id"
        )
        for named, decided, action, same, void, told in rows:
            assert named == decided
            assert (action, same, void) == ("suppress", 1, None)
            assert isinstance(told, int)
            assert told >= 1


TestPromises = Promises.TestCase
TestPromises.settings = settings(
    max_examples=20,
    stateful_step_count=12,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def outcome(letters: Sequence[Sequence[tuple[RawMessage, Reading]]], preset: str) -> object:
    """Take batches in; gives what the list says in the end, but for who was first to say so."""
    world = World()
    try:
        world.use(Policy.preset(preset))
        for batch in letters:
            world.take_in(batch)
        return sorted((row.address, row.stream, str(row.until)) for row in world.listed())
    finally:
        world.close()


@pytest.mark.parametrize("preset", [*PRESETS])
@settings(max_examples=8, deadline=None)
@given(
    st.lists(REPORTS, min_size=2, max_size=9, unique_by=lambda one: (one.person, one.original)),
    st.randoms(use_true_random=False),
)
def test_the_order_in_which_reports_come_does_not_matter(
    preset: str, reports: list[Report], chance: random.Random
) -> None:
    letters = [letter(each, TODAY - each.hours_ago * HOUR) for each in reports]
    expected = outcome([letters], preset)
    other = [*letters]
    chance.shuffle(other)
    half = len(other) // 2
    assert outcome([other], preset) == expected
    assert outcome([other[:half], other[half:]], preset) == expected


def test_simultaneous_events_end_the_same_in_every_order() -> None:
    reports = [
        Report("soft", "anne@example.org", 1, 96),
        Report("soft", "anne@example.org", 2, 48),
        Report("soft", "anne@example.org", 3),
        Report("success", "anne@example.org", 4),
    ]
    letters = [letter(each, TODAY - each.hours_ago * HOUR) for each in reports]
    ends = {str(outcome([[one] for one in order], "default")) for order in permutations(letters)}
    assert ends == {"[]"}


def test_a_moment_far_off_is_refused_by_no_row() -> None:
    world = World()
    try:
        far = datetime(2999, 1, 1, tzinfo=UTC)
        world.take_in([letter(Report("hard", PEOPLE[0], 1), far)])
        (row,) = world.listed()
        assert row.since == TODAY  # what arrives tomorrow by somebody's clock arrives now
    finally:
        world.close()
