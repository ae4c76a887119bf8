"""`dsnwatch backup`: a copy of the store, while it is in use."""

from pathlib import Path
from typing import Annotated

import typer

from dsnwatch.cli.db import size_text, store_file
from dsnwatch.cli.options import ConfigOption, JsonOption, StoreOption, VerboseOption
from dsnwatch.cli.output import json_line, line
from dsnwatch.cli.place import Place

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command(
    short_help="Copy the store to a file, while it is in use.",
    help="Copy the store as it is at one moment, while the daemon goes on writing. The copy is "
    "read through before it takes its place: FILE is always a whole backup, the new one or the one "
    "that was there before, and for its owner alone. To restore, stop the service, remove the "
    "store with its -wal and -shm, and put the copy in its place.",
    epilog="""\b
    Every night, one for each day of the week:
      dsnwatch backup /srv/backup/dsnwatch-$(date +%u).db
    """,
)
def backup(
    ctx: typer.Context,
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where the copy goes.")],
    as_json: JsonOption = False,
    store: StoreOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Copy, and say how much it was."""
    from dsnwatch.store.upkeep import backup as copy  # noqa: PLC0415  not for --help

    place = Place(ctx, config=config, store=store, verbose=verbose)
    path = store_file(place, "PostgreSQL is backed up by pg_dump")
    copied = copy(path, file)
    if as_json:
        json_line({"file": str(file), "octets": copied.octets, "messages": copied.messages})
    else:
        line(f"{file}: {size_text(copied.octets)}, {copied.messages:,} messages, read through")
