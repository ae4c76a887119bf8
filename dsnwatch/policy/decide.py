"""What follows from an event: nothing, one more in the count, or a suppression.

A policy is a table of rows, asked from the top. A row that describes the event and has enough of
its kind says what follows; one that has not enough yet counts it and lets the next row try. Pure:
every moment is told, none is asked of a clock.

Two promises rest here. A soft bounce, a block, a delay or an automatic reply alone never
suppresses, and the order in which events arrive does not change what follows from them.
"""

from bisect import bisect_left
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from dsnwatch.model import Trust
from dsnwatch.policy.rule import PolicyRule
from dsnwatch.policy.table import Policy
from dsnwatch.policy.words import length_in_words
from dsnwatch.records import BounceEvent, Decision, DecisionAction, Facts, PastEvent

_HOUR = timedelta(hours=1)


def decide(
    policy: Policy,
    event: BounceEvent,
    past: Sequence[PastEvent],
    alive_at: datetime | None = None,
    facts: Facts | None = None,
) -> Decision:
    """Say what follows from one event, given what else is stored of its recipient.

    Args:
        policy: The table to decide by.
        event: The new event; its moment is far enough from the ends of the calendar for a row's
            times to be added.
        past: The recipient's other failures, in any order, from `policy.memory` before the event
            on; those later than the event count too, since mail is not read in the order it came.
        alive_at: The recipient's last sign of life; failures up to then are not counted.
        facts: Those of the event, where they are at hand.

    Returns:
        The decision. A row's window is any stretch of time that contains the event, and a
        suppression ends `lasts` after the last event of the latest window that is full: so the
        same events in another order lead to the same end.
    """
    recipient = event.attribution.recipient
    local, _, domain = recipient.rpartition("@")
    if not local or not domain:
        # A pipe, a file, a bare login: what `check` will never be asked for.
        return Decision(
            DecisionAction.IGNORE, "no_address", f"'{recipient}' is no address that can be mailed"
        )
    facts = facts or event.facts
    decided = _UNDESCRIBED
    for rule in policy.describing(facts):
        answer = _answer(policy, rule, event, facts.trust, past, alive_at)
        # Of several rows that are full the longest: which was full first depends on the order.
        if decided is _UNDESCRIBED or _weight(answer) >= _weight(decided):
            decided = answer
    if decided.action in _LISTING and policy.spares(recipient):
        return Decision(
            DecisionAction.IGNORE,
            "never_suppress",
            f"{decided.because}; but policy.never_suppress names this address",
        )
    return decided


_UNDESCRIBED = Decision(DecisionAction.IGNORE, "nothing_follows", "no row describes it")
_LISTING = frozenset({DecisionAction.SUPPRESS, DecisionAction.HOLD})
_WEIGHTS = {
    DecisionAction.IGNORE: 0,
    DecisionAction.COUNT: 1,
    DecisionAction.HOLD: 2,
    DecisionAction.SUPPRESS: 3,
}
_EVER = datetime.max.replace(tzinfo=UTC)


def _weight(decision: Decision) -> tuple[int, datetime]:
    return _WEIGHTS[decision.action], decision.until or _EVER


