"""`dsnwatch messages`: what came in, whatever it was, and who sent it."""

from typing import TYPE_CHECKING, Annotated

import typer

from dsnwatch.cli.octets import first_lines, write_raw
from dsnwatch.cli.options import (
    ConfigOption,
    JsonOption,
    KindOption,
    LimitOption,
    SinceOption,
    StoreOption,
    StreamOption,
    UntilOption,
    VerboseOption,
)
from dsnwatch.cli.output import Column, fields, json_line, line, minute, say, table
from dsnwatch.cli.place import Place
from dsnwatch.errors import UsageError
from dsnwatch.shown import message_dict
from dsnwatch.store import MessageFilter

if TYPE_CHECKING:
    from dsnwatch.records import StoredMessage

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
    help="What came in, whatever it was, and who sent it.",
)

_COLUMNS = (
    Column("id", 26),
    Column("when (UTC)", 16),
    Column("kind", 11),
    Column("where"),
)


@app.command(
    "list",
    short_help="List messages in the order they were stored.",
    help="List messages in the order they were stored, all that the options do not rule out.",
    epilog="""\b
    What people wrote to the return path:
      dsnwatch messages list --kind other
    """,
)
def list_messages(
    ctx: typer.Context,
    *,
    kind: KindOption = None,
    stream: StreamOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    after: Annotated[
        str | None,
        typer.Option("--after", metavar="ID", help="Only those behind this one: the next page."),
    ] = None,
    limit: LimitOption = None,
    as_json: JsonOption = False,
    store: StoreOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Print messages as a table or as JSON lines."""
    place = Place(ctx, config=config, store=store, verbose=verbose)
    wanted = MessageFilter(
        kind=kind,
        stream=stream,
        since=since,
        until=until,
    )
    with place.store() as opened:
        found = opened.messages(wanted, limit, after)
        if as_json:
            for message in found:
                json_line(message_dict(message))
        elif not table(_COLUMNS, map(_row, found)):
            say("no messages")


@app.command(
    short_help="Show one message and who sent it.",
    help="Show one message, who sent it, and its first lines; or write its bytes. They are kept as "
    "long as keep.raw_messages says.",
    epilog="""\b
    Look at one, or send it on:
      dsnwatch messages show 01K0000000000000000000000A
      dsnwatch messages show 01K0000000000000000000000A --raw > bounce.eml
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
    """Print one message."""
    place = Place(ctx, config=config, store=store, verbose=verbose)
    with place.store() as opened:
        message, data = opened.message(id_), opened.raw(id_)
    if message is None:
        raise UsageError(f"no message '{id_}'; `dsnwatch messages list` has their ids")
    if raw and data is None:
        raise UsageError(
            f"the bytes of '{id_}' are gone; keep.raw_messages says how long they stay"
        )
    if raw and data is not None:
        write_raw(data)
    elif as_json:
        json_line(message_dict(message) | {"octets": None if data is None else len(data)})
    else:
        fields(message_dict(message) | {"octets": "gone" if data is None else len(data)})
        if data is not None:
            line()
            first_lines(data)


def _row(message: "StoredMessage") -> tuple[str, ...]:
    return (message.id, minute(message.arrived_at), message.report.kind, message.raw.locator)
