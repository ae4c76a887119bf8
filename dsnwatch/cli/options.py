"""Options that several commands share, worded once."""

from pathlib import Path
from typing import Annotated

import typer

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="Configuration. [default: $DSNWATCH_CONFIG, else /etc/dsnwatch/dsnwatch.toml]",
    ),
]
VerboseOption = Annotated[
    bool, typer.Option("--verbose", "-v", help="Say where configuration and store lie.")
]
StoreOption = Annotated[
    str | None,
    typer.Option(
        "--store",
        metavar="URL",
        help="The store: a path, sqlite:////path/to/file or postgresql+psycopg://USER@HOST/DB. "
        "[default: as configured]",
    ),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Write one JSON object a line, for machines.")
]
LimitOption = Annotated[
    int | None, typer.Option("--limit", min=1, metavar="N", help="Give at most N rows.")
]
RulesOption = Annotated[
    Path | None,
    typer.Option(
        "--rules",
        metavar="DIR",
        help="Go by the rules of this folder in the place of the configured rules.d.",
    ),
]
