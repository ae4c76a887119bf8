"""A message's octets on a terminal, harmlessly, or out of the program as they came."""

import sys

from dsnwatch.cli.output import line
from dsnwatch.errors import UsageError

SHOWN_LINES = 20
SHOWN_OCTETS = 76


def write_raw(data: bytes) -> None:
    """Write octets to standard output as they came, and nothing else.

    Raises:
        UsageError: That is a terminal.
    """
    if sys.stdout.isatty():
        raise UsageError("--raw to a terminal could command it; send it into a file: > odd.eml")
    sys.stdout.flush()
    sys.stdout.buffer.write(data)


def first_lines(data: bytes) -> None:
    """Print how a message begins."""
    lines = data.splitlines()
    for text in lines[:SHOWN_LINES]:
        line(f"  {text[:SHOWN_OCTETS].expandtabs().decode('ascii', 'backslashreplace')}")
    if len(lines) > SHOWN_LINES:
        line(f"  ... and {len(lines) - SHOWN_LINES} lines more")
