"""The way in from the shell: `dsnwatch` and `python -m dsnwatch`.

Nothing is imported before it is needed: `--version` costs hardly more than Python itself.
"""

import sys
from collections.abc import Sequence

from dsnwatch import __version__


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: Arguments without the program's name; None takes those of the process.

    Returns:
        The exit status, as `errors` and sysexits.h have them.
    """
    arguments = sys.argv[1:] if argv is None else list(argv)
    if arguments == ["--version"]:
        print(f"dsnwatch {__version__}")  # noqa: T201  the answer, before anything is imported
        return 0
    try:
        from dsnwatch.cli import run  # noqa: PLC0415  typer alone costs eight bare Pythons
    except KeyboardInterrupt:
        return 130
    return run(arguments)


if __name__ == "__main__":
    sys.exit(main())
