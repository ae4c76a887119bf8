"""Options that several commands share, worded once."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from dsnwatch.cli.lengths import moment
from dsnwatch.model import BounceClass, Kind

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

AddressOption = Annotated[
    str | None, typer.Option("--address", metavar="ADDRESS", help="Only those of this address.")
]
DomainOption = Annotated[
    str | None, typer.Option("--domain", metavar="DOMAIN", help="Only those of this domain.")
]
ReasonOption = Annotated[
    str | None,
    typer.Option("--reason", metavar="REASON", help="Only this reason: user_unknown ..."),
]
ClassOption = Annotated[
    BounceClass | None,
    typer.Option("--class", metavar="CLASS", help=f"Only this: {', '.join(BounceClass)}."),
]
KindOption = Annotated[
    Kind | None, typer.Option("--kind", metavar="KIND", help=f"Only this: {', '.join(Kind)}.")
]
StreamOption = Annotated[
    str | None, typer.Option("--stream", metavar="NAME", help="Only this stream.")
]
SinceOption = Annotated[
    datetime | None,
    typer.Option(
        "--since",
        metavar="TIME",
        parser=moment,
        help="From then on: 2026-03-05, 2026-03-05T10:00 (UTC), 7d (ago).",
    ),
]
UntilOption = Annotated[
    datetime | None,
    typer.Option("--until", metavar="TIME", parser=moment, help="Before then, likewise."),
]
BecauseOption = Annotated[
    str, typer.Option("--because", metavar="TEXT", help="Why; it is kept in the audit log.")
]
BackOption = Annotated[
    str, typer.Option("--since", metavar="TIME", help='How far back: "7d", "24h".')
]
