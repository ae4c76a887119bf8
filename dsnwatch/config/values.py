"""How lengths of time and sizes are written in the configuration, as types."""

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
_OCTETS = {
    "b": 1,
    "kib": 1 << 10,
    "mib": 1 << 20,
    "gib": 1 << 30,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
}
_SIZE = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)\s*([a-z]+)")
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


Keep = Annotated[
    timedelta | None,
    BeforeValidator(_or_never),
    AfterValidator(_keepable),
    PlainSerializer(duration_text),
]
"""How long to keep something: 1 to 3650 days, or `never` to throw it away."""

Duration = Annotated[timedelta, BeforeValidator(duration), PlainSerializer(duration_text)]
"""A length of time, written with its unit."""


def size(value: object) -> object:
    """Read a size: `10 MiB`, `500 kB`; units B, KiB, MiB, GiB (1024), kB, MB, GB (1000).

    Returns:
        Whole octets.

    Raises:
        ValueError: It is no size, or a bare number, which has no unit.
    """
    if not isinstance(value, str):
        said = f'a size needs its unit: write "{value} B" or "{value} MiB"'
        raise ValueError(said)  # noqa: TRY004  pydantic lets a TypeError through
    found = _SIZE.fullmatch(value.strip().lower())
    if found is None or found[2] not in _OCTETS:
        raise ValueError(f'\'{value}\' is no size; write it like "10 MiB" or "500 kB"')
    return int(float(found[1]) * _OCTETS[found[2]])


def size_text(octets: int) -> str:
    """Write a size so that `size` reads it back."""
    for unit, name in (("gib", "GiB"), ("mib", "MiB"), ("kib", "KiB")):
        if octets and octets % _OCTETS[unit] == 0:
            return f"{octets // _OCTETS[unit]} {name}"
    return f"{octets} B"


Size = Annotated[int, BeforeValidator(size), PlainSerializer(size_text)]
"""A number of octets."""


def a_length(value: timedelta) -> timedelta:
    """Refuse a length of time beyond which no policy looks back."""
    if value > MEMORY_AT_MOST:
        raise ValueError('must not be longer than "3650d"')
    return value


MEMORY_AT_MOST = timedelta(days=3650)
Length = Annotated[Duration, AfterValidator(a_length)]
"""How far a policy may look back."""
Count = Annotated[int, Field(strict=True, ge=1, le=1000)]
