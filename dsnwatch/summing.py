"""Everything a report tells of a span of time, gathered once; how it is shown is others' affair."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from dsnwatch.alerting import alerts_and_holds
from dsnwatch.alerts import AlertKind, Entry, Severity, State, state_of
from dsnwatch.metrics import StoreFigures
from dsnwatch.store import Counted, Dimension, Span
from dsnwatch.store.tally import QUARANTINED
from dsnwatch.todo import Ticket, tickets

if TYPE_CHECKING:
    from dsnwatch.store import Fingerprint, Series, Store

LONGEST = 10
"""Rows of a list of what is most frequent."""

Ranked = tuple[tuple[str, Counted], ...]
"""Values and what there was of them, those with most failures first."""


@dataclass(frozen=True, slots=True)
class Report:
    """What happened in a span.

    Attributes:
        span: The span.
        whole: All of it.
        before: All of the span of the same length before.
        streams: By stream, each with its present state.
        classes: Failures by class and step, for a chart.
        reasons: What was most frequent, as the three behind it; without what nobody said.
        prints: What most refusals say.
        mail: Messages that came in, by kind; `quarantined` is one of the kinds.
        alerts: What is the matter now, and what is held.
        todo: What the sender has to mend, and has not.
        suppressions: Addresses that are suppressed now.
    """

    span: Span
    made_at: datetime
    whole: Counted
    before: Counted
    streams: tuple[tuple[str, Counted, State], ...]
    classes: "Series"
    reasons: Ranked
    providers: Ranked
    domains: Ranked
    campaigns: Ranked
    prints: "tuple[Fingerprint, ...]"
    mail: dict[str, int]
    alerts: tuple[Entry, ...]
    todo: tuple[Ticket, ...]
    suppressions: int


def report(store: "Store", length: timedelta, now: datetime) -> Report:
    """Gather what happened in the time up to now.

    Raises:
        StoreError: The store cannot be read.
    """
    span = Span.last(length, now)
    found = alerts_and_holds(store)
    about = [entry.alert for entry in found]
    streams = store.counted_by(Dimension.STREAM, span)

    def ranked(dimension: Dimension) -> Ranked:
        rows = store.counted_by(dimension, span, limit=2 * LONGEST)
        told = [(name, one) for name, one in rows if name and (one.failed or one.sent)]
        return tuple(told[:LONGEST])

    return Report(
        span=span,
        made_at=now,
        whole=sum((one for _, one in streams), Counted()),
        before=store.counted(span.before),
        streams=tuple((name, one, state_of(name, about)) for name, one in streams),
        classes=store.series(Dimension.CLASS, span),
        reasons=ranked(Dimension.REASON),
        providers=ranked(Dimension.PROVIDER),
        domains=ranked(Dimension.DOMAIN),
        campaigns=ranked(Dimension.CAMPAIGN),
        prints=tuple(store.fingerprints(span, limit=LONGEST)),
        mail=store.mail_counted(span),
        alerts=tuple(found),
        todo=tuple(one for one in tickets(store, span, now, LONGEST) if not one.fixed),
        suppressions=store.suppressed(now),
    )


def change(now: int, before: int) -> str:
    """Say how a number differs from the one before: `+12 %`; "" where there was none."""
    if not before:
        return ""
    share = round(100 * (now - before) / before)
    return f"{share:+d} %" if share else "as before"


def store_figures(store: "Store") -> StoreFigures:
    """Gather what Prometheus is told of the store.

    Raises:
        StoreError: The store cannot be read.
    """
    events: Counter[tuple[str, str, str]] = Counter()
    decisions: Counter[str] = Counter()
    for kind, bounce_class, reason, decision, count in store.event_totals():
        events[kind, bounce_class, reason] += count
        decisions[decision] += count
    mail = store.mail_totals()
    opened = Counter({(kind.value, how.value): 0 for kind in AlertKind for how in Severity})
    for entry in alerts_and_holds(store):
        opened[entry.alert.kind.value, entry.alert.severity.value] += 1
    quarantined = mail.pop(QUARANTINED, 0)
    return StoreFigures(events, decisions, mail, quarantined, opened)
