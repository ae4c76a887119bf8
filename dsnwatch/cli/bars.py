"""Bars of a chart in a terminal, out of characters it can show."""

import sys
from collections.abc import Iterator, Sequence

from dsnwatch.cli.output import cells_of, fold, harmless, line

_EIGHTHS = " ▏▎▍▌▋▊▉█"


def bar(value: int, largest: int, width: int) -> str:
    """Draw a bar of at most so many cells; something is shown of whatever is not nothing."""
    if value <= 0 or largest <= 0:
        return ""
    eighths = max(round(8 * width * value / largest), 1)
    try:
        _EIGHTHS.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return "#" * max(eighths // 8, 1)
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def bars(rows: Sequence[tuple[str, int, str]], *, names: int = 30, width: int = 30) -> None:
    """Print a chart: a name, a bar, and what stands behind it, a row each.

    Args:
        rows: Name, value, and a text behind the number (a share), or "".
        names: Cells for names; longer ones are cut.
        width: Cells of the longest bar.
    """
    for text in _lines(rows, names, width):
        line(text)


def _lines(rows: Sequence[tuple[str, int, str]], names: int, width: int) -> Iterator[str]:
    largest = max((value for _, value, _ in rows), default=0)
    for name, value, behind in rows:
        shown = fold(harmless(name), names - 1)
        cut = shown[0] + ("~" if len(shown) > 1 else "")
        padding = " " * (names - cells_of(cut))
        drawn = bar(value, largest, width)
        yield f"  {cut}{padding} {value:>9,} {behind:>7} {drawn}".rstrip()