def _answer(  # noqa: PLR0917  all that one row goes by
    policy: Policy,
    rule: PolicyRule,
    event: BounceEvent,
    trust: Trust,
    past: Sequence[PastEvent],
    alive_at: datetime | None,
) -> Decision:
    """Say what one row makes of an event."""
    action, at = rule.then, event.occurred_at
    held = rule.weighty and not rule.trusted(trust)
    if rule.count == 1:
        because, last = f"{_what(event)}: {rule.why or rule.id}", at
    elif alive_at is not None and at <= alive_at:
        because = f"{_what(event)}: not counted, there was a sign of life on {_day(alive_at)}"
        return Decision(DecisionAction.COUNT, rule.id, because)
    else:
        siblings = [
            other
            for other in past
            if abs(other.occurred_at - at) <= rule.within
            and (alive_at is None or other.occurred_at > alive_at)
            and rule in policy.describing(other.facts)
        ]
        believed = _trusted(rule, siblings)
        tally = None if held else _tally(rule, event, believed)
        if rule.weighty and (tally is None or not tally.enough(rule)):
            # Not enough by what is believed; perhaps by all that was told.
            if tally is None or believed is not siblings:
                tally = _tally(rule, event, siblings)
            held = True
        assert tally is not None
        messages, days, first, last = tally
        because = _because(_what(event), rule, messages, days, int((last - first) / _HOUR))
        if not tally.enough(rule):
            return Decision(DecisionAction.COUNT, rule.id, because)
    if not rule.weighty:
        return Decision(action, rule.id, because)
    if held:
        because = f"{because}; held, since trust '{rule.require_trust}' is required"
        action = DecisionAction.HOLD
    until = None if rule.lasts is None else last + rule.lasts
    stream = event.attribution.stream if rule.for_stream else ""
    return Decision(action, rule.id, because, until, stream)


def _trusted(rule: PolicyRule, siblings: list[PastEvent]) -> list[PastEvent]:
    if rule.require_trust is Trust.CLAIMED:
        return siblings
    return [other for other in siblings if rule.trusted(other.facts.trust)]


class _Tally(NamedTuple):
    """What lies in one window of a row."""

    messages: int
    days: int
    first: datetime
    last: datetime

    def enough(self, rule: PolicyRule) -> bool:
        return (
            self.messages >= rule.count
            and self.days >= rule.days
            and self.last - self.first >= rule.span
        )


def _tally(rule: PolicyRule, event: BounceEvent, siblings: Sequence[PastEvent]) -> _Tally:
    """Count the latest window round the event that is full, else the one with most in it."""
    at = event.occurred_at
    if not siblings:
        return _Tally(1, 1, at, at)
    told: dict[str, datetime] = {}
    for other in siblings:
        first = told.get(other.message, other.occurred_at)
        told[other.message] = min(first, other.occurred_at)
    told[event.key] = at
    times = _unbroken(sorted(told.values()), at, rule.gap)
    # How many days have begun before each moment: the days of any window are one subtraction.
    days = [0]
    for earlier, later in pairwise(times):
        days.append(days[-1] + (earlier.astimezone(UTC).date() != later.astimezone(UTC).date()))
    full = fullest = None
    end = 0
    for start in range(bisect_left(times, at) + 1):
        while end + 1 < len(times) and times[end + 1] - times[start] <= rule.within:
            end += 1
        found = _Tally(end - start + 1, days[end] - days[start] + 1, times[start], times[end])
        if found.enough(rule):
            full = found  # windows that start later end later: the last full one lasts longest
        if fullest is None or found.messages > fullest.messages:
            fullest = found
    if fullest is None:
        raise AssertionError("an event lies in none of its own windows")
    return full or fullest


def _unbroken(times: list[datetime], at: datetime, gap: timedelta | None) -> list[datetime]:
    """Cut sorted moments down to the run round `at` in which no pause is longer than `gap`."""
    if gap is None:
        return times
    first = last = bisect_left(times, at)
    while first and times[first] - times[first - 1] <= gap:
        first -= 1
    while last + 1 < len(times) and times[last + 1] - times[last] <= gap:
        last += 1
    return times[first : last + 1]


@lru_cache(maxsize=4096)
def _because(what: str, rule: PolicyRule, messages: int, days: int, hours: int) -> str:
    """One sentence with the arithmetic in it; remembered, since few come often."""
    parts = [f"{messages} of {rule.count} messages"]
    if rule.days > 1:
        parts.append(f"on {days} of {rule.days} days")
    if rule.span:
        parts.append(f"over {hours} of {int(rule.span / _HOUR)} h")
    return f"{what}: {', '.join(parts)} within {length_in_words(rule.within)}"


def _what(event: BounceEvent) -> str:
    return event.verdict.reason if event.verdict is not None else str(event.kind)


def _day(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d")
