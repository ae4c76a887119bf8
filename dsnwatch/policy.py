"""What follows from an event: nothing, one more in the count, or a suppression.

A policy is a table of rows, asked from the top. A row that describes the event and has enough of
its kind says what follows; one that has not enough yet counts it and lets the next row try. Pure:
every moment is told, none is asked of a clock.

Two promises rest here. A soft bounce, a block, a delay or an automatic reply alone never
suppresses, and the order in which events arrive does not change what follows from them.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from itertools import pairwise
from types import MappingProxyType
from typing import Self

from dsnwatch.errors import ConfigError
from dsnwatch.model import (
    Action,
    BounceClass,
    BounceEvent,
    Decision,
    DecisionAction,
    Fault,
    Kind,
    PastEvent,
    Suppression,
)

_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class PolicyRule:
    """One row: which events it describes, how many of them it takes, and what then follows.

    Empty tuples describe everything. A row with classes, reasons, faults or statuses describes
    failures only.

    Attributes:
        id: Its name, kept on every decision and suppression it makes.
        then: What follows once there are enough.
        why: A clause for `Decision.because`.
        kinds: The kinds of event it describes.
        classes: The classes of verdict.
        reasons: The reasons of the taxonomy.
        not_reasons: Reasons it does not describe, though the rest fits.
        faults: Whose affair the failure is.
        statuses: Beginnings of the enhanced status code gone by: `5.7.`.
        not_statuses: Codes it does not describe, though they begin so.
        count: Distinct messages it takes.
        days: Distinct UTC days they must have come on.
        span: Least time from the first to the last of them.
        within: Most time from the first to the last of them; needed where it takes more than one.
        gap: Longest pause after which the count does not start afresh; None is any.
        lasts: How long a suppression holds, from the last event counted; None is for ever.
    """

    id: str
    then: DecisionAction
    why: str = ""
    kinds: tuple[Kind, ...] = ()
    classes: tuple[BounceClass, ...] = ()
    reasons: tuple[str, ...] = ()
    not_reasons: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()
    statuses: tuple[str, ...] = ()
    not_statuses: tuple[str, ...] = ()
    count: int = 1
    days: int = 1
    span: timedelta = timedelta()
    within: timedelta = timedelta()
    gap: timedelta | None = None
    lasts: timedelta | None = None

    def describes(self, event: BounceEvent) -> bool:
        """Whether the event is this row's affair."""
        if self.kinds and event.kind not in self.kinds:
            return False
        if not (self.classes or self.reasons or self.faults or self.statuses):
            return True
        verdict = event.verdict
        if (
            verdict is None
            or event.kind is not Kind.BOUNCE
            or event.recipient.action is not Action.FAILED
        ):
            return False
        code = str(verdict.status or "")
        passing = verdict.permanent is False
        return (
            self._weighs(verdict.reason, _weight(verdict.bounce_class, passing=passing))
            and (not self.faults or verdict.fault in self.faults)
            and (not self.statuses or code.startswith(self.statuses))
            and code not in self.not_statuses
        )

    def counts(self, past: PastEvent) -> bool:
        """Whether an earlier or later failure of the same recipient adds to this row's count."""
        status = past.status
        refused = status is not None and (status.klass, status.subject) == _REFUSED
        passing = status is not None and status.permanent is False
        return not refused and self._weighs(
            past.reason, _weight(past.bounce_class, passing=passing)
        )

    def _weighs(self, reason: str, bounce_class: BounceClass) -> bool:
        return (
            (not self.classes or bounce_class in self.classes)
            and (not self.reasons or reason in self.reasons)
            and reason not in self.not_reasons
        )


def _weight(bounce_class: BounceClass, *, passing: bool) -> BounceClass:
    """What a class weighs: a "no such user" said for now (450 4.1.1) is no more than soft."""
    return BounceClass.SOFT if passing and bounce_class is BounceClass.HARD else bounce_class


_REFUSED = (5, 7)
"""Class and subject of codes that never add to a count: 5.7.x speaks of us, not of the address."""

