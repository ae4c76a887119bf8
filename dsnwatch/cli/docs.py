"""`dsnwatch docs`: the documents, for who has the package and no clone."""

import sys
from pathlib import Path
from typing import Annotated

import typer

import dsnwatch
from dsnwatch.cli.output import Column, table
from dsnwatch.errors import UsageError
from dsnwatch.nearest import nearest

app = typer.Typer(rich_markup_mode=None, add_completion=False)

_COLUMNS = (Column("name", 14), Column("is about"))


@app.command(
    short_help="Print the documents.",
    help="Print a document, as it is written (Markdown); without a name, list all there are. What "
    "dsnwatch calls docs/NAME.md is `dsnwatch docs NAME`.",
    epilog="""\b
    What is there; how mailboxes are watched:
      dsnwatch docs
      dsnwatch docs mailboxes | less
    """,
)
def docs(
    *,
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="Which one.")] = "",
) -> None:
    """Print one document, or the names of all."""
    found = {path.stem: path for path in sorted(place().glob("*.md"))}
    if not name:
        table(_COLUMNS, ((each, title(path)) for each, path in found.items()))
        return
    wanted = name.removeprefix("docs/").removesuffix(".md")
    if wanted not in found:
        raise UsageError(f"there is no document '{name}'; {nearest(wanted, found)}")
    sys.stdout.write(found[wanted].read_text(encoding="utf-8"))


def place() -> Path:
    """Find where the documents lie: in a wheel within the package, in a checkout beside it."""
    package = Path(dsnwatch.__file__).parent
    shipped = package / "docs"
    return shipped if shipped.is_dir() else package.parent / "docs"


def title(path: Path) -> str:
    """Take what a document is about from its first heading."""
    with path.open(encoding="utf-8") as opened:
        return opened.readline().lstrip("# ").rstrip()
