"""`dsnwatch todo`: what the sender has to mend."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from dsnwatch.cli.lengths import since_option
from dsnwatch.cli.options import (
    BackOption,
    ConfigOption,
    JsonOption,
    LimitOption,
    StoreOption,
    VerboseOption,
)
from dsnwatch.cli.output import day, folded, heading, json_line, line, say
from dsnwatch.cli.place import Place
from dsnwatch.shown import ticket_dict

if TYPE_CHECKING:
    from dsnwatch.todo import Ticket

app = typer.Typer(rich_markup_mode=None, add_completion=False)

_TEXT_AT_MOST = 240


@app.command(
    short_help="List what the sender has to mend.",
    help="List what the sender has to mend: refusals for the sender's or the message's sake, put "
    "together by provider, reason, block list and address blocked, with what to do. One that has "
    "stopped is fixed. Exit status 1: there is something to do.",
    epilog="""\b
    What is to be done?
      dsnwatch todo
    And what was done?
      dsnwatch todo --fixed --since 90d
    """,
)
def todo(
    ctx: typer.Context,
    *,
    since: BackOption = "30d",
    fixed: Annotated[bool, typer.Option("--fixed", help="List what is fixed as well.")] = False,
    limit: LimitOption = None,
    as_json: JsonOption = False,
    store: StoreOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> int:
    """Print a paragraph a ticket, or JSON lines."""
    from dsnwatch.store import Span  # noqa: PLC0415  not for --help
    from dsnwatch.todo import tickets  # noqa: PLC0415  likewise

    place = Place(ctx, config=config, store=store, verbose=verbose)
    now = datetime.now(UTC)
    span = Span.last(since_option(since), now)
    with place.store() as opened:
        found = tickets(opened, span, now, limit)
    left = [one for one in found if fixed or not one.fixed]
    for one in left:
        if as_json:
            json_line(ticket_dict(one))
        else:
            _show(one)
    if not left and not as_json:
        say(f"nothing to do: no refusal for your own sake since {day(span.since)}")
    return int(any(not one.fixed for one in left))


def _show(one: "Ticket") -> None:
    """Print a ticket, and an empty line."""
    state = "fixed: " if one.fixed else ""
    heading(f"{state}{one.title} ({one.reason})")
    times = "once" if one.events == 1 else f"{one.events:,} times"
    line(f"  {times}, first on {day(one.first_at)}, last on {day(one.last_at)}")
    if not one.fixed:
        folded(one.to_do, "  -> ", "   ")
    folded(f'"{one.text[:_TEXT_AT_MOST]}"', "  ", " ")
    if one.help_url:
        line(f"  {one.help_url}")
    line(f"  dsnwatch events show {one.sample}")
    line()
