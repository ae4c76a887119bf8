"""CSV that a spreadsheet may open: no cell of it is run.

Source: RFC 4180.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence

_FORMULA = re.compile(r"'*[=+\-@\t\r]")


def csv_cell(text: str) -> str:
    """Keep a spreadsheet from running a cell: an apostrophe before = + - @ tab and CR.

    Apostrophes that stand before one of these already get another, so that `from_csv_cell` gives
    back exactly what was there.
    """
    return f"'{text}" if _FORMULA.match(text) else text


def from_csv_cell(text: str) -> str:
    """Undo `csv_cell`."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def csv_lines(
    heading: Sequence[str], rows: Iterable[Sequence[str]], *, raw: bool = False
) -> Iterator[str]:
    """Write rows as CSV (RFC 4180, LF), the heading first.

    Args:
        heading: Names of the columns; none for a file without them.
        rows: Cells as text.
        raw: Leave out the apostrophes of `csv_cell`.
    """
    written = _Written()
    writer = csv.writer(written, lineterminator="\n")
    if heading:
        writer.writerow(heading)
    for row in rows:
        writer.writerow(row if raw else [csv_cell(cell) for cell in row])
        yield written.taken()
    if rest := written.taken():
        yield rest


class _Written:
    """Takes what `csv` writes, until it is asked for."""

    def __init__(self) -> None:
        self._pieces: list[str] = []

    def write(self, text: str) -> None:
        self._pieces.append(text)

    def taken(self) -> str:
        text = "".join(self._pieces)
        self._pieces.clear()
        return text
