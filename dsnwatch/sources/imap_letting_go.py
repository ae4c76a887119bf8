"""Let go of messages that are on disk: move, copy and delete, delete, mark, or leave them."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final

from dsnwatch.config.mailbox import MailboxSection
from dsnwatch.model import Kind
from dsnwatch.records import Receipt, ReceiptState
from dsnwatch.sources.imap_fetch import SET
from dsnwatch.sources.imap_folders import (
    DONE_KEYWORD,
    UNREAD_KEYWORD,
    Folder,
    Names,
    Target,
    Way,
)
from dsnwatch.sources.imap_session import Session, uid_set
from dsnwatch.sources.imap_trouble import MailboxError, Trouble

_QUARANTINED, _OTHER = ReceiptState.QUARANTINED, Kind.OTHER
_DONE, _UNREAD = Target.DONE, Target.UNREAD

MOST: Final = 2000
"""Messages that are let go of at once by a server that is quick about it; more would keep it from
giving new ones for so long that there is nothing left to store."""

QUICK_SECONDS, SLOW_SECONDS = 2.0, 10.0
"""A server is quick that lets a set go in less than the first, and slow above the second."""

WAIT_SECONDS: Final = 5.0
"""So long a stored message waits for others to be let go of with it."""

LINE_OCTETS: Final = 7000
"""UIDs in one command; servers take lines of 8,000 octets (RFC 7162 section 4)."""


class Pace:
    """How many messages are let go of at once: the quicker the server, the more.

    A server may look through whole folders at each command: Dovecot takes 40 ms for one MOVE out of
    a Maildir of 20,000 besides 75 us a message (seen 2026-11). A slow one must not be silent
    for so long that it seems dead.

    Attributes:
        at_once: How many.
    """

    def __init__(self) -> None:
        self.at_once = SET
        self._last = time.monotonic()

    def due(self, folder: Folder, *, more_comes: bool) -> dict[Target, list[int]]:
        """Choose what to let go of now.

        Args:
            folder: Has what is pending.
            more_comes: Leave for later what is not worth a command yet, unless it waits for long.

        Returns:
            UIDs, ascending, by what they are let go of as; none of a target that can wait.
        """
        waits = more_comes and time.monotonic() - self._last < WAIT_SECONDS
        least = self.at_once if waits else 1
        if len(folder.pending) < least:
            return {}
        uids: dict[Target, list[int]] = {target: [] for target in Target}
        for uid, target in sorted(folder.pending.items()):
            uids[target].append(uid)
        return {target: some for target, some in uids.items() if len(some) >= least}

    def took(self, messages: int, seconds: float) -> None:
        """Note how many messages of a target went, and how long the server took for a set."""
        self._last = time.monotonic()
        if seconds > SLOW_SECONDS:
            self.at_once = SET
        elif messages >= self.at_once and seconds < QUICK_SECONDS:
            self.at_once = min(2 * self.at_once, MOST)


def target_of(receipt: Receipt) -> Target:
    """Say what a message is let go of as: understood, or for a person to look at."""
    unread = receipt.state is _QUARANTINED or receipt.kind is _OTHER
    return _UNREAD if unread else _DONE


def let_go(  # noqa: PLR0917  one of each that a command needs
    section: MailboxSection,
    session: Session,
    names: Names,
    folder: Folder,
    due: Mapping[Target, Sequence[int]],
    pace: Pace,
) -> None:
    """Let go of messages that are pending in a folder, set by set; those that went are forgotten.

    Args:
        section: Says where to.
        session: Has the folder open.
        names: The folders there are; one that is made is added.
        folder: Has the messages.
        due: UIDs of those, by target.
        pace: Says how many at once, and is told how it went.

    Raises:
        MailboxError: The server refused, or the connection is over; what is left stays pending.
    """
    longest = 0.0
    try:
        for target, uids in due.items():
            act = partial(_ACTS[folder.ways[target]], section, session, names, target)
            for some in sets(uids, pace.at_once):
                began = time.monotonic()
                _let_go_of(some, act, session)
                longest = max(longest, time.monotonic() - began)
                for uid in some:
                    del folder.pending[uid]
    finally:
        pace.took(max(map(len, due.values()), default=0), longest)


def _let_go_of(uids: Sequence[int], act: Callable[[Sequence[int]], None], session: Session) -> None:
    """Do with one set what is to be done, without those that went meanwhile."""
    try:
        act(uids)
    except MailboxError as error:
        if error.trouble is not Trouble.REFUSED:
            raise
        # Dovecot refuses a whole set where another program took one of it: NO [EXPUNGEISSUED].
        there = set(session.search(["UID", f"{min(uids)}:{max(uids)}"]))
        still = [uid for uid in uids if uid in there]
        if len(still) == len(uids):
            raise  # they are all there: that was not the reason
        if still:
            act(still)


def sets(uids: Sequence[int], at_once: int) -> Iterator[Sequence[int]]:
    """Cut ascending UIDs into sets, each short enough for one command."""
    start = 0
    while start < len(uids):
        some = uids[start : start + at_once]
        while len(uid_set(some)) > LINE_OCTETS:
            some = some[: len(some) // 2]
        yield some
        start += len(some)


def _move(
    section: MailboxSection, session: Session, names: Names, target: Target, uids: Sequence[int]
) -> None:
    _into(section, session, names, target, partial(session.move, uids))


def _copy(
    section: MailboxSection, session: Session, names: Names, target: Target, uids: Sequence[int]
) -> None:
    _into(section, session, names, target, partial(session.copy, uids))
    session.delete(uids)


def _delete(
    _section: MailboxSection, session: Session, _names: Names, _to: Target, uids: Sequence[int]
) -> None:
    session.delete(uids)


def _mark(
    _section: MailboxSection, session: Session, _names: Names, target: Target, uids: Sequence[int]
) -> None:
    unread = [UNREAD_KEYWORD] if target is Target.UNREAD else []
    session.flag(uids, [DONE_KEYWORD, *unread])


def _leave(*_: object) -> None:
    """Leave them: the cursor goes past."""


_ACTS: dict[Way, Callable[..., None]] = {
    Way.MOVE: _move,
    Way.COPY: _copy,
    Way.DELETE: _delete,
    Way.KEYWORD: _mark,
    Way.CURSOR: _leave,
}


def _into(
    section: MailboxSection,
    session: Session,
    names: Names,
    target: Target,
    act: Callable[[str], None],
) -> None:
    """Do something with the folder of a target, which is made where it is not there."""
    wanted = section.folder_done if target is Target.DONE else section.folder_unread
    name = names.find(wanted)
    if name is not None:
        try:
            act(name)
        except MailboxError as error:
            if error.trouble is not Trouble.REFUSED:
                raise
            names.refresh(session)
            if names.find(wanted) is not None:
                raise  # it is still there: that was not the reason
        else:
            return
    session.create(names.to_make(wanted))
    names.refresh(session)
    act(names.find(wanted) or names.to_make(wanted))
