"""The end of an error about a name that is not known: which known one was perhaps meant."""

from collections.abc import Iterable

from dsnwatch.errors import UsageError


def nearest(name: str, known: Iterable[str]) -> str:
    """Say which known name stands nearest, or else what all of them are."""
    from difflib import get_close_matches  # noqa: PLC0415  for an error alone

    names = sorted(known)
    near = get_close_matches(name, names, n=1)
    return f"did you mean '{near[0]}'?" if near else f"known are {', '.join(names)}"


def see_reason(reason: str | None, *more: str) -> None:
    """See that a reason to look for is one of the taxonomy, or one of some others.

    Raises:
        UsageError: It is not; says the nearest.
    """
    from dsnwatch.rules import reason_ids  # noqa: PLC0415  not for --help

    known = (*reason_ids(), *more)
    if reason is not None and reason not in known:
        raise UsageError(f"--reason {reason}: there is none; {nearest(reason, known)}")
