"""`dsnwatch rules`: look after the rule tables, ours and the user's."""

import sys
from typing import Annotated

import typer

from dsnwatch.cli.judgement import show_judgement
from dsnwatch.cli.options import ConfigOption, JsonOption, RulesOption, VerboseOption
from dsnwatch.cli.output import fields, folded, heading, json_line, line
from dsnwatch.cli.place import Place
from dsnwatch.cli.rules_harvest import harvest
from dsnwatch.cli.rules_replay import replay

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
    help="The rule tables: check, try, replay, harvest.",
)

EX_FOUND = 1


@app.command(
    help="Hold the rule tables, yours and ours, to their own examples. Names rows that are dead, "
    "shadowed by a row before them, bound to what does not exist, or whose examples another row "
    "decides. Exit status 0: all is well; 1: something is to be mended; 2: a row cannot be read.",
    epilog="""\b
    Before new rules go into service:
      dsnwatch rules check --rules ./draft
    """,
)
def check(
    ctx: typer.Context,
    *,
    rules: RulesOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> int:
    """Print one line a finding."""
    from dsnwatch.rulecheck import check as find  # noqa: PLC0415  loads all the rules

    table = Place(ctx, config=config, verbose=verbose).reader(rules).rules
    found = 0
    for each in find(table):
        found += 1
        if as_json:
            json_line({"file": each.file, "row": each.row, "says": each.says})
        else:
            folded(f"{each.file}: row '{each.row}': {each.says}", onward="  ")
    if not as_json:
        rows = len(table.causes.rows), len(table.dialects.rows), len(table.providers.rows)
        counts = "{} causes, {} dialects, {} providers".format(*rows)
        line(f"{counts}: {f'{found} to be mended' if found else 'all is well'}")
    return EX_FOUND if found else 0


@app.command(
    "try",
    short_help="Say what a line of a diagnostic would be judged.",
    help="Say what a line that a mail server said would be judged, which rows matched, and where.",
    epilog="""\b
    What is made of this, and of the same from Outlook.com:
      dsnwatch rules try "550 5.7.1 mailbox temporarily gone fishing"
      dsnwatch rules try --provider outlook "550 5.4.1 Access denied"
    """,
)
def try_(
    ctx: typer.Context,
    *,
    text: Annotated[
        str, typer.Argument(metavar="TEXT", help="What the server said; - reads standard input.")
    ],
    status: Annotated[
        str | None,
        typer.Option(
            "--status",
            metavar="CODE",
            help="The report's Status field, for instance 5.0.0. [default: as the text says]",
        ),
    ] = None,
    provider: Annotated[
        str | None,
        typer.Option("--provider", metavar="ID", help="Who runs the host. [default: by the text]"),
    ] = None,
    dialect: Annotated[
        str, typer.Option("--dialect", metavar="ID", help="Who wrote the report.")
    ] = "rfc3464",
    rules: RulesOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Judge one text as if a report had carried it."""
    from dsnwatch.explaining import judged, trial_dict  # noqa: PLC0415  loads all the rules

    reader = Place(ctx, config=config, verbose=verbose).reader(rules)
    if text == "-":
        text = sys.stdin.buffer.read().decode(errors="replace")
    said = judged(reader, " ".join(text.split()), status, provider, dialect)
    if as_json:
        json_line(trial_dict(said, dialect))
        return
    verdict = said.verdict
    assert verdict is not None
    category = reader.rules.categories[verdict.reason]
    heading(f"{verdict.reason}: {category.says}")
    fields({"text": said.recipient.diagnostic, "provider": said.provider}, "  ")
    show_judgement(said)


app.command(
    short_help="Decide what is stored again, and show what would differ.",
    help="Judge every stored failure again, by the rules of today or a draft, and decide again on "
    "the addresses concerned. Shows verdicts by what they were and would be, and who would newly "
    "be suppressed or released. Writes nothing without --apply; an address that somebody took "
    "off the list stays off it.",
    epilog="""\b
    What would new rules change? And after they were moved into rules.d:
      dsnwatch rules replay --rules ./draft
      dsnwatch rules replay --apply --because "rows for our new relay"
    """,
)(replay)


app.command(
    short_help="Draft rows for what no row decided.",
    help="Gather the texts in the store, or in mail, that no cause row decided: what is one "
    "report's own is masked, what reads alike is counted together, and for each there is the draft "
    "of a row, with examples that name nobody, the most frequent first. The output is a rules "
    "file, to be looked over before it is used or shown to others.",
    epilog="""\b
    Drafts for all that was said ten times and more:
      dsnwatch rules harvest --least 10 > draft/harvest.toml
    Of mail that is not in the store:
      dsnwatch rules harvest /var/mail/bounces
    """,
)(harvest)
