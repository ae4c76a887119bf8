"""`dsnwatch rules replay`: decide what is stored again, and show what would differ."""

from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from dsnwatch.cli.options import (
    BecauseOption,
    ConfigOption,
    JsonOption,
    RulesOption,
    StoreOption,
    VerboseOption,
)
from dsnwatch.cli.output import Column, day, heading, json_line, line, table
from dsnwatch.cli.place import Place
from dsnwatch.errors import UsageError
from dsnwatch.rfc.date import rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dsnwatch.model import Verdict
    from dsnwatch.records import Suppression
    from dsnwatch.replay import Change, Consequence

SHOWN = 20
"""Addresses that are named to people; `--json` names all of them."""

_WAS = (Column("was", 34), Column("would be"), Column("events", 10, right=True))
_ADDRESSES = (Column("address"), Column("", 8), Column("reason", 22), Column("until", 10))


def replay(
    ctx: typer.Context,
    *,
    rules: RulesOption = None,
    apply: Annotated[
        bool,
        typer.Option("--apply", help="Write it: verdicts, decisions, suppressions, and the news."),
    ] = False,
    because: BecauseOption = "",
    as_json: JsonOption = False,
    store: StoreOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Judge every stored event again and say what would follow."""
    from dsnwatch.cli.person import who  # noqa: PLC0415  not for --help
    from dsnwatch.replay import Replay  # noqa: PLC0415  likewise

    if apply and rules is not None:
        raise UsageError("--apply goes by the rules in service; move the draft into rules.d first")
    place = Place(ctx, config=config, store=store, verbose=verbose)
    table_, policy = place.reader(rules).rules, place.policy()
    with place.store() as opened, Replay(opened, table_, policy, place.subscriptions()) as run:
        found = _Found(as_json=as_json)
        for change in run.changes():
            found.change(change)
        told = run.apply(who(), because or "rules replay") if apply else run.consequences()
        for consequence in told:
            found.consequence(consequence)
        found.end(run.judged, applied=apply)


class _Found:
    """Counts what a replay finds, and prints it as it comes or at the end."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._moved: Counter[tuple[str, str]] = Counter()
        self._touched = 0
        self._effects: Counter[str] = Counter()
        self._named: list[Consequence] = []

    def change(self, change: "Change") -> None:
        """Count an event that would be judged otherwise."""
        if change.matters:
            self._moved[_words(change.before), _words(change.after)] += 1
        else:
            self._touched += 1
        if self._as_json:
            stored = change.stored
            json_line(
                {
                    "change": "verdict",
                    "event": stored.id,
                    "recipient": stored.event.attribution.recipient,
                    "diagnostic": stored.event.recipient.diagnostic,
                    "before": _verdict(change.before),
                    "after": _verdict(change.after),
                }
            )

    def consequence(self, one: "Consequence") -> None:
        """Count an address that the list would say something else of."""
        self._effects[one.effect] += 1
        if self._as_json:
            json_line(
                {
                    "change": one.effect,
                    "recipient": one.address,
                    "before": _suppression(one.before),
                    "after": _suppression(one.after),
                }
            )
        elif len(self._named) < SHOWN:
            self._named.append(one)

    def end(self, judged: int, *, applied: bool) -> None:
        """Say it all together."""
        from dsnwatch.replay import Effect  # noqa: PLC0415  not for --help

        effects = {effect.value: self._effects[effect] for effect in Effect}
        moved = sum(self._moved.values())
        if self._as_json:
            totals = {"events": judged, "otherwise": moved, "same_meaning": self._touched}
            json_line({"change": "summary", "applied": applied, **totals, **effects})
            return
        line(f"{judged:,} events judged again: {moved:,} mean something else")
        if self._touched:
            line(f"{self._touched:,} more mean the same, by another rule or of another provider")
        if self._moved:
            line()
            table(_WAS, self._rows())
        line()
        would = "" if applied else "would be "
        line(f"{would}newly suppressed  {effects['suppress']:>10,}")
        line(f"{would}released          {effects['release']:>10,}")
        line(f"{would}kept longer       {effects['longer']:>10,}")
        line(f"{would}changed           {effects['change']:>10,}")
        if effects["left"]:
            line(f"left alone, somebody released them: {effects['left']:,}")
        if self._named:
            line()
            table(_ADDRESSES, map(_named, self._named))
            if (more := sum(self._effects.values()) - len(self._named)) > 0:
                heading(f"... and {more:,} more; --json has them all")

    def _rows(self) -> "Iterator[tuple[str, str, str]]":
        ranked = sorted(self._moved.items(), key=lambda one: (-one[1], one[0]))
        for (before, after), count in ranked:
            yield before, after, f"{count:,}"


def _words(verdict: "Verdict") -> str:
    lasting = {True: "for ever", False: "for now", None: "unknown"}[verdict.permanent]
    name = verdict.bounce_class.value
    named = verdict.reason if verdict.reason == name else f"{name} {verdict.reason}"
    return f"{named}, {lasting}"


def _verdict(verdict: "Verdict") -> dict[str, object]:
    return {
        "permanent": verdict.permanent,
        "class": verdict.bounce_class,
        "reason": verdict.reason,
        "fault": verdict.fault,
        "rule": verdict.rule,
        "confidence": verdict.confidence,
        "provider": verdict.provider,
    }


def _suppression(one: "Suppression | None") -> dict[str, object] | None:
    if one is None:
        return None
    said = {"reason": one.reason, "origin": one.origin, "rule": one.rule}
    return {**said, "event_id": one.event_id, "until": rfc3339(one.until)}


def _named(one: "Consequence") -> tuple[str, ...]:
    row = one.after or one.before
    if row is None:
        return one.address, one.effect, "", ""
    return one.address, one.effect, row.reason, day(row.until, never="for ever")
