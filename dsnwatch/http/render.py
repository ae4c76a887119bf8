"""Makes pages of templates; what strangers wrote is escaped, and shown so that it fools nobody."""

import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from dsnwatch import __version__
from dsnwatch.http import charts
from dsnwatch.http.desk import Desk
from dsnwatch.http.people import Person, keep
from dsnwatch.rules import load

HERE = Path(__file__).parent
_PARTS = re.compile(r"(?=[@+])|(?<=[.=_-])")
_WEB = re.compile(r"https?://[^\s<>\"']{1,500}")


@cache
def environment() -> Environment:
    """Make what renders; once."""
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "plain": plain,
        "breaking": breaking,
        "minute": minute,
        "day": day,
        "ago": ago,
        "number": number,
        "percent": percent,
        "compact": charts.compact,
        "says": says,
        "weblink": weblink,
        "capital": capital,
        "commands": commands,
    }
    made.globals |= {"query": query, "version": __version__}
    return made


def page(
    request: Request,
    desk: Desk,
    who: Person,
    template: str,
    title: str,
    **values: Any,  # noqa: ANN401  whatever a template shows
) -> HTMLResponse:
    """Render a page for somebody."""
    text = (
        environment()
        .get_template(template)
        .render(title=title, who=who, here=request.url.path, now=desk.clock(), **values)
    )
    response = HTMLResponse(text, headers={"Cache-Control": "no-store"})
    keep(request, response, desk, who)
    return response


def bare(template: str, title: str, status: int = 200, **values: object) -> HTMLResponse:
    """Render a page for nobody in particular."""
    text = environment().get_template(template).render(title=title, who=None, here="", **values)
    return HTMLResponse(text, status, headers={"Cache-Control": "no-store"})


def plain(text: object) -> str:
    """Show what a stranger wrote: what is not seen, or turns text round, as its escape."""
    return "".join(
        one if one in "\n\t\u200c\u200d" or _is_seen(one) else _escape(one) for one in str(text)
    )


def _is_seen(one: str) -> bool:
    return unicodedata.category(one) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def _escape(one: str) -> str:
    return one.encode("unicode_escape").decode()


def breaking(text: object) -> Markup:
    """Show an address or a domain so that a narrow column breaks it between its parts."""
    pieces = _PARTS.split(plain(text))
    return Markup("<wbr>").join(escape(piece) for piece in pieces)


def weblink(text: str | None) -> Markup:
    """Link to a page outside, where it is one; else only show the text."""
    shown = escape(plain(text or ""))
    if text and _WEB.fullmatch(text):
        return Markup('<a href="{}" rel="noreferrer noopener">{}</a>').format(text, shown)
    return shown


def commands(text: str) -> Markup:
    """Show a sentence of ours: what stands between backticks is typed, pages are linked to."""
    marked = (
        Markup("<code>{}</code>").format(plain(piece)) if number % 2 else _linked(piece)
        for number, piece in enumerate(text.split("`"))
    )
    return Markup("").join(marked)


def _linked(text: str) -> Markup:
    words = re.split(r"(\s+|[.,;:)]+(?=\s|$))", text)  # what ends a sentence is no part of a page
    return Markup("").join(weblink(word) if _WEB.fullmatch(word) else plain(word) for word in words)


def capital(text: str) -> str:
    """Begin a sentence."""
    return f"{text[:1].upper()}{text[1:]}"


def minute(moment: datetime | None) -> str:
    """Write a moment, in UTC."""
    return "never" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"


def day(moment: datetime | None) -> str:
    """Write the day of a moment, in UTC."""
    return "never" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d}"


def ago(moment: datetime | None, now: datetime) -> str:
    """Say how long ago a moment was."""
    return "never" if moment is None else f"{length(now - moment)} ago"


def length(time: timedelta) -> str:
    """Write a length of time in one unit."""
    seconds = max(int(time.total_seconds()), 0)
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def number(value: int) -> str:
    """Write a number with thousands apart, by a narrow space."""
    return f"{value:,}".replace(",", "\u202f")


def percent(value: float | None) -> str:
    """Write a rate."""
    if value is None:
        return "\u2013"
    return f"{100 * value:.2f}\u202f%"


@cache
def _reasons() -> Mapping[str, str]:
    return {name: category.says for name, category in load().categories.items()}


def says(reason: str) -> str:
    """Say in plain words what a reason means."""
    return _reasons().get(reason, "")


def query(**values: object) -> str:
    """Write what stands behind the ? of a link."""
    return urlencode({key: value for key, value in values.items() if value not in {None, ""}})
