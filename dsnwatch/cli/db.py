"""`dsnwatch db`: the database itself."""

import typer

from dsnwatch.cli.options import ConfigOption, StoreOption, VerboseOption
from dsnwatch.cli.output import line
from dsnwatch.cli.place import Place

app = typer.Typer(
    rich_markup_mode=None, add_completion=False, no_args_is_help=True, help="Look after the store."
)


@app.callback()
def _db() -> None:
    """Hold the commands."""


@app.command(
    short_help="Make the store, or bring it up to date.",
    help="Make the store where there is none, and bring an older one up to date. Every command "
    "that opens the store does this first; run it by hand to do it at a time of your choice.",
    epilog="""\b
    Before the service is started with a new version:
      dsnwatch db upgrade
    """,
)
def upgrade(
    ctx: typer.Context,
    *,
    store: StoreOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Open the store, which migrates it, and say so."""
    place = Place(ctx, config=config, store=store, verbose=verbose)
    with place.store() as opened:
        line(f"{opened.where}: up to date")
