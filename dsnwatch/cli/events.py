"""`dsnwatch events`: what happened to whom, what it means, and what was decided."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from dsnwatch.cli.options import (
    AddressOption,
    ClassOption,
    ConfigOption,
    DomainOption,
    JsonOption,
    KindOption,
    LimitOption,
    ReasonOption,
    SinceOption,
    StoreOption,
    StreamOption,
    UntilOption,
    VerboseOption,
)
from dsnwatch.cli.output import Column, fields, json_line, minute, say, table
from dsnwatch.cli.place import Place
from dsnwatch.errors import UsageError
from dsnwatch.nearest import see_reason
from dsnwatch.rfc.address import key
from dsnwatch.shown import event_dict
from dsnwatch.store import EventFilter

if TYPE_CHECKING:
    from dsnwatch.records import StoredEvent

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
    help="What happened to whom, what it means, and what was decided.",
)

_COLUMNS = (
    Column("when (UTC)", 16),
    Column("recipient"),
    Column("class", 5),
    Column("reason", 22),
)
_OF_ONE = (_COLUMNS[0], Column("id", 26), *_COLUMNS[2:])
"""Of one address: there is room for the id."""


@app.command(
    "list",
    help="List events, oldest first, all that the options do not rule out.",
    epilog="""\b
    What happened to Anne's address, with the ids for `events show`:
      dsnwatch events list --address anne@example.com
    Who refused us as senders this year, for a script:
      dsnwatch events list --class block --since 2026-01-01 --json
    """,
)
def list_events(
    ctx: typer.Context,
    *,
    address: AddressOption = None,
    domain: DomainOption = None,
    reason: ReasonOption = None,
    bounce_class: ClassOption = None,
    kind: KindOption = None,
    stream: StreamOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    limit: LimitOption = None,
    as_json: JsonOption = False,
    store: StoreOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Print events as a table or as JSON lines."""
    place = Place(ctx, config=config, store=store, verbose=verbose)
    see_reason(reason)
    wanted = EventFilter(
        address=None if address is None else key(address),
        domain=None if domain is None else key(f"@{domain}").removeprefix("@"),
        reason=reason,
        bounce_class=bounce_class,
        kind=kind,
        stream=stream,
        since=since,
        until=until,
    )
    with place.store() as opened:
        found = opened.events(wanted, limit)
        if as_json:
            for stored in found:
                json_line(event_dict(stored))
        else:
            columns, row = (_COLUMNS, _row) if address is None else (_OF_ONE, _row_of_one)
            if not table(columns, map(row, found)):
                say("no events")


@app.command(
    short_help="Show the latest events, and those that come.",
    help="Show the latest events, oldest first; with --follow also each one that comes, till "
    "Ctrl-C.",
    epilog="""\b
    What comes in right now?
      dsnwatch events tail --follow
    Each block from now on, for a program:
      dsnwatch events tail --follow --limit 0 --class block --json
    """,
)
def tail(
    ctx: typer.Context,
    *,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Wait for more, and show it as it comes.")
    ] = False,
    limit: Annotated[
        int, typer.Option("--limit", min=0, metavar="N", help="How many of those that are there.")
    ] = 10,
    address: AddressOption = None,
    reason: ReasonOption = None,
    bounce_class: ClassOption = None,
    kind: KindOption = None,
    stream: StreamOption = None,
    as_json: JsonOption = False,
    store: StoreOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Print the last events, and wait for more where that is asked."""
    from dsnwatch.cli import events_tail  # noqa: PLC0415  not for --help

    place = Place(ctx, config=config, store=store, verbose=verbose)
    see_reason(reason)
    wanted = EventFilter(
        address=None if address is None else key(address),
        reason=reason,
        bounce_class=bounce_class,
        kind=kind,
        stream=stream,
    )
    with place.store() as opened:
        here = opened.feed_end()  # before what is there is looked at: nothing falls between
        last = events_tail.latest(opened, wanted, limit) if limit else []
        come = events_tail.coming(opened, wanted, here, last)
        if as_json:
            events_tail.show(last, lambda stored: json_line(event_dict(stored)))
        elif not table(_COLUMNS, map(_row, last)) and not follow:
            say("no events")
        sys.stdout.flush()
        if follow and as_json:
            events_tail.show(come, lambda stored: json_line(event_dict(stored)))
        elif follow:
            events_tail.show(come, lambda one: table(_COLUMNS, [_row(one)], heading=False))


@app.command(
    short_help="Show one event whole.",
    help="Show one event whole: what was said, what it means, what was decided and why.",
    epilog="""\b
    The event that a suppression names:
      dsnwatch events show 01K0000000000000000000000A
    """,
)
def show(
    ctx: typer.Context,
    *,
    id_: Annotated[str, typer.Argument(metavar="ID", help="The event's id.")],
    as_json: JsonOption = False,
    store: StoreOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Print one event and the message it was read from."""
    from dsnwatch.policy.guards import fingerprint  # noqa: PLC0415  not for `events list`

    place = Place(ctx, config=config, store=store, verbose=verbose)
    with place.store() as opened:
        stored = opened.event(id_)
        if stored is None:
            raise UsageError(
                f"no event '{id_}'; `dsnwatch events list --address ADDRESS` has their ids"
            )
        message = opened.message(stored.message_id)
        said = event_dict(stored)
        said["fingerprint"] = fingerprint(stored.event) if stored.event.verdict else None
        said["source"] = message.raw.locator if message else None
        if as_json:
            json_line(said)
        else:
            fields(said)


def _row(stored: "StoredEvent") -> tuple[str, ...]:
    event = stored.event
    verdict = event.verdict
    return (
        minute(event.occurred_at),
        event.attribution.recipient,
        # Of an undetermined one, class and reason are the same word.
        verdict.bounce_class if verdict and verdict.bounce_class != verdict.reason else "-",
        verdict.reason if verdict else event.kind,
    )


def _row_of_one(stored: "StoredEvent") -> tuple[str, ...]:
    when, _, *why = _row(stored)
    return (when, stored.id, *why)
