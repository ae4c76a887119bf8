"""IDLE (RFC 2177) on imaplib's documented `send` and `readline`.

IMAPClient 4.1's own has four ways to fail us: after the peer has closed, `idle_check` answers `[]`
at once and for ever; what came in one packet with the "+" lies in a buffer that its poll does not
see; an EXISTS before the "+" is an error to it; and nothing else can wake it up.
"""

import re
import select
import ssl
import time
from collections.abc import Callable
from typing import Any, Final

from imapclient.exceptions import IMAPClientAbortError, IMAPClientError

TAG: Final = b"IDLE1"
SLICE_SECONDS: Final = 20.0
"""A sign of life for the watchdog at least so often."""

_COUNT: Final = re.compile(rb"\* (\d{1,10}) (EXISTS|EXPUNGE)\b", re.IGNORECASE)


class Idle:
    """One IDLE in the selected folder.

    Args:
        imap: imaplib's connection, in the selected state, with a timeout for reading.
        exists: How many messages the folder has, as far as we know: some servers tell the number
            again at each IDLE, and that is no news.
    """

    def __init__(self, imap: Any, exists: int) -> None:  # noqa: ANN401  imaplib ships no types
        self._imap = imap
        self._exists = exists
        self._rest = b""
        self.news = False

    def wait(self, *, wake: int, until: float, beat: Callable[[], None]) -> bool:
        """Wait for new mail.

        Args:
            wake: A descriptor; when it can be read, the waiting ends.
            until: When it ends in any case, as `time.monotonic` has it.
            beat: Called now and then.

        Returns:
            Whether the server told of new mail.

        Raises:
            IMAPClientAbortError: The connection is over, or the server says so.
            IMAPClientError: The server refuses to idle.
            OSError: The connection is broken.
        """
        imap = self._imap
        imap.send(TAG + b" IDLE\r\n")
        while not (line := self._line()).startswith(b"+"):
            self._hear(line)
        timeout = imap.sock.gettimeout()
        imap.sock.settimeout(0)
        try:
            self._come_in(readable=False)  # it may lie in the buffer already
            while not self.news and (left := until - time.monotonic()) > 0:
                beat()
                ready = _wait(imap.sock, wake, min(left, SLICE_SECONDS))
                if wake in ready:
                    break
                if ready:
                    self._come_in(readable=True)
        finally:
            imap.sock.settimeout(timeout)
        imap.send(b"DONE\r\n")
        while not (line := self._rest + self._line()).startswith(TAG):
            self._rest = b""
            self._hear(line)
        self._hear(line)
        return self.news

    def _come_in(self, *, readable: bool) -> None:
        """Read what is there, without waiting.

        Args:
            readable: Whether the socket said that there is something; nothing then means the end.
        """
        while True:
            try:
                piece = self._imap.readline()
            except (BlockingIOError, ssl.SSLWantReadError):
                return
            if not piece:
                if readable:
                    raise IMAPClientAbortError("the peer has closed the connection")
                return
            readable = False
            self._rest += piece
            if self._rest.endswith(b"\n"):
                line, self._rest = self._rest, b""
                self._hear(line)

    def _line(self) -> bytes:
        line: bytes = self._imap.readline()
        if not line:
            raise IMAPClientAbortError("the peer has closed the connection")
        return line

    def _hear(self, line: bytes) -> None:
        """Take in one line of the server."""
        if line.upper().startswith(b"* BYE"):
            raise IMAPClientAbortError(line[5:].decode("ascii", "replace").strip())
        if line.startswith(TAG + b" ") and not line.upper().startswith(TAG + b" OK"):
            raise IMAPClientError(line[len(TAG) :].decode("ascii", "replace").strip())
        if count := _COUNT.match(line):
            if count[2].upper() == b"EXPUNGE":
                self._exists -= 1
            else:
                self.news = self.news or int(count[1]) > self._exists
                self._exists = int(count[1])


def _wait(sock: Any, wake: int, seconds: float) -> set[int]:  # noqa: ANN401  a socket, with TLS or not
    """Wait until one of the two can be read."""
    if getattr(sock, "pending", int)():
        return {sock.fileno()}
    poll = select.poll()
    poll.register(sock.fileno(), select.POLLIN)
    poll.register(wake, select.POLLIN)
    return {descriptor for descriptor, _ in poll.poll(seconds * 1000)}
