"""`dsnwatch report`: what happened, in the terminal or as a page for a mail or a wiki."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dsnwatch.alerts import percent
from dsnwatch.cli.bars import bars
from dsnwatch.cli.lengths import since_option
from dsnwatch.cli.options import BackOption, ConfigOption, JsonOption, StoreOption, VerboseOption
from dsnwatch.cli.output import Column, folded, heading, json_line, line, minute, say, table
from dsnwatch.cli.place import Place
from dsnwatch.shown import report_dict

if TYPE_CHECKING:
    from dsnwatch.store import Counted
    from dsnwatch.summing import Ranked, Report

app = typer.Typer(rich_markup_mode=None, add_completion=False)

_TOTALS = (
    Column("", 16),
    Column("now", 12, right=True),
    Column("before", 12, right=True),
    Column("change", 10, right=True),
    Column("of what was sent", 18, right=True),
)
_STREAMS = (
    Column("stream"),
    Column("sent", 11, right=True),
    Column("hard", 8, right=True),
    Column("failed", 8, right=True),
    Column("complaints", 10, right=True),
    Column("state", 6),
)
_LONGEST_TEXT = 160
_ROWS_AT_MOST = 31


@app.command(
    short_help="Tell what happened, in the terminal or as a page.",
    help="Tell what happened: how much was sent, failed and was complained about, against the "
    "time before; by class, reason, provider, domain, stream and campaign; what refusals say; "
    "what is the matter and what is to be done. --html writes it as one page that needs nothing "
    "else, light or dark as the reader has it, for a mail or a wiki.",
    epilog="""\b
    The last week:
      dsnwatch report
    Every Monday, to the colleagues:
      dsnwatch report --html report.html
    """,
)
def report(
    ctx: typer.Context,
    *,
    since: BackOption = "7d",
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Write a page; - is standard output."),
    ] = None,
    as_json: JsonOption = False,
    store: StoreOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Gather a report, and show it."""
    from dsnwatch import summing  # noqa: PLC0415  not for --help

    place = Place(ctx, config=config, store=store, verbose=verbose)
    length = since_option(since)
    with place.store() as opened:
        found = summing.report(opened, length, datetime.now(UTC))
    if html is not None:
        from dsnwatch.cli.report_html import page  # noqa: PLC0415  only here

        text = page(found)
        if str(html) == "-":
            typer.echo(text, nl=False)
        else:
            html.write_text(text, encoding="utf-8")
            say(f"{html}: written")
    elif as_json:
        json_line(report_dict(found))
    else:
        _show(found)


def _show(found: "Report") -> None:
    unit = "hour" if found.span.hourly else "day"
    line(f"{minute(found.span.since)} to {minute(found.made_at)} (UTC)")
    line()
    _totals(found)
    if any(found.classes.total):
        form = "%m-%d %H:00" if found.span.hourly else "%m-%d"
        counts, starts = found.classes.total, found.span.starts
        size = -(-len(counts) // _ROWS_AT_MOST)
        _heading(f"Failures by {unit}" if size == 1 else f"Failures by {size} {unit}s, from the")
        rows = [
            (starts[first].strftime(form), sum(counts[first : first + size]), "")
            for first in range(0, len(counts), size)
        ]
        bars(rows, names=12, width=40)
    if any(one.sent or one.failed for _, one, _ in found.streams):
        _heading("Streams")
        table(_STREAMS, (_stream(*row) for row in found.streams))
    failed = found.whole.failed
    _ranked("Reasons", found.reasons, failed)
    _ranked("Providers", found.providers, failed)
    _ranked("Domains", found.domains, failed)
    _ranked("Campaigns", found.campaigns, failed)
    _words(found)
    _matters(found)


def _totals(found: "Report") -> None:
    from dsnwatch.summing import change  # noqa: PLC0415  not for --help

    whole, before = found.whole, found.before
    rows = []
    for name, share in (
        ("sent", None), ("failed", whole.total_rate), ("hard", whole.hard_rate), ("soft", None),
        ("block", None), ("undetermined", None), ("delayed", None),
        ("complaints", whole.complaint_rate), ("unsubscribes", None), ("backscatter", None),
        ("suppressed", None),
    ):  # fmt: skip
        now, then = getattr(whole, name), getattr(before, name)
        if now or then or name == "failed":
            told = "" if share is None else percent(share)
            rows.append((name, f"{now:,}", f"{then:,}", change(now, then), told))
    table(_TOTALS, rows)
    line()
    line(f"{found.suppressions:,} addresses are suppressed now")
    if not whole.sent:
        line("rates need `dsnwatch sent import`: nobody told what was sent")


def _heading(text: str) -> None:
    line()
    heading(text)


def _stream(name: str, one: "Counted", state: object) -> tuple[str, ...]:
    shares = [one.hard_rate, one.total_rate, one.complaint_rate]
    numbers = [one.hard, one.failed, one.complaints]
    told = [
        f"{number:,}" if share is None else percent(share)
        for number, share in zip(numbers, shares, strict=True)
    ]
    return (name or "-", f"{one.sent:,}" if one.sent else "?", *told, str(state))


def _ranked(title: str, rows: "Ranked", failed: int) -> None:
    told = [(name, one.failed, percent(one.failed / failed)) for name, one in rows if one.failed]
    if told:
        _heading(title)
        bars([(name if name != "*" else "(others)", n, share) for name, n, share in told], width=26)


def _words(found: "Report") -> None:
    if found.prints:
        _heading("What they say")
    for one in found.prints:
        said = one.form[:_LONGEST_TEXT] or f"(rule {one.rule})"
        folded(f"{one.events:,} x {one.provider or 'various'}, {one.reason}: {said}", "  ", "   ")


def _matters(found: "Report") -> None:
    _heading("What is the matter")
    for entry in found.alerts:
        folded(f"{entry.alert.severity}: {entry.alert.summary}", "  ", "   ")
    if not found.alerts:
        line("  nothing")
    if found.todo:
        _heading("To do")
    for one in found.todo:
        folded(
            f"{one.provider or 'various'}, {one.events:,} x {one.reason}: {one.to_do}", "  ", "   "
        )
