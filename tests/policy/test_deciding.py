"""What follows from an event, and what never does."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsnwatch.errors import ConfigError
from dsnwatch.model import Action, BounceClass, Kind, StatusCode
from dsnwatch.policy import PRESETS, Policy, decide, merge, running
from dsnwatch.records import BounceEvent, Decision, DecisionAction, PastEvent, Suppression
from dsnwatch.rules import load

from .builders import (
    COUNT,
    DAY,
    DEFAULT,
    HARD,
    IGNORE,
    MEANING,
    SUPPRESS,
    TODAY,
    WEIGHING,
    WEIGHTLESS,
    an_event,
    as_past,
    past,
)


def test_the_reasons_tested_here_are_those_of_the_taxonomy() -> None:
    categories = load().categories
    assert {one.id: (one.bounce_class, one.fault) for one in categories.values()} == MEANING


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("reason", HARD)
def test_one_hard_bounce_suppresses_for_ever(reason: str, preset: str) -> None:
    decision = decide(Policy.preset(preset), an_event(reason), ())
    assert (decision.action, decision.rule, decision.until) == (SUPPRESS, "hard", None)


@pytest.mark.parametrize("kind", [Kind.COMPLAINT, Kind.UNSUBSCRIBE])
def test_who_says_no_is_suppressed_for_ever(kind: Kind) -> None:
    decision = decide(DEFAULT, an_event(kind=kind, action=Action.DELIVERED), ())
    assert (decision.action, decision.rule, decision.until) == (SUPPRESS, kind.value, None)


@pytest.mark.parametrize("reason", WEIGHING)
def test_three_soft_bounces_on_three_days_over_72_hours_suppress_for_90_days(reason: str) -> None:
    decision = decide(DEFAULT, an_event(reason), past(3, 1, reason=reason))
    assert (decision.action, decision.rule) == (SUPPRESS, "soft")
    assert decision.until == TODAY + 90 * DAY


def test_soft_bounces_of_different_reasons_add_up() -> None:
    others = (*past(3, reason="undetermined"), *past(1, reason="network_error"))
    assert decide(DEFAULT, an_event("mailbox_unavailable"), others).action is SUPPRESS


@pytest.mark.parametrize(
    "others",
    [
        pytest.param((), id="one message"),
        pytest.param(past(5), id="two messages"),
        pytest.param(past(2.9, 1), id="less than 72 hours"),
        pytest.param(past(3.1, 3.05), id="two days"),
        pytest.param(past(31, 1), id="more than 30 days"),
        pytest.param(
            (*past(1), *(told._replace(occurred_at=TODAY - 4 * DAY) for told in past(1))),
            id="two of one message",
        ),
        pytest.param((*past(1), *past(3, reason="mailbox_full")), id="one of a full mailbox"),
        pytest.param((*past(1), *past(3, reason="user_unknown")), id="one of another class"),
    ],
)
def test_fewer_soft_bounces_are_only_counted(others: tuple[PastEvent, ...]) -> None:
    decision = decide(DEFAULT, an_event("mailbox_unavailable"), others)
    assert (decision.action, decision.rule, decision.until) == (COUNT, "soft", None)


def test_days_are_days_in_utc() -> None:
    late = an_event("expired")._replace(occurred_at=datetime(2026, 3, 31, 23, 50, tzinfo=UTC))
    others = tuple(
        past(0, reason="expired")[0]._replace(
            occurred_at=datetime(2026, 3, day, 23, 50, tzinfo=UTC), message=str(day)
        )
        for day in (28, 29)
    )
    assert decide(DEFAULT, late, others).action is SUPPRESS


@pytest.mark.parametrize("reason", WEIGHTLESS)
def test_what_is_not_the_recipients_affair_weighs_nothing(reason: str) -> None:
    many = past(*range(1, 25), reason=reason)
    assert decide(DEFAULT, an_event(reason), many).action is IGNORE
    assert decide(DEFAULT, an_event("expired"), many).action is COUNT


def test_a_full_mailbox_suppresses_after_thirty_days_for_ninety() -> None:
    decision = decide(DEFAULT, an_event("mailbox_full"), past(30, reason="mailbox_full"))
    assert (decision.action, decision.rule) == (SUPPRESS, "mailbox_full_for_long")
    assert decision.until == TODAY + 90 * DAY


def test_a_full_mailbox_suppresses_at_the_fifth_message() -> None:
    decision = decide(DEFAULT, an_event("mailbox_full"), past(1, 2, 3, 4, reason="mailbox_full"))
    assert (decision.action, decision.rule) == (SUPPRESS, "mailbox_full_often")


def test_a_full_mailbox_is_not_judged_as_any_soft_bounce() -> None:
    others = (*past(1, 5, 9, reason="mailbox_full"), *past(2, 6, 10))
    decision = decide(DEFAULT, an_event("mailbox_full"), others)
    assert (decision.action, decision.rule) == (COUNT, "mailbox_full_often")


@pytest.mark.parametrize("reason", [reason for reason in MEANING if reason not in WEIGHTLESS])
def test_a_refusal_for_security_never_suppresses(reason: str) -> None:
    decision = decide(DEFAULT, an_event(reason, status="5.7.1"), past(1, 4, 8, 12, reason=reason))
    assert decision.action is IGNORE


@pytest.mark.parametrize("status", ["5.7.13", "5.7.17", "5.7.18"])
def test_the_three_codes_of_security_that_speak_of_the_mailbox_suppress(status: str) -> None:
    assert decide(DEFAULT, an_event("mailbox_disabled", status=status), ()).action is SUPPRESS


def test_no_such_user_said_for_now_counts_as_soft() -> None:
    event = an_event("user_unknown", status="4.1.1")
    assert event.verdict is not None
    event = event._replace(verdict=event.verdict._replace(permanent=False))
    assert decide(DEFAULT, event, ()).action is COUNT


@pytest.mark.parametrize(
    ("kind", "action"),
    [
        (Kind.DELAY, Action.DELAYED),
        (Kind.BOUNCE, Action.DELAYED),
        (Kind.SUCCESS, Action.DELIVERED),
        (Kind.BOUNCE, Action.RELAYED),
        (Kind.AUTO_REPLY, Action.DELIVERED),
        (Kind.AUTO_REPLY, Action.FAILED),
        (Kind.CHALLENGE, Action.DELIVERED),
        (Kind.DISPOSITION, Action.DELIVERED),
        (Kind.OTHER, Action.FAILED),
    ],
)
def test_nothing_follows_from_what_is_no_failure(kind: Kind, action: Action) -> None:
    decision = decide(DEFAULT, an_event(kind=kind, action=action), past(1, 2, 3, 4))
    assert decision.action is IGNORE


@pytest.mark.parametrize("recipient", ["", "anne", "|/usr/bin/archive", "@example.org", "anne@"])
def test_only_an_address_that_can_be_mailed_is_suppressed(recipient: str) -> None:
    assert decide(DEFAULT, an_event(recipient=recipient), ()).rule == "no_address"


def test_the_sentence_has_the_arithmetic_in_it() -> None:
    decision = decide(DEFAULT, an_event("expired"), past(2))
    assert decision.because == (
        "expired: 2 of 3 messages, on 2 of 3 days, over 48 of 72 h within 30 days"
    )


def test_failures_later_than_the_event_count() -> None:
    decision = decide(DEFAULT, an_event("expired", days_ago=5), past(0, 2))
    assert (decision.action, decision.until) == (SUPPRESS, TODAY + 90 * DAY)


def test_the_last_full_window_says_how_long() -> None:
    # Three lie within 30 days from 60, from 50 and from 40 days ago on.
    decision = decide(DEFAULT, an_event("expired", days_ago=40), past(60, 50, 35, 12))
    assert decision.until == TODAY + (90 - 12) * DAY


@pytest.mark.parametrize(
    ("preset", "days_ago", "follows"),
    [
        ("cold", (0.1, 0.2), SUPPRESS),
        ("cold", (1,), COUNT),
        ("newsletter", (90, 180), SUPPRESS),
        ("newsletter", (90, 90.01), COUNT),
        ("transactional", (1, 2, 2.5), COUNT),
        ("transactional", (0.1, 0.2, 0.3, 0.4, 0.5), COUNT),
        ("transactional", (0.1, 0.2, 0.3, 3), SUPPRESS),
        ("mailman", (7, 14, 21, 28), SUPPRESS),
        ("mailman", (7, 14, 22, 29), COUNT),
        ("mailman", (0.1, 0.2, 0.3, 0.4), COUNT),
    ],
)
def test_each_preset_counts_soft_bounces_its_own_way(
    preset: str, days_ago: tuple[float, ...], follows: DecisionAction
) -> None:
    assert decide(Policy.preset(preset), an_event("expired"), past(*days_ago)).action is follows


def test_an_order_confirmation_storm_is_one_look_at_a_full_mailbox() -> None:
    others = past(0.1, 0.2, 0.3, 0.4, reason="mailbox_full")
    transactional = Policy.preset("transactional")
    assert decide(transactional, an_event("mailbox_full"), others).action is COUNT


def test_an_unknown_preset_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError, match="did you mean 'newsletter'"):
        Policy.preset("newsleter")


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_row_has_a_name_of_its_own_and_a_window_where_it_counts(preset: str) -> None:
    rules = PRESETS[preset]
    assert len({rule.id for rule in rules}) == len(rules)
    assert all(rule.within >= rule.span for rule in rules)
    assert all(rule.within for rule in rules if rule.count > 1)


def test_a_policy_remembers_as_far_as_its_widest_window() -> None:
    assert DEFAULT.memory == 90 * DAY


# What is promised of any history: design, section 5.

MOMENTS = st.integers(min_value=0, max_value=120 * 24).map(lambda hours: hours / 24)
ANY_PRESET = st.sampled_from(list(PRESETS)).map(Policy.preset)


@st.composite
def failures(draw: st.DrawFn, reasons: Sequence[str]) -> list[BounceEvent]:
    """Failures of one recipient, each of a message of its own."""
    told = draw(st.lists(st.tuples(st.sampled_from(reasons), MOMENTS), min_size=1, max_size=12))
    return [
        an_event(reason, days_ago=days, key=f"message {number}")
        for number, (reason, days) in enumerate(told)
    ]


def play(
    policy: Policy, events: Sequence[BounceEvent]
) -> tuple[list[Decision], Suppression | None]:
    """Decide on events one after the other, each knowing those before it."""
    known: list[PastEvent] = []
    decisions = []
    standing: Suppression | None = None
    for event in events:
        decision = decide(policy, event, known)
        decisions.append(decision)
        known.append(as_past(event))
        if decision.action is SUPPRESS:
            standing = merge(standing, a_suppression(event.occurred_at, decision.until)) or standing
    return decisions, standing


@given(ANY_PRESET, st.sampled_from(list(MEANING)))
def test_one_failure_that_is_not_hard_never_suppresses(policy: Policy, reason: str) -> None:
    suppressed = decide(policy, an_event(reason), ()).action is SUPPRESS
    assert suppressed == (MEANING[reason][0] is BounceClass.HARD)


@given(ANY_PRESET, failures(WEIGHTLESS))
def test_blocks_and_message_faults_never_suppress(
    policy: Policy, events: list[BounceEvent]
) -> None:
    decisions, _ = play(policy, events)
    assert {decision.action for decision in decisions} == {IGNORE}


@given(
    ANY_PRESET,
    failures(list(MEANING)),
    st.sampled_from([Kind.DELAY, Kind.AUTO_REPLY, Kind.CHALLENGE, Kind.SUCCESS, Kind.DISPOSITION]),
)
def test_delays_and_automatic_replies_never_suppress(
    policy: Policy, events: list[BounceEvent], kind: Kind
) -> None:
    known = [as_past(event) for event in events]
    assert decide(policy, an_event(kind=kind, action=Action.DELAYED), known).action is IGNORE


@given(
    ANY_PRESET,
    failures(list(MEANING)),
    st.integers(min_value=0, max_value=999).filter(lambda detail: detail not in {13, 17, 18}),
)
def test_no_number_of_security_refusals_suppresses(
    policy: Policy, events: list[BounceEvent], detail: int
) -> None:
    refused = [
        event._replace(verdict=event.verdict._replace(status=StatusCode(5, 7, detail)))
        for event in events
        if event.verdict is not None
    ]
    decisions, _ = play(policy, refused)
    assert SUPPRESS not in {decision.action for decision in decisions}


@given(st.data(), ANY_PRESET, failures(list(MEANING)))
def test_the_order_of_events_does_not_matter(
    data: st.DataObject, policy: Policy, events: list[BounceEvent]
) -> None:
    _, one = play(policy, events)
    _, other = play(policy, data.draw(st.permutations(events)))
    assert (one is None) == (other is None)
    assert one is None or other is None or one.until == other.until


@given(ANY_PRESET, failures([*WEIGHING, "mailbox_full"]))
def test_a_soft_suppression_outlives_an_event_by_its_ninety_days(
    policy: Policy, events: list[BounceEvent]
) -> None:
    ends = {event.occurred_at + 90 * DAY for event in events}
    decisions, _ = play(policy, events)
    assert {decision.until for decision in decisions} - {None} <= ends


# Rows of the suppression list that meet.


def a_suppression(
    since: datetime = TODAY, until: datetime | None = None, reason: str = "user_unknown"
) -> Suppression:
    return Suppression("anne@example.org", reason, "bounce", "hard", since, until)


def test_the_first_suppression_is_written() -> None:
    assert merge(None, a_suppression()) == a_suppression()


@pytest.mark.parametrize(
    ("standing", "new", "wins"),
    [
        pytest.param(None, None, "standing", id="for ever and for ever"),
        pytest.param(None, 90, "standing", id="for ever and limited"),
        pytest.param(90, None, "new", id="limited and for ever"),
        pytest.param(10, 90, "new", id="a later end"),
        pytest.param(90, 10, "standing", id="an earlier end"),
        pytest.param(90, 90, "standing", id="the same end"),
        pytest.param(-1, 90, "new", id="run out"),
    ],
)
def test_the_longer_suppression_wins(standing: int | None, new: int | None, wins: str) -> None:
    before = a_suppression(
        TODAY - 100 * DAY, standing if standing is None else TODAY + standing * DAY
    )
    after = a_suppression(TODAY, new if new is None else TODAY + new * DAY, "mailbox_full")
    assert merge(before, after) == (after if wins == "new" else None)


def test_a_suppression_no_longer_holds_at_its_end() -> None:
    ended = a_suppression(until=TODAY)
    assert not running(ended, TODAY)
    assert running(ended, TODAY - timedelta(seconds=1))
