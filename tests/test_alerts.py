"""What is the matter is told once, with its number, and told to be over."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsnwatch.alerts import (
    Alert,
    AlertKind,
    Entry,
    Facts,
    Hourly,
    Mailbox,
    Sending,
    Severity,
    State,
    Step,
    Telling,
    alerts,
    state_of,
    step,
)
from dsnwatch.config.alerts import AlertsSection

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
DEFAULT = AlertsSection()


def a_sending(  # noqa: PLR0917  all of them are given by name
    sent: int = 1000,
    hard: int = 0,
    soft: int = 0,
    complaints: int = 0,
    stream: str = "news",
    campaign: str = "",
) -> Facts:
    """Give a stream with rates."""
    return Facts((Sending(stream, campaign, sent, hard, hard + soft, complaints, DAY),))


def names(facts: Facts) -> list[tuple[str, str]]:
    """Give the alerts as name and severity."""
    return [(alert.name, alert.severity.value) for alert in alerts(facts, DEFAULT)]


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (a_sending(hard=9), []),
        (a_sending(hard=10), [("rate hard stream news", "warning")]),
        (a_sending(sent=2000, hard=19), []),
        (a_sending(soft=19), []),
        (a_sending(soft=20), [("rate total stream news", "warning")]),
        (a_sending(soft=50), [("rate total stream news", "critical")]),
        (a_sending(sent=199, soft=100), []),
        (a_sending(sent=200, soft=10), [("rate total stream news", "critical")]),
        (a_sending(sent=10_000, complaints=9), []),
        (a_sending(sent=10_000, complaints=10), [("rate complaints stream news", "warning")]),
        (a_sending(sent=10_000, complaints=30), [("rate complaints stream news", "critical")]),
        (
            a_sending(hard=15, soft=10, campaign="spring"),
            [
                ("rate hard campaign spring", "warning"),
                ("rate total campaign spring", "warning"),
            ],
        ),
        (a_sending(hard=20, stream="")
         , [("rate hard stream -", "warning"), ("rate total stream -", "warning")]),
    ],
)  # fmt: skip
def test_rates_alert_at_their_limits(facts: Facts, expected: list[tuple[str, str]]) -> None:
    assert names(facts) == expected


def test_a_rate_says_its_numbers() -> None:
    (alert,) = alerts(a_sending(soft=61), DEFAULT)
    assert alert.summary == (
        "stream news: 6.1 % of 1,000 messages failed within 24 h (61; the limit is 5 %)"
    )
    assert (alert.pauses, alert.failed, alert.sent) == (True, 61, 1000)


def an_hour(events: int, before: Sequence[int]) -> Facts:
    """Give an hour with so many, and the hours before it."""
    total, squares = sum(before), sum(each * each for each in before)
    hour = Hourly.of("news", "gmail", "reputation", NOW, events, len(before), total, squares)
    return Facts(hours=(hour,))


@pytest.mark.parametrize(
    ("events", "before", "spike"),
    [
        (20, [0] * 48, True),
        (19, [0] * 48, False),
        (59, [30] * 48, False),
        (60, [30] * 48, True),
        (90, [0, 60] * 24, False),
        (120, [0, 60] * 24, True),
        (100, [0] * 47 + [300], False),
        (140, [0] * 47 + [300], True),
    ],
)
def test_spikes_stand_out_from_the_usual(events: int, before: list[int], *, spike: bool) -> None:
    found = names(an_hour(events, before))
    assert found == ([("spike news gmail reputation", "warning")] if spike else [])


@given(st.integers(0, 10**6), st.lists(st.integers(0, 10**6), min_size=1, max_size=50))
def test_spike_is_never_below_its_limits(events: int, before: list[int]) -> None:
    if alerts(an_hour(events, before), DEFAULT):
        assert events >= max(20, 2 * sum(before) / len(before))


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (Facts(mailboxes=(Mailbox("bounces", 30 * HOUR / 60),)), []),
        (Facts(mailboxes=(Mailbox("bounces", HOUR),)), [("mailbox bounces", "warning")]),
        (Facts(mailboxes=(Mailbox("bounces", 3 * HOUR),)), [("mailbox bounces", "critical")]),
        (Facts(hooks=(Telling("crm", 4),)), []),
        (Facts(hooks=(Telling("crm", 5),)), [("hook crm", "warning")]),
        (Facts(hooks=(Telling("crm", 50),)), [("hook crm", "critical")]),
        (Facts(hooks=(Telling("crm", 0, HOUR),)), []),
        (Facts(hooks=(Telling("crm", 0, 2 * HOUR),)), [("hook crm", "warning")]),
        (Facts(hooks=(Telling("crm", 0, 2 * HOUR, paused=True),)), []),
        (Facts(mail=30, unread=19), []),
        (Facts(mail=40, unread=20), []),
        (Facts(mail=39, unread=20), [("unread", "warning")]),
        (Facts(), []),
    ],
)
def test_what_works_is_looked_at_too(facts: Facts, expected: list[tuple[str, str]]) -> None:
    assert names(facts) == expected


def an_alert(severity: Severity = Severity.WARNING, name: str = "a", **more: object) -> Alert:
    """Give something that is the matter."""
    return Alert(name, AlertKind.RATE, severity, "so it is", **more)  # type: ignore[arg-type]  # fields of its own


def go(listed: dict[str, Entry], found: list[Alert], at: datetime) -> Step:
    """Look once, and list what is to be listed."""
    done = step(listed, found, at, 6 * HOUR)
    listed.update({entry.alert.name: entry for entry in done.entries})
    return done


def test_the_same_trouble_is_told_once_and_told_to_be_over() -> None:
    listed: dict[str, Entry] = {}
    assert len(go(listed, [an_alert()], NOW).raised) == 1
    assert go(listed, [an_alert()], NOW + HOUR) == Step()
    over = go(listed, [], NOW + 2 * HOUR)
    assert (len(over.cleared), over.raised) == (1, ())
    assert go(listed, [], NOW + 3 * HOUR) == Step()


def test_what_comes_back_soon_is_listed_and_nobody_is_told() -> None:
    listed: dict[str, Entry] = {}
    go(listed, [an_alert()], NOW)
    go(listed, [], NOW + HOUR)
    again = go(listed, [an_alert()], NOW + 2 * HOUR)
    assert (len(again.entries), again.raised) == (1, ())
    assert listed["a"].cleared_at is None
    assert go(listed, [], NOW + 3 * HOUR).cleared == ()
    go(listed, [an_alert()], NOW + 4 * HOUR)
    assert len(go(listed, [an_alert()], NOW + 6 * HOUR).raised) == 1
    assert len(go(listed, [], NOW + 7 * HOUR).cleared) == 1
    assert len(go(listed, [an_alert()], NOW + 13 * HOUR).raised) == 1


def test_what_gets_worse_is_told_at_once() -> None:
    listed: dict[str, Entry] = {}
    go(listed, [an_alert()], NOW)
    worse = go(listed, [an_alert(Severity.CRITICAL)], NOW + HOUR)
    assert [entry.alert.severity for entry in worse.raised] == [Severity.CRITICAL]
    assert go(listed, [an_alert()], NOW + 2 * HOUR).raised == ()
    go(listed, [], NOW + 3 * HOUR)
    assert len(go(listed, [an_alert(Severity.CRITICAL)], NOW + 4 * HOUR).raised) == 1


LOOKS = st.lists(st.lists(st.sampled_from("abc"), unique=True), max_size=12)


@given(LOOKS)
def test_who_listens_knows_what_is_open_but_for_what_is_quiet(looks: list[list[str]]) -> None:
    listed: dict[str, Entry] = {}
    heard: set[str] = set()
    for number, found in enumerate(looks):
        done = go(listed, [an_alert(name=name) for name in found], NOW + number * HOUR)
        raised = {entry.alert.name for entry in done.raised}
        cleared = {entry.alert.name for entry in done.cleared}
        assert not raised & heard
        assert cleared <= heard
        heard = (heard | raised) - cleared
        opened = {name for name, entry in listed.items() if entry.cleared_at is None}
        assert opened == set(found)
        assert heard == {name for name in opened if listed[name].told}


def test_a_stream_pauses_when_it_fails_as_a_whole() -> None:
    whole = an_alert(Severity.CRITICAL, stream="news", pauses=True)
    one = an_alert(Severity.CRITICAL, stream="news", pauses=True, campaign="spring")
    assert state_of("news", [whole, one]) is State.PAUSE
    assert state_of("news", [one]) is State.WARN
    assert state_of("news", [an_alert(stream="news")]) is State.WARN
    assert state_of("shop", [whole]) is State.OK
