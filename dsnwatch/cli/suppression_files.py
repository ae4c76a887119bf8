"""Suppressions to a file and from one, and an import undone: part of `dsnwatch suppressions`."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dsnwatch.cli.failures import Failures
from dsnwatch.cli.options import (
    BecauseOption,
    ConfigOption,
    JsonOption,
    LimitOption,
    StoreOption,
    VerboseOption,
)
from dsnwatch.cli.output import Column, json_line, line, minute, say, table
from dsnwatch.cli.person import who
from dsnwatch.cli.place import Place
from dsnwatch.cli.text_files import Texts, texts_of, write_texts
from dsnwatch.errors import DataError, UsageError
from dsnwatch.lists.formats import FORMS, KINDS, Form
from dsnwatch.rfc.address import like
from dsnwatch.rfc.csv_text import csv_lines
from dsnwatch.rfc.date import rfc3339
from dsnwatch.rfc.keyed_hash import MARK, keyed_hash
from dsnwatch.store import SuppressionFilter

if TYPE_CHECKING:
    from dsnwatch.intake import Difference
    from dsnwatch.lists.reading import Asked, Source
    from dsnwatch.records import Suppression

FORMATS = (*dict.fromkeys(kind.name for kind in KINDS), "generic")
ALLOWED = "10%"
HASHED = ("csv", "json", "addresses")
"""The formats in which a hash can stand for an address."""

RawCellsOption = Annotated[
    bool,
    typer.Option(
        "--raw-cells",
        help="Leave cells that a spreadsheet would take for a formula as they are, without an "
        "apostrophe before them.",
    ),
]


def export(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(
        "export",
        short_help="Write the suppressions to a file.",
        help="Write the suppressions that hold now to standard output or a file. --format is "
        f"{', '.join(FORMS)}; `dsnwatch docs lists` says what each system does with its own.",
        epilog="""\b
        For the newsletter program:
          dsnwatch suppressions export > suppressed.csv
        For another dsnwatch:
          dsnwatch suppressions export --format json --output all.jsonl --all
        For Amazon SES:
          dsnwatch suppressions export --format ses --output ses.csv
        For a system that may ask whom not to mail and must not see who they are:
          openssl rand -hex 32 > shared-key
          dsnwatch suppressions export --hash-key shared-key --output hashed.csv
        """,
    )
    def command(
        ctx: typer.Context,
        *,
        form: Annotated[
            str, typer.Option("--format", metavar="NAME", help="What to write.")
        ] = "csv",
        output: Annotated[
            Path | None,
            typer.Option(
                "--output", "-o", metavar="FILE", help="Where to. [default: standard output]"
            ),
        ] = None,
        stream: Annotated[
            str | None,
            typer.Option(
                "--stream", metavar="NAME", help="Only those for this kind of mail, or for all."
            ),
        ] = None,
        hash_key: Annotated[
            Path | None,
            typer.Option(
                "--hash-key",
                metavar="FILE",
                help="Write keyed hashes (HMAC-SHA256) in the place of addresses, by the key in "
                "this file.",
            ),
        ] = None,
        raw_cells: RawCellsOption = False,
        lapsed: Annotated[
            bool, typer.Option("--all", help="Those that have run out as well.")
        ] = False,
        limit: LimitOption = None,
        store: StoreOption = None,
        config: ConfigOption = None,
        verbose: VerboseOption = False,
    ) -> None:
        """Stream every row; a file appears whole or not at all."""
        place = Place(ctx, config=config, store=store, verbose=verbose)
        wanted = SuppressionFilter(active_at=None if lapsed else datetime.now(UTC))
        if form not in FORMS:
            raise UsageError(f"--format {form}: there is none; there are {', '.join(FORMS)}")
        hidden = hash_key and _hidden(hash_key, form)
        with place.store() as opened:
            found = opened.suppressions(wanted, limit)
            if stream is not None:
                found = (each for each in found if each.stream in {"", stream})
            if hidden or not FORMS[form].own:
                found = (each for each in found if not each.address.startswith(MARK))
            if hidden:
                found = map(hidden, found)
            write_texts(output, _texts(found, FORMS[form], raw=raw_cells))


def import_suppressions(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(
        "import",
        short_help="Take suppressions in from a file.",
        help="Take suppressions in from a file: an export of ours, of SendGrid, Amazon SES, "
        "Mailgun, Postmark, listmonk or Mailman, or anything with a column of addresses, as CSV or "
        "JSON, also .gz. What it is, is told by its columns. What a mail server said is judged: a "
        "block or a full mailbox is left out. One that holds as long already stays as it is. The "
        "file is gone through first, and where a row cannot be meant nothing is written. Exit "
        "status 65: rows were refused; 1: it would suppress too many who live.",
        epilog="""\b
        Look first, then do it:
          dsnwatch suppressions import bounces.csv --dry-run
          dsnwatch suppressions import bounces.csv --because "from SendGrid"
        Whoever complained at a provider that says no reasons:
          dsnwatch suppressions import list.txt --reason complaint
        It was the wrong file:
          dsnwatch suppressions imports
          dsnwatch suppressions undo 01KABCDEFGHJKMNPQRSTVWXYZ0
        """,
    )
    def command(
        ctx: typer.Context,
        *,
        file: Annotated[
            Path, typer.Argument(metavar="FILE", help="CSV or JSON; - is standard input.")
        ],
        because: BecauseOption = "",
        form: Annotated[
            str | None,
            typer.Option(
                "--format",
                metavar="NAME",
                help=f"What it must be: {', '.join(FORMATS)}. [default: told by its columns]",
            ),
        ] = None,
        reason: Annotated[
            str | None,
            typer.Option("--reason", metavar="REASON", help="Of rows that give none."),
        ] = None,
        stream: Annotated[
            str, typer.Option("--stream", metavar="NAME", help="Only for this kind of mail.")
        ] = "",
        allow: Annotated[
            str,
            typer.Option(
                "--allow",
                metavar="SHARE",
                help="How many of the addresses that have shown life it may suppress.",
            ),
        ] = ALLOWED,
        as_listed: Annotated[
            bool,
            typer.Option("--as-listed", help="Believe the list, whatever the mail servers said."),
        ] = False,
        again: Annotated[
            bool,
            typer.Option("--again", help="Those too whom a person took off the list since."),
        ] = False,
        skip: Annotated[
            bool,
            typer.Option("--skip-refused", help="Leave out rows that cannot be meant."),
        ] = False,
        raw_cells: RawCellsOption = False,
        dry_run: Annotated[
            bool, typer.Option("--dry-run", help="Say what would change, and write nothing.")
        ] = False,
        as_json: JsonOption = False,
        store: StoreOption = None,
        config: ConfigOption = None,
        verbose: VerboseOption = False,
    ) -> int:
        """Go through the file once to look and once to write."""
        from dsnwatch.intake import Intake, too_many  # noqa: PLC0415  not for --help
        from dsnwatch.lists.reading import Asked  # noqa: PLC0415  likewise
        from dsnwatch.store import new_id  # noqa: PLC0415  likewise

        place = Place(ctx, config=config, store=store, verbose=verbose)
        allowed, now, bad = _share(allow), datetime.now(UTC), Failures()
        if form not in {None, *FORMATS}:
            raise UsageError(f"--format {form}: there is none; there are {', '.join(FORMATS)}")
        asked = Asked(str(file), now, raw_cells, form, reason, stream)
        with texts_of(file) as texts, place.store(make=True) as opened:
            source = _opened(texts, asked)
            judged = source.kind.text and not as_listed
            judge = place.reader().judge if judged else None
            never = like(place.configuration.settings.policy.never_suppress)
            intake = Intake(opened, judge, now, who(), place.subscriptions(), again, never, bad.add)
            found = intake.compare(source.rows)
            bad.end()
            refused = found.refused > 0 and not skip
            too_much = too_many(found, allowed)
            batch = None
            if not (dry_run or refused or too_much) and found.changed:
                batch = new_id(now)
                intake.complain = lambda _: None
                for done in intake.write(_opened(texts, asked).rows, batch, str(file), because):
                    found.new, found.longer = done.new, done.longer
        told = {
            "file": str(file), "format": source.kind.name, "rows": found.rows, "new": found.new,
            "longer": found.longer, "same": found.same, "released": found.released,
            "passed_over": dict(found.passed), "refused": found.refused, "living": found.living,
            "known_living": found.known_living, "written": found.changed if batch else 0,
            "batch": batch, "dry_run": dry_run,
        }  # fmt: skip
        if as_json:
            json_line(told)
        else:
            _show(found, source, batch, dry_run=dry_run)
        if refused and not dry_run:
            say(
                f"nothing is written: {found.refused:,} rows cannot be meant; mend them, or give "
                "--skip-refused"
            )
        if too_much:
            say(
                f"{'it would be refused' if dry_run else 'nothing is written'}: the file would "
                f"suppress {found.living:,} of {found.known_living:,} addresses that have shown "
                f"life ({found.share:.1%}; {allow} are allowed); look at it, and give --allow "
                f"{min(int(found.share * 100) + 1, 100)}% if that is right"
            )
        return DataError.exit_status if found.refused else int(too_much)


def imports(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(
        "imports",
        help="List the imports, the latest first, with what undoes each.",
        epilog="""\b
        The last one:
          dsnwatch suppressions imports --limit 1
        """,
    )
    def command(
        ctx: typer.Context,
        *,
        limit: LimitOption = None,
        as_json: JsonOption = False,
        store: StoreOption = None,
        config: ConfigOption = None,
        verbose: VerboseOption = False,
    ) -> None:
        """Read the audit log."""
        place = Place(ctx, config=config, store=store, verbose=verbose)
        with place.store() as opened:
            found = opened.imports(limit)
        if as_json:
            for each in found:
                json_line(
                    {
                        "batch": each.batch, "at": rfc3339(each.at), "who": each.who,
                        "file": each.file, "because": each.because, "rows": each.rows,
                    }
                )  # fmt: skip
            return
        columns = (
            Column("batch", 26), Column("at (UTC)", 16), Column("file"),
            Column("rows", 11, right=True),
        )  # fmt: skip
        rows = ((one.batch, minute(one.at), one.file, f"{one.rows:,}") for one in found)
        if not table(columns, rows):
            say("no imports")


def undo(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(
        "undo",
        short_help="Undo an import.",
        help="Undo an import: each address gets back what the list said of it before, or what has "
        "happened to it since. Exit status 1: nothing of it is left.",
        epilog="""\b
        `dsnwatch suppressions imports` names them:
          dsnwatch suppressions undo 01KABCDEFGHJKMNPQRSTVWXYZ0 --because "wrong file"
        """,
    )
    def command(
        ctx: typer.Context,
        *,
        batch: Annotated[str, typer.Argument(metavar="BATCH", help="The import's id.")],
        because: BecauseOption = "",
        as_json: JsonOption = False,
        store: StoreOption = None,
        config: ConfigOption = None,
        verbose: VerboseOption = False,
    ) -> int:
        """Take its rows back, some a transaction."""
        from dsnwatch.intake import Intake  # noqa: PLC0415  not for --help

        place = Place(ctx, config=config, store=store, verbose=verbose)
        with place.store() as opened:
            if batch not in {each.batch for each in opened.imports()}:
                raise UsageError(f"no import '{batch}'; `dsnwatch suppressions imports` lists them")
            intake = Intake(opened, None, datetime.now(UTC), who(), place.subscriptions())
            gone = free = 0
            for gone, free in intake.undo(batch, because or f"undo of {batch}"):  # noqa: B007  its last values count
                pass
        if as_json:
            json_line({"batch": batch, "undone": gone, "free": free})
        else:
            line(
                f"{batch}: {gone:,} undone; {free:,} may be mailed again, {gone - free:,} stand as "
                "they stood before"
            )
        return int(not gone)


def _hidden(path: Path, form: str) -> "Callable[[Suppression], Suppression]":
    """Make what puts a keyed hash in the place of an address, and leaves out what tells of it."""
    from dsnwatch.store.forgotten import read_key  # noqa: PLC0415  for this option alone

    if form not in HASHED:
        raise UsageError(f"--hash-key: the format {form} is of addresses; take {', '.join(HASHED)}")
    key = read_key(path)
    if key is None:
        raise UsageError(f"--hash-key {path}: is not there; `openssl rand -hex 32 > {path}`")
    return lambda one: one._replace(address=keyed_hash(one.address, key), note="", event_id=None)


def _opened(texts: Texts, asked: "Asked") -> "Source":
    from dsnwatch.lists.formats import GENERIC  # noqa: PLC0415  not for --help
    from dsnwatch.lists.reading import Source, read  # noqa: PLC0415  likewise

    return read(texts(), asked) or Source(GENERIC, iter(()))


def _share(text: str) -> float:
    try:
        share = float(text.removesuffix("%")) / 100
    except ValueError:
        share = -1
    if not (text.endswith("%") and 0 <= share <= 1):
        raise UsageError(f'--allow {text}: is no share; write it like "30%"')
    return share


def _texts(found: "Iterable[Suppression]", form: Form, *, raw: bool) -> Iterator[str]:
    if form.lines is not None:
        return map(form.lines, found)
    assert form.cells is not None
    return csv_lines(form.heading, map(form.cells, found), raw=raw)


def _show(found: "Difference", source: "Source", batch: str | None, *, dry_run: bool) -> None:
    """Say what a file changes, in words."""
    line(f"{source.kind.name} ({source.kind.about}), {found.rows:,} rows")
    kinds = (
        ("new", "new on the list", found.new),
        ("longer", "on it for longer", found.longer),
        ("same", "on it for as long already", found.same),
        ("released", "taken off by a person since; left out (--again)", found.released),
        *(("passed", f"left out: {why}", number) for why, number in found.passed.most_common()),
        ("refused", "refused", found.refused),
    )
    for kind, words, number in kinds:
        if not number and kind != "new":
            continue
        line(f"{number:>11,}  {words}")
        if dry_run:
            for example in found.examples.get(kind, ()):
                line(f"{'':13}{example}")
    if found.living:
        line(
            f"{found.living:>11,}  of new and longer have shown life, of {found.known_living:,} "
            f"that have ({found.share:.1%})"
        )
    if batch:
        line(f"written; `dsnwatch suppressions undo {batch}` takes it back")
    elif dry_run:
        line("nothing is written")
