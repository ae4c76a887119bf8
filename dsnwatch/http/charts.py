"""Charts as SVG, made here: no program in the page, and every number is in its text as well.

What is drawn is styled by classes alone, since the pages allow no styles of their own.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from markupsafe import Markup, escape

CLASSES = ("hard", "soft", "block", "undetermined")
"""In the order they are stacked, from the bottom."""

_DAY = timedelta(days=1)
_WIDTH, _HEIGHT, _FOOT, _LEFT = 720.0, 180.0, 22.0, 44.0
_LABELS = 7
_LABEL_WIDE = 60
_HOURS_TOLD = 48
"""With more hours than that, days are told."""


def stacked(
    lines: Mapping[str, Sequence[int]], starts: Sequence[datetime], step: timedelta, title: str
) -> Markup:
    """Draw columns, a step each, in layers.

    Args:
        lines: The layers, a number a step, from the bottom; each name is a class of the style.
        starts: When each step begins.
        step: How long one is.
        title: What it shows, for who does not see it.
    """
    totals = [sum(values) for values in zip(*lines.values(), strict=True)] or [0] * len(starts)
    top = nice(max(totals, default=0))
    width = (_WIDTH - _LEFT) / max(len(starts), 1)
    gap = min(2.0, width * 0.2)
    high = _HEIGHT - _FOOT - 8
    drawn = [*_grid(top, high)]
    for number, start in enumerate(starts):
        left, floor = _LEFT + number * width, 8 + high
        told = "; ".join(
            f"{name} {values[number]:,}" for name, values in lines.items() if values[number]
        )
        drawn.append(f'<g class="column"><title>{_when(start, step)}: {told or "nothing"}</title>')
        drawn.append(_rect("hover", left, 8, width, high))
        for name, values in lines.items():
            tall = high * values[number] / top
            floor -= tall
            if tall:
                drawn.append(_rect(name, left + gap / 2, floor, width - gap, max(tall, 0.8)))
        drawn.append("</g>")
    days = step < _DAY and len(starts) > _HOURS_TOLD
    marks = [at for at, start in enumerate(starts) if not days or start.hour == 0]
    every = max(-(-len(marks) // _LABELS), 1)
    for number in marks[::every]:
        left = _LEFT + number * width
        if left < _WIDTH - _LABEL_WIDE:
            told = _short(starts[number], _DAY if days else step)
            drawn.append(f'<text class="tick" x="{left:.1f}" y="{_HEIGHT - 5:.0f}">{told}</text>')
    return _svg("chart", (_WIDTH, _HEIGHT), title, drawn)


def _grid(top: int, high: float) -> Iterator[str]:
    for part in (0, 0.5, 1):
        y = 8 + high * (1 - part)
        yield f'<line class="grid" x1="{_LEFT}" y1="{y:.1f}" x2="{_WIDTH}" y2="{y:.1f}"/>'
        if top * part == int(top * part):
            told = compact(int(top * part))
            yield f'<text class="tick end" x="{_LEFT - 6:.0f}" y="{y + 4:.1f}">{told}</text>'


def spark(values: Sequence[int], title: str, kind: str = "line") -> Markup:
    """Draw a small row of columns, for a line of a table.

    Args:
        values: A number a step.
        title: What it shows.
        kind: The class of the style.
    """
    top, width = max([*values, 1]), 120.0 / max(len(values), 1)
    wide = max(width - min(1.5, width / 4), 0.5)
    drawn = [
        _rect(
            kind if value else "none",
            number * width,
            24 - max(22 * value / top, 1),
            wide,
            max(22 * value / top, 1),
        )
        for number, value in enumerate(values)
    ]
    return _svg("spark", (120, 24), title, drawn, stretched=True)


def shares(parts: Sequence[tuple[str, int]], title: str) -> Markup:
    """Draw one bar of several parts; each name is a class of the style."""
    whole = sum(number for _, number in parts) or 1
    drawn, left = [], 0.0
    for name, number in parts:
        width = 720.0 * number / whole
        if number:
            bar = _rect(name, left, 0, max(width - 2, 1), 14)
            drawn.append(f"<g><title>{escape(name)}: {number:,}</title>{bar}</g>")
        left += width
    return _svg("shares", (720, 14), title, drawn, stretched=True)


def meter(value: float, limit: float, critical: float, title: str) -> Markup:
    """Draw a rate against the two lines it should not cross.

    Args:
        value: The rate.
        limit: Where one is warned.
        critical: Where it is serious.
        title: What it shows.
    """
    top = max(critical * 1.25, value * 1.1)
    state = "bad" if value >= critical else "warn" if value >= limit else "good"
    drawn = [
        _rect("track", 0, 5, 240, 6),
        _rect(state, 0, 5, min(240 * value / top, 240), 6),
        _rect("mark", 240 * limit / top, 1, 1.5, 14),
        _rect("mark", 240 * critical / top, 1, 1.5, 14),
    ]
    return _svg("meter", (240, 16), title, drawn, stretched=True)


def _rect(name: str, x: float, y: float, width: float, height: float) -> str:
    return (
        f'<rect class="{escape(name)}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" '
        f'height="{height:.1f}"/>'
    )


def _svg(
    name: str,
    size: tuple[float, float],
    title: str,
    drawn: Sequence[str],
    *,
    stretched: bool = False,
) -> Markup:
    """Put a drawing together, of numbers and of texts that were escaped."""
    how = ' preserveAspectRatio="none"' if stretched else ""
    return Markup(  # noqa: S704  see above
        f'<svg class="{name}" viewBox="0 0 {size[0]:.0f} {size[1]:.0f}"{how} role="img" '
        f'aria-label="{escape(title)}">{"".join(drawn)}</svg>'
    )


def nice(value: int) -> int:
    """Give the top of a scale: even, and not much above the largest value."""
    size = 1
    while value > 10 * size:
        size *= 10
    return next(digit * size for digit in (2, 4, 6, 10) if value <= digit * size)


def compact(value: float) -> str:
    """Write a number in few characters: 950, 12k, 3.4M."""
    for size, unit in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if value >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:g}"


def _when(start: datetime, step: timedelta) -> str:
    return f"{start:%Y-%m-%d}" if step >= _DAY else f"{start:%Y-%m-%d %H:00}"


def _short(start: datetime, step: timedelta) -> str:
    return f"{start:%d %b}" if step >= _DAY else f"{start:%d %b %H:00}"
