"""Ids that sort by the time they were given: ULIDs."""

import os
from datetime import UTC, datetime, timedelta
from threading import Lock

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = tuple(high + low for high in _ALPHABET for low in _ALPHABET)
_RANDOM_BITS = 80
ID_LENGTH = 26
_TAIL_BITS = 20


class Ulids:
    """Gives ULIDs, each greater than the one before, also when the clock steps back."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._last = 0
        self._shown = (-1, "")

    def next(self, now: datetime) -> str:
        """Give the next one: 26 characters of Crockford's base 32 in upper case.

        Args:
            now: Aware; its milliseconds open the id, unless an earlier id was given a later time.

        Source: https://github.com/ulid/spec, with its rule for ids within one millisecond.
        """
        milliseconds = max((now - _EPOCH) // _MILLISECOND, 0)
        with self._lock:
            if milliseconds > self._last >> _RANDOM_BITS:
                # The top random bit stays 0, so that adding 1 has room for ever.
                random = int.from_bytes(os.urandom(_RANDOM_BITS // 8), "big") >> 1
                self._last = milliseconds << _RANDOM_BITS | random
            else:
                self._last += 1
            value = self._last
            return (
                self._head(value >> _TAIL_BITS) + _PAIRS[value >> 10 & 1023] + _PAIRS[value & 1023]
            )

    def _head(self, head: int) -> str:
        """Spell all but the last four letters; within a millisecond they seldom change."""
        if self._shown[0] != head:
            letters = [_PAIRS[head >> shift & 1023] for shift in range(100, -1, -10)]
            self._shown = (head, "".join(letters))
        return self._shown[1]


_ulids = Ulids()


def _start_again() -> None:
    """Forget the parent's last id: two children that go on counting from it would collide."""
    global _ulids  # noqa: PLW0603 - a process has one series of ids, and a fork starts another
    _ulids = Ulids()


os.register_at_fork(after_in_child=_start_again)


def new_id(now: datetime) -> str:
    """Give a ULID for something stored at `now`, greater than every one this process gave."""
    return _ulids.next(now)


def first_id(at: datetime) -> str:
    """Give the smallest id that something stored at that moment can have."""
    milliseconds = max((at - _EPOCH) // _MILLISECOND, 0)
    value = milliseconds << _RANDOM_BITS
    return "".join([_PAIRS[value >> shift & 1023] for shift in range(120, -1, -10)])
