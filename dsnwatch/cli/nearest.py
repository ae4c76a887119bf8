"""The end of an error about a name that is not known: which known one was perhaps meant."""

from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str:
    """Say which known name stands nearest, or else what all of them are."""
    from difflib import get_close_matches  # noqa: PLC0415  for an error alone

    names = sorted(known)
    near = get_close_matches(name, names, n=1)
    return f"did you mean '{near[0]}'?" if near else f"known are {', '.join(names)}"
