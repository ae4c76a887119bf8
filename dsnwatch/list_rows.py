"""Suppressions as CSV and JSON rows, out and in again."""

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import chain

from dsnwatch.errors import DataError
from dsnwatch.model import Suppression
from dsnwatch.rfc.address import key
from dsnwatch.rfc.csv_text import from_csv_cell
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
"""The columns, and the keys of the JSON objects; absent is an empty cell, or null."""

ORIGINS = ("bounce", "complaint", "unsubscribe", "manual", "import")
"""Where a suppression can come from."""

MOST_RULE = 200
"""Characters kept of the name of a rule."""

_ADDRESS_COLUMNS = ("address", "email")
_REASON = re.compile(r"[a-z][a-z0-9_]{0,63}")
_ULID = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}")


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


def read_rows(
    lines: Iterable[str], name: str, now: datetime, *, raw: bool = False
) -> Iterator[Suppression]:
    """Read suppressions from CSV with a heading, or from JSON lines; which, the text says itself.

    Args:
        lines: The text, line by line.
        name: The file, for errors.
        now: `since` of rows without one.
        raw: Cells have no apostrophes to be taken off.

    Returns:
        Suppressions; what the rows say of reason, stream, since, until, event and note is kept,
        and `manual` is the reason where they say none. A row with an origin of ours, which only
        an export of ours has, keeps origin and rule; the origin of others is `import`.

    Raises:
        DataError: A row cannot be meant; names its line.
    """
    rest = iter(lines)
    first = next((line for line in rest if line.strip("\ufeff \t\r\n")), "").lstrip("\ufeff")
    if not first:
        return
    everything = chain([first], rest)
    rows = _json(everything, name) if first.startswith("{") else _csv(everything, name, raw=raw)
    for place, row in rows:
        yield _suppression(row, place, now)


def _json(lines: Iterable[str], name: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        place = f"{name}, line {number}"
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{place}: is not JSON; write one object a line") from error
        if not isinstance(row, dict):
            raise DataError(f"{place}: is no JSON object; write one object a line")
        yield place, {key: str(value) for key, value in row.items() if value is not None}


def _csv(lines: Iterable[str], name: str, *, raw: bool) -> Iterator[tuple[str, Mapping[str, str]]]:
    rest = iter(lines)
    heading = next(rest)
    mark = max(",;\t", key=heading.count)
    reader = csv.reader(chain([heading], rest), delimiter=mark, strict=True)
    try:
        names = [title.strip().lower() for title in next(reader)]
        if not set(_ADDRESS_COLUMNS) & set(names):
            raise DataError(f"{name}, line 1: no column 'address'; name the columns in line 1")
        for cells in reader:
            if not any(cells):
                continue
            texts = cells if raw else map(from_csv_cell, cells)
            place = f"{name}, line {reader.line_num}"
            if len(cells) > len(names):
                raise DataError(f"{place}: has more cells than line 1 has names; mend the row")
            yield place, dict(zip(names, texts, strict=False))
    except csv.Error as error:
        raise DataError(f"{name}, line {reader.line_num}: is not CSV ({error})") from error


def _suppression(row: Mapping[str, str], place: str, now: datetime) -> Suppression:
    given = {key: value.strip() for key, value in row.items()}
    said = next((given[key] for key in _ADDRESS_COLUMNS if given.get(key)), "")
    address = key(said)
    if not all(address.rpartition("@")[::2]):
        raise DataError(f"{place}: '{said[:80]}' is no address; write it as name@domain")
    reason = given.get("reason") or "manual"
    if not _REASON.fullmatch(reason):
        raise DataError(f"{place}: '{reason[:80]}' is no reason; write it as user_unknown is")
    event_id = given.get("event_id", "")
    exported = given.get("origin") in ORIGINS and bool(given.get("rule"))
    return Suppression(
        address=address,
        reason=reason,
        origin=given["origin"] if exported else "import",
        rule=given["rule"][:MOST_RULE] if exported else "suppressions import",
        since=_moment(given.get("since"), place) or now,
        until=_moment(given.get("until"), place),
        event_id=event_id if _ULID.fullmatch(event_id) else None,
        stream=given.get("stream", ""),
        note=given.get("note", ""),
    )


def _moment(text: str | None, place: str) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise DataError(
            f"{place}: '{text[:80]}' is no moment; write it as 2026-03-01T12:00:00Z"
        ) from error
