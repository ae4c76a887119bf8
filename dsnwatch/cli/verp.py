"""`dsnwatch verp`: signed return paths, their keys, and the sender's side of them."""

import secrets
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from dsnwatch.cli.options import ConfigOption, JsonOption, VerboseOption
from dsnwatch.cli.output import json_line, line
from dsnwatch.cli.place import Place
from dsnwatch.errors import ConfigError, UsageError
from dsnwatch.rfc.return_path import (
    LETTERS,
    LIFE,
    Key,
    Validity,
    check,
    keys_of,
    sign,
    sign_id,
    unwrap,
    verp,
)
from dsnwatch.whole_file import beside

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
    help="Signed return paths: make, check, keys, snippets.",
)
key_app = typer.Typer(
    rich_markup_mode=None, add_completion=False, no_args_is_help=True, help="The keys."
)
app.add_typer(key_app, name="key")

SNIPPETS = {
    "python": "return_path.py.txt",
    "php": "return_path.php.txt",
    "node": "return_path.js.txt",
    "postfix": "postfix.txt",
    "exim": "exim.txt",
    "listmonk": "listmonk.txt",
}
SECRET_OCTETS = 32
MADE = "# made "

PrefixOption = Annotated[
    str | None,
    typer.Option(
        "--prefix", metavar="LOCAL", help="What stands before the +. [default: as configured]"
    ),
]
DomainOption = Annotated[
    str | None,
    typer.Option("--domain", metavar="DOMAIN", help="Of the return path. [default: as configured]"),
]


@app.command(
    short_help="Make the return path for mail to an address.",
    help="Make the signed return path for mail to an address, to be used as envelope sender today. "
    "It is good for 14 days.",
    epilog="""\b
    What mail to Anne is sent with:
      dsnwatch verp make anne@example.com
    """,
)
def make(
    ctx: typer.Context,
    *,
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="The recipient.")],
    own_id: Annotated[
        str | None,
        typer.Option("--id", metavar="ID", help="An id of your own instead of the address."),
    ] = None,
    prefix: PrefixOption = None,
    domain: DomainOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Sign with the first key."""
    place = Place(ctx, config=config, verbose=verbose)
    keys = _keys(place)
    begin, host = _names(place, prefix, domain)
    today = datetime.now(UTC).date()
    if not all(address.rpartition("@")[::2]):
        raise UsageError(f"'{address}' is no address; write it as name@domain")
    try:
        made = (
            sign(address, keys[0], today, prefix=begin, domain=host)
            if own_id is None
            else sign_id(own_id, keys[0], today, prefix=begin, domain=host)
        )
    except ValueError as error:
        raise UsageError(str(error)) from error
    line(made)


@app.command(
    "check",
    short_help="Say what a return path is worth.",
    help="Say whether a return path is one of yours, whom it is about and how old it is; SRS and "
    "BATV around it are taken off. Exit status 0: valid; 1: not, or not any more.",
    epilog="""\b
    Is this one of ours?
      dsnwatch verp check bounces+anne=example.com.aab7...@bounce.example.org
    """,
)
def check_path(
    ctx: typer.Context,
    *,
    path: Annotated[str, typer.Argument(metavar="RETURN-PATH", help="An address.")],
    as_json: JsonOption = False,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> int:
    """Verify with every live key."""
    place = Place(ctx, config=config, verbose=verbose)
    keys, today = _keys(place), datetime.now(UTC).date()
    inside = unwrap(path)
    found = check(inside.address, keys, today)
    recipient = found.path.recipient if found.path else verp(inside.address)
    told = {
        "validity": found.validity.value,
        "recipient": recipient,
        "id": found.path.id if found.path else None,
        "key": found.path.key_id if found.path else None,
        "made_on": found.made_on.isoformat() if found.made_on else None,
        "unwrapped": list(inside.layers),
    }
    if as_json:
        json_line(told)
    else:
        line(_in_words(told))
    return int(found.validity is not Validity.VALID)


@app.command(
    short_help="Print what the sender needs.",
    help="Print the sender's side: a function for a program, or the lines for a mail server. NAME "
    f"is {', '.join(SNIPPETS)}.",
    epilog="""\b
    For a program in Python, and for Postfix:
      dsnwatch verp snippet python > return_path.py
      dsnwatch verp snippet postfix
    """,
)
def snippet(
    ctx: typer.Context,
    *,
    name: Annotated[str, typer.Argument(metavar="NAME", help="For whom.")],
    prefix: PrefixOption = None,
    domain: DomainOption = None,
    key_file: Annotated[
        Path | None,
        typer.Option("--key-file", metavar="FILE", help="Where the sender has the key."),
    ] = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Fill in prefix, domain and key file."""
    if name not in SNIPPETS:
        raise UsageError(f"no snippet '{name}'; there are {', '.join(SNIPPETS)}")
    place = Place(ctx, config=config, verbose=verbose)
    configured = place.configuration.settings.return_path.key_file
    begin, host = _names(place, prefix, domain)
    key = key_file or (configured and place.configuration.beside(configured))
    text = (Path(__file__).parent / "snippets" / SNIPPETS[name]).read_text(encoding="utf-8")
    told = {"@PREFIX@": begin, "@DOMAIN@": host, "@KEY_FILE@": str(key or "/etc/dsnwatch/keys")}
    for mark, value in told.items():
        text = text.replace(mark, value)
    typer.echo(text, nl=False)


