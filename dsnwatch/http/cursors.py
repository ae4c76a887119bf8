"""Cursors: where a list goes on. They say what was given last, so changes meanwhile do no harm.

Whatever stands in the list from the first page to the last is given once; what comes or goes
meanwhile is given or not. Who follows events (`order=stored`) is given all that comes, once.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from collections.abc import Callable, Iterable, Sequence
from http import HTTPStatus
from itertools import islice
from typing import Annotated, TypeVar

from fastapi import Query

from dsnwatch.http.problems import Refused
from dsnwatch.store import Place

Item = TypeVar("Item")
WRONG = "cursor: give `next` of the page before"
MOST_DIGITS = 19
"""Numbers of transactions have fewer, and so fit where the store keeps them."""

Limit = Annotated[int, Query(ge=1, le=1000, description="How many at most.")]
After = Annotated[
    str | None, Query(max_length=2000, description="`next` of the page before, to go on behind it.")
]


def written(values: Sequence[str]) -> str:
    """Write down where to go on."""
    return urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


def place(text: str) -> Place:
    """Read where whoever follows events goes on.

    Raises:
        Refused: We never gave such a cursor.
    """
    number, event = read(text, 2) or ("", "")
    if not (number.isascii() and number.isdigit() and len(number) < MOST_DIGITS):
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, WRONG)
    return Place(int(number), event)


def read(text: str | None, length: int) -> tuple[str, ...] | None:
    """Read where to go on; None is the beginning.

    Raises:
        Refused: We never gave such a cursor.
    """
    if text is None:
        return None
    try:
        values = json.loads(urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4)))
    except (ValueError, Error, RecursionError):
        values = None
    if (
        not isinstance(values, list)
        or len(values) != length
        or not all(isinstance(each, str) for each in values)
    ):
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, WRONG)
    return tuple(values)


def paged(
    found: Iterable[Item],
    limit: int,
    shown: Callable[[Item], dict[str, object]],
    place: Callable[[Item], tuple[str, ...]],
) -> dict[str, object]:
    """Lay a page of a list out, and say where it goes on.

    Args:
        found: One more than the page has, where there is more.
        limit: How many the page has.
        shown: Says one as JSON takes it.
        place: Where one stands in the list.
    """
    some = [*islice(found, limit + 1)]
    more = len(some) > limit
    return {
        "items": [shown(each) for each in some[:limit]],
        "next": written(place(some[limit - 1])) if more else None,
    }


def behind(text: str | None) -> str | None:
    """Read where a list goes on that goes by one id.

    Raises:
        Refused: We never gave such a cursor.
    """
    after = read(text, 1)
    return None if after is None else after[0]
