"""`dsnwatch db`: the database itself."""

from datetime import UTC, datetime
from pathlib import Path

import typer

from dsnwatch.cli.db_copy import copy
from dsnwatch.cli.options import ConfigOption, JsonOption, StoreOption, VerboseOption
from dsnwatch.cli.output import Column, folded, json_line, line, table
from dsnwatch.cli.person import who
from dsnwatch.cli.place import Place
from dsnwatch.errors import StoreError, UsageError
from dsnwatch.store.examine import check as examine
from dsnwatch.store.location import is_server, sqlite_path
from dsnwatch.store.schema import HEAD
from dsnwatch.store.upkeep import compact, give_back, size

app = typer.Typer(
    rich_markup_mode=None, add_completion=False, no_args_is_help=True, help="Look after the store."
)


@app.callback()
def _db() -> None:
    """Hold the commands."""


@app.command(
    short_help="Make the store, or bring it up to date.",
    help="Make the store where there is none, and bring an older one up to date. Every command "
    "that opens the store does this first; run it by hand to do it at a time of your choice.",
    epilog="""\b
    Before the service is started with a new version:
      dsnwatch db upgrade
    """,
)
def upgrade(
    ctx: typer.Context,
    *,
    as_json: JsonOption = False,
    store: StoreOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Open the store, which migrates it, and say so."""
    place = Place(ctx, config=config, store=store, verbose=verbose)
    with place.store(make=True) as opened:
        if as_json:
            json_line({"store": opened.where, "schema": HEAD})
        else:
            line(f"{opened.where}: up to date")


@app.command(
    short_help="Let go of what has been kept long enough.",
    help="Delete the bytes of messages, the events, what hooks could not be told, and what is "
    "known of mail that was sent, as long after as the keep section says; end the suppressions "
    "that policy.keep names, and the trials that are over. The daemon does it every hour. Other "
    "suppressions, the events they rest on, the facts of messages, the audit log and the figures "
    "by the day stay. The room they took goes back to the disk, but for a tenth, which the mail of "
    "tomorrow takes.",
    epilog="""\b
    Every night, from a timer:
      dsnwatch db sweep
    """,
)
def sweep(
    ctx: typer.Context,
    *,
    as_json: JsonOption = False,
    store: StoreOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Delete by the retention of the configuration, some rows a transaction."""
    from dsnwatch.keeping import Sweep  # noqa: PLC0415  not for --help

    place = Place(ctx, config=config, store=store, verbose=verbose)
    with place.store() as opened:
        gone = Sweep(opened, place.configuration.settings, who(), place.subscriptions()).run(
            datetime.now(UTC)
        )
        # A server gives room back by itself, for its own use.
        path = None if opened.shared else Path(opened.where)
        given_back = 0 if path is None else give_back(path)
        if as_json:
            json_line({"store": opened.where, **gone, "octets_given_back": given_back})
            return
        said = f"; {size_text(given_back)} went back to the disk" if path else ""
        line(
            f"{opened.where}: let go of the bytes of {gone['raw_messages']:,} messages, of "
            f"{gone['events']:,} events and of {gone['dead_letters']:,} dead letters{said}"
        )
        if ended := gone.get("suppressions", 0):
            line(f"{ended:,} suppressions ended, as policy.keep says")
        left = size(path) if path else None
        if left is not None and not left.gives_back and left.free:
            line(
                f"{size_text(left.free)} more are free in the file; `dsnwatch db compact` gives "
                "them back, once, and later sweeps what comes then"
            )


@app.command(
    short_help="Read the whole store, and say whether it is whole.",
    help="Read every page of the database and see that everything in it that names something finds "
    "it: events their message, suppressions their event, news their queue. It changes nothing and "
    "may run beside the daemon. Exit status 1: something is wrong, with what to do about it.",
    epilog="""\b
    After the machine fell over:
      dsnwatch db check
    """,
)
def check(
    ctx: typer.Context,
    *,
    as_json: JsonOption = False,
    store: StoreOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> int:
    """Look at the file, and print what was found."""
    place = Place(ctx, config=config, store=store, verbose=verbose)
    path = store_file(place, "PostgreSQL has pg_amcheck")
    hooks = [section.name for section in place.configuration.settings.hook]
    found, large = examine(path, hooks), size(path)
    if as_json:
        json_line(
            {
                "store": str(path),
                "whole": not found.findings,
                "findings": [{"what": each.what, "cure": each.cure} for each in found.findings],
                "rows": found.rows,
                "octets": large.octets,
                "octets_free": large.free,
                "octets_log": large.log,
            }
        )
        return 1 if found.findings else 0
    rows = [(name, f"{count:,}") for name, count in found.rows.items()]
    table((Column("table", 14), Column("rows", 14, right=True)), rows)
    line(
        f"{path}: {size_text(large.octets)}, {size_text(large.free)} of them free; log "
        f"{size_text(large.log)}"
    )
    for each in found.findings:
        folded(f"{each.what}: {each.cure}", indent="! ", onward="  ")
    line("something is wrong" if found.findings else "all is well")
    return 1 if found.findings else 0


@app.command(
    "compact",
    short_help="Write the store anew, without what is free in it.",
    help="Write the file anew and small. Nobody else can write to the store meanwhile, and it "
    "needs as much room again: stop the service first where the store is large. Sweeps give back "
    "what they free by themselves; this is for stores that were made before they did.",
    epilog="""\b
    Once, after `db sweep` said so:
      dsnwatch db compact
    """,
)
def compact_(
    ctx: typer.Context,
    *,
    as_json: JsonOption = False,
    store: StoreOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Vacuum, and say what it gave back."""
    place = Place(ctx, config=config, store=store, verbose=verbose)
    path = store_file(place, "PostgreSQL gives room back by itself (autovacuum)")
    given_back = compact(path)
    if as_json:
        json_line({"store": str(path), "octets_given_back": given_back})
    else:
        line(f"{path}: {size_text(given_back)} went back to the disk")


def store_file(place: Place, on_a_server: str) -> Path:
    """Find the store's file, without migrating it.

    Args:
        place: The command's.
        on_a_server: What to do where the store is on a server.

    Raises:
        StoreError: There is none.
        UsageError: The store is on a server.
    """
    url = place.store_url()
    if is_server(url):
        raise UsageError(f"this is for a store in a file; {on_a_server}")
    path = sqlite_path(url)
    if not path.is_file():
        raise StoreError(f"store {path}: is not there; name it with --store")
    place.say_store(path)
    return path


def size_text(octets: int) -> str:
    """Write a number of octets for people: `12.3 MB`."""
    number, unit = float(octets), "B"
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000 or unit == "GB":  # noqa: PLR2004  as the units are
            break
        number /= 1000
    return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"


app.command(
    "copy",
    short_help="Move the store into another database, and verify it.",
    help="Copy everything from one store into an empty database, for instance from a file into "
    "PostgreSQL, and compare both: rows and a checksum for each table. Stop the daemon first. "
    "Interrupted, it goes on where it was when it is run again. A target that is not empty is "
    "refused.",
    epilog="""\b
    From one machine to a server that several share:
      dsnwatch db copy dsnwatch.db postgresql+psycopg://dsnwatch@db/dsnwatch
    """,
)(copy)


@app.command(
    short_help="Count all that is stored anew, for the figures.",
    help="Count anew what reports, charts and alerts go by: events by hour and day, by domain and "
    "campaign, and what refusals say alike. The figures are kept with the events and are right; "
    "this is for a store that somebody else wrote to, or that was restored in parts. Figures of "
    "days whose events were let go of stay as they are.",
    epilog="""\b
    After events were put in by a script:
      dsnwatch db recount
    """,
)
def recount(
    ctx: typer.Context,
    *,
    as_json: JsonOption = False,
    store: StoreOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Count in one transaction; whoever stores mail waits for it."""
    place = Place(ctx, config=config, store=store, verbose=verbose)
    with place.store() as opened:
        with opened.write() as writer:
            events = writer.tally_anew()
        if as_json:
            json_line({"store": opened.where, "events": events})
        else:
            line(f"{opened.where}: counted {events:,} events")
