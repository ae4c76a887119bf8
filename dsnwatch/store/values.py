"""Values as they are stored: times as integers, texts that every database takes."""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_SECONDS = 24 * 3600
_SECOND_MICROS = 10**6
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


@lru_cache(maxsize=1024)
def to_micros(moment: datetime) -> int:
    """Give a time as it is stored: microseconds since 1970 in UTC, before it negative.

    An integer sorts, compares and subtracts alike in SQLite and PostgreSQL, and is shorter than
    a text. Remembered, since one moment goes into several rows.
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


def storable_values(row: tuple[object, ...], *told: str | None) -> tuple[object, ...]:
    """Give a row whose texts every database takes.

    Args:
        row: Its values.
        told: Those of its texts that a stranger wrote; they are looked at in one go.
    """
    texts = "".join(filter(None, told))
    if storable(texts) is texts:
        return row
    return tuple([storable(value) if isinstance(value, str) else value for value in row])
