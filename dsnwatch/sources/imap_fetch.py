"""Whole messages out of parts: many short ones at once, the long ones bit by bit."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from dsnwatch.sources.imap_answers import Fetched
from dsnwatch.sources.imap_session import Session
from dsnwatch.sources.imap_trouble import MailboxError, Trouble

log = logging.getLogger(__name__)

SET: Final = 500
"""UIDs in one command; their list stays below the 8,000 octets that servers take (RFC 7162)."""

HEAD_OCTETS: Final = 64 << 10
"""So much of each message is fetched at first: 500 of them are never more than 32 MB."""

PART_OCTETS: Final = 1 << 20
PARTS_AT_ONCE: Final = 8

LARGEST_OCTETS: Final = 10 << 20
"""Of a larger message only so much is read: reports stand at the beginning."""

MOST_MISSED: Final = 20
"""Messages of one set that a server may refuse before we take it for more than odd messages."""

At = Callable[[], Session]
"""Gets the connection, with the folder open that the messages are in."""


def fetch_whole(name: str, at: At, uids: Sequence[int]) -> Iterator[tuple[int, Fetched | None]]:
    """Fetch messages, those above `LARGEST_OCTETS` up to there.

    Args:
        name: The mailbox.
        at: Asked anew each time: whoever gets a message may open another folder.
        uids: One set of them, ascending.

    Returns:
        Each UID with its message, in order; with None where the server does not give it.

    Raises:
        MailboxError: The connection is over, or the server refuses too many.
    """
    heads = _fetch(name, at(), uids, 0, HEAD_OCTETS)
    long = [uid for uid in uids if uid in heads and _goes_on(heads[uid], HEAD_OCTETS)]
    seconds: dict[int, Fetched] = {}
    for uid in uids:
        head = heads.pop(uid, None)
        if head is not None and _goes_on(head, HEAD_OCTETS):
            if uid not in seconds:
                some = long[long.index(uid) :][:PARTS_AT_ONCE]
                seconds = _fetch(name, at(), some, HEAD_OCTETS, PART_OCTETS)
            head = _joined(name, at, head, seconds.pop(uid, None))
        yield uid, head


def _joined(name: str, at: At, head: Fetched, part: Fetched | None) -> Fetched | None:
    """Fetch the third and further parts of a message; None where it went meanwhile."""
    data = bytearray(head.data)
    while part is not None:
        data += part.data
        if not _goes_on(part, PART_OCTETS) or len(data) >= LARGEST_OCTETS:
            return replace(head, data=bytes(data[:LARGEST_OCTETS]))
        part = _fetch(name, at(), [head.uid], len(data), PART_OCTETS).get(head.uid)
    return None


def _goes_on(got: Fetched, asked: int) -> bool:
    """Whether there is more of a message than was given."""
    return not got.whole and len(got.data) >= asked


def _fetch(
    name: str, session: Session, uids: Sequence[int], offset: int, octets: int
) -> dict[int, Fetched]:
    """Fetch a part of some messages; where the server refuses, find out which it is."""
    try:
        return session.fetch(uids, offset, octets)
    except MailboxError as error:
        if error.trouble is not Trouble.REFUSED:
            raise
        found: dict[int, Fetched] = {}
        refused = _fetch_by_halves(session, uids, offset, octets, found)
        if refused > MOST_MISSED:
            raise
        log_not_given(name, refused, error)
        return found


def _fetch_by_halves(
    session: Session, uids: Sequence[int], offset: int, octets: int, found: dict[int, Fetched]
) -> int:
    """Fetch what can be fetched; tells how many cannot, and gives up above `MOST_MISSED`."""
    if len(uids) == 1:
        return 1
    refused = 0
    for half in (uids[: len(uids) // 2], uids[len(uids) // 2 :]):
        if refused > MOST_MISSED:
            break
        try:
            found |= session.fetch(half, offset, octets)
        except MailboxError as error:
            if error.trouble is not Trouble.REFUSED:
                raise
            refused += _fetch_by_halves(session, half, offset, octets, found)
    return refused


def log_not_given(name: str, messages: int, error: MailboxError) -> None:
    """Say that a server did not give some messages; they are asked for again later."""
    log.warning("mailbox '%s': %d messages stay behind for now: %s", name, messages, error)
