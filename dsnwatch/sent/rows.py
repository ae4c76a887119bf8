"""What was sent, as CSV: `time`, `recipient` or `count`, `stream`, `campaign`, `message_id`."""

import csv
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime

from dsnwatch.errors import SourceError
from dsnwatch.rfc.address import key
from dsnwatch.sent import Sent

COLUMNS = {
    "time": ("time", "at", "sent_at", "date", "timestamp"),
    "recipient": ("recipient", "email", "address", "to"),
    "count": ("count", "messages", "sent"),
    "stream": ("stream",),
    "campaign": ("campaign", "campaign_id"),
    "message_id": ("message_id", "message-id", "messageid"),
    "envelope_id": ("envelope_id", "envid"),
    "delivered": ("delivered",),
}
"""What a row may tell, and the names its column may have."""

_YES = frozenset({"1", "true", "yes", "y"})
_MOST = 10**12


def read(lines: Iterable[str], name: str) -> Iterator[Sent | SourceError]:
    """Read rows; of one that cannot be meant its error is given, and the next one is read.

    Args:
        lines: The text, line by line; the first names the columns.
        name: The file, for errors.

    Raises:
        SourceError: There are no columns that tell when and how much.
    """
    reader = csv.reader(lines, strict=True)
    try:
        titles = [title.strip().lstrip("\ufeff").lower() for title in next(reader, [])]
    except csv.Error as error:
        raise SourceError(f"{name}, line 1: is not CSV ({error})") from error
    places = {
        what: titles.index(title)
        for what, names in COLUMNS.items()
        for title in names[::-1]
        if title in titles
    }
    if "time" not in places or not {"recipient", "count"} & {*places}:
        raise SourceError(
            f"{name}, line 1: needs a column 'time' and one 'recipient' or 'count'; name the "
            "columns in line 1"
        )
    while True:
        try:
            cells = next(reader, None)
            if cells is None:
                return
            if any(cells):
                yield sent_of({what: cells[at].strip() for what, at in places.items()})
        except (ValueError, IndexError, OverflowError) as error:
            said = "has fewer cells than line 1" if isinstance(error, IndexError) else error
            yield SourceError(f"{name}, line {reader.line_num}: {said}; mend the row")
        except csv.Error as error:
            yield SourceError(f"{name}, line {reader.line_num}: is not CSV ({error})")


def sent_of(row: Mapping[str, str]) -> Sent:
    """Make a fact of a row: texts by the names of `COLUMNS`.

    Raises:
        ValueError: It cannot be meant.
    """
    at, address = _moment(row["time"]), key(row.get("recipient", ""))
    if address and not all(address.rpartition("@")[::2]):
        raise ValueError(f"'{row['recipient'][:80]}' is no address")
    count = row.get("count", "")
    if not address and not count:
        raise ValueError("says neither to whom nor how many")
    messages = int(count) if count else 1
    if not 0 <= messages <= _MOST:
        raise ValueError(f"'{count[:80]}' is no number of messages")
    message_id = row.get("message_id", "").strip("<>") or None
    return Sent(
        at,
        address,
        messages,
        row.get("stream", ""),
        row.get("campaign", ""),
        message_id,
        row.get("envelope_id") or None,
        row.get("delivered", "").lower() in _YES,
        mark="\0".join((row["time"], row.get("stream", ""), row.get("campaign", ""), count)),
    )


def _moment(text: str) -> datetime:
    """Read a time: RFC 3339, or seconds since 1970."""
    try:
        if text.replace(".", "", 1).isdigit():
            return datetime.fromtimestamp(float(text), UTC)
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise ValueError(f"'{text[:80]}' is no moment; write it as 2026-03-01T12:00:00Z") from error
