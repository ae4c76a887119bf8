"""The commands, one file each, loaded when named; and the one place that catches errors.

To add a command: a file here with `app = typer.Typer(...)`, and a line in `COMMANDS`.
"""

import os
import signal
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperGroup
from typer.exceptions import Abort, TyperException

from dsnwatch import __version__
from dsnwatch.cli.options import ConfigOption, VerboseOption
from dsnwatch.cli.output import say
from dsnwatch.cli.place import Given
from dsnwatch.cli.plain import show_as_manuals_do, take_as_they_stand
from dsnwatch.errors import DsnwatchError, UsageError

if TYPE_CHECKING:
    from typer._click.core import Command, Context

COMMANDS = {
    "init": "init",
    "import": "import_",
    "run": "run_",
    "status": "status",
    "doctor": "doctor",
    "alerts": "alerts",
    "todo": "todo",
    "report": "report",
    "mailbox": "mailbox",
    "parse": "parse",
    "explain": "explain",
    "check": "check",
    "suppressions": "suppressions",
    "forget": "forget",
    "list": "list_",
    "events": "events",
    "messages": "messages",
    "quarantine": "quarantine",
    "holds": "holds",
    "rollback": "rollback",
    "policy": "policy",
    "rules": "rules",
    "sent": "sent",
    "verp": "verp",
    "hooks": "hooks",
    "export": "export",
    "token": "token",
    "config": "config",
    "db": "db",
    "backup": "backup",
    "docs": "docs",
}
"""Each command, in the order of the help, and the module of this folder that has it."""

EX_SOFTWARE = 70
EX_IOERR = 74
INTERRUPTED = 128 + signal.SIGINT
PIPE_CLOSED = 128 + signal.SIGPIPE


class Stopped(Exception):  # noqa: N818  nothing went wrong
    """The person pressed Ctrl-C, or whoever read our output has gone; the cause says which."""


class Commands(TyperGroup):
    """Finds a command in its own module, and imports that alone."""

    def parse_args(self, ctx: "Context", args: list[str]) -> list[str]:
        """Read what stands before the command's name, without pydantic."""
        take_as_they_stand(self, ctx)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: "Context") -> object:
        """Run the command; typer has answers of its own to these two, with other statuses."""
        try:
            return super().invoke(ctx)
        except (BrokenPipeError, KeyboardInterrupt) as error:
            raise Stopped from error

    def list_commands(self, ctx: "Context") -> list[str]:  # noqa: ARG002  the signature is typer's
        """Name the commands in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: "Context", cmd_name: str) -> "Command | None":
        """Load one command.

        Raises:
            UsageError: There is none of that name; says the nearest.
        """
        if cmd_name in COMMANDS:
            module = import_module(f"dsnwatch.cli.{COMMANDS[cmd_name]}")
            command = typer.main.get_command(module.app)
            show_as_manuals_do(command)
            return command
        if ctx.resilient_parsing or cmd_name.startswith("-"):
            return None
        near = get_close_matches(cmd_name, COMMANDS, n=1)
        hint = f"did you mean '{near[0]}'?" if near else "`dsnwatch --help` lists them"
        raise UsageError(f"no command '{cmd_name}'; {hint}")


app = typer.Typer(
    cls=Commands,
    add_completion=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:  # noqa: FBT001  typer calls it with the flag
    if asked:
        sys.stdout.write(f"dsnwatch {__version__}\n")
        raise typer.Exit


@app.callback(
    help="Reads bounces, keeps the suppression list that follows from them, and says whom not to "
    "mail.",
    epilog="""\b
    Read an old mailbox of bounces, then ask whom not to mail:
      dsnwatch import /var/mail/bounces
      dsnwatch check anne@example.com
      dsnwatch suppressions export > suppressed.csv
    """,
)
def _program(
    ctx: typer.Context,
    *,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
    version: Annotated[  # noqa: ARG001  its callback does it all
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")
    ] = False,
) -> None:
    ctx.obj = Given(config, verbose)


def run(arguments: Sequence[str]) -> int:
    """Run one command and give its exit status; whatever goes wrong is one line here.

    A traceback is printed for our own mistakes only, with EX_SOFTWARE: 1 means "no".
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal may not know an address's characters
            stream.reconfigure(errors="backslashreplace")
    try:
        status = typer.main.get_command(app).main(
            list(arguments), prog_name="dsnwatch", standalone_mode=False
        )
        sys.stdout.flush()
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  the outermost catcher
        return _failed(error.__cause__ or error if isinstance(error, Stopped) else error)
    return status if isinstance(status, int) else 0


def _failed(error: BaseException) -> int:
    """Say what went wrong, in one line where it is no mistake of ours, and give the status."""
    match error:
        case DsnwatchError():
            say(str(error))
            return error.exit_status
        case KeyboardInterrupt() | Abort():
            say("stopped; run the same command again and it goes on where it stopped")
            return INTERRUPTED
        case BrokenPipeError():
            # Who read our output has gone, as `head` does. What Python still flushes at its end
            # goes nowhere.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return PIPE_CLOSED
        case TyperException():
            say(_usage(error))
            return UsageError.exit_status
        case OSError():
            about = f"{error.filename}: " if error.filename else ""
            say(f"{about}{error.strerror or error}; mend that and run the command again")
            return EX_IOERR
        case _:
            import traceback  # noqa: PLC0415  never needed, one hopes

            traceback.print_exception(error)
            say("this is a mistake in dsnwatch; please report it with the lines above")
            return EX_SOFTWARE


def _usage(error: TyperException) -> str:
    """Bring typer's complaint into one line, with the command whose help to read."""
    ctx = getattr(error, "ctx", None)
    path = ctx.command_path if ctx is not None else "dsnwatch"
    if type(error).__name__ == "NoArgsIsHelpError":
        return f"a command is missing; `{path} --help` lists them"
    said = " ".join(error.format_message().split()).rstrip(".").replace(": Value error, ", ": ")
    return f"{said[:1].lower()}{said[1:]}; see `{path} --help`"
