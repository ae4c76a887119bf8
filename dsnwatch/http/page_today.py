"""Today: is anything wrong, whose fault is it, and what is to be done."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from dsnwatch.alerting import alerts_and_holds
from dsnwatch.alerts import AlertKind, Entry
from dsnwatch.http import charts
from dsnwatch.http.api_hooks import hooks_of
from dsnwatch.http.desk import Desk, Here
from dsnwatch.http.people import Looks
from dsnwatch.http.render import capital, length, number, page, query
from dsnwatch.model import Fault
from dsnwatch.records import StoredEvent
from dsnwatch.store import Counted, Dimension, Series, Span
from dsnwatch.todo import tickets

router = APIRouter(include_in_schema=False)

HOURS = 24
SHOWN = 6
MONTH = timedelta(days=30)
MANY = 10
"""Refusals that say one thing about us, before it stands among what needs a person."""

MEANS = {
    Fault.RECIPIENT: "addresses that do not take mail",
    Fault.RECEIVER: "servers in trouble, which may pass",
    Fault.SENDER: "they hold something against you",
    Fault.MESSAGE: "what was in the message",
    Fault.UNKNOWN: "nobody said",
}


BECAUSE = {
    Fault.RECIPIENT: "because of the address",
    Fault.RECEIVER: "because of their servers",
    Fault.SENDER: "because of you",
    Fault.MESSAGE: "because of the message",
    Fault.UNKNOWN: "without a reason given",
}


@dataclass(frozen=True, slots=True)
class Matter:
    """Something a person should look at."""

    level: str
    summary: str
    since: datetime
    link: str = ""
    does: str = ""
    things: int = 1


@dataclass(frozen=True, slots=True)
class Said:
    """The sentence that stands first."""

    level: str
    says: str
    more: str


@dataclass(frozen=True, slots=True)
class Rate:
    """A rate, or where nobody told how much was sent a count."""

    name: str
    value: float | None
    was: float | None
    count: int
    before: int
    limit: float
    level: str
    meter: Markup
    spark: Markup


@router.get("/")
def today(request: Request, desk: Here, who: Looks) -> HTMLResponse:
    """Show today."""
    now = desk.clock()
    span = Span.last(timedelta(hours=HOURS), now)
    week = Span.last(timedelta(days=7), now)
    counted, before = desk.store.counted(span), desk.store.counted(span.before)
    by_class = desk.store.series(Dimension.CLASS, week)
    reasons = dict(desk.store.counted_by(Dimension.REASON, span))
    earlier = dict(desk.store.counted_by(Dimension.REASON, span.before))
    faults = _faults(desk, reasons)
    open_ = matters(desk)
    return page(
        request,
        desk,
        who,
        "today.html",
        "Today",
        hours=HOURS,
        verdict=_nothing_yet(desk) or verdict(open_, counted, faults),
        matters=open_,
        rates=[*_rates(desk, counted, before, by_class)],
        sent=counted.sent,
        now_counted=counted,
        before_counted=before,
        fault_total=sum(faults.values()),
        fault_bar=charts.shares([*faults.items()], "Failures by fault"),
        faults=[(name, count, MEANS[Fault(name)]) for name, count in faults.items()],
        changes=_changes(reasons, earlier),
        week=_stacked(by_class, "Failures of seven days by class"),
        latest=next((each.event.occurred_at for each in _latest(desk)), None),
        week_totals={name: sum(values) for name, values in _layers(by_class).items()},
        mailboxes=[*_mailboxes(desk)],
        listeners=desk.listeners(),
        hooks=hooks_of(desk),
    )


def _latest(desk: Desk) -> Iterable[StoredEvent]:
    return desk.store.events(limit=1, newest=True)


LINKS = {
    AlertKind.HOLD: ("/review", "Look at what is held"),
    AlertKind.UNREAD: ("/review", "Look at them"),
    AlertKind.SPIKE: ("/trends?by=reason&span=24h", "See what failed"),
}
"""Where to go about an alert, and what one does there; for rates, trends of their stream."""


def matters(desk: Desk) -> list[Matter]:
    """List what is the matter, the gravest first: alerts, then who refuses us as of today."""
    found = [_matter(each) for each in alerts_and_holds(desk.store)]
    now = desk.clock()
    day = now - timedelta(hours=HOURS)
    blocked = [
        Matter(
            "warning",
            f"{capital(each.title)}: {number(each.events)} refused in {MONTH.days} days.",
            each.first_at,
            "/todo",
            "What to do",
        )
        for each in tickets(desk.store, Span.last(MONTH, now), now, samples=False)
        if each.last_at > day and each.events >= MANY
    ]
    if len(blocked) > SHOWN + 1:
        others = f"{len(blocked) - SHOWN} more things that receivers hold against you."
        since = min(each.since for each in blocked[SHOWN:])
        blocked[SHOWN:] = [
            Matter("warning", others, since, "/todo", "See them all", len(blocked) - SHOWN)
        ]
    return found + blocked


def _matter(entry: Entry) -> Matter:
    alert = entry.alert
    link, does = LINKS.get(alert.kind, ("", ""))
    if alert.kind is AlertKind.RATE:
        link, does = f"/trends?{query(by='reason', span='24h', stream=alert.stream)}", "See why"
    summary = alert.summary if alert.summary.endswith(".") else f"{alert.summary}."
    return Matter(str(alert.severity), capital(summary), entry.raised_at, link, does)


def _nothing_yet(desk: Desk) -> Said | None:
    """Say how to begin, where nothing has ever come in and nothing could."""
    settings = desk.loaded().configuration.settings
    if settings.mailbox or settings.listener:
        return None
    if desk.store.mail_totals() or desk.store.event_totals():
        return None
    how = "Have a mailbox watched (`dsnwatch init`), or take in old mail (`dsnwatch import FILE`)."
    return Said("", "Nothing comes in yet", how)


def verdict(open_: Sequence[Matter], counted: Counted, faults: dict[str, int]) -> Said:
    """Say in a sentence how things stand, and whose affair it mostly is."""
    level = next((each.level for each in open_), "")
    if level:
        count = sum(each.things for each in open_)
        things = "1 thing needs you" if count == 1 else f"{count} things need you"
        says = things if level == "warning" else f"{things}, now"
    else:
        says = "All is well" if counted.failed else "All is quiet"
    if not counted.failed:
        return Said(level, says, f"Nothing failed in the last {HOURS} hours.")
    most = sorted(faults.items(), key=lambda each: -each[1])
    parts = [f"{number(count)} {BECAUSE[Fault(name)]}" for name, count in most if count]
    failed = "delivery" if counted.failed == 1 else "deliveries"
    more = f"{number(counted.failed)} {failed} failed in {HOURS} hours: {', '.join(parts)}."
    return Said(level, says, more)


def _rates(desk: Desk, counted: Counted, before: Counted, by_class: Series) -> Iterable[Rate]:
    week, lines = by_class.span, dict(by_class)
    kinds = dict(desk.store.series(Dimension.KIND, week))
    empty = (0,) * (week.end - week.first)
    total = tuple(map(sum, zip(*lines.values(), strict=True))) or empty
    at = desk.loaded().configuration.settings.alerts
    complaint = kinds.get("complaint", empty)
    limits = (
        (at.hard_warning, at.total_critical),
        (at.total_warning, at.total_critical),
        (at.complaints_warning, at.complaints_critical),
    )
    rows = (
        ("Hard bounces", "hard", "hard_rate", lines.get("hard", empty)),
        ("All failures", "failed", "total_rate", total),
        ("Complaints", "complaints", "complaint_rate", complaint),
    )
    for (name, count, rate, week_values), (limit, critical) in zip(rows, limits, strict=True):
        value, was = getattr(counted, rate), getattr(before, rate)
        grave = value is not None and value >= critical
        level = "bad" if grave else "warn" if value is not None and value >= limit else ""
        told = f"{name}, by the hour of seven days"
        yield Rate(
            name,
            value,
            was,
            getattr(counted, count),
            getattr(before, count),
            limit,
            level,
            charts.meter(value or 0.0, limit, critical, f"{name} against its limits"),
            charts.spark(week_values, told),
        )


def _faults(desk: Desk, reasons: dict[str, Counted]) -> dict[str, int]:
    """Count failures by whose affair they are, in the order of the taxonomy."""
    categories = desk.loaded().reader.rules.categories
    found = dict.fromkeys(map(str, Fault), 0)
    for name, counted in reasons.items():
        if name in categories:
            found[str(categories[name].fault)] += counted.failed
    return found


def _changes(now: dict[str, Counted], before: dict[str, Counted]) -> list[tuple[str, int, int]]:
    """Find the reasons whose numbers changed most."""
    both = [
        (name, now.get(name, Counted()).failed, before.get(name, Counted()).failed)
        for name in {*now, *before} - {""}
    ]
    changed = [each for each in both if each[1] != each[2]]
    return sorted(changed, key=lambda each: (-abs(each[1] - each[2]), each[0]))[:SHOWN]


def _layers(series: Series) -> dict[str, Sequence[int]]:
    """Put the lines of a series by class into the order they are stacked in."""
    found = dict(series)
    empty = (0,) * (series.span.end - series.span.first)
    return {name: found.get(name, empty) for name in charts.CLASSES}


def _stacked(series: Series, title: str) -> Markup:
    return charts.stacked(_layers(series), series.span.starts, series.span.step, title)


layers, stacked = _layers, _stacked


@dataclass(frozen=True, slots=True)
class _Box:
    name: str
    state: str
    level: str
    lag: str
    stored: int
    last: datetime | None
    error: str


def _mailboxes(desk: Desk) -> Iterable[_Box]:
    now = desk.clock()
    for each in desk.figures().values():
        state = "failing" if each.failing else "connected" if each.connected else "away"
        level = {"failing": "bad", "connected": "ok"}.get(state, "")
        error = each.last_error if each.failing else ""
        yield _Box(
            each.name, state, level, length(each.lag(now)), each.stored, each.last_message_at, error
        )
