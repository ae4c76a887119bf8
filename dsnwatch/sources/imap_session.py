"""One connection to an IMAP server: IMAPClient with limits on everything, and errors in one line.

Whatever raises `MailboxError` here has broken the connection, but for `Trouble.REFUSED`: then the
server said NO, and the connection is sound.
"""

import socket
import ssl
import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from imapclient import IMAPClient, SocketTimeout
from imapclient.exceptions import IMAPClientAbortError, IMAPClientError

from dsnwatch.config.mailbox import MailboxSection
from dsnwatch.sources.imap_answers import Fetched, read_fetch
from dsnwatch.sources.imap_idle import Idle
from dsnwatch.sources.imap_login import Login, tls_context
from dsnwatch.sources.imap_trouble import CAUGHT, MailboxError, told

if TYPE_CHECKING:
    from datetime import datetime

CONNECT_SECONDS: Final = 30.0
READ_SECONDS: Final = 60.0
"""Between two packets of an answer."""

COMMAND_SECONDS: Final = 900.0
"""A whole answer; one that still trickles then never ends."""

MOST_LITERAL: Final = 16 << 20
MOST_ANSWER: Final = 96 << 20
_PIECE: Final = 256 << 10
"""Read at once where so much is there: each time another thread may go first, for 5 ms."""

_UNASKED: Final = {"EXPUNGE", "VANISHED", "RECENT", "FETCH", "COPYUID", "HIGHESTMODSEQ"}

SEARCH_AT_ONCE: Final = 50_000
"""imaplib takes no line above 1,000,000 octets: 90,000 UIDs of ten digits."""

_SOCKET_OPTIONS: Final = (
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 15),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 60_000),
)
"""A peer that has silently gone is noticed within two minutes, by the kernel.

imaplib writes a command in pieces, and without NODELAY each waits 40 ms for the one before.
"""


@dataclass(frozen=True, slots=True)
class Listed:
    r"""A folder as LIST has it.

    Attributes:
        name: As the server calls it, decoded.
        flags: In lower case: `\junk`, `\noselect`.
        separator: Between levels; None where there are no levels.
    """

    name: str
    flags: frozenset[str]
    separator: str | None


@dataclass(frozen=True, slots=True)
class Selected:
    """A folder as SELECT has it.

    Attributes:
        changed: HIGHESTMODSEQ; None where the server does not count changes (RFC 7162).
        keywords: Whether new keywords may be set.
    """

    uidvalidity: int
    uidnext: int
    exists: int
    changed: int | None
    keywords: bool


