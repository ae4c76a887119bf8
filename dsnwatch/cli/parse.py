"""`dsnwatch parse`: what messages say and mean; touches no store."""

from typing import TYPE_CHECKING, Annotated

import typer

from dsnwatch.cli.failures import Failures, PassedOver
from dsnwatch.cli.options import ConfigOption, JsonOption, VerboseOption
from dsnwatch.cli.output import Column, heading, json_line, line, table
from dsnwatch.cli.place import Place
from dsnwatch.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dsnwatch.model import Reading

app = typer.Typer(rich_markup_mode=None, add_completion=False)

_COLUMNS = (
    Column("action", 9),
    Column("recipient"),
    Column("class and reason", 27),
    Column("status", 8),
)


@app.command(
    short_help="Say what messages mean, and keep nothing.",
    help="Read messages and say what each means, without keeping anything: .eml, mbox, Maildir, "
    "folders, .gz of these, or - for one message on standard input. Exit status 66: something "
    "could not be read.",
    epilog="""\b
    One message, for people; a whole mbox, for a program:
      dsnwatch parse bounce.eml
      dsnwatch parse --json /var/mail/bounces
    """,
)
def parse(
    ctx: typer.Context,
    *,
    paths: Annotated[
        list[str],
        typer.Argument(metavar="PATH", help="Files and folders; - is one message on stdin."),
    ],
    as_json: JsonOption = False,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> int:
    """Print one JSON object, or one small table, a message."""
    from dsnwatch.reading.reader import contract  # noqa: PLC0415  loads all the rules
    from dsnwatch.sources.files import read  # noqa: PLC0415  not for --help

    reader = Place(ctx, config=config, verbose=verbose).reader()
    failures, passed_over = Failures(), PassedOver()
    for raw in read(paths, failed=failures.add, passed_over=passed_over.add):
        reading = reader.read(raw.data)
        if as_json:
            json_line(contract(raw.locator, reading))
        else:
            _show(raw.locator, reading)
    failures.end()
    passed_over.end()
    return SourceError.exit_status if failures.count else 0


def _show(source: str, reading: "Reading") -> None:
    report = reading.report
    dialect = f", {report.dialect}" if report.dialect else ""
    heading(f"{source}: {report.kind}{dialect}")
    table(_COLUMNS, _rows(reading), heading=False)
    for defect in report.defects:
        line(f"    defect: {defect}")


def _rows(reading: "Reading") -> "Iterator[tuple[str, ...]]":
    for one, verdict in zip(reading.report.recipients, reading.verdicts, strict=True):
        judged = f"{verdict.bounce_class} {verdict.reason}" if verdict else ""
        if verdict and verdict.reason == verdict.bounce_class:
            judged = verdict.reason
        status = verdict.status if verdict else one.status
        code = verdict.reply_code if verdict else one.reply_code
        yield (str(one.action), one.recipient, judged, str(status or code or ""))
