"""Dates of mail headers, From_ lines excepted.

Source: RFC 5322 section 3.3, with the liberties of section 4.3.
"""

import re
from datetime import UTC, datetime, timedelta

_DATE = re.compile(
    r"(\d{1,2})[ \-]+(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*[ \-,]+(\d{4}|\d{2})\s+"
    r"(\d{1,2})[:.](\d{2})(?:[:.](\d{2}))?\s*(?:([+-])(\d{2}):?(\d{2})|([a-z]{1,5}))?",
    re.IGNORECASE,
)
_MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}
_TWO_DIGITS = {name.capitalize(): f"{number:02}" for name, number in _MONTHS.items()}
_ZONES = {
    "est": -5,
    "edt": -4,
    "cst": -6,
    "cdt": -5,
    "mst": -7,
    "mdt": -6,
    "pst": -8,
    "pdt": -7,
    "jst": 9,
    "cet": 1,
    "cest": 2,
    "msk": 3,
    "bst": 1,
}
_SHORT_YEAR = 100
_CENTURY_TURNS = 50


def date(text: str) -> datetime | None:
    """Read the first date in a header body.

    Returns:
        An aware time in UTC; None where there is none or it cannot be (31 February). A zone that
        is missing or unknown is taken for UTC.
    """
    usual = _usual(text.split(None, 6))
    if usual is not None:
        return usual
    found = _DATE.search(text)
    if not found:
        return None
    day, month, year, hour, minute, second, sign, hours, minutes, zone = found.groups()
    full = int(year)
    if full < _SHORT_YEAR:
        full += 2000 if full < _CENTURY_TURNS else 1900
    if sign:
        offset = timedelta(hours=int(hours), minutes=int(minutes)) * (-1 if sign == "-" else 1)
    else:
        offset = timedelta(hours=_ZONES.get((zone or "").lower(), 0))
    try:
        moment = datetime(
            full,
            _MONTHS[month.lower()],
            int(day),
            int(hour),
            int(minute),
            min(int(second or 0), 59),
            tzinfo=UTC,
        )
        return moment - offset
    except (ValueError, OverflowError):
        return None


def _usual(words: list[str]) -> datetime | None:
    """Read a date as nearly all are written: `Tue, 31 Mar 2026 12:00:00 +0200`, any more behind."""
    if words and words[0].endswith(","):
        del words[0]
    if len(words) < _DATE_WORDS:
        return None
    day, month, year, clock, zone = words[:_DATE_WORDS]
    if month not in _TWO_DIGITS or len(clock) != len("12:00:00") or len(zone) != len("+0200"):
        return None
    try:
        moment = datetime.fromisoformat(f"{year}-{_TWO_DIGITS[month]}-{day:0>2}T{clock}{zone}")
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


_DATE_WORDS = 5


def rfc3339(moment: datetime | None) -> str | None:
    """Write a moment for machines: `2026-03-01T12:00:00Z`; None where there is none."""
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
