"""`dsnwatch forget`: whatever is known of a person goes, and the block stays."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from dsnwatch.cli.options import BecauseOption, ConfigOption, JsonOption, StoreOption, VerboseOption
from dsnwatch.cli.output import folded, json_line, line, say
from dsnwatch.cli.person import who
from dsnwatch.cli.place import Place
from dsnwatch.errors import UsageError
from dsnwatch.rfc.address import key

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command(
    short_help="Erase what is known of an address.",
    help="Erase an address and all that names it from the store: events, messages and their bytes, "
    "history, audit log, what hooks were still to be told. Where it is suppressed a keyed hash "
    "stays in its place, so that it is suppressed still, for look-ups and imports too. Then the "
    "database is written anew, which takes a while where it is large. Exit status 1: nothing was "
    "known of one of them.",
    epilog="""\b
    Anne asks to be erased:
      dsnwatch forget anne@example.com --because "her letter of 3 March"
    And never to be mailed again, whether she was suppressed or not:
      dsnwatch forget anne@example.com --block --because "her letter of 3 March"
    """,
)
def forget(
    ctx: typer.Context,
    *,
    addresses: Annotated[list[str], typer.Argument(metavar="ADDRESS", help="Addresses.")],
    because: BecauseOption = "",
    block: Annotated[
        bool, typer.Option("--block", help="Suppress them for ever, whatever the list says.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Count what would go, and change nothing.")
    ] = False,
    as_json: JsonOption = False,
    store: StoreOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> int:
    """Erase each in a transaction of its own, then write the database anew."""
    from dsnwatch.forgetting import forget_one  # noqa: PLC0415  not for --help

    wanted = [_address(address) for address in addresses]
    place = Place(ctx, config=config, store=store, verbose=verbose)
    unknown = False
    with place.store(make=block) as opened:
        for address in wanted:
            now = datetime.now(UTC)
            done = forget_one(opened, address, now, who(), because, block=block, dry_run=dry_run)
            unknown = unknown or not done.rows
            if as_json:
                json_line(
                    {
                        "address": address, "name": done.name, "rows": dict(done.rows),
                        "blocked": done.blocked, "dry_run": dry_run,
                    }
                )  # fmt: skip
                continue
            what = ", ".join(f"{rows:,} {table}" for table, rows in sorted(done.rows.items()))
            verb = "would be erased" if dry_run else "erased"
            line(f"{address}: {f'{verb} from {what}' if what else 'nothing is known of it'}")
            if done.blocked:
                line(f"it {'would be' if dry_run else 'is'} suppressed as {done.name}")
        if not dry_run and not opened.compact():
            say(
                "somebody reads the store still, so its log (-wal) may name them until it is "
                "emptied; stop the daemon and run this again to be sure"
            )
    if not dry_run and not as_json:
        folded(
            "what was written elsewhere is not touched: mailboxes, logs, backups, files of hooks "
            "and exports"
        )
    return int(unknown)


def _address(text: str) -> str:
    address = key(text)
    if not all(address.rpartition("@")[::2]):
        raise UsageError(f"'{text}' is no address; write it as name@domain")
    return address
