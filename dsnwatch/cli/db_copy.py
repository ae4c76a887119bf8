"""`dsnwatch db copy`: move a store into another database."""

import sys
from typing import Annotated

import typer

from dsnwatch.cli.options import ConfigOption, JsonOption
from dsnwatch.cli.output import Column, json_line, line, say, table
from dsnwatch.cli.place import Place


def copy(
    ctx: typer.Context,
    source: Annotated[str, typer.Argument(metavar="FROM", help="The store there is.")],
    target: Annotated[str, typer.Argument(metavar="TO", help="An empty database.")],
    *,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Copy, verify, and say what was there."""
    from dsnwatch.store import copying, open_store  # noqa: PLC0415  SQLAlchemy: a third of a second

    node = Place(ctx, config=config).configuration.node
    Place(ctx, store=source).see_store(source)
    here = open_store(source, node=node)
    try:
        there = open_store(target, node=node)
        try:
            for far in copying.copy(here, there):
                if sys.stderr.isatty() and far.of:
                    say(f"{far.table}: {far.rows:,} of {far.of:,}")
            found = [*copying.verify(here, there)]
            wrong = copying.mismatch(found, there.where)
            if wrong is not None:
                raise wrong
            copying.finish(there)
        finally:
            there.close()
    finally:
        here.close()
    if as_json:
        for name, summed, _ in found:
            json_line({"table": name, "rows": summed.rows, "checksum": summed.checksum})
        return
    filled = [
        (name, f"{summed.rows:,}", summed.checksum) for name, summed, _ in found if summed.rows
    ]
    table((Column("table", 20), Column("rows", 14, right=True), Column("checksum", 32)), filled)
    line(f"{there.where}: everything is there; now set store.url, and start the daemon")
