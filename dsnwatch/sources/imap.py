"""A mailbox as a source of mail: swept folder by folder, and let go of in sets after COMMIT."""

import os
import select
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final, Protocol

from dsnwatch.config.mailbox import MailboxSection
from dsnwatch.model import RawMessage
from dsnwatch.records import Receipt
from dsnwatch.sources.imap_fetch import LARGEST_OCTETS, SET, fetch_whole
from dsnwatch.sources.imap_folders import Folder, Names, Target, way_for
from dsnwatch.sources.imap_letting_go import Pace, let_go, target_of
from dsnwatch.sources.imap_login import Login
from dsnwatch.sources.imap_session import Session
from dsnwatch.sources.imap_trouble import MailboxError, Trouble
from dsnwatch.sources.octets import shown

IDLE_SECONDS: Final = 9 * 60.0
"""Servers, and routers between, forget who is silent for longer; some after ten minutes."""

BEAT_SECONDS: Final = 20.0
FOLDERS_NAMED: Final = 20

SPARE: Final = timedelta(minutes=2)
"""So long before its token expires a connection is made anew."""

LEAST: Final = timedelta(minutes=1)
"""A connection is kept for so long, however short-lived its token is."""

NEVER: Final = datetime.max.replace(tzinfo=UTC)


class Positions(Protocol):
    """Where it is kept how far a folder has been read, for folders whose mail stays."""

    def get(self, name: str) -> str | None:
        """Find a position; None where there is none."""

    def put(self, name: str, position: str) -> None:
        """Keep a position."""


