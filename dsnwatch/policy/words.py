"""The policy in plain sentences, for people."""

from datetime import timedelta

_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)


def length_in_words(length: timedelta) -> str:
    """Write a length of time: `90 days`, `72 h`, `1 day`."""
    if length % _DAY or length < 4 * _DAY:
        hours = length / _HOUR
        return f"{hours:g} h"
    return f"{length.days} days"
