"""Lists of addresses in files: suppressions of other systems, and people to be mailed. Pure.

A format is rows in the table of `formats`; `reading` goes through a file of any size line by line,
`writing` makes one. Nothing here opens a file or asks a store.
"""

from collections.abc import Iterator
from typing import NamedTuple

from dsnwatch.errors import DataError
from dsnwatch.records import Suppression
from dsnwatch.rfc.date import rfc3339

HEADING = (
    "address",
    "stream",
    "reason",
    "origin",
    "rule",
    "since",
    "until",
    "event_id",
    "note",
)
"""The columns of our own files, and the keys of their objects; absent is an empty cell, or null."""

ORIGINS = ("bounce", "complaint", "unsubscribe", "manual", "import")
"""Where a suppression can come from."""


class Listed(NamedTuple):
    """A row that says that an address is not to be mailed.

    Attributes:
        place: Where it stands, for people: `list.csv, line 7`.
        suppression: What it says.
        code: The status or reply code it gives; "" where it gives none.
        text: What the mail server said, where the row tells: it says more than the list it is on.
    """

    place: str
    suppression: Suppression
    code: str = ""
    text: str = ""


class PassedOver(NamedTuple):
    """A row that says nothing against mailing its address.

    Attributes:
        place: Where it stands.
        why: In words; the same for all rows of a kind.
    """

    place: str
    why: str


Rows = Iterator[Listed | PassedOver | DataError]
"""The rows of a file; one that cannot be meant is its error."""


def as_dict(suppression: Suppression) -> dict[str, object]:
    """Write a suppression as JSON takes it."""
    return {
        "address": suppression.address,
        "stream": suppression.stream,
        "reason": suppression.reason,
        "origin": suppression.origin,
        "rule": suppression.rule,
        "since": rfc3339(suppression.since),
        "until": rfc3339(suppression.until),
        "event_id": suppression.event_id,
        "note": suppression.note,
    }


def as_cells(suppression: Suppression) -> list[str]:
    """Write a suppression as the cells of a CSV row."""
    return ["" if cell is None else str(cell) for cell in as_dict(suppression).values()]
