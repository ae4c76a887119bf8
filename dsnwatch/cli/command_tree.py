"""What commands there are, in their own words: man page and completions are made of it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typer._click.core import Command, Parameter

FILES = frozenset({"FILE", "PATH", "DIR", "MBOX", "FOLDER"})
"""What stands for a value that is a file: a shell offers files there."""


@dataclass(frozen=True, slots=True)
class Option:
    """An option of a command.

    Attributes:
        names: `("--verbose", "-v")`.
        value: What stands for its value in the help; "" for a flag.
        says: One sentence or two.
    """

    names: tuple[str, ...]
    value: str
    says: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A command, or a group of them.

    Attributes:
        path: Words behind `dsnwatch`; none for the program itself.
        brief: One line.
        says: What it does, whole.
        example: Text as it is laid out; "" for none.
        arguments: `PATH...`, `[NAME]`.
        children: Names of the commands of a group.
    """

    path: tuple[str, ...]
    brief: str
    says: str
    example: str
    arguments: tuple[str, ...]
    options: tuple[Option, ...]
    children: tuple[str, ...]


def entries() -> Iterator[Entry]:
    """Give the program, then each command in the order of the help, a group before its own."""
    import typer  # noqa: PLC0415  the command line has it loaded already, packagers have not

    from dsnwatch.cli import app  # noqa: PLC0415  it knows us

    yield from _walk(typer.main.get_command(app), ())


def _walk(command: "Command", path: tuple[str, ...]) -> Iterator[Entry]:
    from typer.core import TyperGroup  # noqa: PLC0415  see above

    ctx = command.make_context("dsnwatch", [], resilient_parsing=True)
    names = command.list_commands(ctx) if isinstance(command, TyperGroup) else []
    found = {
        name: each
        for name in names
        if isinstance(command, TyperGroup)
        and (each := command.get_command(ctx, name)) is not None
        and not each.hidden
    }
    says = " ".join((command.help or "").split())
    parameters = [each for each in command.get_params(ctx) if not getattr(each, "hidden", False)]
    yield Entry(
        path,
        (command.short_help or says.partition(". ")[0]).rstrip("."),
        says,
        _laid_out(command.epilog or ""),
        tuple(_argument(each) for each in parameters if each.param_type_name == "argument"),
        tuple(_option(each) for each in parameters if each.param_type_name == "option"),
        tuple(found),
    )
    for name, each in found.items():
        yield from _walk(each, (*path, name))


def _laid_out(epilog: str) -> str:
    """Take off what only tells the help not to wrap, and the margin."""
    lines = [line.rstrip() for line in epilog.replace("\b", "").strip("\n").splitlines()]
    margin = min((len(line) - len(line.lstrip()) for line in lines if line), default=0)
    return "\n".join(line[margin:] for line in lines)


def _argument(parameter: "Parameter") -> str:
    shown = getattr(parameter, "metavar", None) or str(parameter.name).upper()
    if not parameter.required and not shown.startswith("["):
        shown = f"[{shown}]"
    return f"{shown}..." if parameter.nargs == -1 and not shown.endswith("...") else shown


def _option(parameter: "Parameter") -> Option:
    flag = bool(getattr(parameter, "is_flag", False))
    value = "" if flag else getattr(parameter, "metavar", None) or "VALUE"
    says = " ".join((getattr(parameter, "help", None) or "").split())
    names = sorted(  # some come from a set, in any order
        [*parameter.opts, *parameter.secondary_opts], key=lambda name: (name[:2] != "--", name)
    )
    return Option(tuple(names), re.sub(r"[\[\]]", "", value), says)