class Session:
    """A connection; to be logged in on before anything else.

    Args:
        section: Where to, and how.
        ca_file: Whom to trust; None for the system's.
        beat: Called at every sign of life.

    Raises:
        MailboxError: What went wrong, and what to do.

    Attributes:
        expires_at: When the token expires that it was logged in with; None for never.
        capabilities: In upper case; known after the login.
    """

    def __init__(
        self,
        section: MailboxSection,
        *,
        ca_file: Path | None = None,
        beat: Callable[[], None] = lambda: None,
    ) -> None:
        self.expires_at: datetime | None = None
        self.capabilities: frozenset[str] = frozenset()
        self._name = section.name
        self._beat = beat
        self._budget = MOST_ANSWER
        self._deadline = 0.0
        self._counting = False
        self._expunged = 0
        with self._told(f"connecting to {section.host} port {section.port_in_use}"):
            tls = tls_context(section, ca_file)
            self._client: Any = IMAPClient(
                section.host.strip("[]"),
                section.port_in_use,
                ssl=section.tls == "implicit",
                ssl_context=tls,
                timeout=SocketTimeout(CONNECT_SECONDS, READ_SECONDS),
            )
        try:
            self._guard()
            if section.tls == "starttls":
                with self._told("STARTTLS"):
                    self._client.starttls(tls)
        except BaseException:
            self.cut()
            raise

    def log_in(self, login: Login, *, renew: bool = False) -> None:
        """Log in; where that fails, the connection is of no use any more.

        Args:
            login: How to get in.
            renew: Do not use a token that was used before.
        """
        try:
            with self._told("login"):
                self.expires_at = login.log_in(self._client, renew=renew)
                capabilities = self._client.capabilities()
            self.capabilities = frozenset(each.decode("ascii", "replace") for each in capabilities)
            self._read_in_large_pieces()
        except BaseException:
            self.cut()
            raise

    @property
    def protection(self) -> str:
        """The version of TLS that protects the connection; "" where it is plain."""
        sock = self._imap.sock
        return sock.version() or "" if isinstance(sock, ssl.SSLSocket) else ""

    @property
    def _imap(self) -> Any:  # noqa: ANN401  imaplib's
        return self._client._imap  # noqa: SLF001  IMAPClient hands out no other way to it

    def _guard(self) -> None:
        """Put limits where imaplib has none: what a server sends, and for how long."""
        imap = self._imap
        imap.debug = 0  # IMAPClient's 5 writes the text of every message into a string, for a log
        for option in _SOCKET_OPTIONS:
            with suppress(OSError):
                imap.sock.setsockopt(*option)
        imap.readline = partial(self._readline, imap.readline)
        imap.read = partial(self._read, imap.read)

    def _read_in_large_pieces(self) -> None:
        """Give imaplib a larger buffer than its 8 kB, unless that one holds something."""
        imap = self._imap
        timeout = imap.sock.gettimeout()
        imap.sock.settimeout(0)
        try:
            with suppress(ssl.SSLWantReadError):
                if imap.file.peek(1):
                    return
        finally:
            imap.sock.settimeout(timeout)
        before, imap.file = imap.file, imap.sock.makefile("rb", _PIECE)
        before.close()

    def _readline(self, readline: Callable[[], bytes]) -> bytes:
        line = readline()
        self._spend(len(line))
        return line

    def _read(self, read: Callable[[int], bytes], size: int) -> bytes:
        if size > MOST_LITERAL:
            raise IMAPClientAbortError(f"a literal of {size} octets was not asked for")
        pieces = []
        while size > 0:
            piece = read(min(size, _PIECE))
            if not piece:
                raise IMAPClientAbortError("the connection ended within a message")
            self._spend(len(piece))
            pieces.append(piece)
            size -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _spend(self, octets: int) -> None:
        self._beat()
        self._budget -= octets
        if self._budget < 0:
            raise IMAPClientAbortError("the answer does not end")
        if time.monotonic() > self._deadline:
            raise IMAPClientAbortError(f"the answer took more than {COMMAND_SECONDS:.0f} s")

    @contextmanager
    def _told(self, doing: str) -> Iterator[None]:
        """Do one thing with the server, within the limits; what fails is told in one line."""
        self._beat()
        self._budget = MOST_ANSWER
        self._deadline = time.monotonic() + COMMAND_SECONDS
        try:
            yield
        except CAUGHT as error:
            raise told(self._name, doing, error) from error
        self._forget_unasked()

    def _forget_unasked(self) -> None:
        """Drop what imaplib gathers and nobody asks for; it would grow until the next SELECT."""
        told = self._imap.untagged_responses
        self._expunged += len(told.get("EXPUNGE", ()))
        for key in told.keys() & _UNASKED:
            del told[key]

    def namespace(self) -> tuple[str, str | None]:
        """Find the prefix of our own folders, and what stands between levels (RFC 2342)."""
        if "NAMESPACE" not in self.capabilities:
            return "", None
        with self._told("NAMESPACE"):
            personal = self._client.namespace().personal
        return personal[0] if personal else ("", None)

    def folders(self) -> tuple[Listed, ...]:
        """List the folders, with what they are for where the server says (RFC 6154)."""
        with self._told("LIST"):
            found = self._client.list_folders()
            return tuple(
                Listed(
                    name if isinstance(name, str) else name.decode("utf-8", "replace"),
                    frozenset(flag.decode("ascii", "replace").lower() for flag in flags),
                    separator.decode("ascii", "replace") if separator else None,
                )
                for flags, separator, name in found
            )

    def create(self, folder: str) -> None:
        """Make a folder."""
        with self._told(f"making the folder '{folder}'"):
            self._client.create_folder(folder)

    def select(self, folder: str) -> Selected:
        """Open a folder for reading and writing; answers about the one before are forgotten.

        What servers tell unasked gathers in imaplib until the next SELECT, so this keeps a
        connection that lives for weeks from growing as well.
        """
        with self._told(f"opening the folder '{folder}'"):
            self._count_changes()
            self._expunged = 0
            answer = self._client.select_folder(folder)
            flags = answer.get(b"PERMANENTFLAGS", ())
            changed = answer.get(b"HIGHESTMODSEQ")
            return Selected(
                uidvalidity=int(answer[b"UIDVALIDITY"]),
                uidnext=int(answer.get(b"UIDNEXT", 0)),
                exists=int(answer[b"EXISTS"]),
                changed=changed if isinstance(changed, int) else None,
                keywords=b"\\*" in flags,
            )

    def _count_changes(self) -> None:
        """Ask once for HIGHESTMODSEQ in answers, where it is to be had."""
        if {"ENABLE", "CONDSTORE"} <= self.capabilities and not self._counting:
            self._client.enable("CONDSTORE")
        self._counting = True

    def search(self, criteria: Sequence[str], exists: int | None = None) -> "array[int]":
        """Find messages of the open folder.

        Args:
            criteria: As SEARCH has them; none for all.
            exists: How many messages the folder has, so that no answer becomes too long; None
                where the criteria see to that.

        Returns:
            UIDs, ascending.
        """
        spans: list[list[str]] = [[]]
        if exists is not None:
            starts = range(1, exists + 1, SEARCH_AT_ONCE)
            spans = [[f"{start}:{min(start + SEARCH_AT_ONCE - 1, exists)}"] for start in starts]
        found: array[int] = array("I")
        for span in spans:
            with self._told("SEARCH"):
                found.extend(sorted(self._client.search([*span, *criteria])))
        return found

    def fetch(self, uids: Sequence[int], offset: int, octets: int) -> dict[int, Fetched]:
        r"""Fetch a part of some messages, without setting \Seen.

        Args:
            uids: Some hundreds at most.
            offset: Where the part begins.
            octets: How long it is at most.

        Returns:
            What the server gave; a message that is gone is not in it.
        """
        wanted = f"(INTERNALDATE BODY.PEEK[]<{offset}.{octets}>)"
        with self._told(f"fetching {len(uids)} messages"):
            typ, data = self._imap.uid("FETCH", uid_set(uids), wanted)
            if typ != "OK":
                raise IMAPClientError(data[0])
            asked = set(uids)
            found = read_fetch(data, offset)
            return {uid: each for uid, each in found.items() if uid in asked}

    def move(self, uids: Sequence[int], folder: str) -> None:
        """Move messages (RFC 6851)."""
        with self._told(f"moving {len(uids)} messages to '{folder}'"):
            self._client.move(uid_set(uids), folder)

    def copy(self, uids: Sequence[int], folder: str) -> None:
        """Copy messages."""
        with self._told(f"copying {len(uids)} messages to '{folder}'"):
            self._client.copy(uid_set(uids), folder)

    def delete(self, uids: Sequence[int]) -> None:
        """Delete these messages and no others (RFC 4315)."""
        with self._told(f"deleting {len(uids)} messages"):
            self._client.add_flags(uid_set(uids), [b"\\Deleted"], silent=True)
            self._client.uid_expunge(uid_set(uids))

    def flag(self, uids: Sequence[int], keywords: Sequence[str]) -> None:
        """Set keywords."""
        with self._told(f"marking {len(uids)} messages"):
            self._client.add_flags(uid_set(uids), list(keywords), silent=True)

    @property
    def news(self) -> bool:
        """Whether the server has told of other messages in the open folder since `select`.

        It may do so in the answer to any command, and need not repeat it under IDLE.
        """
        counts = self._imap.untagged_responses.get("EXISTS", ())
        return len(counts) > 1 and counts[-1] != counts[0]

    def idle(self, wake: int, until: float) -> bool:
        """Wait for new mail in the open folder; see `imap_idle.Idle`."""
        with self._told("IDLE"):
            # Its own limits are in `until`, and what it reads is a line now and then.
            self._deadline = until + READ_SECONDS
            told = self._imap.untagged_responses
            exists = int(told.get("EXISTS", [b"0"])[-1]) - self._expunged
            return Idle(self._imap, exists).wait(wake=wake, until=until, beat=self._beat)

    def close(self) -> None:
        """Say goodbye, if there is somebody to say it to."""
        with suppress(MailboxError), self._told("LOGOUT"):
            self._imap.sock.settimeout(2.0)
            self._client.logout()
        self.cut()

    def cut(self) -> None:
        """Let go of the connection without a word."""
        self.interrupt()
        with suppress(OSError, IMAPClientError):
            self._client.shutdown()

    def interrupt(self) -> None:
        """End the connection from another thread; the one that reads hears of it at once."""
        with suppress(OSError):
            self._imap.sock.shutdown(socket.SHUT_RDWR)


def uid_set(uids: Sequence[int]) -> str:
    """Write ascending UIDs as commands have them: `1:5,7` (RFC 9051 section 9, sequence-set)."""
    spans: list[list[int]] = []
    for uid in uids:
        if spans and uid == spans[-1][1] + 1:
            spans[-1][1] = uid
        else:
            spans.append([uid, uid])
    return ",".join(str(low) if low == high else f"{low}:{high}" for low, high in spans)
