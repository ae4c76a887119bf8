"""The guards at work in one transaction: what they doubt, and what is held because of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from dsnwatch.alerts import Severity
from dsnwatch.model import Kind
from dsnwatch.news import news_of_alert, rfc3339
from dsnwatch.policy import Policy
from dsnwatch.policy.guards import (
    USUAL_DAYS,
    Doubt,
    Flood,
    Place,
    SenderGuard,
    SenderWatch,
    hour_of,
    place_name,
    unproven,
)
from dsnwatch.records import BounceEvent, Decision, DecisionAction, News, StoredEvent
from dsnwatch.store import Hold, new_id
from dsnwatch.subscriptions import Subscriptions

if TYPE_CHECKING:
    from dsnwatch.events import AlertData
    from dsnwatch.store import Writer

COUNTED = "claimed"
"""The name under which suppressions by claimed reports are counted by the hour."""

_SUPPRESSING = frozenset({Kind.BOUNCE, Kind.COMPLAINT, Kind.UNSUBSCRIBE})
_SUPPRESS = DecisionAction.SUPPRESS
_USUAL_HOURS = USUAL_DAYS * 24


@dataclass(slots=True)
class Guarding:
    """One transaction.

    Attributes:
        flood: None where no report of the transaction is unproven.
        watch: Counts failures by message and by who refused.
        held: What is held, by the name of its hold: why, and the events with their addresses.
        doubts: Why a guard held an event back, by the event's key.
    """

    flood: Flood | None
    watch: SenderWatch
    held: dict[str, tuple[Doubt, list[tuple[str, str]]]] = field(default_factory=dict)
    doubts: dict[str, Doubt] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        writer: "Writer",
        events: Sequence[BounceEvent],
        policy: Policy,
        sender: SenderGuard,
        known: Callable[[], int],
    ) -> "Guarding":
        """Ask the store what the guards need to know.

        Args:
            writer: The transaction.
            events: What it is about to store.
            policy: Has the guards' numbers.
            sender: What was counted before.
            known: Counts the addresses that ever showed life.
        """
        hours = [
            hour_of(event.occurred_at)
            for event in events
            if event.kind in _SUPPRESSING and unproven(event)
        ]
        flood = None
        if hours:
            counted = writer.guard_hours(COUNTED, min(hours) - _USUAL_HOURS)
            flood = Flood(policy.flood, counted, known())
        return cls(flood, sender.watch(policy.sender, partial(_told, writer)))

    def look(self, event: BounceEvent, original: str | None, decision: Decision) -> Decision:
        """Look at a decision before it is carried out.

        Returns:
            The decision; where a guard doubts it, to hold instead of to suppress.
        """
        suppresses = decision.action is _SUPPRESS
        doubt = self.watch.count(event, original, suppresses=suppresses)
        if not suppresses:
            return decision
        if doubt is None and self.flood is not None and unproven(event):
            doubt = self.flood.admits(event)
        if doubt is None:
            return decision
        self.doubts[event.key] = doubt
        because = f"{decision.because}; held ({doubt.name}): {doubt.summary}"
        return decision._replace(action=DecisionAction.HOLD, because=because)

    def hold(self, stored: StoredEvent) -> None:
        """Note that a decision waits for a person."""
        doubt = self.doubts.get(stored.event.key) or _by_policy(stored)
        _, held = self.held.setdefault(doubt.name, (doubt, []))
        held.append((stored.id, stored.event.attribution.recipient))

    def write(self, writer: "Writer", wanted: Subscriptions, now: datetime) -> None:
        """Write what was counted and what is held; a hold that is new raises an alert."""
        counted = {(place_name(place), place[2]): n for place, n in self.watch.shared.items()}
        if self.flood is not None:
            counted |= {(COUNTED, hour): made for hour, made in self.flood.new.items()}
        writer.count_guard_hours(counted)
        if not self.held:
            return
        ids = writer.hold_ids(self.held)
        new = []
        for name, (doubt, _) in self.held.items():
            if name not in ids:
                ids[name] = new_id(now)
                new.append(Hold(ids[name], name, doubt.kind, now, doubt.summary))
        writer.add_holds(new)
        writer.add_held(
            [
                (event_id, ids[name], address)
                for name, (_, held) in self.held.items()
                for event_id, address in held
            ]
        )
        news = [told for hold in new for told in alert_of(wanted, "alert.raised", hold, now)]
        writer.add_news(news, now)


def _told(writer: "Writer", places: Sequence[Place]) -> dict[Place, int]:
    """Ask the store how often places were counted, by whichever daemon."""
    keys = {(place_name(place), place[2]): place for place in places}
    return {keys[key]: reports for key, reports in writer.guard_counts(keys).items()}


def alert_of(wanted: Subscriptions, type_: str, hold: Hold, now: datetime) -> tuple[News, ...]:
    """Tell that something is held for a person, or no more."""
    alert: AlertData = {
        "alert": f"hold {hold.name}",
        "severity": severity_of(hold),
        "summary": hold.summary,
        "stream": "",
        "since": rfc3339(hold.opened_at),
    }
    return news_of_alert(wanted, type_, new_id(now), alert, now)


def severity_of(hold: Hold) -> Severity:
    """Say how bad it is that something is held."""
    return Severity.CRITICAL if hold.kind in {"flood", "sender"} else Severity.WARNING


def _by_policy(stored: StoredEvent) -> Doubt:
    """Say why the policy itself holds an event: a day's worth of a row is one batch."""
    decision = stored.decision
    day = stored.event.occurred_at.astimezone(UTC).strftime("%Y-%m-%d")
    if "; held, since trust " in decision.because:
        return Doubt(
            f"trust {day}",
            "trust",
            f"reports of {day} that are believed too little to suppress by themselves",
        )
    return Doubt(f"rule {decision.rule} {day}", "policy", f"what row '{decision.rule}' holds")
