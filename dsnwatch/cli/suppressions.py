"""`dsnwatch suppressions`: whom not to mail; every change has a reason and is in the audit log."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from dsnwatch.cli.options import (
    ConfigOption,
    JsonOption,
    LimitOption,
    StoreOption,
    VerboseOption,
)
from dsnwatch.cli.output import (
    Column,
    day,
    json_line,
    json_text,
    line,
    say,
    table,
)
from dsnwatch.cli.person import who
from dsnwatch.cli.place import Place
from dsnwatch.cli.text_files import text_lines, write_texts
from dsnwatch.errors import UsageError
from dsnwatch.list_changes import put, release, take_in
from dsnwatch.list_rows import HEADING, ORIGINS, as_cells, as_dict, read_rows
from dsnwatch.model import Suppression
from dsnwatch.nearest import nearest, see_reason
from dsnwatch.rfc.address import key
from dsnwatch.rfc.csv_text import csv_lines
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
RawCellsOption = Annotated[
    bool,
    typer.Option(
        "--raw-cells",
        help="Leave cells that a spreadsheet would take for a formula as they are, without an "
        "apostrophe before them.",
    ),
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
    domain: Annotated[
        str | None, typer.Option("--domain", metavar="DOMAIN", help="Only those of this domain.")
    ] = None,
    reason: Annotated[
        str | None,
        typer.Option("--reason", metavar="REASON", help="Only this reason: user_unknown ..."),
    ] = None,
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
    with place.store() as opened:
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
    because: Annotated[
        str, typer.Option("--because", metavar="TEXT", help="Why; it is kept in the audit log.")
    ],
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


@app.command(
    short_help="Write the suppressions to a file.",
    help="Write the suppressions that hold now to standard output or a file, as CSV or JSON lines.",
    epilog="""\b
    For the newsletter program:
      dsnwatch suppressions export > suppressed.csv
    For another dsnwatch:
      dsnwatch suppressions export --format json --output all.jsonl --all
    """,
)
def export(
    ctx: typer.Context,
    *,
    form: Annotated[
        str, typer.Option("--format", metavar="csv|json", help="What to write.")
    ] = "csv",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Where to. [default: standard output]"),
    ] = None,
    raw_cells: RawCellsOption = False,
    lapsed: AllOption = False,
    limit: LimitOption = None,
    store: StoreOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Stream every row; a file appears whole or not at all."""
    place = Place(ctx, config=config, store=store, verbose=verbose)
    wanted = SuppressionFilter(active_at=None if lapsed else datetime.now(UTC))
    if form not in {"csv", "json"}:
        raise UsageError(f"--format {form}: is neither csv nor json")
    with place.store() as opened:
        write_texts(output, _texts(opened.suppressions(wanted, limit), form=form, raw=raw_cells))


@app.command(
    "import",
    short_help="Take suppressions in from a file.",
    help="Take suppressions in from a file that `export` wrote, or any CSV with a column "
    '"address". All of it or, where a row is wrong, nothing. One that holds as long already stays '
    "as it is. Exit status 65: a row is wrong.",
    epilog="""\b
    What another program knows:
      dsnwatch suppressions import old.csv --because "from the old list"
    Look first:
      dsnwatch suppressions import old.csv --dry-run
    """,
)
def import_suppressions(
    ctx: typer.Context,
    *,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="CSV or JSON lines; - is standard input.")
    ],
    because: Annotated[
        str, typer.Option("--because", metavar="TEXT", help="Why; it is kept in the audit log.")
    ] = "",
    raw_cells: RawCellsOption = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count, and write nothing.")] = False,
    as_json: JsonOption = False,
    store: StoreOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Read rows and write them in one transaction."""
    place = Place(ctx, config=config, store=store, verbose=verbose)
    with text_lines(file) as lines, place.store() as opened:
        rows = read_rows(lines, str(file), datetime.now(UTC), raw=raw_cells)
        read, written = take_in(
            opened,
            rows,
            str(file),
            because,
            who(),
            wanted=place.subscriptions(),
            dry_run=dry_run,
        )
    if as_json:
        json_line({"file": str(file), "rows": read, "written": written, "dry_run": dry_run})
        return
    end = "would be added or last longer; nothing is written" if dry_run else "added or made longer"
    line(f"{file}: {read} rows, {written} {end}")


def _row(suppression: Suppression) -> tuple[str, ...]:
    stream = f" ({suppression.stream})" if suppression.stream else ""
    return (
        f"{suppression.address}{stream}",
        suppression.reason,
        day(suppression.since),
        day(suppression.until, never="for ever"),
    )


def _texts(found: Iterable[Suppression], *, form: str, raw: bool) -> Iterator[str]:
    if form == "csv":
        return csv_lines(HEADING, map(as_cells, found), raw=raw)
    return (json_text(as_dict(each)) for each in found)


def _address(text: str) -> str:
    address = key(text)
    if not all(address.rpartition("@")[::2]):
        raise UsageError(f"'{text}' is no address; write it as name@domain")
    return address


def _length(text: str) -> timedelta:
    from dsnwatch.config_values import duration  # noqa: PLC0415  pydantic, for --for alone

    try:
        length = duration(text)
    except ValueError as error:
        raise UsageError(f"--for: {error}") from error
    assert isinstance(length, timedelta)
    if not length:
        raise UsageError("--for: must be longer than nothing")
    return length
