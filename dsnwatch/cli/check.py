"""`dsnwatch check`: may I mail this address? Starts fast: plain SQL and nothing heavier."""

import io
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import compress
from typing import Annotated

import typer

from dsnwatch.cli.options import ConfigOption, JsonOption, StoreOption, VerboseOption
from dsnwatch.cli.output import day, json_line, line, say
from dsnwatch.cli.place import Place
from dsnwatch.cli.plain import PlainCommand
from dsnwatch.errors import DataError, UsageError
from dsnwatch.rfc.address import key
from dsnwatch.store.location import where_of
from dsnwatch.store.lookup import Found, SuppressionLookup, said

app = typer.Typer(rich_markup_mode=None, add_completion=False)

SHOWN_AT_MOST = 5
PIECE = 1 << 16
"""Octets of a list looked up in one transaction."""


@app.command(
    cls=PlainCommand,
    help="Say whether addresses may be mailed. Exit status 0: all of them; 1: at least one is "
    "suppressed; 65: a line of the list is no address.",
    epilog="""\b
    May Anne be mailed?
      dsnwatch check anne@example.com
    Which of a whole list may not, one address a line:
      dsnwatch check - < list.txt
    """,
)
def check(
    ctx: typer.Context,
    *,
    addresses: Annotated[
        list[str],
        typer.Argument(
            metavar="ADDRESS",
            help="Addresses; - reads a list from standard input and shows the suppressed ones.",
        ),
    ],
    stream: Annotated[
        str, typer.Option("--stream", metavar="NAME", help="The kind of mail you want to send.")
    ] = "",
    as_json: JsonOption = False,
    store: StoreOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> int:
    """Look addresses up and say what is known against mailing them."""
    place = Place(ctx, config=config, store=store, verbose=verbose)
    url = place.quick_store_url()
    now = datetime.now(UTC)
    suppressed, bad = False, 0
    where = where_of(url)
    with SuppressionLookup(url) as lookup:
        place.say_store(where)
        place.see_store(url)
        for asked, listed in _asked(addresses):
            keys = [*map(key, asked)]
            known = [all(address.rpartition("@")[::2]) for address in keys]
            holding = lookup.find_many([*compress(keys, known)], now, stream)
            suppressed = suppressed or bool(holding)
            for text, address, is_one in zip(asked, keys, known, strict=True):
                found = holding.get(address)
                if not is_one:
                    bad = _complain(text, bad, listed=listed)
                elif as_json:
                    json_line(said(address, found))
                elif found is not None:
                    line(_in_words(found))
                elif not listed:
                    line(f"{address}: may be mailed")
    if bad > SHOWN_AT_MOST:
        say(f"{bad - SHOWN_AT_MOST} more lines are no addresses")
    return DataError.exit_status if bad else int(suppressed)


def _asked(addresses: list[str]) -> Iterator[tuple[list[str], bool]]:
    """Give the addresses that were asked for, and whether they stood in a list."""
    for address in addresses:
        if address != "-":
            yield [address], False
            continue
        for rows in _arriving():
            texts = (row.decode(errors="surrogateescape").strip() for row in rows)
            yield [one for text in texts if (one := text.removeprefix("\ufeff"))], True


def _arriving() -> Iterator[list[bytes]]:
    """Give the lines of standard input, as many at once as are there."""
    source = sys.stdin.buffer
    assert isinstance(source, io.BufferedReader)
    rest = b""
    while piece := source.read1(PIECE):
        rows = (rest + piece).split(b"\n")
        rest = b"" if len(rows[-1]) > PIECE else rows.pop()  # a line without end is none
        yield rows
    yield [rest]


def _complain(asked: str, before: int, *, listed: bool) -> int:
    """Say that something is no address, and count it; a list is read on."""
    if not listed:
        raise UsageError(f"'{asked}' is no address; write it as name@domain")
    if before < SHOWN_AT_MOST:
        say(f"standard input: '{asked[:80]}' is no address; write one name@domain a line")
    return before + 1


def _in_words(found: Found) -> str:
    until = f"until {day(found.until)}" if found.until else "for ever"
    event = f", event {found.event_id}" if found.event_id else ""
    stream = f" for stream {found.stream}" if found.stream else ""
    return (
        f"{found.address}: suppressed{stream}, {found.reason}, since {day(found.since)}, {until}"
        f" (rule {found.rule}{event})"
    )
