"""Ids that sort by the time they were given: ULIDs."""

import os
from datetime import datetime
from threading import Lock

from dsnwatch.store.values import to_micros

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = tuple(high + low for high in _ALPHABET for low in _ALPHABET)
_RANDOM_BITS = 80
ID_LENGTH = 26
_TAILS = 1 << 20
"""Ids that have all but their last four letters in common."""


class Ulids:
    """Gives ULIDs, each greater than the one before, also when the clock steps back."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._now: datetime | None = None
        self._milliseconds = -1
        self._head = 0
        self._spelt = ""
        self._tail = 0

    def next(self, now: datetime) -> str:
        """Give the next one: 26 characters of Crockford's base 32 in upper case.

        Args:
            now: Aware; its milliseconds open the id, unless an earlier id was given a later time.

        Source: https://github.com/ulid/spec, with its rule for ids within one millisecond.
        """
        with self._lock:
            tail = self._tail = self._tail + 1
            if now is not self._now or tail == _TAILS:  # a transaction asks for all at one moment
                tail = self._begin(now)
            return self._spelt + _PAIRS[tail >> 10] + _PAIRS[tail & 1023]

    def _begin(self, now: datetime) -> int:
        """Spell all but the last four letters, and say how these begin."""
        self._now = now
        milliseconds = max(to_micros(now) // 1000, 0)
        if milliseconds > self._milliseconds:
            # The top random bit stays 0, so that adding 1 has room for ever.
            random = int.from_bytes(os.urandom(_RANDOM_BITS // 8), "big") >> 1
            self._milliseconds = milliseconds
            self._head, self._tail = divmod(milliseconds << _RANDOM_BITS | random, _TAILS)
        elif self._tail == _TAILS:
            self._head, self._tail = self._head + 1, 0
        self._spelt = "".join([_PAIRS[self._head >> shift & 1023] for shift in range(100, -1, -10)])
        return self._tail


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
    milliseconds = max(to_micros(at) // 1000, 0)
    value = milliseconds << _RANDOM_BITS
    return "".join([_PAIRS[value >> shift & 1023] for shift in range(120, -1, -10)])
