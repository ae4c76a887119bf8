"""Trends: what failed over time, told apart as one likes, and what they say; and what to do."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from dsnwatch.http import charts
from dsnwatch.http.desk import Desk, Here
from dsnwatch.http.page_today import layers, stacked
from dsnwatch.http.people import Looks
from dsnwatch.http.render import page
from dsnwatch.store import Counted, Dimension, Fingerprint, Span
from dsnwatch.todo import tickets

router = APIRouter(include_in_schema=False)

SPANS = {
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
    "90d": timedelta(days=90),
}
DIMENSIONS = ("class", "reason", "provider", "domain", "stream", "campaign")
_OF_FAILURES = frozenset({Dimension.CLASS, Dimension.REASON})
"""What only failures have: nothing was sent by it, and nobody complains by it."""
ROWS = 25
SAID = 15
DAYS, TICKETS = 30, 50
SHOWN = 10
"""Tickets that are open to see; the others are folded away."""
_BY_DAY = f"By the day of {DAYS} days"
SpanName = Annotated[Literal["24h", "7d", "30d", "90d"], Query()]
By = Annotated[Literal["class", "reason", "provider", "domain", "stream", "campaign"], Query()]


@dataclass(frozen=True, slots=True)
class _Row:
    """A line of the table."""

    name: str
    shown: str
    known: bool
    spark: Markup
    counted: Counted


@router.get("/trends")
def trends(
    request: Request,
    desk: Here,
    who: Looks,
    *,
    by: By = "reason",
    span: SpanName = "7d",
    stream: Annotated[str, Query(max_length=200)] = "",
) -> HTMLResponse:
    """Show trends."""
    when = Span.last(SPANS[span], desk.clock())
    only = {Dimension.STREAM: stream} if stream else {}
    by_class = desk.store.series(Dimension.CLASS, when, only)
    totals = {name: sum(values) for name, values in layers(by_class).items()}
    rows = [*_rows(desk, Dimension(by), when, only)]
    return page(
        request,
        desk,
        who,
        "trends.html",
        "Trends",
        by=by,
        span=span,
        stream=stream,
        spans=SPANS,
        dimensions=DIMENSIONS,
        chart=stacked(by_class, f"Failures by class, {span}"),
        total=sum(totals.values()),
        totals=totals,
        rows=rows,
        sent_known=any(row.counted.sent for row in rows),
        complaints_known=Dimension(by) not in _OF_FAILURES,
        fingerprints=[(each, each.form or _sample(desk, each)) for each in _said(desk, when)],
    )


def _said(desk: Desk, when: Span) -> list[Fingerprint]:
    return desk.store.fingerprints(when, limit=SAID)


def _sample(desk: Desk, each: Fingerprint) -> str:
    """Say what the latest of many refusals said, where the rule stands for the text."""
    stored = desk.store.event(each.sample)
    return (stored.event.recipient.diagnostic if stored else "") or f"by rule {each.rule}"


def _rows(desk: Desk, by: Dimension, when: Span, only: dict[Dimension, str]) -> Iterator[_Row]:
    found = desk.store.counted_by(by, when, only, limit=ROWS)
    lines = dict(desk.store.series(by, when, only, names=[name for name, _ in found]))
    for name, counted in found:
        besides = 0 if by in _OF_FAILURES else counted.sent + counted.complaints
        if not counted.failed and not besides:
            continue
        shown = {"": "none" if by is Dimension.REASON else "not known", "*": "all others"}.get(
            name, name
        )
        spark = charts.spark(lines.get(name, ()), f"{shown} over time")
        yield _Row(name, shown, name not in {"", "*"}, spark, counted)


@router.get("/todo")
def todo(request: Request, desk: Here, who: Looks) -> HTMLResponse:
    """Show what receivers hold against us, and what to do about it."""
    now = desk.clock()
    span = Span.last(timedelta(days=DAYS), now)
    found = tickets(desk.store, span, now, TICKETS)
    return page(
        request,
        desk,
        who,
        "todo.html",
        "To do",
        days=DAYS,
        first_day=span.days.since,
        shown=SHOWN,
        tickets=[(each, charts.spark(each.by_day, _BY_DAY, "block")) for each in found],
    )
