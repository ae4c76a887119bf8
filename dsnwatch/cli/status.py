"""`dsnwatch status`: how the daemon fares, from what it wrote down last."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import typer

from dsnwatch.alerts import length_text
from dsnwatch.cli.alerts import ALERTS, alert_row
from dsnwatch.cli.options import ConfigOption, JsonOption, StoreOption, VerboseOption
from dsnwatch.cli.output import Column, fields, json_line, line, minute, table
from dsnwatch.cli.place import Place
from dsnwatch.rfc.date import rfc3339
from dsnwatch.shown import alert_dict

if TYPE_CHECKING:
    from dsnwatch.metrics import MailboxFigures
    from dsnwatch.store import PartFigures

SILENT = timedelta(minutes=3)
"""A daemon that wrote nothing down for so long does not run: it does so every minute."""

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command(
    short_help="Say how the daemon and its mailboxes fare.",
    help="Say what is in the store, and how each mailbox of the daemon fares: lag, messages and "
    "the last error, as the daemon wrote them down last; then what is the matter and what is held "
    "for a person. Exit status 1: a mailbox fails, or its "
    "daemon does not run.",
    epilog="""\b
    In the morning:
      dsnwatch status
    """,
)
def status(
    ctx: typer.Context,
    *,
    as_json: JsonOption = False,
    store: StoreOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> int:
    """Print the totals, then a row a mailbox and its error."""
    from dsnwatch.alerting import alerts_and_holds  # noqa: PLC0415  not for --help
    from dsnwatch.metrics import MailboxFigures  # noqa: PLC0415  likewise

    place = Place(ctx, config=config, store=store, verbose=verbose)
    now = datetime.now(UTC)
    with place.store() as opened:
        totals = opened.counts(now)
        said = opened.figures()
        matters = alerts_and_holds(opened)
    found = [(each, MailboxFigures.from_json(each.figures)) for each in said]
    wrong = any(_state(each, figures, now) not in WELL for each, figures in found)
    if as_json:
        for each, figures in found:
            json_line(_as_dict(each, figures, now))
        for entry in matters:
            json_line(alert_dict(entry))
        return int(wrong)
    fields(
        {
            "messages": f"{totals.messages:,}",
            "events": f"{totals.events:,}",
            "suppressions": f"{totals.suppressions:,}",
            "held": f"{totals.held:,}; see `dsnwatch holds list`" if totals.held else "",
            "backscatter": f"{totals.backscatter:,}" if totals.backscatter else "",
            "in quarantine": f"{totals.quarantined:,}",
        }
    )
    line()
    if not found:
        line("no mailbox is watched; `dsnwatch run` does it, see `dsnwatch docs mailboxes`")
    table(COLUMNS, (_row(each, figures, now) for each, figures in found))
    for _, figures in found:
        if figures.last_error:
            line()
            line(f"{minute(figures.last_error_at)} {figures.last_error}")
    if matters:
        line()
        table(ALERTS, map(alert_row, matters))
    return int(wrong)


COLUMNS = (
    Column("mailbox"),
    Column("state", 9),
    Column("lag", 7, right=True),
    Column("seen", 8, right=True),
    Column("new", 8, right=True),
    Column("known", 6, right=True),
    Column("unread", 6, right=True),
    Column("as of", 16),
)

WELL = {"connected", "away"}
"""What a mailbox may be without anything being wrong; polled ones are away between."""


def _state(said: "PartFigures", figures: "MailboxFigures", now: datetime) -> str:
    if now - said.at > SILENT:
        return "silent"
    if figures.failing:
        return "failing"
    return "connected" if figures.connected else "away"


def _lag(said: "PartFigures", figures: "MailboxFigures", now: datetime) -> timedelta:
    """Give the lag; where the daemon is silent, at least for how long it has been."""
    silent = now - said.at if now - said.at > SILENT else timedelta()
    return max(figures.lag(now), silent)


def _row(said: "PartFigures", figures: "MailboxFigures", now: datetime) -> tuple[str, ...]:
    return (
        figures.name,
        _state(said, figures, now),
        length_text(_lag(said, figures, now)),
        f"{figures.seen:,}",
        f"{figures.stored:,}",
        f"{figures.duplicates:,}",
        f"{figures.unread:,}",
        minute(said.at),
    )


def _as_dict(said: "PartFigures", figures: "MailboxFigures", now: datetime) -> dict[str, object]:
    return {
        "node": said.node,
        "at": rfc3339(said.at),
        "mailbox": figures.name,
        "state": _state(said, figures, now),
        "lag_seconds": int(_lag(said, figures, now).total_seconds()),
        "seen": figures.seen,
        "stored": figures.stored,
        "duplicates": figures.duplicates,
        "unread": figures.unread,
        "left_behind": figures.left_behind,
        "connects": figures.connects,
        "failures": figures.failures,
        "last_error": figures.last_error,
        "last_error_at": rfc3339(figures.last_error_at),
        "last_message_at": rfc3339(figures.last_message_at),
    }
