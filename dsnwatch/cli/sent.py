"""`dsnwatch sent`: what was sent, from CSV and mail logs; what rates and trust rest on."""

import gzip
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from dsnwatch.cli.failures import Failures
from dsnwatch.cli.options import BackOption, ConfigOption, JsonOption, StoreOption, VerboseOption
from dsnwatch.cli.output import Column, json_line, line, say, table
from dsnwatch.cli.place import Place
from dsnwatch.errors import SourceError, UsageError
from dsnwatch.rfc.date import rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dsnwatch.sending import Taken
    from dsnwatch.sent import Rejected, Sent
    from dsnwatch.sent.postfix import PostfixLog

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
    help="What was sent: from CSV or mail logs, for rates and trust.",
)

MAX_LINE = 1 << 20
EX_DATAERR = 65
_SAID_EVERY = 1_000_000


@app.callback()
def _sent() -> None:
    """Hold the commands."""


@app.command(
    "import",
    short_help="Take in what was sent, from CSV or a mail log.",
    help="Take in what was sent. CSV names its columns in line 1: time, recipient or count, and "
    "what there is of stream, campaign, message_id, envelope_id, delivered. --postfix reads "
    "Postfix's log instead: whoever took a message is alive, whoever refused it becomes an event. "
    "The same file may be taken in again, and nothing counts twice. Exit status 65: a row of a CSV "
    "could not be meant; the others are taken in.",
    epilog="""\b
    What the newsletter program wrote down:
      dsnwatch sent import sent.csv
    The last two logs, the older one first, and the last hour of the journal:
      dsnwatch sent import --postfix /var/log/mail.log.1 /var/log/mail.log
      journalctl -u 'postfix*' -o json --since -1h |
        dsnwatch sent import --postfix -
    """,
)
def import_sent(
    ctx: typer.Context,
    *,
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE", help="CSV files or logs, also .gz; - is standard input."),
    ],
    postfix: Annotated[
        bool, typer.Option("--postfix", help="The files are logs of Postfix, or of its journal.")
    ] = False,
    stream: Annotated[
        str,
        typer.Option(
            "--stream", metavar="NAME", help="The kind of mail, where neither row nor sender says."
        ),
    ] = "",
    as_json: JsonOption = False,
    store: StoreOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> int:
    """Stream every file through, some thousand facts a transaction."""
    from dsnwatch.ingest import Ingest  # noqa: PLC0415  not for --help
    from dsnwatch.sending import Sends  # noqa: PLC0415  likewise

    place = Place(ctx, config=config, store=store, verbose=verbose)
    reader, policy, attributor = place.reader(), place.policy(), place.attributor()
    now, bad = datetime.now(UTC), Failures()
    with place.store(make=True) as opened:
        wanted = place.subscriptions()
        ingest = Ingest(opened, reader, policy, subscriptions=wanted, attributor=attributor)
        sends = Sends(
            opened,
            ingest,
            reader,
            policy,
            attributor,
            stream or place.configuration.settings.stream,
            wanted,
        )
        log = _log(now, place.configuration.settings.trust.relays) if postfix else None
        for path in files:
            with _lines(path) as lines:
                facts = log.read(lines, str(path)) if log else _of_csv(lines, path, bad)
                for taken in sends.take_in(facts, now):
                    if sys.stderr.isatty() and taken.facts % _SAID_EVERY == 0:
                        say(f"{path}: {taken.facts:,} facts")
    bad.end()
    _show(sends.taken, as_json=as_json)
    return EX_DATAERR if bad.count else 0


@app.command(
    short_help="Show how much was sent.",
    help="Show how much was sent, by stream and campaign.",
    epilog="""\b
    In the last week:
      dsnwatch sent counts --since 7d
    """,
)
def counts(
    ctx: typer.Context,
    *,
    since: BackOption = "30d",
    as_json: JsonOption = False,
    store: StoreOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Print what was sent as a table or as JSON lines."""
    from dsnwatch.config.values import duration  # noqa: PLC0415  pydantic

    place = Place(ctx, config=config, store=store, verbose=verbose)
    try:
        back = duration(since)
    except ValueError as error:
        raise UsageError(f"--since: {error}") from error
    assert isinstance(back, timedelta)
    with place.store() as opened:
        found = opened.sent_counts(datetime.now(UTC) - back)
    if as_json:
        for stream, campaign, messages in found:
            json_line({"stream": stream, "campaign": campaign, "messages": messages})
        return
    rows = [
        (stream or "-", campaign or "-", f"{messages:,}") for stream, campaign, messages in found
    ]
    columns = (Column("stream", 24), Column("campaign"), Column("messages", 14, right=True))
    if not table(columns, rows):
        say("nothing is known of what was sent; `dsnwatch sent import` tells")


@contextmanager
def _lines(path: Path) -> Iterator[Iterator[bytes]]:
    """Open a file, also a compressed one, and give its lines; an endless one comes in pieces.

    Raises:
        SourceError: It cannot be read.
    """
    try:
        if str(path) == "-":
            yield _in_pieces(sys.stdin.buffer)
            return
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            if packed:
                with gzip.open(file) as unpacked:
                    yield _in_pieces(unpacked)  # type: ignore[arg-type]  # it reads as a file does
            else:
                yield _in_pieces(file)
    except (OSError, EOFError) as error:
        if isinstance(error, OSError) and error.filename not in {None, str(path)}:
            raise
        why = getattr(error, "strerror", None) or error
        raise SourceError(f"{path}: {why}; check the path and its rights") from error


def _in_pieces(file: BinaryIO) -> Iterator[bytes]:
    return iter(lambda: file.readline(MAX_LINE), b"")


def _of_csv(lines: Iterator[bytes], path: Path, bad: Failures) -> "Iterator[Sent | Rejected]":
    from dsnwatch.sent.rows import read  # noqa: PLC0415  not for --help

    try:
        for fact in read((line.decode("utf-8") for line in lines), str(path)):
            if isinstance(fact, SourceError):
                bad.add(fact)
            else:
                yield fact
    except UnicodeDecodeError as error:
        raise SourceError(f"{path}: is not UTF-8; convert it, for instance with iconv") from error


def _log(now: datetime, relays: "Iterable[str]") -> "PostfixLog":
    """Make one reader for all files: a message may be queued in one and sent in the next."""
    from dsnwatch.sent.postfix import PostfixLog  # noqa: PLC0415  not for --help

    zone = now.astimezone().tzinfo
    assert zone is not None
    return PostfixLog(now, zone, relays)


def _show(taken: "Taken", *, as_json: bool) -> None:
    told = {
        "facts": taken.facts,
        "messages": taken.new,
        "alive": taken.alive,
        "freed": taken.freed,
        "rejected": taken.rejected,
        "events": taken.events,
        "suppressed": taken.suppressed,
    }
    if as_json:
        json_line({**told, "at": rfc3339(datetime.now(UTC))})
        return
    line(f"{taken.facts:,} facts: {taken.new:,} messages that were not known before")
    line(f"{taken.alive:,} signs of life, which freed {taken.freed:,} suppressed addresses")
    line(
        f"{taken.rejected:,} refused in the session: {taken.events:,} new events, "
        f"{taken.suppressed:,} newly suppressed"
    )
