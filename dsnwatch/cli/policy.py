"""`dsnwatch policy`: the policy in force in plain sentences, and what another one would do."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dsnwatch.cli.options import ConfigOption, JsonOption, StoreOption, VerboseOption
from dsnwatch.cli.output import Column, folded, heading, json_line, line, say, table
from dsnwatch.cli.place import Place
from dsnwatch.errors import UsageError
from dsnwatch.rfc.date import rfc3339

if TYPE_CHECKING:
    from dsnwatch.config.settings import Configuration
    from dsnwatch.foresight import Foreseen, Foresight
    from dsnwatch.policy import Policy
    from dsnwatch.records import Suppression

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
    help="What suppresses: in words, or tried on the past.",
)

SHOWN = 20
"""Addresses named to people; --json names all."""

LONGEST = 3650
_COLUMNS = (Column("address"), Column("would be", 12), Column("by", 22), Column("alive", 10))
_WORDS = {
    "suppress": "newly suppressed",
    "release": "not suppressed",
    "longer": "suppressed longer",
    "shorter": "suppressed for less long",
    "hold": "held for a person",
}
_SHORT = {"suppress": "suppressed", "release": "released", "hold": "held"}

DraftOption = Annotated[
    Path | None,
    typer.Option(
        "--policy",
        metavar="FILE",
        help="A draft: a configuration file, of which [policy] is read. [default: the policy in "
        "force]",
    ),
]


@app.command(
    short_help="Say the policy in plain sentences.",
    help="Say the policy in plain sentences: each row in the order it is asked, of every kind of "
    "mail that has a table of its own, and the guards.",
    epilog="""\b
    What holds here?
      dsnwatch policy show
    What would this file do?
      dsnwatch policy show --policy draft.toml
    """,
)
def show(
    ctx: typer.Context,
    *,
    draft: DraftOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Print a sentence a row."""
    from dsnwatch.policy.words import besides, sentences  # noqa: PLC0415  not for --help

    place = Place(ctx, config=config, verbose=verbose)
    configuration = place.configuration if draft is None else _draft(draft)
    policy = place.policy() if draft is None else _policy(configuration)
    section = configuration.settings.policy
    if as_json:
        for each in sentences(policy):
            json_line(each._asdict())
        return
    line(f"Policy '{policy.name}': the first row that describes an event answers for it.")
    stream = None
    for each in sentences(policy):
        if each.stream != stream:
            stream = each.stream
            line()
            heading(f"Stream {stream}" if stream else "Every stream" + _but(policy))
        folded(f"{each.row}: {each.describes} {each.follows}.", "  ", "  ")
    line()
    for text in besides(section):
        folded(text, "", "  ")


@app.command(
    short_help="Try another policy on the past.",
    help="Try another policy on the reports of the last days: whom it would suppress that the one "
    "in force does not, whom it would let be, and which of those showed life afterwards. Nothing "
    "is written. The guards are left out on both sides.",
    epilog="""\b
    Would five instead of three be better?
      dsnwatch policy simulate --policy draft.toml --days 90
    """,
)
def simulate(
    ctx: typer.Context,
    *,
    draft: Annotated[
        Path | None,
        typer.Option(
            "--policy",
            metavar="FILE",
            help="A draft: a configuration file, of which [policy] is read. [required]",
        ),
    ] = None,
    days: Annotated[
        int, typer.Option("--days", metavar="N", help=f"How far back, 1 to {LONGEST} days.")
    ] = 90,
    as_json: JsonOption = False,
    store: StoreOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Print what the two policies disagree on."""
    from dsnwatch.foresight import Foresight  # noqa: PLC0415  not for --help

    place = Place(ctx, config=config, store=store, verbose=verbose)
    if draft is None:
        raise UsageError("say which: --policy draft.toml, a file with a [policy] in it")
    if not 1 <= days <= LONGEST:
        raise UsageError(f"--days {days}: is not from 1 to {LONGEST}")
    other = _policy(_draft(draft))
    with place.store() as opened:
        since = datetime.now(UTC) - timedelta(days=days)
        foresight = Foresight(opened, place.policy(), other, since)
        _tell(foresight, as_json=as_json, days=days)


def _tell(foresight: "Foresight", *, as_json: bool, days: int) -> None:
    counts: Counter[str] = Counter()
    alive: Counter[str] = Counter()
    named: list[Foreseen] = []
    for each in foresight.look():
        counts[each.difference] += 1
        alive[each.difference] += each.alive_at is not None
        if as_json:
            json_line(_as_dict(each))
        elif len(named) < SHOWN:
            named.append(each)
    if as_json:
        effects = {name: {"addresses": counts[name], "alive": alive[name]} for name in _WORDS}
        said = {"events": foresight.events, "addresses": foresight.addresses}
        json_line({"summary": said | effects})
        return
    if not foresight.events:
        say(f"no events in the last {days} days")
        return
    line(f"{foresight.events:,} events of {foresight.addresses:,} addresses in {days} days")
    folded(
        "without the guards against floods and your own troubles, on both sides: whom they would "
        "hold is counted as suppressed"
    )
    line()
    table(
        (
            Column("would be", 26),
            Column("addresses", 12, right=True),
            Column("alive later", 12, right=True),
        ),
        [(words, f"{counts[name]:,}", f"{alive[name]:,}") for name, words in _WORDS.items()],
    )
    if named:
        line()
        table(_COLUMNS, map(_row, named))
        if (more := sum(counts.values()) - len(named)) > 0:
            heading(f"... and {more:,} more; --json has them all")


def _draft(path: Path) -> "Configuration":
    from dsnwatch.config import loading  # noqa: PLC0415  pydantic costs ten bare Pythons

    if not path.is_file():
        raise UsageError(f"--policy {path}: is no file; write one with a [policy] in it")
    return loading.load(path)


def _policy(configuration: "Configuration") -> "Policy":
    from dsnwatch.policy import Policy  # noqa: PLC0415  needs the configuration anyway

    return Policy.of(configuration.settings.policy, configuration.file.place)


def _but(policy: "Policy") -> str:
    names = ", ".join(policy.streams)
    return f" but {names}" if names else ""


def _row(each: "Foreseen") -> tuple[str, ...]:
    address = f"{each.address} ({each.stream})" if each.stream else each.address
    row = each.then or each.now
    by = f"{row.rule} ({row.reason})" if row else "-"
    alive = "-" if each.alive_at is None else f"{each.alive_at:%Y-%m-%d}"
    return address, _SHORT.get(each.difference, each.difference), by, alive


def _as_dict(each: "Foreseen") -> dict[str, object]:
    return {
        "address": each.address,
        "stream": each.stream,
        "difference": each.difference.value,
        "now": _suppression(each.now),
        "then": _suppression(each.then),
        "alive_at": rfc3339(each.alive_at),
    }


def _suppression(row: "Suppression | None") -> dict[str, object] | None:
    if row is None:
        return None
    return {
        "reason": row.reason,
        "rule": row.rule,
        "since": rfc3339(row.since),
        "until": rfc3339(row.until),
        "event_id": row.event_id,
    }
