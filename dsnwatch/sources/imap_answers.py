"""What FETCH answered, read the short way; IMAPClient reads what is not as usual.

IMAPClient looks at each octet of an answer, in Python: that costs as much as judging the message.
Nearly all servers write nearly the same line before a message, and one pattern reads it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from imapclient.response_parser import parse_fetch_response

_USUAL: Final = re.compile(
    rb"\d+ \((?:UID (?P<uid>\d+) |INTERNALDATE \"(?P<date>[^\"]*)\" |FLAGS \([^()]*\) "
    rb"|MODSEQ \(\d+\) )*BODY\[\](?:<(?P<offset>\d+)>)? \{\d+\}",
    re.IGNORECASE,
)
_UNASKED: Final = re.compile(
    rb"\d+ \((?:UID \d+|FLAGS \([^()]*\)|MODSEQ \(\d+\)| )+\)", re.IGNORECASE
)
"""Somebody changed flags; we did not ask."""

_DATE: Final = re.compile(
    rb" ?(\d{1,2})-([A-Za-z]{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)"
)
_MONTHS: Final = {
    name: number
    for number, name in enumerate(
        b"jan feb mar apr may jun jul aug sep oct nov dec".split(), start=1
    )
}


@dataclass(frozen=True, slots=True)
class Fetched:
    """A message, or a part of one.

    Attributes:
        arrived_at: INTERNALDATE in UTC; None where the server did not say.
        whole: Whether the server sent all of it, though a part was asked for.
    """

    uid: int
    arrived_at: datetime | None
    data: bytes
    whole: bool


def read_fetch(data: Sequence[Any], offset: int) -> dict[int, Fetched]:
    """Read the untagged answers to FETCH, as imaplib gathers them.

    Args:
        data: Lines, and pairs of the line before a literal and the literal.
        offset: Where the part begins that was asked for.

    Returns:
        What was given, by UID.

    Raises:
        ValueError: Or another of `imap_trouble.CAUGHT`: it is no answer to FETCH.
    """
    found = {}
    for item in data:
        if isinstance(item, tuple):
            line = _USUAL.fullmatch(item[0])
            if line is None or line["uid"] is None:
                return _read_slowly(data, offset)
            if int(line["offset"] or 0) != offset:
                continue  # another part, unasked
            uid = int(line["uid"])
            whole = line["offset"] is None
            found[uid] = Fetched(uid, _moment(line["date"]), item[1], whole)
        elif item not in {b")", None} and not _UNASKED.fullmatch(item):
            return _read_slowly(data, offset)
    return found


@lru_cache(maxsize=256)
def _moment(text: bytes | None) -> datetime | None:
    """Read an INTERNALDATE (RFC 9051, date-time); None where it is none.

    Bounces come in bursts, many in the same second.
    """
    date = _DATE.fullmatch(text or b"")
    if date is None:
        return None
    day, month, year, hour, minute, second, sign, hours, minutes = date.groups()
    try:
        local = datetime(
            int(year), _MONTHS[month.lower()], int(day), int(hour), int(minute), int(second),
            tzinfo=UTC,
        )  # fmt: skip
        ahead = timedelta(hours=int(hours), minutes=int(minutes))
        return local + ahead if sign == b"-" else local - ahead
    except (ValueError, KeyError, OverflowError):
        return None


def _read_slowly(data: Sequence[Any], offset: int) -> dict[int, Fetched]:
    """Read any answer that RFC 9051 allows."""
    found = {}
    key = b"BODY[]<%d>" % offset
    for uid, items in parse_fetch_response([*data], normalise_times=False).items():
        part, whole = items.get(key), items.get(b"BODY[]")
        if part is None and offset and key in items:
            part = b""  # NIL, behind the end of the message
        message = whole if part is None else part
        if isinstance(message, bytes):
            arrived = items.get(b"INTERNALDATE")
            moment = arrived.astimezone(UTC) if arrived and arrived.tzinfo else None
            found[uid] = Fetched(uid, moment, message, part is None)
    return found
