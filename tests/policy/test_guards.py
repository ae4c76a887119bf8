"""Floods of forged reports, and troubles of the sender's own, are held back."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsnwatch.config.guards import FloodSection, SenderSection
from dsnwatch.model import Trust
from dsnwatch.policy.guards import (
    Flood,
    SenderGuard,
    SenderWatch,
    fingerprint,
    hour_of,
    speaks_of_sender,
    unproven,
)
from dsnwatch.records import BounceEvent

from .builders import DAY, TODAY, an_event

HOUR = hour_of(TODAY)
BLOCKED = "550 5.1.1 <{}>: mail from 192.0.2.{} blocked, see http://bl.example/{}"


def a_flood(hours: dict[int, int] | None = None, known: int = 0, **section: float) -> Flood:
    return Flood(FloodSection(**section), dict(hours or {}), known)  # type: ignore[arg-type]  # as the file gives it


def admitted(flood: Flood, count: int, days_ago: float = 0) -> int:
    """Say how many of so many suppressions a flood guard lets through."""
    return sum(flood.admits(an_event(days_ago=days_ago)) is None for _ in range(count))


def refused(text: str, number: int = 0, provider: str | None = "gmx") -> BounceEvent:
    event = an_event("user_unknown", provider=provider, recipient=f"user{number}@example.org")
    said = event.recipient._replace(diagnostic=text)
    return event._replace(recipient=said)


def test_only_so_many_unproven_reports_suppress_in_an_hour() -> None:
    assert admitted(a_flood(), 10_000) == 50


def test_a_busy_hour_may_be_five_times_as_busy() -> None:
    usual = {HOUR - 24 * days: 20 for days in range(1, 14)}
    assert admitted(a_flood(usual), 10_000) == 100


def test_what_was_suppressed_before_in_the_hour_counts() -> None:
    assert admitted(a_flood({HOUR: 45}), 100) == 5


def test_an_hour_of_long_ago_says_nothing_of_what_is_usual() -> None:
    assert admitted(a_flood({HOUR - 24 * 15: 1000}), 100) == 50


def test_each_hour_counts_for_itself() -> None:
    flood = a_flood()
    backlog = [admitted(flood, 40, days_ago=hours / 24) for hours in range(20)]
    assert backlog == [40] * 20


def test_a_share_of_the_known_addresses_is_the_most_of_a_day() -> None:
    flood = a_flood(known=2000)
    day = [admitted(flood, 50, days_ago=hours / 24) for hours in range(10)]
    assert sum(day) == 100
    assert admitted(flood, 50, days_ago=1) == 50


def test_the_doubt_names_the_hour_once() -> None:
    flood = a_flood(at_least=0)
    doubts = {flood.admits(an_event()) for _ in range(5)}
    assert {doubt and doubt.name for doubt in doubts} == {"flood 2026-03-31T12"}


@pytest.mark.parametrize("trust", [trust for trust in Trust if trust is not Trust.CLAIMED])
def test_what_is_proven_is_not_counted(trust: Trust) -> None:
    assert not unproven(an_event(trust=trust))


@given(st.lists(st.integers(0, 400), max_size=60), st.integers(0, 5000))
def test_no_hour_lets_more_through_than_five_times_the_busiest(
    usual: list[int], known: int
) -> None:
    hours = {HOUR - 1 - number: made for number, made in enumerate(usual)}
    assert admitted(a_flood(hours, known), 3000) <= max(50, 5 * max(usual, default=0))


def seen(
    watch: SenderWatch, event: BounceEvent, original: str | None = None, *, hard: bool = True
) -> bool:
    return watch.count(event, original, suppresses=hard) is not None


def test_many_that_say_one_thing_of_the_sender_are_held() -> None:
    watch = SenderGuard().watch(SenderSection())
    held = [
        seen(watch, refused(BLOCKED.format(f"user{n}@example.org", n, n), n)) for n in range(30)
    ]
    assert held == [False] * 9 + [True] * 21


def test_many_dead_addresses_are_no_trouble_of_the_sender() -> None:
    watch = SenderGuard().watch(SenderSection())
    assert not any(seen(watch, refused("550 5.1.1 user unknown", n)) for n in range(100))


def test_few_among_many_are_not_held() -> None:
    watch = SenderGuard().watch(SenderSection())
    text = BLOCKED.format("user@example.org", 1, 1)
    held = [
        seen(watch, refused(text if n % 6 == 0 else "550 5.1.1 user unknown", n))
        for n in range(300)
    ]
    assert not any(held)


def test_one_message_at_many_providers_is_one_place() -> None:
    watch = SenderGuard().watch(SenderSection())
    held = [
        seen(watch, refused("550 5.1.1 this is spam", n, provider=f"p{n}"), "campaign@example.org")
        for n in range(12)
    ]
    assert held == [False] * 9 + [True] * 3


def test_another_hour_begins_afresh() -> None:
    watch = SenderGuard().watch(SenderSection())
    text = BLOCKED.format("user@example.org", 1, 1)
    for hour in range(5):
        later = TODAY + timedelta(hours=hour)
        assert not any(seen(watch, refused(text, n)._replace(occurred_at=later)) for n in range(9))


def test_what_was_counted_is_remembered_only_when_it_is_on_disk() -> None:
    guard = SenderGuard()
    text = BLOCKED.format("user@example.org", 1, 1)
    lost, kept = guard.watch(SenderSection()), guard.watch(SenderSection())
    for watch in (lost, kept):
        assert not any(seen(watch, refused(text, n)) for n in range(9))
    guard.keep(kept)
    assert seen(guard.watch(SenderSection()), refused(text))


def test_the_guard_can_be_switched_off() -> None:
    watch = SenderGuard().watch(SenderSection(share=1))
    assert not any(seen(watch, refused("550 blocked for spam", n)) for n in range(50))


def test_the_fingerprint_leaves_out_what_differs() -> None:
    prints = {
        fingerprint(refused(BLOCKED.format(f"user{n}@example.org", n, n), n)) for n in range(5)
    }
    assert len(prints) == 1
    assert fingerprint(refused("550 5.1.1 user unknown")) not in prints


@given(st.text())
def test_any_words_are_looked_through(text: str) -> None:
    event = refused(text)
    speaks_of_sender(event)
    assert len(fingerprint(event)) == 12


def test_reports_of_days_gone_by_are_counted_where_they_arrived() -> None:
    flood = a_flood()
    flood.admits(an_event(days_ago=3))
    assert flood.new == {hour_of(TODAY - 3 * DAY): 1}
