"""How lengths of time and numbers of bytes are written in the configuration, as types."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer

_UNITS = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "min": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_TERM = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+)")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)")
_SIZES = {
    "": 1, "b": 1,
    "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12,
    "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40,
}  # fmt: skip
_KEEP_AT_LEAST = timedelta(days=1)
_KEEP_AT_MOST = timedelta(days=3650)


def duration(value: object) -> object:
    """Read a length of time: `15m`, `1h 30m`, `400d`; units ms, s, m, h, d, w.

    Raises:
        ValueError: It is no length of time, or a bare number, which has no unit.
    """
    if not isinstance(value, str):
        if isinstance(value, timedelta):
            return value
        raise ValueError(f'a length of time needs its unit: write "{value}s" or "{value}d"')
    total, rest = timedelta(), value.strip().lower()
    while rest:
        term = _TERM.match(rest)
        if term is None or term[2] not in _UNITS:
            break
        try:
            total += float(term[1]) * _UNITS[term[2]]
        except OverflowError as error:
            raise ValueError(f"'{value}' is longer than can be counted") from error
        rest = rest[term.end() :].strip()
    if rest or not value.strip():
        raise ValueError(
            f'\'{value}\' is no length of time; write it like "15m", "1h 30m" or "30d"'
        )
    return total


def size(value: object) -> object:
    """Read a number of bytes: `10 MiB` (1024 squared), `10 MB` (1000 squared), `4096`.

    Raises:
        ValueError: It is no number of bytes.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    found = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None or found[2].lower() not in _SIZES:
        raise ValueError(f'\'{value}\' is no number of bytes; write it like "10 MiB" or "4096"')
    return int(float(found[1]) * _SIZES[found[2].lower()])


def duration_text(value: timedelta | None) -> str:
    """Write a length of time so that `duration` reads it back; None is `never`."""
    if value is None:
        return "never"
    parts, rest = [], value
    for unit in ("d", "h", "m", "s", "ms"):
        count, rest = divmod(rest, _UNITS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts) or "0s"


def _or_never(value: object) -> object:
    if isinstance(value, str) and value.strip().lower() == "never":
        return None
    return value if value is None else duration(value)


def _keepable(value: timedelta | None) -> timedelta | None:
    if value is not None and not _KEEP_AT_LEAST <= value <= _KEEP_AT_MOST:
        raise ValueError('must lie between "1d" and "3650d", or be "never"')
    return value


Duration = Annotated[timedelta, BeforeValidator(duration), PlainSerializer(duration_text)]
"""A length of time, written `15m`."""

Size = Annotated[int, BeforeValidator(size), Field(ge=0)]
"""A number of bytes, written `10 MiB`."""

Keep = Annotated[
    timedelta | None,
    BeforeValidator(_or_never),
    AfterValidator(_keepable),
    PlainSerializer(duration_text),
]
"""How long to keep something: 1 to 3650 days, or `never` to throw it away."""
