"""Charts as SVG, made here: no program in the page, and every number is in its text as well.

What is drawn is styled by classes alone, since the pages allow no styles of their own.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from markupsafe import Markup

CLASSES = ("hard", "soft", "block", "undetermined")
"""In the order they are stacked, from the bottom."""

_DAY = timedelta(days=1)
_WIDTH, _HEIGHT, _FOOT, _LEFT = 720.0, 180.0, 22.0, 44.0
_LABELS = 7
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
    drawn = [_grid(top, high)]
    for number, start in enumerate(starts):
        left, floor = _LEFT + number * width, 8 + high
        told = "; ".join(
            f"{name} {values[number]:,}" for name, values in lines.items() if values[number]
        )
        drawn.append(
            Markup('<g class="column"><title>{}: {}</title>').format(
                _when(start, step), told or "nothing"
            )
        )
        drawn.append(
            Markup('<rect class="hover" x="{:.1f}" y="8" width="{:.1f}" height="{:.1f}"/>').format(
                left, width, high
            )
        )
        for name, values in lines.items():
            tall = high * values[number] / top
            floor -= tall
            if tall:
                drawn.append(
                    Markup(
                        '<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>'
                    ).format(name, left + gap / 2, floor, width - gap, max(tall, 0.8))
                )
        drawn.append(Markup("</g>"))
    days = step < _DAY and len(starts) > _HOURS_TOLD
    marks = [at for at, start in enumerate(starts) if not days or start.hour == 0]
    every = max(-(-len(marks) // _LABELS), 1)
    drawn += [
        Markup('<text class="tick" x="{:.1f}" y="{:.0f}">{}</text>').format(
            _LEFT + number * width, _HEIGHT - 5, _short(starts[number], _DAY if days else step)
        )
        for number in marks[::every]
        if _LEFT + number * width < _WIDTH - 60
    ]
    return Markup(
        '<svg class="chart" viewBox="0 0 {:.0f} {:.0f}" role="img" aria-label="{}">{}</svg>'
    ).format(_WIDTH, _HEIGHT, title, Markup("").join(drawn))


def _grid(top: int, high: float) -> Markup:
    drawn = []
    for part in (0, 0.5, 1):
        y = 8 + high * (1 - part)
        drawn.append(
            Markup('<line class="grid" x1="{:.0f}" y1="{y:.1f}" x2="{:.0f}" y2="{y:.1f}"/>').format(
                _LEFT, _WIDTH, y=y
            )
        )
        if top * part == int(top * part):
            drawn.append(
                Markup('<text class="tick end" x="{:.0f}" y="{:.1f}">{}</text>').format(
                    _LEFT - 6, y + 4, compact(int(top * part))
                )
            )
    return Markup("").join(drawn)


def spark(values: Sequence[int], title: str, kind: str = "line") -> Markup:
    """Draw a small row of columns, for a line of a table.

    Args:
        values: A number a step.
        title: What it shows.
        kind: The class of the style.
    """
    top, width = max([*values, 1]), 120.0 / max(len(values), 1)
    drawn = [
        Markup('<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>').format(
            kind if value else "none",
            number * width,
            24 - max(22 * value / top, 1),
            max(width - min(1.5, width / 4), 0.5),
            max(22 * value / top, 1),
        )
        for number, value in enumerate(values)
    ]
    return Markup(
        '<svg class="spark" viewBox="0 0 120 24" preserveAspectRatio="none" role="img" '
        'aria-label="{}">{}</svg>'
    ).format(title, Markup("").join(drawn))


def shares(parts: Sequence[tuple[str, int]], title: str) -> Markup:
    """Draw one bar of several parts; each name is a class of the style."""
    whole = sum(number for _, number in parts) or 1
    drawn, left = [], 0.0
    for name, number in parts:
        width = 720.0 * number / whole
        if number:
            drawn.append(
                Markup(
                    '<g><title>{}: {:,}</title><rect class="{}" x="{:.1f}" y="0" width="{:.1f}" '
                    'height="14"/></g>'
                ).format(name, number, name, left, max(width - 2, 1))
            )
        left += width
    return Markup(
        '<svg class="shares" viewBox="0 0 720 14" preserveAspectRatio="none" role="img" '
        'aria-label="{}">{}</svg>'
    ).format(title, Markup("").join(drawn))


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
    return Markup(
        '<svg class="meter" viewBox="0 0 240 16" preserveAspectRatio="none" role="img" '
        'aria-label="{}"><rect class="track" x="0" y="5" width="240" height="6"/>'
        '<rect class="{}" x="0" y="5" width="{:.1f}" height="6"/>'
        '<rect class="mark" x="{:.1f}" y="1" width="1.5" height="14"/>'
        '<rect class="mark" x="{:.1f}" y="1" width="1.5" height="14"/></svg>'
    ).format(title, state, min(240 * value / top, 240), 240 * limit / top, 240 * critical / top)


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
