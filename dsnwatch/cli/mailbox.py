"""`dsnwatch mailbox`: can we get in, what is there, and read it once."""

import socket
import sys
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from dsnwatch.cli.options import ConfigOption, JsonOption, StoreOption, VerboseOption
from dsnwatch.cli.output import Column, json_line, line, step, table
from dsnwatch.cli.place import Place
from dsnwatch.errors import SourceError, UsageError

if TYPE_CHECKING:
    from dsnwatch.config.mailbox import MailboxSection
    from dsnwatch.config.settings import Configuration
    from dsnwatch.sources.imap import ImapSource
    from dsnwatch.sources.imap_folders import Folder
    from dsnwatch.store import Store

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
    help="The mailboxes that are watched.",
)

NameArgument = Annotated[
    str | None,
    typer.Argument(metavar="[NAME]", help="As in the configuration; not needed for a single one."),
]

CONNECT_SECONDS = 30.0

WORDS = {
    "move": "moved to '{folder}'",
    "copy": "copied to '{folder}' and deleted, for want of MOVE",
    "delete": "deleted",
    "keyword": "marked with a keyword",
    "cursor": "left as they are",
}
"""What becomes of messages, by the way they are let go of."""


@app.callback()
def _mailbox() -> None:
    """Hold the commands."""


