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
_NEWS: Final = re.compile(rb"\* \d+ (?:EXISTS|RECENT)\b", re.IGNORECASE)
SLICE_SECONDS: Final = 20.0
"""A sign of life for the watchdog at least so often."""


def idle(imap: Any, *, wake: int, until: float, beat: Callable[[], None]) -> bool:  # noqa: ANN401  imaplib's
    """Wait for new mail in the selected folder.

    Args:
        imap: imaplib's connection, in the selected state, with a timeout for reading.
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
    imap.send(TAG + b" IDLE\r\n")
    news = False
    while not (line := _line(imap)).startswith(b"+"):
        _refuse_end(line)
        news = news or _is_news(line)
    timeout = imap.sock.gettimeout()
    imap.sock.settimeout(0)
    rest = b""
    try:
        rest, found = _come_in(imap, rest, readable=False)  # it may lie in the buffer already
        news = news or found
        while not news and (left := until - time.monotonic()) > 0:
            beat()
            ready = _wait(imap.sock, wake, min(left, SLICE_SECONDS))
            if wake in ready:
                break
            if ready:
                rest, news = _come_in(imap, rest, readable=True)
    finally:
        imap.sock.settimeout(timeout)
    imap.send(b"DONE\r\n")
    while not (line := rest + _line(imap)).startswith(TAG):
        rest = b""
        _refuse_end(line)
        news = news or _is_news(line)
    return news


def _wait(sock: Any, wake: int, seconds: float) -> set[int]:  # noqa: ANN401  a socket, with TLS or not
    """Wait until one of the two can be read."""
    if getattr(sock, "pending", int)():
        return {sock.fileno()}
    poll = select.poll()
    poll.register(sock.fileno(), select.POLLIN)
    poll.register(wake, select.POLLIN)
    return {descriptor for descriptor, _ in poll.poll(seconds * 1000)}


def _come_in(imap: Any, rest: bytes, *, readable: bool) -> tuple[bytes, bool]:  # noqa: ANN401  imaplib's
    """Read what is there, without waiting.

    Args:
        imap: imaplib's connection, not blocking.
        rest: The beginning of a line that was read before.
        readable: Whether the socket said that there is something; nothing then means the end.

    Returns:
        The beginning of a line whose end has not come yet, and whether there was news.
    """
    news = False
    while True:
        try:
            piece = imap.readline()
        except (BlockingIOError, ssl.SSLWantReadError):
            return rest, news
        if not piece:
            if readable:
                raise IMAPClientAbortError("the peer has closed the connection")
            return rest, news
        readable = False
        rest += piece
        if rest.endswith(b"\n"):
            _refuse_end(rest)
            news = news or _is_news(rest)
            rest = b""


def _line(imap: Any) -> bytes:  # noqa: ANN401  imaplib's
    line: bytes = imap.readline()
    if not line:
        raise IMAPClientAbortError("the peer has closed the connection")
    return line


def _refuse_end(line: bytes) -> None:
    if line.upper().startswith(b"* BYE"):
        raise IMAPClientAbortError(line[5:].decode("ascii", "replace").strip())
    if line.startswith(TAG + b" ") and not line.upper().startswith(TAG + b" OK"):
        raise IMAPClientError(line[len(TAG) :].decode("ascii", "replace").strip())


def _is_news(line: bytes) -> bool:
    return _NEWS.match(line) is not None