class ImapSource:
    """One mailbox; the thread that drives it may block here for a minute, and for longer in `wait`.

    Args:
        section: As configured.
        login: How to get in.
        positions: Where cursors are kept.
        ca_file: Whom to trust; None for the system's.
        stream: The stream its messages count for.
        beat: Called at every sign of life, from the thread that drives it.

    Attributes:
        connects: How often a connection was made.
    """

    def __init__(
        self,
        section: MailboxSection,
        login: Login,
        positions: Positions,
        *,
        ca_file: Path | None = None,
        stream: str = "",
        beat: Callable[[], None] = lambda: None,
    ) -> None:
        self._section = section
        self._login = login
        self._positions = positions
        self._ca_file = ca_file
        self._stream = section.stream or stream
        self._beat = beat
        self._session: Session | None = None
        self._names: Names | None = None
        self._folders: dict[str, Folder] = {}
        self._open: Folder | None = None
        self._given: dict[str, tuple[Folder, int, int]] = {}
        self._sweeping = False
        self._pace = Pace()
        self.connects = 0
        self._stale = False
        self._renew_at = NEVER
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        weakref.finalize(self, os.close, self._wake)

    @property
    def connected(self) -> bool:
        """Whether there is a connection, as far as is known."""
        return self._session is not None

    @property
    def left_behind(self) -> int:
        """How many messages the server does not give us; they are asked for again and again."""
        return sum(len(folder.missed) for folder in list(self._folders.values()))

    def connect(self) -> Session:
        """Connect and log in, unless that is so already."""
        if self._session is not None and (self._stale or self._renewal_in() <= timedelta()):
            self.close()
        self._stale = False
        if self._session is None:
            self._session = self._new_session()
            self._renew_at = renewal(self._session.expires_at, datetime.now(UTC))
            self.connects += 1
            self._names = Names(self._session)
        return self._session

    def _new_session(self) -> Session:
        try:
            return self._logged_in(renew=False)
        except MailboxError as error:
            if error.trouble is not Trouble.LOGIN or not self._login.renewable:
                raise
            return self._logged_in(renew=True)  # the token may have been revoked

    def _logged_in(self, *, renew: bool) -> Session:
        session = Session(self._section, ca_file=self._ca_file, beat=self._beat)
        session.log_in(self._login, renew=renew)
        return session

    def _renewal_in(self) -> timedelta:
        """Say how long the connection is good for: it ends with the token it was made with."""
        return self._renew_at - datetime.now(UTC)

    def folders(self) -> list[Folder]:
        """Find the configured folders that are there, in the order of the configuration."""
        assert self._names is not None, "connect first"
        names = (self._names.find(wanted) for wanted in self._section.folders)
        return [
            self._folders.setdefault(name, Folder(name)) for name in dict.fromkeys(names) if name
        ]

    def missing(self) -> list[str]:
        r"""Name the configured folders that are not there; `\Junk` and its like may be absent."""
        assert self._names is not None, "connect first"
        return [
            wanted
            for wanted in self._section.folders
            if not wanted.startswith("\\") and self._names.find(wanted) is None
        ]

    def messages(self) -> Iterator[RawMessage]:
        """Sweep all folders and give what waits there, one set of messages in memory at a time.

        Raises:
            MailboxError: The connection is over, or a folder cannot be read (then all others have
                been).
        """
        self._given.clear()
        self._sweeping = True
        try:
            with self._over_when_broken():
                self.connect()
                yield from self._sweeps()
        finally:
            self._sweeping = False

    def _sweeps(self) -> Iterator[RawMessage]:
        """Give what waits in each folder."""
        refused: list[MailboxError] = []
        there = self.folders()
        # The first one last, so that it is the open one when the waiting begins.
        for folder in [*there[1:], *there[:1]]:
            try:
                yield from self._sweep(folder)
            except MailboxError as error:
                if error.trouble is not Trouble.REFUSED:
                    raise
                refused.append(error)
        if refused:
            # Dovecot refuses for good what was replaced under an open connection.
            self._stale = True
            raise refused[0]
        if missing := self.missing():
            raise self._no_folder(missing[0])

    def waiting(self) -> Iterator[tuple[Folder, int]]:
        """Count what waits in each folder, and change nothing.

        Returns:
            Each folder that is there, opened, with the number of its messages that wait.
        """
        with self._over_when_broken():
            self.connect()
            for folder in self.folders():
                self._select(folder)
                assert folder.selected is not None
                found = self._server().search(folder.criteria, folder.selected.exists)
                yield folder, len(folder.waiting(found))

    def stored(self, receipts: Sequence[tuple[RawMessage, Receipt]]) -> None:
        """Let go of messages as `after` says, in sets: not each time while a sweep goes on.

        Without a connection nothing happens yet: they are let go of in the next sweep.
        """
        for raw, receipt in receipts:
            folder, uidvalidity, uid = self._given.pop(raw.locator, (None, 0, 0))
            if folder is not None and folder.is_of(uidvalidity):
                folder.store(uid, target_of(receipt))
        if self._session is None:
            return
        refused: list[MailboxError] = []
        with self._over_when_broken():
            for folder in self._folders.values():
                try:
                    self._let_go(folder, more_comes=self._sweeping)
                except MailboxError as error:
                    if error.trouble is not Trouble.REFUSED:
                        raise
                    refused.append(error)
        if refused:
            raise refused[0]

    def wait(self, until: float) -> None:
        """Wait for new mail, for `wake`, for a token to expire, or for a time.

        Args:
            until: As `time.monotonic` has it.

        Raises:
            MailboxError: The connection is over.
        """
        session = self._session
        if session is None or not self._section.idle or "IDLE" not in session.capabilities:
            self.sleep(until)
            return
        with self._over_when_broken():
            first = next(iter(self.folders()), None)
            if first is None:
                self.sleep(until)
                return
            if self._open is not first:
                self._select(first)  # what came while another folder was open is told by EXISTS
                return
            longest = min(IDLE_SECONDS, self._renewal_in().total_seconds())
            until = min(until, time.monotonic() + longest)
            if not session.news:
                session.idle(self._wake, until)

    def sleep(self, until: float) -> None:
        """Wait for `wake` or a time, whatever the server does."""
        while (left := until - time.monotonic()) > 0:
            self._beat()
            if select.select([self._wake], [], [], min(left, BEAT_SECONDS))[0]:
                return

    def wake(self) -> None:
        """End the waiting, now and from now on; from any thread."""
        os.eventfd_write(self._wake, 1)

    def interrupt(self) -> None:
        """End whatever the other thread does with the server; from any thread."""
        self.wake()
        if (session := self._session) is not None:
            session.interrupt()

    def close(self) -> None:
        """Say goodbye to the server."""
        session, self._session, self._open = self._session, None, None
        if session is not None:
            session.close()

    def forget(self) -> None:
        """Say goodbye, and know nothing of folders any more: another one may have read them."""
        self.close()
        self._folders.clear()
        self._given.clear()

    @contextmanager
    def _over_when_broken(self) -> Iterator[None]:
        """Drop the connection where it has broken; the next sweep makes another one."""
        try:
            yield
        except MailboxError as error:
            if error.trouble is not Trouble.REFUSED:
                session, self._session, self._open = self._session, None, None
                if session is not None:
                    session.cut()
            raise

    def _server(self) -> Session:
        """Get the connection that this sweep began with."""
        if self._session is None:
            raise MailboxError(
                f"mailbox '{self._section.name}': the connection is over; dsnwatch makes it anew",
                Trouble.LOST,
            )
        return self._session

    def _select(self, folder: Folder) -> None:
        """Open a folder, and find out whether it is still the one that was known."""
        session = self._server()
        self._open = None
        selected = session.select(folder.name)
        ways = {
            target: way_for(
                self._section.after, target, session.capabilities, keywords=selected.keywords
            )
            for target in Target
        }
        if folder.opened(selected, ways) and folder.by_cursor:
            folder.go_on(self._positions.get(self._cursor(folder)))
        self._open = folder

    def _at(self, folder: Folder) -> Session:
        """Get the connection with a folder open."""
        if self._open is not folder:
            self._select(folder)
        return self._server()

    def _cursor(self, folder: Folder) -> str:
        return f"imap/{self._section.name}/{folder.name}"

    def _sweep(self, folder: Folder) -> Iterator[RawMessage]:
        """Give what waits in one folder."""
        self._select(folder)
        folder.begin()
        assert folder.selected is not None
        uidvalidity = folder.selected.uidvalidity
        if folder.is_quiet:
            return
        found = self._server().search(folder.criteria, folder.selected.exists)
        waiting = folder.waiting(found)
        refused: MailboxError | None = None
        if folder.pending:
            try:
                self._let_go(folder)
            except MailboxError as error:
                if error.trouble is not Trouble.REFUSED:
                    raise
                refused = error  # a full target folder must not keep new messages from being read
        elif not waiting:
            folder.quiet = folder.selected.changed
        for start in range(0, len(waiting), SET):
            self._at(folder)
            if not folder.is_of(uidvalidity):
                return  # it was opened again meanwhile, and is another folder: the next sweep's
            yield from self._give(folder, uidvalidity, waiting[start : start + SET])
        if refused is not None:
            raise refused

    def _give(self, folder: Folder, uidvalidity: int, uids: Sequence[int]) -> Iterator[RawMessage]:
        """Fetch a set of messages and hand them out, in the order of their UIDs."""
        place = f"{self._section.name}/{shown(folder.name)};uidvalidity={uidvalidity};uid="
        for uid, got in fetch_whole(self._section.name, partial(self._at, folder), uids):
            if not folder.is_of(uidvalidity):
                return
            if got is None:
                folder.miss(uid)
                continue
            cut = f";first={len(got.data)}" if len(got.data) >= LARGEST_OCTETS else ""
            raw = RawMessage(
                data=got.data,
                locator=f"{place}{uid}{cut}",
                source="imap",
                arrived_at=got.arrived_at,
                stream=self._stream,
            )
            folder.give(uid)
            self._given[raw.locator] = (folder, uidvalidity, uid)
            yield raw

    def _let_go(self, folder: Folder, *, more_comes: bool = False) -> None:
        """Let go of what is on disk of a folder; of not all of it while more comes."""
        assert self._names is not None
        due = partial(self._pace.due, folder, more_comes=more_comes)
        if due():
            session = self._at(folder)  # it may be another one by now: nothing of it is pending
            let_go(self._section, session, self._names, folder, due(), self._pace)
            folder.advance()
            if folder.by_cursor:
                self._positions.put(self._cursor(folder), folder.position)

    def _no_folder(self, wanted: str) -> MailboxError:
        assert self._names is not None
        there = ", ".join(shown(each.name) for each in self._names.listed[:FOLDERS_NAMED])
        self._names.refresh(self._server())
        return MailboxError(
            f"mailbox '{self._section.name}': there is no folder '{wanted}'; make it, or take it "
            f"out of folders (there are: {there})",
            Trouble.REFUSED,
        )


def renewal(expires_at: datetime | None, now: datetime) -> datetime:
    """Say when to make a connection anew whose token expires; `NEVER` where it does not."""
    if expires_at is None:
        return NEVER
    lasts = expires_at - now
    return now + max(lasts - min(SPARE, lasts / 2), LEAST)
