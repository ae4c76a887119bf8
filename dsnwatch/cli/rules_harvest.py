"""`dsnwatch rules harvest`: texts that no row decided, and drafts of rows that would."""

import sqlite3
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from dsnwatch.cli.failures import Failures
from dsnwatch.cli.options import (
    ConfigOption,
    JsonOption,
    RulesOption,
    StoreOption,
    VerboseOption,
)
from dsnwatch.cli.output import json_line, line, say
from dsnwatch.cli.place import Place
from dsnwatch.errors import SourceError

if TYPE_CHECKING:
    from dsnwatch.model import RecipientStatus, Verdict
    from dsnwatch.reading.reader import Reader

EXAMPLES = 3
"""Forms of a text that are shown with its draft."""


def harvest(
    ctx: typer.Context,
    *,
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PATH]", help="Mail to read instead of the store."),
    ] = None,
    least: Annotated[
        int, typer.Option("--least", min=1, metavar="N", help="Only what was said so often.")
    ] = 1,
    limit: Annotated[
        int, typer.Option("--limit", min=1, metavar="N", help="Give at most N drafts.")
    ] = 50,
    rules: RulesOption = None,
    as_json: JsonOption = False,
    store: StoreOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> int:
    """Gather, count, and print drafts, the most frequent first."""
    place = Place(ctx, config=config, store=store, verbose=verbose)
    reader = place.reader(rules)
    failures = Failures()
    gathered = Gathered()
    try:
        for said, verdict in _mail(reader, paths, failures) if paths else _stored(place, reader):
            gathered.judged += 1
            if verdict.rule not in reader.rules.causes.by_id:
                gathered.add(said, verdict)
        for cluster in gathered.clusters(least, limit):
            if as_json:
                json_line(cluster.as_dict())
            else:
                _show(cluster)
        if not as_json:
            _say_counts(gathered)
    finally:
        gathered.close()
    failures.end()
    return SourceError.exit_status if failures.count else 0


def _stored(place: Place, reader: "Reader") -> "Iterator[tuple[RecipientStatus, Verdict]]":
    from dsnwatch.reading.classify import classify  # noqa: PLC0415  not for --help

    with place.store() as opened:
        for stored, report in opened.events_with_reports():
            verdict = classify(stored.event.recipient, report, reader.rules)
            if verdict is not None:
                yield stored.event.recipient, verdict


def _mail(
    reader: "Reader", paths: list[str], failures: Failures
) -> "Iterator[tuple[RecipientStatus, Verdict]]":
    from dsnwatch.sources.files import read  # noqa: PLC0415  not for --help

    for raw in read(paths, failed=failures.add):
        reading = reader.read(raw.data)
        for said, verdict in zip(reading.report.recipients, reading.verdicts, strict=True):
            if verdict is not None:
                yield said, verdict


@dataclass(frozen=True, slots=True)
class Cluster:
    """Texts that one row would decide.

    Attributes:
        phrase: The words they have in common; None for a text that has too few, and which is
            alone then.
        count: How often they were said.
        reasons: What they were taken for so far, the most frequent first, with counts.
        rules: The codes and dialects by which; likewise.
        forms: Examples that name nobody, the most frequent first.
    """

    phrase: str | None
    count: int
    reasons: dict[str, int]
    rules: dict[str, int]
    forms: tuple[str, ...]

    def row(self) -> str | None:
        """Write the draft of a row; None where there are no words for one."""
        from dsnwatch.harvest import draft  # noqa: PLC0415  not for --help

        if self.phrase is None:
            return None
        source = f"harvested: said {self.count} times"
        return draft(self.phrase, next(iter(self.reasons)), self.forms, source)

    def as_dict(self) -> dict[str, object]:
        """Write it as JSON takes it."""
        return {
            "count": self.count,
            "phrase": self.phrase,
            "reasons": self.reasons,
            "rules": self.rules,
            "examples": list(self.forms),
            "row": self.row(),
        }


class Gathered:
    """Counts texts in a file that SQLite makes and removes by itself: memory stays flat.

    Attributes:
        judged: How many failures and delays were looked at.
    """

    def __init__(self) -> None:
        self.judged = 0
        self._notes = sqlite3.connect("", isolation_level=None)
        self._notes.execute(
            "CREATE TABLE said (drafted INTEGER, words TEXT, form TEXT, reason TEXT, rule TEXT, "
            "count INTEGER, PRIMARY KEY (drafted, words, form, reason, rule)) WITHOUT ROWID"
        )

    def close(self) -> None:
        """Let go of the file."""
        self._notes.close()

    def add(self, said: "RecipientStatus", verdict: "Verdict") -> None:
        """Count what was said of one recipient."""
        from dsnwatch.harvest import harvested  # noqa: PLC0415  not for --help

        text = harvested(said)
        row = (text.phrase or text.example, text.example, verdict.reason, verdict.rule)
        whole = [part.encode("utf-8", "replace").decode() for part in row]
        self._notes.execute(
            "INSERT INTO said VALUES (?, ?, ?, ?, ?, 1) "
            "ON CONFLICT DO UPDATE SET count = count + 1",
            (text.phrase is not None, *whole),
        )

    @property
    def undecided(self) -> int:
        """How many texts no row decided."""
        return int(self._notes.execute("SELECT total(count) FROM said").fetchone()[0])

    def clusters(self, least: int, limit: int) -> Iterator[Cluster]:
        """Give what was said at least so often, the most frequent first, then by its words."""
        ranked = self._notes.execute(
            "SELECT drafted, words, sum(count) FROM said GROUP BY drafted, words "
            "HAVING sum(count) >= ? ORDER BY sum(count) DESC, drafted DESC, words LIMIT ?",
            (least, limit),
        ).fetchall()
        for drafted, words, count in ranked:
            yield Cluster(
                words if drafted else None,
                count,
                self._ranked("reason", drafted, words),
                self._ranked("rule", drafted, words),
                tuple(self._ranked("form", drafted, words, EXAMPLES)),
            )

    def _ranked(self, column: str, drafted: int, words: str, most: int = -1) -> dict[str, int]:
        asked = (
            f"SELECT {column}, sum(count) FROM said WHERE drafted = ? AND words = ? "  # noqa: S608  ours
            f"GROUP BY {column} ORDER BY sum(count) DESC, {column} LIMIT ?"
        )
        return dict(self._notes.execute(asked, (drafted, words, most)).fetchall())


def _show(cluster: Cluster) -> None:
    """Print a draft as TOML, what is known of it as a comment before it."""
    reasons = ", ".join(f"{name} {count}" for name, count in cluster.reasons.items())
    rules = ", ".join(f"{name} {count}" for name, count in cluster.rules.items())
    line(f"# {cluster.count} times: {reasons} (by {rules})")
    row = cluster.row()
    if row is None:
        for form in cluster.forms:
            line(f"# no words for a row: {form or '(no text)'}")
    else:
        for text in row.splitlines():
            sys.stdout.write(f"{_toml_line(text)}\n")
    line()


def _toml_line(text: str) -> str:
    r"""Escape what is not printed, as TOML does: `\u202e`."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else f"\\U{ord(one):08x}" for one in text)


def _say_counts(gathered: Gathered) -> None:
    if not gathered.undecided:
        say(f"{gathered.judged:,} failures and delays: a row decided each of them")
        return
    say(
        f"{gathered.judged:,} failures and delays: no row decided {gathered.undecided:,}; choose "
        "each draft's reason, then `dsnwatch rules check`"
    )
