"""Times on the command line: `--since 7d`, `--since 2026-03-05T10:00`."""

from datetime import UTC, datetime, timedelta

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


def moment(text: str) -> datetime:
    """Read a moment: a day, a day with a time (UTC where it says no zone), or so long ago.

    Raises:
        ValueError: It is none of these; says how they are written.
    """
    from dsnwatch.config.values import duration  # noqa: PLC0415  pydantic

    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        try:
            back = duration(text)
            assert isinstance(back, timedelta)
            return datetime.now(UTC) - back
        except (ValueError, OverflowError):
            raise ValueError(
                f"'{text}' is no time; write it like 2026-03-05, 2026-03-05T10:00 or 7d (ago)"
            ) from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