_ALWAYS = (
    PolicyRule(
        id="complaint",
        kinds=(Kind.COMPLAINT,),
        then=DecisionAction.SUPPRESS,
        why="who complains once is not mailed again",
    ),
    PolicyRule(
        id="unsubscribe",
        kinds=(Kind.UNSUBSCRIBE,),
        then=DecisionAction.SUPPRESS,
        why="the recipient asked to be left alone",
    ),
    PolicyRule(
        id="not_the_recipient",
        faults=(Fault.SENDER, Fault.MESSAGE),
        then=DecisionAction.IGNORE,
        why="the sender's or the message's own affair says nothing of the address",
    ),
    PolicyRule(
        id="block",
        classes=(BounceClass.BLOCK,),
        then=DecisionAction.IGNORE,
        why="a block says nothing of the address",
    ),
    # RFC 3463 section 3.8: x.7.x is about security and policy. 5.7.13, .17 and .18 alone speak
    # of the mailbox; "account suspended" under another one may well speak of the sender's.
    PolicyRule(
        id="security_status",
        statuses=("5.7.",),
        not_statuses=("5.7.13", "5.7.17", "5.7.18"),
        then=DecisionAction.IGNORE,
        why="a 5.7.x refusal never suppresses",
    ),
    PolicyRule(
        id="greylisted",
        reasons=("greylisted",),
        then=DecisionAction.IGNORE,
        why="greylisting is passed by trying again",
    ),
    PolicyRule(
        id="hard",
        classes=(BounceClass.HARD,),
        faults=(Fault.RECIPIENT,),
        then=DecisionAction.SUPPRESS,
        why="the address itself is dead, and one report of that is enough",
    ),
)
_MAILBOX_FULL = (
    PolicyRule(
        id="mailbox_full_for_long",
        reasons=("mailbox_full",),
        then=DecisionAction.SUPPRESS,
        count=2,
        span=30 * _DAY,
        within=90 * _DAY,
        lasts=90 * _DAY,
    ),
    PolicyRule(
        id="mailbox_full_often",
        reasons=("mailbox_full",),
        then=DecisionAction.SUPPRESS,
        count=5,
        within=90 * _DAY,
        lasts=90 * _DAY,
    ),
)
_SOFT = PolicyRule(
    id="soft",
    classes=(BounceClass.SOFT, BounceClass.UNDETERMINED),
    # A stored failure is known by reason and class alone: the soft reasons that are the sender's
    # or the message's affair are named here, so that they weigh nothing afterwards either.
    not_reasons=("mailbox_full", "greylisted", "rate_limited", "message_too_big"),
    faults=(Fault.RECIPIENT, Fault.RECEIVER, Fault.UNKNOWN),
    then=DecisionAction.SUPPRESS,
    count=3,
    days=3,
    span=72 * _HOUR,
    within=30 * _DAY,
    lasts=90 * _DAY,
)
_NOTHING = PolicyRule(
    id="nothing_follows",
    then=DecisionAction.IGNORE,
    why="it says nothing against mailing the address",
)


def _preset(
    soft: PolicyRule, mailbox_full: tuple[PolicyRule, ...] = _MAILBOX_FULL
) -> tuple[PolicyRule, ...]:
    return (*_ALWAYS, *mailbox_full, soft, _NOTHING)


PRESETS: Mapping[str, tuple[PolicyRule, ...]] = MappingProxyType(
    {
        "default": _preset(_SOFT),
        "cold": _preset(replace(_SOFT, days=1, span=timedelta())),
        # Three campaigns: messages on days of their own. Three issues of a quarterly lie within
        # 184 days.
        "newsletter": _preset(replace(_SOFT, span=timedelta(), within=190 * _DAY)),
        # A shop sends five messages in an hour; those are one look at the mailbox, not five.
        "transactional": _preset(
            replace(_SOFT, count=5, days=1),
            (_MAILBOX_FULL[0], replace(_MAILBOX_FULL[1], span=72 * _HOUR)),
        ),
        # Five days with at most 7 days between one and the next lie within 35 days.
        "mailman": _preset(
            replace(_SOFT, count=5, days=5, span=timedelta(), within=35 * _DAY, gap=7 * _DAY)
        ),
    }
)
"""The policies that come with the program. All of them suppress hard bounces, complaints and
unsubscribes at once and for ever; they differ in what a soft bounce weighs."""


_REMEMBERED = 4096
"""Kinds of event whose rows are remembered; strangers choose the codes."""


