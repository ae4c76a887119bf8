"""`dsnwatch rollback`: take back what one bad hour suppressed."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from dsnwatch.cli.lengths import moment
from dsnwatch.cli.options import BecauseOption, ConfigOption, JsonOption, StoreOption, VerboseOption
from dsnwatch.cli.output import Column, day, json_line, line, say, table
from dsnwatch.cli.person import who
from dsnwatch.cli.place import Place
from dsnwatch.errors import UsageError

if TYPE_CHECKING:
    from dsnwatch.records import Suppression
    from dsnwatch.undoing import Restored, Rollback

app = typer.Typer(rich_markup_mode=None, add_completion=False)

_COLUMNS = (Column("address"), Column("suppressed for", 22), Column("becomes", 22))
_FINGERPRINT = re.compile(r"[0-9a-f]{12}")
_ULID = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}")


@app.command(
    short_help="Take back what one bad hour suppressed.",
    help="Take back what the reports of some hours suppressed: each of those addresses is then as "
    "it was without them, free or suppressed for what there was before. Every hook is told, and "
    "those reports count for nothing from then on. Done again, it changes nothing; --undo takes "
    "the rollback itself back.",
    epilog="""\b
    What would it do?
      dsnwatch rollback --since 2026-03-01T02:00 --preview
    A key was broken, and they said "blocked":
      dsnwatch rollback --since 2d --fingerprint 0a1b2c3d4e5f --because "DKIM"
    That was wrong:
      dsnwatch rollback --undo 01K0000000000000000000000A --because "all dead"
    """,
)
def rollback(
    ctx: typer.Context,
    *,
    since: Annotated[
        datetime | None,
        typer.Option(
            "--since",
            metavar="TIME",
            parser=moment,
            help="From then on: 2026-03-01, 2026-03-01T02:00 (UTC), 2h (ago).",
        ),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(
            "--until",
            metavar="TIME",
            parser=moment,
            help="Before then, likewise. [default: now]",
        ),
    ] = None,
    by_reading: Annotated[
        bool,
        typer.Option(
            "--by-reading",
            help="These are the hours in which the reports were read, not those in which they "
            "arrived: for a mailbox that was read late.",
        ),
    ] = False,
    rule: Annotated[
        str,
        typer.Option(
            "--rule",
            metavar="ID",
            help="Only what this row of the policy suppressed, or this rule judged.",
        ),
    ] = "",
    fingerprint: Annotated[
        str,
        typer.Option(
            "--fingerprint",
            metavar="HEX",
            help="Only refusals that say this; `holds list` and `events show` name it.",
        ),
    ] = "",
    stream: Annotated[
        str | None, typer.Option("--stream", metavar="NAME", help="Only this kind of mail.")
    ] = None,
    preview: Annotated[
        bool, typer.Option("--preview", help="Say what would follow, and change nothing.")
    ] = False,
    because: BecauseOption = "",
    undo: Annotated[
        str, typer.Option("--undo", metavar="ID", help="Take this rollback back.")
    ] = "",
    as_json: JsonOption = False,
    store: StoreOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Look, or do it, or undo it."""
    from dsnwatch.undoing import Incident, Rollback  # noqa: PLC0415  not for --help

    place = Place(ctx, config=config, store=store, verbose=verbose)
    if not preview and not because.strip():
        raise UsageError('say --preview to look first, or why: --because "DKIM was broken"')
    if undo:
        _undo(place, undo, because, preview=preview, as_json=as_json)
        return
    if since is None:
        raise UsageError("say from when on: --since 2026-03-01T02:00")
    if fingerprint and not _FINGERPRINT.fullmatch(fingerprint):
        raise UsageError(f"--fingerprint {fingerprint}: is none; it has 12 digits from 0-9 and a-f")
    incident = Incident(
        since,
        until or datetime.now(UTC),
        rule,
        fingerprint,
        stream,
        by_reading,
    )
    if incident.until <= incident.since:
        raise UsageError("--until is not later than --since")
    with (
        place.store() as opened,
        Rollback(opened, incident, place.subscriptions()) as found,
    ):
        _tell(found.preview() if preview else found.apply(who(), because), as_json=as_json)
        _sum_up(found, preview=preview, as_json=as_json)


def _tell(restored: Iterable["Restored"], *, as_json: bool) -> None:
    if not as_json:
        table(_COLUMNS, map(_row, restored))
        return
    for each in restored:
        json_line(
            {
                "address": each.address,
                "stream": each.stream,
                "before": _as_dict(each.before),
                "after": each.after and _as_dict(each.after),
            }
        )


def _sum_up(found: "Rollback", *, preview: bool, as_json: bool) -> None:
    if as_json:
        json_line({"rollback": None if preview else found.id, "events": found.events})
    elif not found.events:
        say("nothing to take back; see the hours with `dsnwatch events list --since ...`")
    elif preview:
        line()
        line(f"events that would count for nothing: {found.events:,}; --because TEXT does it")
    else:
        line()
        line(f"events that count for nothing now: {found.events:,}; it is taken back by")
        line(f"  dsnwatch rollback --undo {found.id} --because ...")


def _undo(place: Place, id_: str, because: str, *, preview: bool, as_json: bool) -> None:
    from dsnwatch.undoing import undo  # noqa: PLC0415  not for --help

    if preview:
        raise UsageError("--undo has no --preview")
    if not _ULID.fullmatch(id_):
        raise UsageError(f"--undo {id_}: is no id; `rollback` said it at its end")
    count = 0
    with place.store() as opened:
        for row in undo(opened, id_, who(), because, place.subscriptions()):
            count += 1
            if as_json:
                json_line({"address": row.address, "stream": row.stream, "after": _as_dict(row)})
    if not as_json:
        line(f"{id_}: {count:,} suppressed again")


def _row(each: "Restored") -> tuple[str, ...]:
    address = f"{each.address} ({each.stream})" if each.stream else each.address
    if each.after is None:
        return address, each.before.reason, "may be mailed"
    until = day(each.after.until, never="for ever")
    return address, each.before.reason, f"{each.after.reason}, {until}"


def _as_dict(row: "Suppression") -> dict[str, object]:
    from dsnwatch.lists import as_dict  # noqa: PLC0415  not for --help

    return as_dict(row)
