"""`dsnwatch export`: a file that a mail server looks recipients up in."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from dsnwatch.cli.options import ConfigOption, StoreOption, VerboseOption
from dsnwatch.cli.output import say
from dsnwatch.cli.place import Place
from dsnwatch.cli.text_files import write_texts
from dsnwatch.errors import UsageError
from dsnwatch.lookup import ANSWERS
from dsnwatch.lookup.maps import KINDS

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command(
    short_help="Write the suppressions for a mail server.",
    help="Write everybody who is not to be mailed now as a file for a mail server: for Postfix's "
    "check_recipient_access, or an lsearch of Exim. `dsnwatch docs sending` has the rest of it.",
    epilog="""\b
    For Postfix, which reads the file itself (texthash:), or a map made of it:
      dsnwatch export postfix --output /etc/postfix/suppressed
      postmap lmdb:/etc/postfix/suppressed
    For Exim:
      dsnwatch export exim --output /etc/exim4/suppressed
    """,
)
def export(
    ctx: typer.Context,
    *,
    kind: Annotated[str, typer.Argument(metavar="postfix|exim", help="Whose file.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Where to. [default: standard output]"),
    ] = None,
    answer: Annotated[
        str,
        typer.Option(
            "--answer",
            metavar="|".join(ANSWERS),
            help="What is to become of mail to a suppressed recipient.",
        ),
    ] = "reject",
    stream: Annotated[
        str, typer.Option("--stream", metavar="NAME", help="The kind of mail it is for.")
    ] = "",
    store: StoreOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Stream every line; a file appears whole or not at all."""
    from dsnwatch.lookups import lines_of  # noqa: PLC0415  the store behind it is slow to load

    place = Place(ctx, config=config, store=store, verbose=verbose)
    if kind not in KINDS:
        raise UsageError(f"'{kind}' is neither postfix nor exim")
    if answer not in ANSWERS:
        raise UsageError(f"--answer {answer}: is none of {', '.join(ANSWERS)}")
    with place.store() as opened:
        lines = lines_of(opened, kind, answer, stream, datetime.now(UTC))
        write_texts(output, lines)
    if lines.left_out:
        say(
            f"{lines.left_out} addresses cannot stand in such a file (spaces, quotes, letters "
            "beyond ASCII) and are left out; a look-up knows them"
        )
    if lines.forgotten:
        say(
            f"{lines.forgotten} addresses were forgotten, so that no file can name them; a look-up "
            "knows them"
        )
