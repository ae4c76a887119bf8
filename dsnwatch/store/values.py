"""Values as they are stored: times as integers, texts that every database takes."""

import re
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_SECONDS = 24 * 3600
_SECOND_MICROS = 10**6
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def to_micros(moment: datetime) -> int:
    """Give a time as it is stored: microseconds since 1970 in UTC, before it negative.

    An integer sorts, compares and subtracts alike in SQLite and PostgreSQL, and is shorter than
    a text.
    """
    since = moment - _EPOCH
    return (since.days * _DAY_SECONDS + since.seconds) * _SECOND_MICROS + since.microseconds


def from_micros(micros: int) -> datetime:
    """Turn a stored time back into an aware UTC one."""
    return _EPOCH + timedelta(microseconds=micros)


def storable(text: str) -> str:
    """Give a text as every database takes it: NUL and lone surrogates become U+FFFD."""
    if "\0" not in text:
        if text.isascii():
            return text
        try:
            text.encode()  # a twentieth of a search, and only halves of characters fail
        except UnicodeEncodeError:
            pass
        else:
            return text
    return _UNSTORABLE.sub("\ufffd", text)
