"""Lengths of time on the command line: `--since 7d`."""

from datetime import timedelta

from dsnwatch.errors import UsageError


def since_option(text: str) -> timedelta:
    """Read how far back `--since` goes.

    Raises:
        UsageError: It is no length of time, or none at all.
    """
    from dsnwatch.config.values import duration  # noqa: PLC0415  pydantic

    try:
        length = duration(text)
    except ValueError as error:
        raise UsageError(f"--since: {error}") from error
    assert isinstance(length, timedelta)
    if not timedelta() < length <= timedelta(days=3650):
        raise UsageError('--since: must be longer than nothing, and at most "3650d"')
    return length
