"""Let go of messages that are on disk: move, copy and delete, delete, mark, or leave them."""

from collections.abc import Callable, Sequence
from functools import partial

from dsnwatch.config.mailbox import MailboxSection
from dsnwatch.sources.imap_fetch import SET
from dsnwatch.sources.imap_folders import (
    DONE_KEYWORD,
    UNREAD_KEYWORD,
    Folder,
    Names,
    Target,
    Way,
)
from dsnwatch.sources.imap_session import Session
from dsnwatch.sources.imap_trouble import MailboxError, Trouble


def let_go(section: MailboxSection, session: Session, names: Names, folder: Folder) -> None:
    """Let go of what is pending in a folder, set by set; each set that went is forgotten.

    Args:
        section: Says where to.
        session: Has the folder open.
        names: The folders there are; one that is made is added.
        folder: Has the messages.

    Raises:
        MailboxError: The server refused, or the connection is over; what is left stays pending.
    """
    pending = sorted(folder.pending.items())
    for target in Target:
        act = partial(_ACTS[folder.ways[target]], section, session, names, target)
        uids = [uid for uid, to in pending if to is target]
        for start in range(0, len(uids), SET):
            some = uids[start : start + SET]
            try:
                act(some)
            except MailboxError as error:
                if error.trouble is not Trouble.REFUSED:
                    raise
                # Dovecot refuses a whole set where another program took one of it:
                # NO [EXPUNGEISSUED].
                span = f"{min(some)}:{max(some)}"
                still = sorted(set(some) & set(session.search(["UID", span])))
                if len(still) == len(some):
                    raise  # they are all there: that was not the reason
                if still:
                    act(still)
            for uid in some:
                del folder.pending[uid]


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
