"""Lists of people to be mailed, as CSV: rows kept as they came, and the column of addresses."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from dsnwatch.errors import DataError, UsageError
from dsnwatch.lists.formats import ADDRESS, squeezed

Row = tuple[int, list[str]]
"""A line's number and its cells."""


class People(NamedTuple):
    """A list that is being read.

    Attributes:
        heading: Names of the columns; empty for a list without.
        column: Where the address stands.
        mark: What stands between cells.
        rows: To be gone through once; one that cannot be read is its error.
    """

    heading: list[str]
    column: int
    mark: str
    rows: Iterator[Row | DataError]


def read(lines: Iterable[str], name: str, column: str | None = None) -> People | None:
    """Find the column of addresses, and read the rows.

    Args:
        lines: The text; a line may come in pieces.
        name: The file, for errors.
        column: Its name; None for the one that looks like it.

    Returns:
        None for an empty file.

    Raises:
        DataError: There is no such column.
    """
    rest = iter(lines)
    first = next((line for line in rest if line.strip("\ufeff \t\r\n")), "").lstrip("\ufeff")
    if not first:
        return None
    mark = max(",;\t", key=first.count)
    try:
        cells = next(csv.reader([first], delimiter=mark, strict=True))
    except csv.Error as error:
        raise DataError(f"{name}, line 1: is not CSV ({error})") from error
    if column is None and any("@" in cell for cell in cells):
        at = next(number for number, cell in enumerate(cells) if "@" in cell)
        return People([], at, mark, _rows(chain([first], rest), mark, name))
    return People(cells, _found(cells, name, column), mark, _rows(chain([""], rest), mark, name))


def _found(cells: Sequence[str], name: str, column: str | None) -> int:
    titles = [squeezed(cell) for cell in cells]
    wanted = ADDRESS if column is None else (squeezed(column),)
    for title in wanted:
        if title in titles:
            return titles.index(title)
    if column is not None:
        raise UsageError(f"--column {column}: {name} has {', '.join(cells)[:200]}")
    raise DataError(f"{name}, line 1: no column 'email'; name it with --column")


def _rows(lines: Iterable[str], mark: str, name: str) -> Iterator[Row | DataError]:
    reader = csv.reader(lines, delimiter=mark, strict=True)
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield DataError(f"{name}, line {reader.line_num}: is not CSV ({error})")
            continue
        if cells is None:
            return
        if any(cells):
            yield reader.line_num, cells
