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
    from collections.abc import Sequence

    from dsnwatch.metrics import DaemonFigures, MailboxFigures
    from dsnwatch.store import PartFigures, Totals

SILENT = timedelta(minutes=3)
"""A daemon that wrote nothing down for so long does not run: it does so every minute."""

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command(
    short_help="Say how the daemon and its mailboxes fare.",
    help="Say what is in the store, which daemons run on it and what they do, and how each mailbox "
    "fares: lag, messages and the last error, as the daemon wrote them down last; then what is the "
    "matter and what is held for a person. Exit status 1: a mailbox fails, or a daemon does not "
    "run.",
    epilog="""\b
    In the morning:
      dsnwatch status
    For a program:
      dsnwatch status --json
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
    """Print the totals, then a row a daemon, and a row a mailbox with its error."""
    from dsnwatch.alerting import alerts_and_holds  # noqa: PLC0415  not for --help
    from dsnwatch.metrics import DaemonFigures, MailboxFigures  # noqa: PLC0415  likewise

    place = Place(ctx, config=config, store=store, verbose=verbose)
    now = datetime.now(UTC)
    with place.store() as opened:
        totals = opened.counts(now)
        said = opened.figures()
        daemons = [(each, DaemonFigures.from_json(each.figures)) for each in opened.daemons()]
        matters = alerts_and_holds(opened)
    found = [(each, MailboxFigures.from_json(each.figures)) for each in said]
    # What `--store` names may be a copy, or another machine's: then there is none to be missed.
    missed = not daemons and store is None and bool(place.configuration.parts)
    states = [_state_of_daemon(each, now) for each, _ in daemons]
    states += [_state(each, figures, now) for each, figures in found]
    wrong = missed or not WELL.issuperset(states)
    if as_json:
        rows = [_daemon_as_dict(each, daemon, now) for each, daemon in daemons]
        rows += [_as_dict(each, figures, now) for each, figures in found]
        for row in [*rows, *map(alert_dict, matters)]:
            json_line(row)
        return int(wrong)
    _show_totals(totals)
    line()
    _show_daemons(daemons, now, missed=missed)
    if found:
        line()
    table(COLUMNS, (_row(each, figures, now) for each, figures in found))
    for _, figures in found:
        if figures.last_error:
            line()
            line(f"{minute(figures.last_error_at)} {figures.last_error}")
    if matters:
        line()
        table(ALERTS, map(alert_row, matters))
    return int(wrong)


def _show_totals(totals: "Totals") -> None:
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


def _show_daemons(
    daemons: "Sequence[tuple[PartFigures, DaemonFigures]]", now: datetime, *, missed: bool
) -> None:
    if missed:
        line("no daemon runs; start it: `systemctl start dsnwatch`, or `dsnwatch run`")
    elif not daemons:
        line("no daemon runs on it; see `dsnwatch docs operations`")
    table(DAEMONS, (_daemon_row(each, daemon, now) for each, daemon in daemons))


DAEMONS = (
    Column("daemon", 16),
    Column("state", 6),
    Column("since", 16),
    Column("version", 7),
    Column("runs"),
)

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

WELL = {"connected", "away", "runs"}
"""What may be without anything being wrong; mailboxes that are polled are away between."""


def _is_silent(said: "PartFigures", now: datetime) -> bool:
    return now - said.at > SILENT


def _state_of_daemon(said: "PartFigures", now: datetime) -> str:
    return "silent" if _is_silent(said, now) else "runs"


def _daemon_row(said: "PartFigures", daemon: "DaemonFigures", now: datetime) -> tuple[str, ...]:
    return (
        said.node,
        _state_of_daemon(said, now),
        minute(daemon.started_at),
        daemon.version,
        ", ".join(daemon.parts),
    )


def _daemon_as_dict(
    said: "PartFigures", daemon: "DaemonFigures", now: datetime
) -> dict[str, object]:
    return {
        "node": said.node,
        "at": rfc3339(said.at),
        "daemon": said.node,
        "state": _state_of_daemon(said, now),
        "version": daemon.version,
        "started_at": rfc3339(daemon.started_at),
        "parts": list(daemon.parts),
    }


def _state(said: "PartFigures", figures: "MailboxFigures", now: datetime) -> str:
    if _is_silent(said, now):
        return "silent"
    if figures.failing:
        return "failing"
    return "connected" if figures.connected else "away"


def _lag(said: "PartFigures", figures: "MailboxFigures", now: datetime) -> timedelta:
    """Give the lag; where the daemon is silent, at least for how long it has been."""
    silent = now - said.at if _is_silent(said, now) else timedelta()
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
