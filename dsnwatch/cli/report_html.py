"""The report as one HTML page that needs nothing else; light or dark as its reader has it.

Everything a stranger wrote is escaped, and nothing on the page can run: there is no script in it,
and its policy would let none.
"""

import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

from dsnwatch.alerts import percent
from dsnwatch.cli.output import day, harmless, minute

if TYPE_CHECKING:
    from dsnwatch.store import Series
    from dsnwatch.summing import Ranked, Report

_STYLE = """
:root{color-scheme:light dark;--ink:#1d2226;--dim:#5b646b;--page:#fbfaf8;--card:#fff;--line:#e4e1db;
--hard:#17666f;--soft:#74adb3;--block:#dc9a3c;--undetermined:#b9b5ad;--bad:#a62b22;--warn:#96590a;
--good:#2c6b45}
@media(prefers-color-scheme:dark){:root{--ink:#e6e9e8;--dim:#a0abb0;--page:#14181a;--card:#1b2124;
--line:#2d3539;--hard:#6fc2cb;--soft:#3d8790;--block:#c98a33;--undetermined:#566066;--bad:#f49186;
--warn:#efbb68;--good:#83c79d}}
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--page);margin:0 auto;
max-width:60rem;padding:1.5rem}
h1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .5rem}
p.dim,.dim{color:var(--dim)}
table{border-collapse:collapse;width:100%}td,th{padding:.3rem .6rem;border-bottom:1px solid
var(--line);text-align:left;vertical-align:top}td{overflow-wrap:anywhere}
th{white-space:nowrap;color:var(--dim);font-weight:500;font-size:.9rem}
td:first-child,th:first-child{padding-left:0}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
td.name,td.n{overflow-wrap:normal}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(8rem,1fr));gap:.8rem;margin-top:1rem}
.card{background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:.6rem 1rem}
.card b{display:block;font-size:1.4rem;font-variant-numeric:tabular-nums}
td.bars{width:45%;vertical-align:middle}
.bar{background:var(--hard);height:.7rem;border-radius:.2rem;min-width:1px}
.critical,.pause{color:var(--bad);font-weight:600}.warning,.warn{color:var(--warn);font-weight:600}
.ok{color:var(--good)}
svg{width:100%;height:auto}svg text{fill:var(--dim);font-size:11px}
svg .hard{fill:var(--hard)}svg .soft{fill:var(--soft)}svg .block{fill:var(--block)}
svg .undetermined{fill:var(--undetermined)}
.key span{margin-right:1rem}
.key i{display:inline-block;width:.8rem;height:.8rem;border-radius:.2rem;margin-right:.3rem}
@media(max-width:40rem){body{padding:1rem}td,th{padding:.3rem .35rem;font-size:.9rem}
td.n,th,th.n{white-space:normal}td.bars{width:30%}svg text{font-size:20px}
.told th{display:none}.told tr{display:flex;flex-wrap:wrap;gap:0 .8rem;padding:.5rem 0;
border-bottom:1px solid var(--line)}.told td{padding:0;border:0}.told td.said{flex-basis:100%}}
"""
_CLASSES = ("hard", "soft", "block", "undetermined")
_WIDTH, _HEIGHT, _FOOT = 760, 180, 18
_TEXT_AT_MOST = 300
_BARS = " "
"""The heading of bars."""
_SAID = frozenset({"what", "text", "what to do"})
"""Columns of sentences; on a phone each has a line of its own, the others stand above it."""
_JOINTS = re.compile(r"(?=@)|(?<=[._-])")


def page(found: "Report") -> str:
    """Write a report as a page."""
    title = f"Bounces, {day(found.span.since)} to {day(found.made_at)}"
    parts = [
        f"<h1>{_text(title)}</h1>",
        f'<p class="dim">made at {minute(found.made_at)} UTC by dsnwatch</p>',
        _cards(found),
        _alerts(found),
        _chart(found.classes),
        _streams(found),
        _ranked("Reasons", found.reasons),
        _ranked("Providers", found.providers),
        _ranked("Domains", found.domains),
        _ranked("Campaigns", found.campaigns),
        _words(found),
        _todo(found),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{_text(title)}</title><style>{_STYLE}</style></head><body>\n"
        + "\n".join(filter(None, parts))
        + "\n</body></html>\n"
    )


def _text(text: str) -> str:
    return escape(harmless(text))


def _name(text: str) -> str:
    """Write a name so that a narrow column breaks it between its parts."""
    return "<wbr>".join(map(escape, _JOINTS.split(harmless(text))))


def _cards(found: "Report") -> str:
    from dsnwatch.summing import change  # noqa: PLC0415  the command has loaded it

    whole, before = found.whole, found.before
    cards = []
    for name, share in (
        ("sent", None), ("failed", whole.total_rate), ("hard", whole.hard_rate),
        ("complaints", whole.complaint_rate), ("delayed", None), ("suppressed", None),
    ):  # fmt: skip
        now = getattr(whole, name)
        more = " · ".join(
            filter(
                None, ("" if share is None else percent(share), change(now, getattr(before, name)))
            )
        )
        number = "?" if name == "sent" and not now else f"{now:,}"
        cards.append(
            f'<div class="card">{name}<b>{number}</b><span class="dim">{more}</span></div>'
        )
    note = "" if whole.sent else '<p class="dim">Rates need to know what was sent.</p>'
    return f'<div class="cards">{"".join(cards)}</div>{note}'


