"""`dsnwatch quarantine`: messages that nobody could read, kept with their bytes for a person."""

from typing import TYPE_CHECKING, Annotated

import typer

from dsnwatch.cli.octets import first_lines, write_raw
from dsnwatch.cli.options import (
    ConfigOption,
    JsonOption,
    LimitOption,
    StoreOption,
    VerboseOption,
)
from dsnwatch.cli.output import Column, fields, json_line, line, minute, say, table
from dsnwatch.cli.place import Place
from dsnwatch.errors import UsageError
from dsnwatch.records import ReceiptState
from dsnwatch.shown import quarantine_dict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dsnwatch.store import QuarantineItem, Store

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
    help="Messages that could not be read, kept with their bytes.",
)

BATCH = 20
"""Messages read again in one transaction; each may be large."""

_COLUMNS = (Column("id", 26), Column("since (UTC)", 16), Column("where and why"))


@app.command(
    "list",
    help="List messages that could not be read, oldest first.",
    epilog="""\b
    What waits for a person:
      dsnwatch quarantine list
    """,
)
def list_quarantined(
    ctx: typer.Context,
    *,
    limit: LimitOption = None,
    as_json: JsonOption = False,
    store: StoreOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Print what is in quarantine as a table or as JSON lines."""
    place = Place(ctx, config=config, store=store, verbose=verbose)
    with place.store() as opened:
        found = opened.quarantined(limit)
        if as_json:
            for item in found:
                json_line(quarantine_dict(item))
        elif not table(_COLUMNS, map(_row, found)):
            say("nothing in quarantine")


@app.command(
    short_help="Show one message and why it could not be read.",
    help="Show one message, why it could not be read, and its first lines; or write its bytes.",
    epilog="""\b
    Look at one, or take its bytes elsewhere:
      dsnwatch quarantine show 01K0000000000000000000000A
      dsnwatch quarantine show 01K0000000000000000000000A --raw > odd.eml
    """,
)
def show(
    ctx: typer.Context,
    *,
    id_: Annotated[str, typer.Argument(metavar="ID", help="The message's id.")],
    raw: Annotated[
        bool, typer.Option("--raw", help="Write its bytes as they came, and nothing else.")
    ] = False,
    as_json: JsonOption = False,
    store: StoreOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Print one message in quarantine."""
    place = Place(ctx, config=config, store=store, verbose=verbose)
    with place.store() as opened:
        item = _item(opened, id_)
    if raw:
        write_raw(item.raw.data)
    elif as_json:
        json_line(quarantine_dict(item) | {"octets": len(item.raw.data)})
    else:
        fields(quarantine_dict(item) | {"octets": len(item.raw.data)})
        line()
        first_lines(item.raw.data)


@app.command(
    short_help="Read messages again by the rules of today.",
    help="Read messages in quarantine again, by the rules of today; those that can be read now "
    "leave it. Exit status 1: some still cannot be read.",
    epilog="""\b
    After an upgrade, or new rules of your own:
      dsnwatch quarantine retry
    """,
)
def retry(
    ctx: typer.Context,
    *,
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]", help="Which. [default: all]")
    ] = None,
    as_json: JsonOption = False,
    store: StoreOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> int:
    """Hand quarantined messages to the reader once more."""
    from dsnwatch.ingest import Ingest  # noqa: PLC0415  the store behind it is slow to load

    place = Place(ctx, config=config, store=store, verbose=verbose)
    reader, policy = place.reader(), place.policy()
    read = left = 0
    with place.store() as opened:
        ingest = Ingest(
            opened,
            reader,
            policy,
            subscriptions=place.subscriptions(),
            attributor=place.attributor(),
        )
        for items in _batches(opened, ids or [each.id for each in opened.quarantined()]):
            for receipt in ingest.retry(items):
                again = receipt.state is not ReceiptState.QUARANTINED
                read, left = read + again, left + (not again)
                if as_json:
                    said = {"id": receipt.id, "read": again, "kind": receipt.kind}
                    json_line(said | {"events": receipt.events})
                elif again:
                    line(f"{receipt.id}: {receipt.kind}, {receipt.events} events")
    if not as_json:
        line(f"{read} read, {left} still cannot be read")
    return int(left > 0)


def _batches(store: "Store", ids: list[str]) -> "Iterator[list[QuarantineItem]]":
    for start in range(0, len(ids), BATCH):
        yield [_item(store, id_) for id_ in ids[start : start + BATCH]]


def _item(store: "Store", id_: str) -> "QuarantineItem":
    item = store.quarantine_item(id_)
    if item is None:
        raise UsageError(f"no '{id_}' in quarantine; `dsnwatch quarantine list` has the ids")
    return item


def _row(item: "QuarantineItem") -> tuple[str, ...]:
    return (item.id, minute(item.at), f"{item.raw.locator}: {'; '.join(item.defects)}")
