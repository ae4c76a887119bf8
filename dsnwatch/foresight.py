"""What another policy would have made of the reports that are there: suppressed, or let be.

Reports are kept, so a draft can be tried on the past. Both the policy in force and the draft decide
on the events of the last days, each with those before it in hand; what they disagree on is told,
with whoever showed life afterwards. Guards are left out on both sides, and nothing is written.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from dsnwatch.news import suppression_by
from dsnwatch.policy import Policy, decide, merge
from dsnwatch.policy.again import Told, past_event
from dsnwatch.records import DecisionAction, Life, Release, Suppression
from dsnwatch.revival import sign_of

if TYPE_CHECKING:
    from dsnwatch.records import PastEvent
    from dsnwatch.store import Store

AT_ONCE = 200
"""Addresses looked at together; what is in memory does not grow with the store."""

MOST = 500
"""Events of one address that are looked at, the latest; no more weigh in any preset."""

Outcome = tuple[Suppression | None, bool]
"""What a policy puts on the list for an address and stream, and whether it waits for a person."""


class Difference(StrEnum):
    """How a draft differs for one address."""

    SUPPRESS = "suppress"
    RELEASE = "release"
    LONGER = "longer"
    SHORTER = "shorter"
    HOLD = "hold"


@dataclass(frozen=True, slots=True)
class Foreseen:
    """An address the two policies disagree on.

    Attributes:
        difference: `suppress`: the draft does and the policy in force does not; `release`: the
            other way round; `longer`, `shorter`: both, for another time; `hold`: the draft leaves
            it to a person.
        now: What the policy in force makes of it.
        then: What the draft makes of it.
        alive_at: A sign of life after that; None where there is none.
    """

    address: str
    stream: str
    difference: Difference
    now: Suppression | None
    then: Suppression | None
    alive_at: datetime | None


class Foresight:
    """One look ahead.

    Args:
        store: Has the events.
        policy: The one in force.
        draft: The other one.
        since: Events that arrived from then on are decided on; those before only count.

    Attributes:
        events: How many were decided on.
        addresses: Of how many addresses.
    """

    def __init__(self, store: "Store", policy: Policy, draft: Policy, since: datetime) -> None:
        self._store = store
        self._policies = (policy, draft)
        self._since = since
        self.events = 0
        self.addresses = 0

    def look(self) -> Iterator[Foreseen]:
        """Go through the addresses in their order, and give those that differ."""
        memory = max(policy.memory for policy in self._policies)
        after = ""
        while True:
            with self._store.look() as writer:
                addresses = writer.addresses_failing(self._since, after, AT_ONCE)
                told = writer.events_told_of(addresses, self._since - memory)
                life, releases = writer.life_of(addresses), writer.releases_of(addresses)
            for address in addresses:
                events = told.get(address, [])[-MOST:]
                yield from self._differences(
                    address, events, life.get(address), releases.get(address, ())
                )
            if len(addresses) < AT_ONCE:
                return
            after = addresses[-1]

    def _differences(
        self, address: str, told: Sequence[Told], life: Life | None, releases: Sequence[Release]
    ) -> Iterator[Foreseen]:
        ordered = sorted(told, key=lambda one: (one[0].event.occurred_at, one[0].id))
        signs = sorted(_signs(ordered, life))
        settled = sorted([*signs, *(one.at for one in releases)])
        in_force, draft = (self._outcomes(each, ordered, settled) for each in self._policies)
        self.addresses += 1
        self.events += sum(one.event.occurred_at >= self._since for one, _ in ordered)
        for stream in sorted({*in_force, *draft}):
            nothing: Outcome = (None, False)
            now, then = in_force.get(stream, nothing), draft.get(stream, nothing)
            if (difference := _difference(now, then)) is not None:
                row = then[0] or now[0]
                later = signs[-1:] if row is not None and signs[-1:] > [row.since] else []
                yield Foreseen(
                    address, stream, difference, now[0], then[0], later[0] if later else None
                )

    def _outcomes(
        self, policy: Policy, told: Sequence[Told], settled: Sequence[datetime]
    ) -> Mapping[str, Outcome]:
        """Decide on events in the order they arrived, each knowing of those before it."""
        past: list[PastEvent] = []
        rows: dict[str, Suppression] = {}
        held: defaultdict[str, bool] = defaultdict(bool)
        for stored, message in told:
            event = stored.event
            if event.occurred_at >= self._since:
                number = bisect_right(settled, event.occurred_at)
                decision = decide(policy, event, past, settled[number - 1] if number else None)
                if decision.action is DecisionAction.SUPPRESS:
                    asked = suppression_by(stored._replace(decision=decision))
                    row = merge(rows.get(asked.stream), asked)
                    rows[asked.stream] = row or rows[asked.stream]
                elif decision.action is DecisionAction.HOLD:
                    held[decision.stream] = True
            if failure := past_event(event, message):
                past.append(failure)
        return {stream: (rows.get(stream), held[stream]) for stream in {*rows, *held}}


def _signs(told: Sequence[Told], life: Life | None) -> Iterator[datetime]:
    """Give the signs of life that are known of an address."""
    if life is not None:
        yield life.at
        if life.before is not None:
            yield life.before
    for stored, message in told:
        if sign := sign_of(stored.event, message):
            yield sign.at


def _difference(now: Outcome, then: Outcome) -> Difference | None:
    (before, _), (after, held) = now, then
    if before is None and after is None:
        return Difference.HOLD if held and not now[1] else None
    if after is None:
        return Difference.HOLD if held else Difference.RELEASE
    if before is None:
        return Difference.SUPPRESS
    if before.until == after.until:
        return None
    far = datetime.max.replace(tzinfo=UTC)
    longer = (after.until or far) > (before.until or far)
    return Difference.LONGER if longer else Difference.SHORTER