@key_app.command(
    short_help="Make a new key to sign with.",
    help="Put a new key in front of the file that return_path.key_file names, and make the file "
    "where there is none. The one before still verifies; the one before that goes, once its last "
    "return paths have run out. Copy the file to whoever signs.",
    epilog="""\b
    Once a year, or when a sender's machine was lost:
      dsnwatch verp key rotate
    """,
)
def rotate(
    ctx: typer.Context,
    *,
    force: Annotated[
        bool,
        typer.Option("--force", help="Even if return paths that are still good become worthless."),
    ] = False,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Write the file anew, whole or not at all."""
    place = Place(ctx, config=config, verbose=verbose)
    path = _key_path(place)
    text = path.read_text() if path.exists() else ""
    keys = _parsed(text, path)
    today = datetime.now(UTC).date()
    if len(keys) > 1 and not force and (since := _made_on(text)) is not None:
        until = since + LIFE + timedelta(days=1)
        if today < until:
            raise UsageError(
                f"{path}: mail signed with key '{keys[1].id}' may come back until {until}; come "
                "again then, or give --force"
            )
    taken = {key.id for key in keys}
    letter = next(one for one in LETTERS if one not in taken)
    lines = [f"{MADE}{today.isoformat()}", f"{letter} {secrets.token_hex(SECRET_OCTETS)}"]
    lines += [f"{key.id} {key.secret.hex()}" for key in keys[:1]]
    with beside(path, "\n".join([*lines, ""]), 0o600) as whole:
        whole.replace(path)
    before = f"; '{keys[0].id}' still verifies" if keys else ""
    line(f"{path}: key '{letter}' signs from now on{before}")


def _in_words(told: Mapping[str, object]) -> str:
    about = f", about {told['recipient']}" if told["recipient"] else f", id {told['id']}"
    match told["validity"]:
        case Validity.VALID:
            return f"valid{about}, made on {told['made_on']} with key {told['key']}"
        case Validity.EXPIRED:
            return f"run out{about}, made on {told['made_on']} with key {told['key']}"
        case Validity.FORGED:
            return f"not made with a key of yours (it names key {told['key']}){about}"
        case _:
            named = f"; plain VERP names {told['recipient']}" if told["recipient"] else ""
            return f"not signed{named}"


def _keys(place: Place) -> tuple[Key, ...]:
    _key_path(place)
    keys = place.configuration.return_path_keys()
    if not keys:
        raise ConfigError("return_path.key_file holds no key; `dsnwatch verp key rotate` makes one")
    return keys


def _key_path(place: Place) -> Path:
    configured = place.configuration.settings.return_path.key_file
    if configured is None:
        raise ConfigError(
            'no key file is configured; write [return_path] key_file = "return-path-keys" into the '
            "configuration, then `dsnwatch verp key rotate`"
        )
    return place.configuration.secret_place(configured)


def _names(place: Place, prefix: str | None, domain: str | None) -> tuple[str, str]:
    section = place.configuration.settings.return_path
    host = domain or section.domain
    if not host:
        raise ConfigError(
            "the domain of return paths is not known; write [return_path] domain = "
            '"bounce.example.org" into the configuration, or give --domain'
        )
    return prefix or section.prefix, host


def _parsed(text: str, path: Path) -> tuple[Key, ...]:
    try:
        return keys_of(text)
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from error


def _made_on(text: str) -> date | None:
    """Say when the first key was made; None for a file that nobody wrote that into."""
    for row in text.splitlines():
        if row.startswith(MADE):
            try:
                return date.fromisoformat(row.removeprefix(MADE).strip())
            except ValueError:
                return None
    return None
