"""What ties a report to mail that was sent: keys of messages, and of what happened to them. Pure.

Nothing of what was sent is kept but a number for each message and recipient: the week, and 51 bits
of a hash over Message-ID (or ENVID) and address. So a week's keys lie together, where they are
written fast and let go of at once, and nobody can read addresses out of them.
"""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from dsnwatch.model import Kind

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WEEK = timedelta(weeks=1)
_HASH_BITS = 51
_LATEST = timedelta(weeks=4)
"""A report that comes later than this after its message is no longer tied to it."""


def event_key(kind: Kind, original: str, address: str) -> str:
    """Name an event by what it is about, so that the same thing told twice has the same key.

    Args:
        kind: The event's.
        original: Message-ID of the original, else its envelope id, else the report's fingerprint.
        address: Whom it is counted against, normalised.
    """
    told = f"{kind}\0{original}\0{address}"
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()


def message_key(id_: str, address: str) -> int:
    """Name a message to one recipient by 51 bits.

    Args:
        id_: Message-ID without angle brackets, or ENVID.
        address: The recipient, normalised; "" where the sender did not say to whom it went.
    """
    told = f"{id_}\0{address}".encode("utf-8", "surrogatepass")
    digest = hashlib.blake2b(told, digest_size=8, person=b"dsnwatch sent").digest()
    return int.from_bytes(digest, "big") >> (64 - _HASH_BITS)


def sent_key(key: int, at: datetime) -> int:
    """Put the week a message was sent in before its key."""
    return _week(at) << _HASH_BITS | key


def sent_keys(key: int, told_at: datetime) -> Iterator[int]:
    """Give the keys under which a message can be known that a report of that moment is about."""
    for week in range(_week(told_at - _LATEST), _week(told_at) + 1):
        yield week << _HASH_BITS | key


def first_sent_key(at: datetime) -> int:
    """Give the smallest key of the week a moment lies in."""
    return _week(at) << _HASH_BITS


def _week(at: datetime) -> int:
    return max((at - _EPOCH) // _WEEK, 0)