def _table(title: str, heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table; headings that end in # are of numbers, and cells are HTML already."""
    body = [
        "<tr>"
        + "".join(f"<td{_class(name)}>{cell}</td>" for name, cell in zip(heading, row, strict=True))
        + "</tr>"
        for row in rows
    ]
    if not body:
        return ""
    head = "".join(f"<th{_class(name)}>{_text(name.rstrip('#'))}</th>" for name in heading)
    told = ' class="told"' if _SAID.intersection(heading) else ""
    return f"<h2>{_text(title)}</h2><table{told}><tr>{head}</tr>{''.join(body)}</table>"


def _class(heading: str) -> str:
    if heading.endswith("#"):
        return ' class="n"'
    if heading in _SAID:
        return ' class="said"'
    return ' class="bars"' if heading == _BARS else ' class="name"'


def _alerts(found: "Report") -> str:
    if not found.alerts:
        return '<p class="ok">Nothing is the matter now.</p>'
    rows = [
        (
            f'<span class="{entry.alert.severity}">{entry.alert.severity}</span>',
            _text(entry.alert.summary),
            minute(entry.raised_at),
        )
        for entry in found.alerts
    ]
    return _table("What is the matter", ("", "what", "since (UTC)"), rows)


def _chart(series: "Series") -> str:
    """Draw failures by class as bars that stand on one another."""
    lines = dict(series.lines)
    totals = series.total
    largest = max(totals, default=0)
    if not largest:
        return ""
    step = _WIDTH / len(totals)
    room = _HEIGHT - 2 * _FOOT
    drawn = []
    for number, start in enumerate(series.span.starts):
        below = 0
        for name in _CLASSES:
            count = lines.get(name, (0,) * len(totals))[number]
            if not count:
                continue
            below += count
            height = room * count / largest
            top = _FOOT + room - room * below / largest
            drawn.append(
                f'<rect class="{name}" x="{number * step + step * 0.1:.1f}" y="{top:.1f}" '
                f'width="{step * 0.8:.1f}" height="{height:.1f}">'
                f"<title>{minute(start)}: {count:,} {name}</title></rect>"
            )
    every = max(len(totals) // 8, 1)
    marks = range(0, max(len(totals) - every // 2, 1), every)
    starts = series.span.starts
    form = "%H:00" if series.span.hourly else "%m-%d"
    drawn += [
        f'<text x="{number * step:.1f}" y="{_HEIGHT - 4}">{starts[number].strftime(form)}</text>'
        for number in marks
    ]
    drawn.append(f'<text x="0" y="12">{largest:,}</text>')
    key = "".join(
        f'<span><i style="background:var(--{name})"></i>{name}</span>'
        for name in _CLASSES
        if any(lines.get(name, ()))
    )
    unit = "hour" if series.span.hourly else "day"
    return (
        f'<h2>Failures by {unit}</h2><svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="Failures by {unit}, {sum(totals):,} in all">{"".join(drawn)}</svg>'
        f'<p class="key dim">{key}</p>'
    )


def _streams(found: "Report") -> str:
    rows = []
    for name, one, state in found.streams:
        if not one.sent and not one.failed and not one.complaints:
            continue
        shares = (one.hard_rate, one.total_rate, one.complaint_rate)
        numbers = (one.hard, one.failed, one.complaints)
        told = [
            f"{number:,}" + ("" if share is None else f" ({percent(share)})")
            for number, share in zip(numbers, shares, strict=True)
        ]
        sent = f"{one.sent:,}" if one.sent else "?"
        rows.append((_name(name or "-"), sent, *told, f'<span class="{state}">{state}</span>'))
    return _table("Streams", ("stream", "sent#", "hard#", "failed#", "complaints#", "state"), rows)


def _ranked(title: str, rows: "Ranked") -> str:
    largest = max((one.failed for _, one in rows), default=0)
    told = [
        (
            _name("(others)" if name == "*" else name),
            f"{one.failed:,}",
            f'<div class="bar" style="width:{100 * one.failed / largest:.1f}%"></div>',
        )
        for name, one in rows
        if one.failed
    ]
    return _table(title, (title.lower().removesuffix("s"), "failed#", _BARS), told)


def _words(found: "Report") -> str:
    rows = [
        (
            f"{one.events:,}",
            _name(one.provider or "various"),
            _name(one.reason),
            _text(one.form[:_TEXT_AT_MOST]) or f'<span class="dim">rule {_text(one.rule)}</span>',
        )
        for one in found.prints
    ]
    return _table("What they say", ("times#", "provider", "reason", "text"), rows)


def _todo(found: "Report") -> str:
    rows = [
        (
            _name(one.provider or "various"),
            f"{one.events:,}",
            _name(one.reason),
            f'{_text(one.to_do)}<br><span class="dim">{_text(one.text[:_TEXT_AT_MOST])}</span>',
            day(one.last_at),
        )
        for one in found.todo
    ]
    return _table("To do", ("provider", "times#", "reason", "what to do", "last#"), rows)
