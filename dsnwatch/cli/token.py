"""`dsnwatch token`: what lets programs and people in to API and pages."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from dsnwatch.cli.options import BecauseOption, ConfigOption, JsonOption, StoreOption, VerboseOption
from dsnwatch.cli.output import Column, day, json_line, line, minute, say, table
from dsnwatch.cli.person import who
from dsnwatch.cli.place import Place
from dsnwatch.errors import UsageError
from dsnwatch.model import Scope
from dsnwatch.rfc.date import rfc3339

if TYPE_CHECKING:
    from dsnwatch.records import Token

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
    help="What lets programs and people in to API and pages.",
)

_COLUMNS = (
    Column("id", 8),
    Column("name"),
    Column("may", 17),
    Column("until", 10),
    Column("last used (UTC)", 16),
)


@app.command(
    short_help="Make a token.",
    help="Make a token and print it, this once: the store keeps only its hash. Scopes: check asks "
    "whether addresses may be mailed; read sees everything, and the pages; write changes the list, "
    "releases, tells what was sent; admin may all of it, hooks too.",
    epilog="""\b
    For yourself, to sign in with; for the newsletter program, to ask with:
      dsnwatch token create anne --scope admin
      dsnwatch token create newsletter --scope check
    """,
)
def create(
    ctx: typer.Context,
    *,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is for.")],
    scope: Annotated[
        list[Scope],
        typer.Option(
            "--scope", metavar="SCOPE", help=f"What it may do: {', '.join(Scope)}. May be repeated."
        ),
    ],
    lasting: Annotated[
        str | None,
        typer.Option("--for", metavar="TIME", help='How long: "90d", "12h". [default: for ever]'),
    ] = None,
    as_json: JsonOption = False,
    store: StoreOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Write a token's hash, and print the token."""
    from dsnwatch import tokens  # noqa: PLC0415  not for --help
    from dsnwatch.config.values import duration  # noqa: PLC0415  pydantic

    place = Place(ctx, config=config, store=store, verbose=verbose)
    now = datetime.now(UTC)
    if not name.strip():
        raise UsageError("the token needs a name: what it is for")
    try:
        length = None if lasting is None else duration(lasting)
    except ValueError as error:
        raise UsageError(f"--for: {error}") from error
    assert length is None or isinstance(length, timedelta)
    until = None if length is None else now + length
    token, text = tokens.made(name, scope, now=now, who=who(), until=until)
    with place.store(make=True) as opened, opened.write() as writer:
        writer.add_token(token)
        detail = {"id": token.id, "scopes": sorted(token.scopes), "until": rfc3339(until)}
        writer.audit(now, who(), "token.create", name, "", detail)
    if as_json:
        json_line(_as_dict(token) | {"token": text})
    else:
        line(text)
        say("keep it safe: nobody can show it again; `dsnwatch token revoke` ends it")


@app.command(
    "list",
    help="List the tokens; their secrets are nowhere.",
    epilog="""\b
    Who can get in, and who has not for long?
      dsnwatch token list
    """,
)
def list_tokens(
    ctx: typer.Context,
    *,
    as_json: JsonOption = False,
    store: StoreOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Print tokens as a table or as JSON lines."""
    place = Place(ctx, config=config, store=store, verbose=verbose)
    with place.store() as opened:
        found = opened.tokens()
    if as_json:
        for token in found:
            json_line(_as_dict(token))
    elif not table(_COLUMNS, map(_row, found)):
        say("no tokens; `dsnwatch token create NAME --scope read` makes one")


@app.command(
    short_help="Let nobody in with a token any more.",
    help="Let nobody in with a token any more, nor with what was opened with it. A running daemon "
    "goes by it within seconds. Exit status 1: there is no such token.",
    epilog="""\b
    The newsletter program is gone:
      dsnwatch token revoke newsletter
    """,
)
def revoke(
    ctx: typer.Context,
    *,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Its name or id, as `token list` has them.")
    ],
    because: BecauseOption = "",
    store: StoreOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> int:
    """Remove every token of a name, and their sessions."""
    place = Place(ctx, config=config, store=store, verbose=verbose)
    with place.store() as opened:
        meant = [token for token in opened.tokens() if name in {token.id, token.name}]
        with opened.write() as writer:
            for token in meant:
                writer.remove_token(token.id)
                detail = {"id": token.id}
                writer.audit(datetime.now(UTC), who(), "token.revoke", token.name, because, detail)
    for token in meant:
        line(f"{token.name} ({token.id}): lets nobody in any more")
    if not meant:
        say(f"no token '{name}'; `dsnwatch token list` has their names")
    return int(not meant)


def _row(token: "Token") -> tuple[str, ...]:
    return (
        token.id,
        token.name,
        ", ".join(sorted(token.scopes)),
        day(token.until, never="for ever"),
        minute(token.used_at),
    )


def _as_dict(token: "Token") -> dict[str, object]:
    return {
        "id": token.id,
        "name": token.name,
        "scopes": sorted(token.scopes),
        "made_at": rfc3339(token.made_at),
        "made_by": token.made_by,
        "until": rfc3339(token.until),
        "used_at": rfc3339(token.used_at),
    }
