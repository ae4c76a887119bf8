"""`dsnwatch alerts`: what is the matter, and the rates it is seen by."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from dsnwatch.alerts import State, percent, state_of
from dsnwatch.cli.lengths import since_option
from dsnwatch.cli.options import ConfigOption, JsonOption, StoreOption, VerboseOption
from dsnwatch.cli.output import Column, json_line, minute, say, table
from dsnwatch.cli.place import Place
from dsnwatch.shown import alert_dict

if TYPE_CHECKING:
    from dsnwatch.alerts import Entry, Sending

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
    help="What is the matter, and how much of what is sent fails.",
)

ALERTS = (Column("since (UTC)", 16), Column("severity", 8), Column("what is the matter"))
_RATES = (
    Column("stream and campaign"),
    Column("sent", 11, right=True),
    Column("hard", 8, right=True),
    Column("failed", 8, right=True),
    Column("complaints", 10, right=True),
    Column("state", 6),
)


@app.command(
    "list",
    short_help="List what is the matter.",
    help="List the alerts that are open, the gravest first, and what is held for a person. Exit "
    "status 1: there is something.",
    epilog="""\b
    Is anything wrong?
      dsnwatch alerts list
    What was, in the last week?
      dsnwatch alerts list --since 7d
    """,
)
def list_alerts(
    ctx: typer.Context,
    *,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="TIME", help='Also what was over since: "7d", "24h".'),
    ] = None,
    as_json: JsonOption = False,
    store: StoreOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> int:
    """Print alerts as a table or as JSON lines."""
    from dsnwatch.alerting import alerts_and_holds  # noqa: PLC0415  not for --help

    place = Place(ctx, config=config, store=store, verbose=verbose)
    start = None if since is None else datetime.now(UTC) - since_option(since)
    with place.store() as opened:
        found = alerts_and_holds(opened, start)
    is_open = any(entry.cleared_at is None for entry in found)
    if as_json:
        for entry in found:
            json_line(alert_dict(entry))
    elif not table(ALERTS, map(alert_row, found)):
        say("nothing is the matter")
    return int(is_open)


def alert_row(entry: "Entry") -> tuple[str, ...]:
    """Give the cells of an alert: since when, how bad, what."""
    alert, over = entry.alert, entry.cleared_at
    said = alert.summary if over is None else f"{alert.summary}; over since {minute(over)}"
    return (minute(entry.raised_at), "over" if over else alert.severity.value, said)


@app.command(
    short_help="Show how much of what was sent fails.",
    help="Show how much of what was sent fails, by stream and campaign, over the windows of "
    "[alerts], and the state of each stream: ok, warn or pause. It needs to be told what was "
    "sent (`dsnwatch sent import`). Exit status 1: a stream should pause.",
    epilog="""\b
    May the newsletter go on?
      dsnwatch alerts rates
    """,
)
def rates(
    ctx: typer.Context,
    *,
    as_json: JsonOption = False,
    store: StoreOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> int:
    """Print a row a stream, and one for each of its campaigns."""
    from dsnwatch.alerting import sendings  # noqa: PLC0415  not for --help
    from dsnwatch.alerts import Facts, alerts  # noqa: PLC0415  likewise

    place = Place(ctx, config=config, store=store, verbose=verbose)
    section = place.configuration.settings.alerts
    with place.store() as opened:
        found = [*sendings(opened, section, datetime.now(UTC))]
    wrong = alerts(Facts(tuple(found)), section)
    streams = dict.fromkeys(one.stream for one in found)
    states = {stream: state_of(stream, wrong) for stream in streams}
    if as_json:
        for one in found:
            json_line(_as_dict(one, states[one.stream]))
    elif not table(_RATES, (_row(one, states[one.stream]) for one in found)):
        say("nothing is known of what was sent lately; `dsnwatch sent import` tells")
    return int(State.PAUSE in states.values())


def _row(one: "Sending", state: State) -> tuple[str, ...]:
    name = f"  {one.campaign}" if one.campaign else one.stream or "-"
    shares = (percent(count / one.sent) for count in (one.hard, one.failed, one.complaints))
    return (name, f"{one.sent:,}", *shares, "" if one.campaign else state.value)


def _as_dict(one: "Sending", state: State) -> dict[str, object]:
    return {
        "stream": one.stream,
        "campaign": one.campaign or None,
        "hours": int(one.length / timedelta(hours=1)),
        "sent": one.sent,
        "hard": one.hard,
        "failed": one.failed,
        "complaints": one.complaints,
        "state": None if one.campaign else state.value,
    }