@app.command(
    "test",
    short_help="Try each step of getting in, and change nothing.",
    help="Resolve, connect, protect, log in, list the folders and count what waits in them; each "
    "step is shown, and where one fails, what to do. Nothing is read, moved or marked. Exit status "
    "66: a step failed.",
    epilog="""\b
    After writing a [[mailbox]] section:
      dsnwatch mailbox test bounces
    """,
)
def try_(
    ctx: typer.Context,
    *,
    name: NameArgument = None,
    as_json: JsonOption = False,
    store: StoreOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Show each step as it is done; the error of the one that fails ends the command."""
    place = Place(ctx, config=config, store=store, verbose=verbose)
    index = _index(place.configuration, name)
    with place.store(make=True) as opened:
        for name_of_step, said in steps(place.configuration, index, opened):
            if as_json:
                json_line({"step": name_of_step, "said": said})
                sys.stdout.flush()
            else:
                step(name_of_step, said)
    if not as_json:
        line("all is well")


@app.command(
    short_help="Read a mailbox once, now.",
    help="Take in all that waits in a mailbox, let go of it as `after` says, and say what it was. "
    "It may run beside the daemon: nothing counts twice.",
    epilog="""\b
    From cron, instead of the daemon:
      dsnwatch mailbox once bounces
    """,
)
def once(
    ctx: typer.Context,
    *,
    name: NameArgument = None,
    as_json: JsonOption = False,
    store: StoreOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Sweep, and show the figures."""
    from dsnwatch.service.daemon import sweep_once  # noqa: PLC0415  not for --help

    place = Place(ctx, config=config, store=store, verbose=verbose)
    index = _index(place.configuration, name)
    with place.store(make=True) as opened:
        loaded = place.loaded()
        figures = sweep_once(loaded, index, opened)
    said = {
        "messages": figures.seen,
        "new": figures.stored,
        "duplicates": figures.duplicates,
        "unread": figures.unread,
        "left behind": figures.left_behind,
    }
    if as_json:
        json_line({key.replace(" ", "_"): value for key, value in said.items()})
    else:
        table((Column("", 14), Column("", 12, right=True)), _cells(said), heading=False)


@app.command(
    short_help="List the folders of a mailbox.",
    help="List the folders the server has, with what they are for where it says so.",
    epilog="""\b
    To find out what to write into `folders`:
      dsnwatch mailbox folders bounces
    """,
)
def folders(
    ctx: typer.Context,
    *,
    name: NameArgument = None,
    as_json: JsonOption = False,
    store: StoreOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Print a row a folder."""
    from dsnwatch.mailboxes import source_of  # noqa: PLC0415  not for --help

    place = Place(ctx, config=config, store=store, verbose=verbose)
    index = _index(place.configuration, name)
    with (
        place.store(make=True) as opened,
        closing(source_of(place.configuration, index, opened)) as source,
    ):
        listed = sorted(source.connect().folders(), key=lambda each: each.name)
    if as_json:
        for each in listed:
            json_line({"folder": each.name, "flags": sorted(each.flags)})
    else:
        rows = [(each.name, " ".join(sorted(each.flags))) for each in listed]
        table((Column("folder"), Column("flags", 32)), rows)


@app.command(
    short_help="Log in to Microsoft 365 as a person, once.",
    help='For a mailbox with auth = "microsoft" and neither client secret nor certificate: shows '
    "an address and a code to enter there in a browser, and keeps the tokens that follow beside "
    "the store, for this user only. Run it as the user that dsnwatch runs as.",
    epilog="""\b
    Once, and again when Microsoft forgets:
      sudo -u dsnwatch dsnwatch mailbox login bounces
    """,
)
def login(
    ctx: typer.Context,
    *,
    name: NameArgument = None,
    store: StoreOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Do the device code flow (RFC 8628)."""
    from dsnwatch.mailboxes import tokens_path  # noqa: PLC0415  likewise
    from dsnwatch.sources.imap_tokens import log_in_person  # noqa: PLC0415  not for --help

    place = Place(ctx, config=config, store=store, verbose=verbose)
    section = place.configuration.settings.mailbox[_index(place.configuration, name)]
    if section.auth != "microsoft" or section.client_secret_file or section.client_certificate_file:
        raise UsageError(
            f"mailbox '{section.name}' does not log in as a person; this is for auth = "
            '"microsoft" without client_secret_file and client_certificate_file'
        )
    with place.store(make=True) as opened:
        path = tokens_path(opened, section.name)
        for said in log_in_person(section, path):
            line(said)
            sys.stdout.flush()
        line(f"logged in; the tokens are kept in {path}")


def _index(configuration: "Configuration", name: str | None) -> int:
    """Find a mailbox by its name.

    Raises:
        UsageError: There is none, or which is meant is not said.
    """
    names = [section.name for section in configuration.settings.mailbox]
    if not names:
        raise UsageError("no mailbox is configured; write a [[mailbox]] section first")
    if name is None and len(names) > 1:
        raise UsageError(f"which mailbox? name one of {', '.join(names)}")
    if name is not None and name not in names:
        raise UsageError(f"no mailbox '{name}'; there are {', '.join(names)}")
    return names.index(name or names[0])


def _cells(said: dict[str, int]) -> Iterator[tuple[str, str]]:
    yield from ((key, f"{value:,}") for key, value in said.items())


def steps(configuration: "Configuration", index: int, store: "Store") -> Iterator[tuple[str, str]]:
    """Do each step and say what came of it.

    Raises:
        DsnwatchError: A step failed.
    """
    from dsnwatch.mailboxes import source_of  # noqa: PLC0415  not for --help

    section = configuration.settings.mailbox[index]
    yield from _way_there(section)
    with closing(source_of(configuration, index, store)) as source:
        session = source.connect()
        yield "TLS", session.protection or "none: to ourselves only"
        ends = session.expires_at
        yield "login", f"as {section.user}" + (f"; the token ends {ends:%H:%M:%SZ}" if ends else "")
        wanted = ("IDLE", "MOVE", "UIDPLUS", "CONDSTORE", "NAMESPACE")
        lacking = [each for each in wanted if each not in session.capabilities]
        have = [each for each in wanted if each in session.capabilities]
        yield (
            "capabilities",
            ", ".join(have) + f" (not {', '.join(lacking)}: done without)" * bool(lacking),
        )
        yield from _folders(section, source)


def _way_there(section: "MailboxSection") -> Iterator[tuple[str, str]]:
    """Resolve and connect, without saying anything yet."""
    from dsnwatch.sources.imap_trouble import told  # noqa: PLC0415  not for --help

    host, port = section.host.strip("[]"), section.port_in_use
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = dict.fromkeys(str(each[4][0]) for each in found)
        yield "resolve", f"{host} is {', '.join(addresses)}"
        with socket.create_connection((host, port), CONNECT_SECONDS) as connection:
            peer = str(connection.getpeername()[0])
        yield "connect", f"{peer} port {port} answers"
    except OSError as error:
        raise told(section.name, f"connecting to {host} port {port}", error) from error


def _folders(section: "MailboxSection", source: "ImapSource") -> Iterator[tuple[str, str]]:
    for folder, count in source.waiting():
        yield "folder", f"'{folder.name}': {count:,} waiting; {_what_follows(section, folder)}"
    if missing := source.missing():
        raise SourceError(
            f"mailbox '{section.name}': there is no folder '{missing[0]}'; make it, or take it out "
            f"of folders (`dsnwatch mailbox folders {section.name}` lists them)"
        )


def _what_follows(section: "MailboxSection", folder: "Folder") -> str:
    """Say what will become of the messages of a folder."""
    done, unread = (
        WORDS[way].format(folder=to)
        for way, to in zip(
            folder.ways.values(), (section.folder_done, section.folder_unread), strict=True
        )
    )
    if done == unread:
        return f"stored ones are {done}"
    return f"understood ones are {done}, others {unread}"
