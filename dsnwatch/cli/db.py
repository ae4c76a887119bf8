"""`dsnwatch db`: the database itself."""

from datetime import UTC, datetime, timedelta

import typer

from dsnwatch.cli.options import ConfigOption, JsonOption, StoreOption, VerboseOption
from dsnwatch.cli.output import json_line, line
from dsnwatch.cli.person import who
from dsnwatch.cli.place import Place
from dsnwatch.store.figure_answers import HOURS_KEPT
from dsnwatch.store.schema import HEAD

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
    with place.store() as opened:
        if as_json:
            json_line({"store": opened.where, "schema": HEAD})
        else:
            line(f"{opened.where}: up to date")


@app.command(
    short_help="Let go of what has been kept long enough.",
    help="Delete the bytes of messages, the events, and what hooks could not be told, that were "
    "stored longer ago than keep.raw_messages, keep.events and keep.dead_letters say. "
    "Suppressions, the events they rest on, the facts of messages, the audit log and the figures "
    "by the day stay.",
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
    """Delete by the retention of the configuration, in one transaction."""
    place = Place(ctx, config=config, store=store, verbose=verbose)
    keep = place.configuration.settings.keep
    now = datetime.now(UTC)
    with place.store() as opened:
        with opened.write() as writer:
            raw = writer.sweep_raw(_before(now, keep.raw_messages))
            events = writer.sweep_events(_before(now, keep.events))
            dead = writer.deliveries.sweep(_before(now, keep.dead_letters))
            writer.fold_tallies()
            writer.sweep_tallies(now - HOURS_KEPT, _before(now, keep.events))
            if raw or events or dead:
                detail = {"raw_messages": raw, "events": events, "dead_letters": dead}
                writer.audit(now, who(), "store.sweep", opened.where, "keep", detail)
        if as_json:
            json_line(
                {"store": opened.where, "raw_messages": raw, "events": events, "dead_letters": dead}
            )
            return
        line(
            f"{opened.where}: let go of the bytes of {raw} messages, of {events} events and of "
            f"{dead} dead letters"
        )


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


def _before(now: datetime, keep: timedelta | None) -> datetime:
    """The moment before which something goes; the beginning of time where it stays for ever."""
    return datetime.fromtimestamp(0, UTC) if keep is None else now - keep
