"""Arguments taken as they stand, for the command that must start fast.

typer (0.29) loads pydantic to turn an argument into a string, which costs as much as the whole
of `dsnwatch check`. A parameter that is a text, a list of texts or a path anyway gets its value
from here instead. Should typer change its inside, these commands become slower, not wrong.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from typer.core import TyperArgument, TyperCommand

if TYPE_CHECKING:
    from typer._click.core import Command, Context

_PLAIN: dict[object, Callable[[Any], object]] = {
    bool: bool,
    str: str,
    Path: Path,
    list[str]: str,
}
"""What a parameter is declared as, and what makes that of an argument."""


class _AsItStands:
    """Stands where typer has its converter."""

    def __init__(self, make: Callable[[Any], object]) -> None:
        self._make = make

    def coerce(self, value: Any, *, param: Any, ctx: "Context") -> Any:  # noqa: ANN401, ARG002  the signature is typer's
        if value is None:
            return None
        if isinstance(value, (list, tuple)):
            return [self._make(one) for one in value]
        return self._make(value)


def take_as_they_stand(command: "Command", ctx: "Context") -> None:
    """Give the plain parameters of a command values without conversion."""
    for param in command.get_params(ctx):
        annotation = getattr(getattr(param, "type_descriptor", None), "annotation", None)
        if annotation in _PLAIN:
            param._runtime_param = _AsItStands(_PLAIN[annotation])  # type: ignore[attr-defined]  # noqa: SLF001  typer has no open door here


class Argument(TyperArgument):
    """An argument shown as manuals do, `PATH...` and `[NAME]`; typer 0.29 shows Python's types."""

    def display_type_rich(self, ctx: "Context") -> None:
        """Say nothing of Python's types."""

    def _usage_display_name(self) -> str:
        name = self.display_name_raw
        if name.startswith("["):
            name = name[1:-1]
        shown = name if self.required else f"[{name}]"
        return f"{shown}..." if self.nargs != 1 else shown


def show_as_manuals_do(command: "Command") -> None:
    """Have the arguments of a command, and of those below it, shown as manuals do."""
    for param in command.params:
        if isinstance(param, TyperArgument):
            param.__class__ = Argument
    for below in getattr(command, "commands", {}).values():
        show_as_manuals_do(below)


class PlainCommand(TyperCommand):
    """A command all of whose arguments are plain."""

    def parse_args(self, ctx: "Context", args: list[str]) -> list[str]:
        """Read the command line, without pydantic."""
        take_as_they_stand(self, ctx)
        return super().parse_args(ctx, args)
