"""`dsnwatch run`: the daemon."""

import logging
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import typer

from dsnwatch.cli.options import ConfigOption, StoreOption, VerboseOption
from dsnwatch.cli.place import Place
from dsnwatch.errors import DsnwatchError

if TYPE_CHECKING:
    from dsnwatch.service.parts import Loaded

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command(
    short_help="Run the daemon: mailboxes, listeners, hooks, look-ups.",
    help="Run everything that is configured until SIGTERM or Ctrl-C, which ends within ten "
    "seconds and loses nothing. SIGHUP reads configuration and rules anew; a bad file is refused "
    "with its reason, and the old one stays.",
    epilog="""\b
    In the foreground, with what happens on standard error:
      dsnwatch run
    """,
)
def run(
    ctx: typer.Context,
    *,
    store: StoreOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Open the store and run the service in this thread."""
    from dsnwatch.service.daemon import serve  # noqa: PLC0415  not for --help

    def load() -> "Loaded":
        return Place(ctx, config=config, store=store, verbose=verbose).loaded()

    said = logging.StreamHandler(sys.stderr)
    said.setFormatter(Lines())
    logging.basicConfig(level=logging.WARNING, handlers=[said])
    logging.getLogger("dsnwatch").setLevel(logging.INFO)  # ours alone: one line a message
    place = Place(ctx, config=config, store=store, verbose=verbose)
    bring_up_to_date(place)
    with place.store(make=True) as opened:
        serve(load, opened)


class Lines(logging.Formatter):
    """Says of each line whose it is; a record may have several."""

    def format(self, record: logging.LogRecord) -> str:
        """Write a record down."""
        return "\n".join(f"dsnwatch: {line}" for line in super().format(record).split("\n"))


def bring_up_to_date(place: Place) -> None:
    """Make or migrate the store in a process of its own, which ends with all it has loaded.

    What a migration needs is 12 MB, and the daemon would keep them for as long as it runs. What
    fails here is met again, and said, by whoever opens the store next.
    """
    import dsnwatch.store.engine  # noqa: F401, PLC0415  once for both processes

    if pid := os.fork():  # there are no threads yet, and nothing is open
        os.waitpid(pid, 0)
        return
    try:
        with suppress(DsnwatchError), place.store(make=True):
            pass
    finally:
        os._exit(0)
