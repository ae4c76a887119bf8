"""Deciding again on all that is known of an address, as if it came in today's order."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from dsnwatch.model import Kind
from dsnwatch.policy.decide import decide
from dsnwatch.policy.listing import merge
from dsnwatch.policy.table import Policy
from dsnwatch.records import BounceEvent, DecisionAction, Facts, PastEvent, StoredEvent, Suppression

HOLD, SUPPRESS = DecisionAction.HOLD, DecisionAction.SUPPRESS
_BOUNCE = Kind.BOUNCE

Told = tuple[StoredEvent, str]
"""An event, and the message it is about: the original's Message-ID, else the event's own key."""


def again(
    policy: Policy, events: Sequence[Told], alive_at: datetime | None, *, afresh: bool = False
) -> Iterator[StoredEvent]:
    """Decide on events of one address anew, in the order given.

    Args:
        policy: By what to decide.
        events: All that count of the address.
        alive_at: The last sign of life, or release: failures up to then are not counted.
        afresh: Whether what is held, and what a person let through, is decided anew too; what a
            guard holds stays held.
    """
    past: list[PastEvent] = []
    for stored, message in events:
        event = stored.event
        decision = decide(policy, event, past, alive_at)
        before = stored.decision
        doubted = before.action is HOLD and (not afresh or "; held (" in before.because)
        if doubted or (not afresh and before.action is SUPPRESS and decision.action is HOLD):
            decision = before
        yield stored._replace(decision=decision)
        if told := past_event(event, message):
            past.append(told)


def past_event(event: BounceEvent, message: str, facts: Facts | None = None) -> PastEvent | None:
    """Give an event as those after it count it; None for what is no failure."""
    if event.verdict is None or event.kind is not _BOUNCE:
        return None
    return PastEvent(event.occurred_at, message, facts or event.facts)


def longest(rows: Sequence[Suppression]) -> Suppression | None:
    """Merge rows for one address and stream, in the order they came."""
    found: Suppression | None = None
    for row in rows:
        found = merge(found, row) or found
    return found