@dataclass(frozen=True, slots=True)
class Policy:
    """A table of rows to decide by.

    Attributes:
        name: That of the preset it is, or was made from.
        rules: First come, first asked. The last one describes everything.
    """

    name: str
    rules: tuple[PolicyRule, ...]
    _describing: dict[tuple[object, ...], tuple[PolicyRule, ...]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @classmethod
    def preset(cls, name: str) -> Self:
        """Take one of `PRESETS`.

        Raises:
            ConfigError: There is none of that name.
        """
        if name not in PRESETS:
            near = get_close_matches(name, PRESETS, 1)
            hint = f"did you mean '{near[0]}'?" if near else f"take one of {', '.join(PRESETS)}"
            raise ConfigError(f"no policy preset is called '{name}'; {hint}")
        return cls(name, PRESETS[name])

    @property
    def memory(self) -> timedelta:
        """How far before an event its rows look; older failures never matter to it."""
        return max((rule.within for rule in self.rules), default=timedelta())

    def describing(self, event: BounceEvent) -> tuple[PolicyRule, ...]:
        """The rows whose affair an event is, in order; remembered, since few kinds come often."""
        verdict = event.verdict
        facts = (
            event.kind,
            event.recipient.action,
            verdict
            and (
                verdict.bounce_class,
                verdict.reason,
                verdict.fault,
                verdict.status,
                verdict.permanent,
            ),
        )
        rows = self._describing.get(facts)
        if rows is None:
            if len(self._describing) >= _REMEMBERED:
                self._describing.clear()
            rows = tuple(rule for rule in self.rules if rule.describes(event))
            self._describing[facts] = rows
        return rows

    def looks_back(self, event: BounceEvent) -> bool:
        """Whether what follows from an event hangs on the recipient's other failures."""
        return any(rule.count > 1 for rule in self.describing(event))


def decide(policy: Policy, event: BounceEvent, past: Sequence[PastEvent]) -> Decision:
    """Say what follows from one event, given what else is stored of its recipient.

    Args:
        policy: The table to decide by.
        event: The new event; its moment is far enough from the ends of the calendar for a row's
            times to be added.
        past: The recipient's other failures, in any order, from `policy.memory` before the event
            on; those later than the event count too, since mail is not read in the order it came.

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
    waiting: Decision | None = None
    full: list[Decision] = []
    for rule in policy.describing(event):
        tally = _tally(rule, event, past)
        because = _because(rule, event, tally)
        if not tally.enough(rule):
            waiting = Decision(DecisionAction.COUNT, rule.id, because)
        elif rule.then is DecisionAction.SUPPRESS:
            until = None if rule.lasts is None else tally.last + rule.lasts
            full.append(Decision(rule.then, rule.id, because, until))
        else:
            waiting = waiting or Decision(rule.then, rule.id, because)
            break
    # Of several ways to be full the longest: which was full first depends on the order.
    return max(full, key=_lasting) if full else waiting or _UNDESCRIBED


_UNDESCRIBED = Decision(DecisionAction.IGNORE, "nothing_follows", "no row describes it")


def _lasting(decision: Decision) -> datetime:
    return decision.until or datetime.max.replace(tzinfo=UTC)


def merge(standing: Suppression | None, new: Suppression) -> Suppression | None:
    """Say which row of the suppression list is to be written when a new one comes.

    For ever beats limited, and a later end an earlier one. One that had run out when the new one
    began is replaced. Where nothing becomes longer, the first cause is kept.

    Args:
        standing: What the list has for this address and stream.
        new: What a decision asks for.

    Returns:
        The row to write; None where the list already says as much.
    """
    if standing is None:
        return new
    if standing.until is None or (new.until is not None and new.until <= standing.until):
        return None
    return new


def running(suppression: Suppression, at: datetime) -> bool:
    """Whether a suppression holds at that moment."""
    return suppression.until is None or at < suppression.until


@dataclass(frozen=True, slots=True)
class _Tally:
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


def _tally(rule: PolicyRule, event: BounceEvent, past: Sequence[PastEvent]) -> _Tally:
    """Count the latest window round the event that is full, else the one with most in it."""
    at = event.occurred_at
    if not rule.within or not past:
        return _Tally(1, 1, at, at)
    told: dict[str, datetime] = {}
    for other in past:
        if abs(other.occurred_at - at) <= rule.within and rule.counts(other):
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


def _because(rule: PolicyRule, event: BounceEvent, tally: _Tally) -> str:
    """One sentence with the arithmetic in it."""
    what = event.verdict.reason if event.verdict is not None else str(event.kind)
    if rule.count == 1:
        return f"{what}: {rule.why}"
    hours = int((tally.last - tally.first) / _HOUR)
    parts = [f"{tally.messages} of {rule.count} messages"]
    if rule.days > 1:
        parts.append(f"on {tally.days} of {rule.days} days")
    if rule.span:
        parts.append(f"over {hours} of {int(rule.span / _HOUR)} h")
    return f"{what}: {', '.join(parts)} within {rule.within.days} days"
