"""`dsnwatch suppressions due|try`: who may be tried again, and trying."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from dsnwatch.cli.options import (
    ConfigOption,
    JsonOption,
    LimitOption,
    StoreOption,
    VerboseOption,
)
from dsnwatch.cli.output import Column, day, json_line, line, minute, say, table
from dsnwatch.cli.person import who
from dsnwatch.cli.place import Place
from dsnwatch.errors import UsageError
from dsnwatch.nearest import nearest
from dsnwatch.rfc.address import key
from dsnwatch.rfc.date import rfc3339

if TYPE_CHECKING:
    from dsnwatch.returning import Returning

_STATES = ("due", "resting", "trial", "review", "all")
_COLUMNS = (
    Column("address"),
    Column("reason", 19),
    Column("tried", 5, right=True),
    Column("state", 22),
)
_UNTIL = {
    "resting": "rests until {}",
    "due": "due since {}",
    "trial": "on trial until {}",
    "review": "to review since {}",
}


def add_to(app: typer.Typer) -> None:
    """Put these commands beside the others of `dsnwatch suppressions`."""
    app.command(
        short_help="List who may be tried again.",
        help="List those whom soft failures suppressed for a while and who may be tried again: due "
        "after a rest (policy.coming_back.rest). With --state all those who rest, are on trial, or "
        "are for a person to look at: tried as often as they may be without a sign of life, or "
        "dead again soon after a release.",
        epilog="""\b
    Whom may I write to again?
      dsnwatch suppressions due
    Who is for me to look at?
      dsnwatch suppressions due --state review
    """,
    )(due)
    app.command(
        "try",
        short_help="Let who is due be mailed for some days.",
        help="Lift the suppression of those who are due for some days (policy.coming_back.trial). "
        "What bounces meanwhile puts it back, a sign of life ends it, and where neither comes it "
        "holds again. Hooks are told. Exit status 1: somebody named is not due.",
        epilog="""\b
    The first hundred who are due:
      dsnwatch suppressions try --limit 100
    Anne:
      dsnwatch suppressions try anne@example.com
    """,
    )(try_)


def due(
    ctx: typer.Context,
    *,
    state: Annotated[
        str, typer.Option("--state", metavar="STATE", help=f"Which: {', '.join(_STATES)}.")
    ] = "due",
    limit: LimitOption = None,
    as_json: JsonOption = False,
    store: StoreOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Print who is on the way back, by address."""
    from dsnwatch.returning import returning  # noqa: PLC0415  not for --help

    if state not in _STATES:
        raise UsageError(f"--state {state}: there is none; {nearest(state, _STATES)}")
    place = Place(ctx, config=config, store=store, verbose=verbose)
    section = place.configuration.settings.policy.coming_back
    with place.store() as opened:
        every = returning(opened, section, datetime.now(UTC))
        found = islice((each for each in every if state in {"all", each.state}), limit)
        if as_json:
            for each in found:
                json_line(_as_dict(each))
        elif not table(_COLUMNS, map(_row, found)):
            say("nobody" if state == "all" else f"nobody is {_NOBODY[state]}")


_NOBODY = {
    "due": "due; --state all lists who rests",
    "resting": "resting",
    "trial": "on trial",
    "review": "to review",
}


def try_(
    ctx: typer.Context,
    *,
    addresses: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ADDRESS]", help="Addresses. [default: everybody who is due]"),
    ] = None,
    stream: Annotated[
        str,
        typer.Option(
            "--stream", metavar="NAME", help="What is for this kind of mail. [default: all]"
        ),
    ] = "",
    limit: LimitOption = None,
    as_json: JsonOption = False,
    store: StoreOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> int:
    """Begin trials, some a transaction."""
    from dsnwatch.returning import try_again  # noqa: PLC0415  not for --help

    place = Place(ctx, config=config, store=store, verbose=verbose)
    section = place.configuration.settings.policy.coming_back
    asked = None if not addresses else [(key(address), stream) for address in addresses]
    with place.store() as opened:
        tried = try_again(opened, section, asked, who(), place.subscriptions(), limit=limit)
        done = set(_told(tried, as_json=as_json))
    missing = [address for address, _ in asked or () if (address, stream) not in done]
    for address in missing:
        if as_json:
            json_line({"address": address, "stream": stream, "tried": False})
        else:
            line(f"{address}: is not due; `dsnwatch suppressions due --state all` says why")
    if not done and not missing:
        say(f"nobody is {_NOBODY['due']}")
    return int(bool(missing))


def _told(tried: Iterator[tuple[str, str]], *, as_json: bool) -> Iterator[tuple[str, str]]:
    for address, stream in tried:
        if as_json:
            json_line({"address": address, "stream": stream, "tried": True})
        else:
            line(f"{address}: may be tried")
        yield address, stream


def _row(each: "Returning") -> tuple[str, ...]:
    row = each.row
    address = f"{row.address} ({row.stream})" if row.stream else row.address
    at = minute(each.at) if each.state == "trial" else day(each.at)
    state = row.note if row.until is None else _UNTIL[each.state].format(at)
    return address, row.reason, str(each.trials), state


def _as_dict(each: "Returning") -> dict[str, object]:
    row = each.row
    return {
        "address": row.address,
        "stream": row.stream,
        "reason": row.reason,
        "state": each.state.value,
        "at": rfc3339(each.at),
        "last_failure": rfc3339(each.last_failure),
        "trials": each.trials,
        "until": rfc3339(row.until),
        "note": row.note,
    }
