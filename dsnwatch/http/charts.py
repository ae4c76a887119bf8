"""Charts as SVG, made here: no program in the page, and every number is in its text as well.

What is drawn is styled by classes alone, since the pages allow no styles of their own.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from markupsafe import Markup, escape

CLASSES = ("hard", "soft", "block", "undetermined")
"""In the order they are stacked, from the bottom."""

_DAY = timedelta(days=1)
_HIGH, _HEAD, _FOOT = 190.0, 14.0, 22.0
"""Of a chart, in pixels: the whole, above its columns, and below for the days."""
_SCALE = 1000.0
"""Units from the foot of the columns to their top."""
_LABELS = 7
_LABEL_WIDE = 13.0
"""Of the whole, in per cent, on a phone, with the room beside it."""
_HOURS_TOLD = 48
"""With more hours than that, days are told."""
_COLUMNS = 60
"""Of a spark, at most: more are no wider than a pixel."""


def stacked(
    lines: Mapping[str, Sequence[int]], starts: Sequence[datetime], step: timedelta, title: str
) -> Markup:
    """Draw columns, a step each, in layers; as wide as there is room, with texts that stay upright.

    Args:
        lines: The layers, a number a step, from the bottom; each name is a class of the style.
        starts: When each step begins.
        step: How long one is.
        title: What it shows, for who does not see it.
    """
    totals = [sum(values) for values in zip(*lines.values(), strict=True)] or [0] * len(starts)
    top = nice(max(totals, default=0))
    high = _HIGH - _HEAD - _FOOT
    drawn = [*_grid(high)]
    drawn.append(
        f'<svg y="{_HEAD:.0f}" width="100%" height="{high:.0f}" preserveAspectRatio="none" '
        f'viewBox="0 0 {max(len(starts), 1)} {_SCALE:.0f}">'
    )
    for number, start in enumerate(starts):
        floor = _SCALE
        told = "; ".join(
            f"{name} {values[number]:,}" for name, values in lines.items() if values[number]
        )
        drawn.append(f"<g><title>{_when(start, step)}: {told or 'nothing'}</title>")
        drawn.append(f'<path class="hover" d="M{number} 0h1v{_SCALE:.0f}h-1z"/>')
        for name, values in lines.items():
            if not values[number]:
                continue
            tall = max(_SCALE * values[number] / top, 4)
            floor -= tall
            bar = f"M{number}.1 {floor:.0f}h.8v{tall:.0f}h-.8z"
            drawn.append(f'<path class="{escape(name)}" d="{bar}"/>')
        drawn.append("</g>")
    drawn += ["</svg>", *_moments(starts, step), *_numbers(top, high)]
    return Markup(  # noqa: S704  of numbers, and of texts that were escaped
        f'<svg class="chart" role="img" aria-label="{escape(title)}">{"".join(drawn)}</svg>'
    )


def _grid(high: float) -> Iterator[str]:
    for part in (0, 0.5, 1):
        y = _HEAD + high * (1 - part)
        yield f'<line class="grid" x1="0" y1="{y:.1f}" x2="100%" y2="{y:.1f}"/>'


def _numbers(top: int, high: float) -> Iterator[str]:
    """Write the numbers of the scale above its lines; `nice` makes both of them whole."""
    for part in (0.5, 1):
        y = _HEAD + high * (1 - part) - 3
        yield f'<text class="tick halo" x="0" y="{y:.1f}">{compact(int(top * part))}</text>'


def _moments(starts: Sequence[datetime], step: timedelta) -> Iterator[str]:
    """Write some of the steps below their columns; of many hours the days, where they begin."""
    whole, y = len(starts), f"{_HIGH - 5:.0f}"
    if step >= _DAY or whole <= _HOURS_TOLD:
        for number in range(whole - 1, -1, -max(-(-whole // _LABELS), 1)):
            x = f"{100 * (number + 0.5) / whole:.2f}%"
            yield f'<text class="tick mid" x="{x}" y="{y}">{_short(starts[number], step)}</text>'
        return
    free = 100.0
    for number in [at for at, start in enumerate(starts) if start.hour == 0][::-1]:
        left, told = 100 * number / whole, _short(starts[number], _DAY)
        if left + _LABEL_WIDE <= free:
            yield f'<text class="tick" x="{left:.2f}%" y="{y}">{told}</text>'
            free = left
        elif number + _HOURS_TOLD // 2 > whole:  # of the last day, which has only begun
            yield f'<text class="tick end" x="100%" y="{y}">{told}</text>'
            free = 100 - _LABEL_WIDE


def spark(values: Sequence[int], title: str, kind: str = "line") -> Markup:
    """Draw a small row of columns, for a line of a table.

    Args:
        values: A number a step; where there are very many, some together are a column.
        title: What it shows.
        kind: The class of the style.
    """
    together = -(-len(values) // _COLUMNS) or 1
    columns = [sum(values[at : at + together]) for at in range(0, len(values), together)]
    top, width = max([*columns, 1]), 120.0 / max(len(columns), 1)
    wide = max(width - min(1.5, width / 4), 0.5)
    bars = "".join(
        f"M{number * width:.1f} 24v-{tall:.1f}h{wide:.1f}v{tall:.1f}z"
        for number, count in enumerate(columns)
        if count
        for tall in [max(22 * count / top, 1)]
    )
    drawn = [_rect("none", 0, 23.3, 120, 0.7), f'<path class="{escape(kind)}" d="{bars}"/>']
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
    return f"{start:%d %b}" if step >= _DAY or start.hour == 0 else f"{start:%H:00}"
