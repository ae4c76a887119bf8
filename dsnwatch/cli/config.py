"""`dsnwatch config`: is the configuration right, and what is in force?"""

import json

import typer

from dsnwatch.cli.options import ConfigOption, JsonOption, VerboseOption
from dsnwatch.cli.output import json_line, line
from dsnwatch.cli.place import Place
from dsnwatch.store.location import where_of

app = typer.Typer(
    rich_markup_mode=None, add_completion=False, no_args_is_help=True, help="The configuration."
)


@app.callback()
def _config() -> None:
    """Hold the commands."""


@app.command(
    short_help="Check the configuration and what it names.",
    help="Check the configuration, the secrets it names, your rules and the policy. Exit status 0: "
    "all is well; 2: something is not, and which line to mend.",
    epilog="""\b
    Before a reload of the service:
      dsnwatch config check
      dsnwatch --config ./new.toml config check
    """,
)
def check(
    ctx: typer.Context,
    *,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Load everything the configuration names."""
    place = Place(ctx, config=config, verbose=verbose)
    where_of(place.store_url())
    place.reader()
    place.policy()
    place.subscriptions()
    place.check_hooks()
    path = place.configuration.file.path
    line(f"{path}: all is well" if path else "no configuration file; the defaults hold")


@app.command(
    short_help="Show what is in force and where it comes from.",
    help="Show every option that is in force and where its value comes from. Passwords are not "
    "shown.",
    epilog="""\b
    What holds on this machine:
      dsnwatch config show
    """,
)
def show(
    ctx: typer.Context,
    *,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Print options as TOML, with the origin of each as a comment."""
    place = Place(ctx, config=config, verbose=verbose)
    section = ""
    for key, value, origin in place.configuration.values():
        if as_json:
            json_line({"key": key, "value": value, "origin": origin})
            continue
        head, _, name = key.rpartition(".")
        if head != section:
            section = head
            line()
            table, _, number = head.rpartition(".")
            line(f"[[{table}]]" if number.isdigit() else f"[{head}]")
        text = f"{name} = {_toml(value)}"
        line(f"# {name} is not set" if value is None else f"{text}  # {origin}")


def _toml(value: object) -> str:
    """Write a value as TOML takes it: but for tables, as JSON does."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{name} = {_toml(inner)}' for name, inner in value.items())}}}"
    return json.dumps(value, ensure_ascii=False)
