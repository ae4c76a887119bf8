"""`dsnwatch import`: take in the mail of files and folders, once, whole, and at any time again."""

import os
import signal
import sqlite3
import sys
import time
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from dsnwatch.cli.failures import Failures, PassedOver
from dsnwatch.cli.options import ConfigOption, JsonOption, StoreOption, VerboseOption
from dsnwatch.cli.output import json_line, line
from dsnwatch.cli.place import Place
from dsnwatch.cli.readers import Readers, batches
from dsnwatch.cli.tally import Tally
from dsnwatch.errors import SourceError, StoreError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dsnwatch.cli.progress import Progress
    from dsnwatch.cli.readers import Work
    from dsnwatch.ingest import Ingest
    from dsnwatch.model import RawMessage
    from dsnwatch.store import Store

app = typer.Typer(rich_markup_mode=None, add_completion=False)

SMALL_OCTETS = 8 << 20
"""Up to this much, another process costs more than it saves."""

JOBS_AT_MOST = 4


@app.command(
    "import",
    short_help="Take in bounces from files and folders.",
    help="Read bounces from mbox files, Maildirs, .eml files, folders of these and .gz of these, "
    "and keep what follows from them. It can be stopped at any moment and run again: nothing is "
    "lost, and nothing counts twice. Exit status 66: something could not be read.",
    epilog="""\b
    An old mailbox of bounces, and what is in it without keeping anything:
      dsnwatch import /var/mail/bounces
      dsnwatch import --dry-run ~/Maildir/.Bounces old.mbox.gz
    """,
)
def import_(
    ctx: typer.Context,
    *,
    paths: Annotated[
        list[str],
        typer.Argument(metavar="PATH", help="Files and folders; - is one message on stdin."),
    ],
    stream: Annotated[
        str | None,
        typer.Option("--stream", metavar="NAME", help="The kind of mail that bounced."),
    ] = None,
    untrusted: Annotated[
        bool,
        typer.Option(
            "--untrusted",
            help="Anyone can have put mail there: believe it no more than what strangers send.",
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read and decide, and write nothing.")
    ] = False,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs",
            min=1,
            max=64,
            metavar="N",
            help="Processes that read. [default: by size of the mail and number of cores]",
        ),
    ] = None,
    as_json: JsonOption = False,
    store: StoreOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> int:
    """Read, commit batch by batch, and say what was there."""
    from dsnwatch.sources.files import read, size  # noqa: PLC0415  not for --help

    place = Place(ctx, config=config, store=store, verbose=verbose)
    failures, passed_over = Failures(), PassedOver()
    tally, began = Tally(), time.monotonic()
    settings = place.configuration.settings
    octets = size(paths)
    messages = read(
        paths,
        vouched=not untrusted,
        stream=settings.stream if stream is None else stream,
        failed=failures.add,
        passed_over=passed_over.add,
    )
    reader, policy, attributor = place.reader(), place.policy(), place.attributor()
    # The processes come first: they need nothing of what the store loads.
    with (
        Readers(reader, jobs or _jobs(octets)) as readers,
        _scratch_copy(place) if dry_run else place.store(make=True) as opened,
    ):
        from dsnwatch.ingest import Ingest  # noqa: PLC0415  after the processes are forked

        with _progress(octets) as progress:
            ingest = Ingest(
                opened,
                reader,
                policy,
                subscriptions=place.subscriptions(),
                attributor=attributor,
            )
            _take_in(messages, readers, ingest, tally, progress)
        with suppress(StoreError), opened.write() as writer:  # the mail is in; this can wait
            writer.fold_tallies()
    failures.end()
    passed_over.end()
    took = time.monotonic() - began
    if as_json:
        rest = {"failed": failures.count, "passed_over": passed_over.count, "dry_run": dry_run}
        json_line(tally.as_dict() | rest | {"seconds": round(took, 3)})
    elif tally.messages or not failures.count:
        tally.show(dry_run=dry_run)
        line()
        line(f"{took:.1f} s, {tally.messages / max(took, 1e-3):,.0f} messages a second")
    return SourceError.exit_status if failures.count else 0


def _take_in(
    messages: "Iterator[RawMessage]",
    readers: Readers,
    ingest: "Ingest",
    tally: Tally,
    progress: "Progress | None",
) -> None:
    """Read and commit batch by batch; each is on disk before the next is begun."""
    for batch, readings in _until_interrupted(readers.read(batches(messages))):
        pairs = list(zip(batch, readings, strict=True))
        receipts = ingest.commit(
            [(raw, reading) if reading is not None else raw for raw, reading in pairs]
        )
        for (raw, reading), receipt in zip(pairs, receipts, strict=True):
            tally.add(raw, reading, receipt)
        if progress is not None:
            progress.show(tally.messages, tally.octets)


def _until_interrupted(work: "Iterator[Work]") -> "Iterator[Work]":
    """Pass work on piece by piece until Ctrl-C, then stop between two pieces.

    An exception out of a signal handler can be lost where Python cannot raise (a weak reference's
    callback, say); a note that is looked at between two pieces cannot. A second Ctrl-C stops at
    once.
    """
    asked: list[int] = []

    def note(number: int, _frame: object) -> None:
        asked.append(number)
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, note)
    try:
        for piece in work:
            if asked:
                raise KeyboardInterrupt
            yield piece
        if asked:
            raise KeyboardInterrupt
    finally:
        signal.signal(signal.SIGINT, before)


def _jobs(octets: int) -> int:
    if octets <= SMALL_OCTETS:
        return 1
    return min(len(os.sched_getaffinity(0)), JOBS_AT_MOST)


@contextmanager
def _progress(octets: int) -> "Iterator[Progress | None]":
    """Show a progress bar where somebody looks."""
    if not sys.stderr.isatty():
        yield None
        return
    from dsnwatch.cli.progress import Progress  # noqa: PLC0415  rich, for a terminal alone

    with Progress(octets) as progress:
        yield progress


@contextmanager
def _scratch_copy(place: Place) -> "Iterator[Store]":
    """Open a copy of the store, to be written to and thrown away.

    So a dry run decides by everything that is known, and says exactly what an import would do.
    """
    from dsnwatch.store import open_store  # noqa: PLC0415  after the processes are forked
    from dsnwatch.store.faults import told  # noqa: PLC0415  likewise
    from dsnwatch.store.location import is_server, sqlite_path  # noqa: PLC0415  likewise
    from dsnwatch.store.schema import revision  # noqa: PLC0415  likewise

    if is_server(place.store_url()):
        raise UsageError(
            "--dry-run works on a copy of the store, and one on a server is not copied; try it on "
            "an empty one: --store /tmp/trial.db"
        )
    original = sqlite_path(place.store_url())
    place.say_store(original)
    with TemporaryDirectory(prefix="dsnwatch-") as folder:
        copy = Path(folder) / "dsnwatch.db"
        if original.exists():
            with told(str(original)), closing(_read_only(original)) as source:
                revision(source, str(original))  # complains of a foreign file by its own name
                with closing(sqlite3.connect(copy)) as target:
                    source.backup(target)
        store = open_store(str(copy), node=place.configuration.node)
        try:
            yield store
        finally:
            store.close()


def _read_only(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
