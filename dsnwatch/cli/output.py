"""What goes out to people and machines: harmless text, tables of 80 columns, JSON lines, CSV.

Nearly all we print was written by strangers. `harmless` stands between them and the terminal.
"""

import json
import os
import shutil
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TextIO

WIDEST = 120
"""Columns a table takes at most, however wide the terminal is."""

_GAP = 2
_JOINERS = "\u200c\u200d"  # Persian, Indic scripts and emoji are written with them
_WRITE_JSON = json.JSONEncoder(separators=(", ", ": ")).encode  # escapes all beyond ASCII


def harmless(text: str) -> str:
    r"""Make a stranger's text fit to be printed on one line of a terminal.

    Args:
        text: Anything: escape sequences, line ends, bidi controls, lone surrogates.

    Returns:
        The text with each character that is not printed replaced by its escape (`\x1b`,
        `\u202e`, `\n`); odd spaces become plain ones. Joiners within words stay.
    """
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() or one in _JOINERS else _escape(one) for one in text)


def _escape(one: str) -> str:
    if unicodedata.category(one) == "Zs":
        return " "
    return one.encode("unicode_escape").decode()


def say(text: str) -> None:
    """Write one line for the person at the keyboard to standard error."""
    sys.stderr.write(f"dsnwatch: {harmless(text)}\n")
    sys.stderr.flush()


def line(text: str = "") -> None:
    """Write one line of the answer to standard output."""
    sys.stdout.write(f"{harmless(text)}\n")


def folded(text: str, indent: str = "", onward: str = "") -> None:
    """Write text as lines that fit the terminal (80 columns where there is none).

    Args:
        text: Anything; what cannot be printed is written as its escape.
        indent: What stands before the first line.
        onward: What stands before the others, besides.
    """
    room = max(_width() - len(indent) - len(onward), 10)
    before = indent
    for piece in fold(harmless(text), room):
        sys.stdout.write(f"{before}{piece}\n")
        before = indent + onward


def step(name: str, said: str) -> None:
    """Write a step of something that is tried, as it is done."""
    table((Column("", 12), Column("")), [(name, said)], heading=False)
    sys.stdout.flush()


def json_text(value: Mapping[str, object]) -> str:
    """Put a JSON object on a line of its own; ASCII, so that it is harmless as well."""
    return f"{_WRITE_JSON(value)}\n"


def json_line(value: Mapping[str, object]) -> None:
    """Write one JSON object as a line of the answer."""
    sys.stdout.write(json_text(value))


def coloured(stream: TextIO) -> bool:
    """Say whether a stream takes colours: a terminal that can, and nobody said NO_COLOR."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def heading(text: str) -> None:
    """Write a heading, folded to the terminal, and set off where that can be shown."""
    for piece in fold(harmless(text), _width()):
        sys.stdout.write(f"{_bold(piece)}\n")


def _bold(text: str) -> str:
    return f"\x1b[1m{text}\x1b[0m" if coloured(sys.stdout) else text


def _width() -> int:
    return min(shutil.get_terminal_size((80, 24)).columns, WIDEST)


def minute(moment: datetime | None) -> str:
    """Write a moment for people, in UTC: `2026-03-01 12:00`; "-" where there is none."""
    return "-" if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def day(moment: datetime | None, never: str = "-") -> str:
    """Write the day of a moment for people, in UTC; `never` where there is none."""
    return never if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%d")


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Attributes:
        width: In terminal cells; 0 takes what the others leave (one column of a table).
    """

    title: str
    width: int = 0
    right: bool = False


def table(columns: Sequence[Column], rows: Iterable[Sequence[str]], *, heading: bool = True) -> int:
    """Print rows as they come, in columns that fit the terminal (80 where there is none).

    A cell that is too wide goes on in the next line of its column, so that nothing is lost.

    Returns:
        How many rows there were; without any, nothing is printed.
    """
    taken = sum(column.width for column in columns) + _GAP * (len(columns) - 1)
    widths = [column.width or max(_width() - taken, 10) for column in columns]
    count = 0
    for row in rows:
        if count == 0 and heading:
            titles = [column.title for column in columns]
            for text in _lines(columns, widths, titles):
                sys.stdout.write(f"{_bold(text)}\n")
        for text in _lines(columns, widths, row):
            sys.stdout.write(f"{text}\n")
        count += 1
    return count


def fields(values: Mapping[str, object], indent: str = "") -> None:
    """Print names and values under each other; what nobody said is left out."""
    for name, value in values.items():
        if value in (None, "", (), [], {}):
            continue
        if isinstance(value, Mapping):
            line(f"{indent}{name}")
            fields(value, f"{indent}  ")
            continue
        text = ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
        table((Column("", 24), Column("")), [(f"{indent}{name}", text)], heading=False)


def _lines(columns: Sequence[Column], widths: Sequence[int], row: Sequence[str]) -> Iterator[str]:
    cells = [fold(harmless(cell), width) for cell, width in zip(row, widths, strict=True)]
    for number in range(max(len(cell) for cell in cells)):
        parts = []
        for column, width, cell in zip(columns, widths, cells, strict=True):
            text = cell[number] if number < len(cell) else ""
            padding = " " * (width - cells_of(text))
            parts.append(padding + text if column.right else text + padding)
        yield (" " * _GAP).join(parts).rstrip()


_JOINTS = "._-/="


def fold(text: str, width: int) -> list[str]:
    """Cut a harmless text into pieces of at most so many terminal cells.

    At spaces if it can; else between the parts of an address, a name or a path: before "@", and
    behind what joins them, unless little of the line would be used.
    """
    pieces = []
    while cells_of(text) > width:
        end = cut = joint = taken = 0
        for end, one in enumerate(text):
            if one == "@" or (end and text[end - 1] in _JOINTS):
                joint = end
            taken += _cells(one)
            if taken > width:
                break
            if one == " ":
                cut = end
        cut = cut or (joint if joint > width // 3 else 0) or max(end, 1)
        pieces.append(text[:cut])
        text = text[cut:].lstrip(" ")
    return [*pieces, text] if text or not pieces else pieces


def cells_of(text: str) -> int:
    """Count the terminal cells a harmless text takes."""
    return len(text) if text.isascii() else sum(map(_cells, text))


def _cells(one: str) -> int:
    if unicodedata.combining(one) or one in _JOINERS:
        return 0
    return 2 if unicodedata.east_asian_width(one) in "WF" else 1
