"""Suppressions as rows of text, for who has all of a short file in hand."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from dsnwatch.errors import DataError
from dsnwatch.lists import HEADING, ORIGINS, Listed, as_cells, as_dict
from dsnwatch.lists.reading import Asked, read
from dsnwatch.model import Suppression

__all__ = ["HEADING", "ORIGINS", "as_cells", "as_dict", "read_rows"]


def read_rows(
    lines: Iterable[str], name: str, now: datetime, *, raw: bool = False
) -> Iterator[Suppression]:
    """Read suppressions from whatever format the text turns out to be.

    Args:
        lines: The text, line by line.
        name: The file, for errors.
        now: `since` of rows without one.
        raw: Cells have no apostrophes to be taken off.

    Raises:
        DataError: A row cannot be meant; names its line.
    """
    found = read(lines, Asked(name, now, raw))
    for row in found.rows if found else ():
        if isinstance(row, DataError):
            raise row
        if isinstance(row, Listed):
            yield row.suppression
