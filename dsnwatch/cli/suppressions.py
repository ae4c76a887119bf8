"""`dsnwatch suppressions`: whom not to mail; every change has a reason and is in the audit log."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from dsnwatch.cli.options import (
    BecauseOption,
    ConfigOption,
    DomainOption,
    JsonOption,
    LimitOption,
    ReasonOption,
    StoreOption,
    VerboseOption,
)
from dsnwatch.cli.output import (
    Column,
    day,
    json_line,
    line,
    say,
    table,
)
from dsnwatch.cli.person import who
from dsnwatch.cli.place import Place
from dsnwatch.cli.suppression_files import export, import_suppressions, imports, undo
from dsnwatch.cli.suppressions_due import add_to
from dsnwatch.errors import UsageError
from dsnwatch.list_changes import put, release
from dsnwatch.lists import ORIGINS, as_dict
from dsnwatch.nearest import nearest, see_reason
from dsnwatch.records import Suppression
from dsnwatch.rfc.address import key
from dsnwatch.store import SuppressionFilter

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
    help="Whom not to mail: list, add, remove, export, import.",
)

StreamOption = Annotated[
    str,
    typer.Option("--stream", metavar="NAME", help="Only for this kind of mail. [default: all]"),
]
AllOption = Annotated[bool, typer.Option("--all", help="Those that have run out as well.")]

_COLUMNS = (
    Column("address"),
    Column("reason", 22),
    Column("since", 10),
    Column("until", 10),
)


@app.command(
    "list",
    help="List the suppressions that hold now, by address.",
    epilog="""\b
    Everybody whose mailbox is full:
      dsnwatch suppressions list --reason mailbox_full
    """,
)
def list_suppressions(
    ctx: typer.Context,
    *,
    domain: DomainOption = None,
    reason: ReasonOption = None,
    origin: Annotated[
        str | None,
        typer.Option(
            "--origin",
            metavar="ORIGIN",
            help="Only those from: bounce, complaint, unsubscribe, manual, import.",
        ),
    ] = None,
    stream: Annotated[
        str | None, typer.Option("--stream", metavar="NAME", help="Only this very stream.")
    ] = None,
    lapsed: AllOption = False,
    limit: LimitOption = None,
    as_json: JsonOption = False,
    store: StoreOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Print suppressions as a table or as JSON lines."""
    place = Place(ctx, config=config, store=store, verbose=verbose)
    wanted = SuppressionFilter(
        domain=None if domain is None else key(f"@{domain}").removeprefix("@"),
        reason=reason,
        origin=origin,
        stream=stream,
        active_at=None if lapsed else datetime.now(UTC),
    )
    if origin is not None and origin not in ORIGINS:
        raise UsageError(f"--origin {origin}: there is none; {nearest(origin, ORIGINS)}")
    with place.store() as opened:
        # An import can have brought reasons of its own.
        if reason is not None and not any(opened.suppressions(SuppressionFilter(reason=reason), 1)):
            see_reason(reason, "complaint", "unsubscribe", "manual")
        found = opened.suppressions(wanted, limit)
        if as_json:
            for each in found:
                json_line(as_dict(each))
        elif not table(_COLUMNS, map(_row, found)):
            say("no suppressions")


@app.command(
    help="Suppress addresses by hand.",
    epilog="""\b
    Anne phoned and wants no more mail:
      dsnwatch suppressions add anne@example.com --because "phoned on Monday"
    For a while, in one stream:
      dsnwatch suppressions add bob@example.com --for 90d --stream newsletter
    """,
)
def add(
    ctx: typer.Context,
    *,
    addresses: Annotated[list[str], typer.Argument(metavar="ADDRESS", help="Addresses.")],
    because: Annotated[
        str, typer.Option("--because", metavar="TEXT", help="Why; it is kept with them.")
    ] = "",
    lasting: Annotated[
        str | None,
        typer.Option("--for", metavar="TIME", help='How long: "90d", "12h". [default: for ever]'),
    ] = None,
    stream: StreamOption = "",
    as_json: JsonOption = False,
    store: StoreOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Write manual suppressions; one that holds as long already stays as it is."""
    place = Place(ctx, config=config, store=store, verbose=verbose)
    now = datetime.now(UTC)
    until = None if lasting is None else now + _length(lasting)
    new = [
        Suppression(
            address=_address(address),
            reason="manual",
            origin="manual",
            rule="suppressions add",
            since=now,
            until=until,
            stream=stream,
            note=because,
        )
        for address in addresses
    ]
    with place.store(make=True) as opened:
        written = set(put(opened, new, because, who(), place.subscriptions()))
    for each in new:
        if as_json:
            json_line({"address": each.address, "stream": stream, "added": each in written})
        else:
            line(f"{each.address}: {'suppressed' if each in written else 'was suppressed already'}")


@app.command(
    help="Let addresses be mailed again. Exit status 1: one of them was not suppressed.",
    epilog="""\b
    Anne has a new mailbox under her old address:
      dsnwatch suppressions remove anne@example.com --because "mailbox is back"
    """,
)
def remove(
    ctx: typer.Context,
    *,
    addresses: Annotated[list[str], typer.Argument(metavar="ADDRESS", help="Addresses.")],
    because: BecauseOption,
    stream: StreamOption = "",
    as_json: JsonOption = False,
    store: StoreOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> int:
    """Take suppressions away, all in one transaction, each with a line in the audit log."""
    place = Place(ctx, config=config, store=store, verbose=verbose)
    if not because.strip():
        raise UsageError('say why: --because "mailbox is back"')
    wanted = [_address(address) for address in addresses]
    with place.store() as opened:
        gone = release(
            opened, [(address, stream) for address in wanted], because, who(), place.subscriptions()
        )
    for address in wanted:
        if as_json:
            json_line({"address": address, "stream": stream, "removed": (address, stream) in gone})
        else:
            free = (address, stream) in gone
            line(f"{address}: {'may be mailed again' if free else 'was not suppressed'}")
    return int(len(gone) < len(set(wanted)))


for _command in (export, import_suppressions, imports, undo):
    _command(app)


def _row(suppression: Suppression) -> tuple[str, ...]:
    stream = f" ({suppression.stream})" if suppression.stream else ""
    return (
        f"{suppression.address}{stream}",
        suppression.reason,
        day(suppression.since),
        day(suppression.until, never="for ever"),
    )


def _address(text: str) -> str:
    address = key(text)
    if not all(address.rpartition("@")[::2]):
        raise UsageError(f"'{text}' is no address; write it as name@domain")
    return address


def _length(text: str) -> timedelta:
    from dsnwatch.config.values import duration  # noqa: PLC0415  pydantic, for --for alone

    try:
        length = duration(text)
    except ValueError as error:
        raise UsageError(f"--for: {error}") from error
    assert isinstance(length, timedelta)
    if not length:
        raise UsageError("--for: must be longer than nothing")
    return length


add_to(app)
