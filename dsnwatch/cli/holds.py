"""`dsnwatch holds`: suppressions that wait for a person, and what he says to them."""

from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from dsnwatch.cli.options import (
    BecauseOption,
    ConfigOption,
    JsonOption,
    LimitOption,
    StoreOption,
    VerboseOption,
)
from dsnwatch.cli.output import Column, json_line, line, minute, say, table
from dsnwatch.cli.person import who
from dsnwatch.cli.place import Place
from dsnwatch.errors import UsageError
from dsnwatch.shown import held_dict, hold_dict

if TYPE_CHECKING:
    from dsnwatch.holding import Holding
    from dsnwatch.records import StoredEvent
    from dsnwatch.store import Hold

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
    help="Suppressions that wait for a person.",
)

NameArgument = Annotated[
    str, typer.Argument(metavar="HOLD", help="Its name or id, as `holds list` has them.")
]
_HOLDS = (Column("since (UTC)", 16), Column("events", 8, right=True), Column("hold"))
_EVENTS = (Column("when (UTC)", 16), Column("recipient"), Column("reason", 22))


@app.command(
    "list",
    help="List what waits, oldest first.",
    epilog="""\b
    What waits for me?
      dsnwatch holds list
    """,
)
def list_holds(
    ctx: typer.Context,
    *,
    as_json: JsonOption = False,
    store: StoreOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Print holds as a table or as JSON lines."""
    place = Place(ctx, config=config, store=store, verbose=verbose)
    with place.store() as opened:
        found = [*opened.holds()]
    if as_json:
        for hold in found:
            json_line(hold_dict(hold))
        return
    rows = [
        (minute(hold.opened_at), f"{hold.events:,}", f"{hold.name}: {hold.summary}")
        for hold in found
    ]
    if not table(_HOLDS, rows):
        say("nothing waits")


@app.command(
    short_help="Show whom a hold is about.",
    help="Show whom a hold is about, in the order the reports came.",
    epilog="""\b
    The first twenty:
      dsnwatch holds show "flood 2026-03-01T12" --limit 20
    """,
)
def show(
    ctx: typer.Context,
    *,
    name: NameArgument,
    limit: LimitOption = None,
    as_json: JsonOption = False,
    store: StoreOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Print the events of a hold."""
    from dsnwatch.holding import Holding  # noqa: PLC0415  not for --help

    place = Place(ctx, config=config, store=store, verbose=verbose)
    with place.store() as opened:
        hold = _found(Holding(opened, who()), name)
        if as_json:
            for stored in opened.held_events(hold.id, limit):
                json_line(held_dict(stored))
            return
        line(f"{hold.name}: {hold.summary}")
        line()
        table(_EVENTS, map(_row, opened.held_events(hold.id, limit)))


class _Settling(NamedTuple):
    """What a person may say to a hold: the command, and how it is helped with."""

    name: str
    through: bool
    short: str
    help: str
    example: str


SETTLING = (
    _Settling(
        "release",
        through=True,
        short="Carry out what was held: suppress.",
        help="Carry out what was held: everybody it is about is suppressed, but for those whom "
        "policy.never_suppress names by now.",
        example="""\b
    They are dead indeed:
      dsnwatch holds release "flood 2026-03-01T12" --because "our old list"
    """,
    ),
    _Settling(
        "drop",
        through=False,
        short="Forget what was held: nobody is suppressed.",
        help="Forget what was held: nobody is suppressed by it, and the reports count for nothing "
        "from now on. They stay to be looked at.",
        example="""\b
    It was a forgery:
      dsnwatch holds drop "flood 2026-03-01T12" --because "forged, see ticket 7"
    """,
    ),
)


def _add(row: _Settling) -> None:
    """Make a command of a row."""

    @app.command(row.name, short_help=row.short, help=row.help, epilog=row.example)
    def settle(
        ctx: typer.Context,
        *,
        name: NameArgument,
        because: BecauseOption,
        as_json: JsonOption = False,
        store: StoreOption = None,
        config: ConfigOption = None,
        verbose: VerboseOption = False,
    ) -> None:
        """Settle a hold, some hundred decisions a transaction."""
        place = Place(ctx, config=config, store=store, verbose=verbose)
        _settle(place, name, because, through=row.through, as_json=as_json)


for _row_of in SETTLING:
    _add(_row_of)


def _settle(place: Place, name: str, because: str, *, through: bool, as_json: bool) -> None:
    from dsnwatch.holding import Holding  # noqa: PLC0415  not for --help

    if not because.strip():
        raise UsageError('say why: --because "forged, see ticket 7"')
    with place.store() as opened:
        holding = Holding(opened, who(), place.subscriptions(), spares=place.policy().spares)
        hold = _found(holding, name)
        settle = holding.release if through else holding.drop
        done = max(settle(hold, because), default=0)
    if as_json:
        json_line({"hold": hold.name, "done": "release" if through else "drop", "events": done})
        return
    line(f"{hold.name}: {done:,} {'suppressed' if through else 'dropped; nobody is suppressed'}")


def _found(holding: "Holding", name: str) -> "Hold":
    hold = holding.find(name)
    if hold is None:
        raise UsageError(f"no hold '{name}'; `dsnwatch holds list` has their names")
    return hold


def _row(stored: "StoredEvent") -> tuple[str, ...]:
    event = stored.event
    reason = event.verdict.reason if event.verdict else event.kind.value
    return minute(event.occurred_at), event.attribution.recipient, reason
