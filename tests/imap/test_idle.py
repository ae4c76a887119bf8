"""Waiting under IDLE, whatever the server says meanwhile and in whatever pieces."""

import threading
import time
from collections.abc import Iterator

import pytest

from dsnwatch.sources.imap import ImapSource
from dsnwatch.sources.imap_login import Password
from dsnwatch.sources.imap_trouble import MailboxError, Trouble
from tests.imap.builders import Memory, a_section_at, swept
from tests.servers.scripted import Line, Scripted


@pytest.fixture
def server() -> Iterator[Scripted]:
    """An empty mailbox."""
    with Scripted() as scripted:
        yield scripted


@pytest.fixture
def source(server: Scripted) -> Iterator[ImapSource]:
    """Connected, with nothing waiting."""
    made = ImapSource(a_section_at(server.port), Password("anne", lambda: "secret"), Memory())
    assert swept(made) == []
    yield made
    made.interrupt()
    made.close()


def waits(source: ImapSource, seconds: float = 60.0) -> float:
    """Wait, and tell how much of the time was left."""
    until = time.monotonic() + seconds
    source.wait(until)
    return until - time.monotonic()


@pytest.mark.parametrize(
    "said",
    [
        b"+ idling\r\n* 1 EXISTS\r\n",
        b"* 1 EXISTS\r\n+ idling\r\n",
        b"+ idling\r\n* OK Still here\r\n* 3 EXPUNGE\r\n* 1 EXISTS\r\n* 1 RECENT\r\n",
        b"+ idling\r\n* 1 EXPUNGE\r\n* 1 EXISTS\r\n",
        b"+\r\n* 9 exists\r\n",
    ],
    ids=["with-the-plus", "before-the-plus", "among-others", "one-went-one-came", "bare-plus"],
)
def test_news_end_the_waiting(server: Scripted, source: ImapSource, said: bytes) -> None:
    server.instead["IDLE"] = said
    assert waits(source) > 0
    assert server.commands[-1] == "IDLE"
    source.wait(time.monotonic() + 60)  # the connection is as good as before
    assert source.connected


@pytest.mark.parametrize("cut", range(1, 12))
def test_news_in_two_packets_end_the_waiting(
    server: Scripted, source: ImapSource, cut: int
) -> None:
    def in_pieces(_: Line) -> bytes:
        threading.Timer(0.05, server.send, (b"* 1 EXISTS\r\n"[cut:],)).start()
        return b"+ idling\r\n" + b"* 1 EXISTS\r\n"[:cut]

    server.instead["IDLE"] = in_pieces
    assert waits(source) > 0
    assert source.connected


def test_what_is_no_news_does_not_end_it(server: Scripted, source: ImapSource) -> None:
    server.instead["IDLE"] = (
        b"+ idling\r\n* OK Still here\r\n* 1 FETCH (FLAGS (\\Seen))\r\n* 0 EXISTS\r\n* 0 RECENT\r\n"
    )
    assert waits(source, 0.2) <= 0
    assert source.connected


def test_news_told_before_idle_are_not_waited_for(server: Scripted, source: ImapSource) -> None:
    def late(line: Line) -> bytes:
        said = server.selected(line)
        server.messages[1] = b"Subject: x\r\n\r\n"
        return said + b"* 1 EXISTS\r\n%s OK done\r\n"

    server.instead["SELECT"] = [late]
    assert swept(source) == []
    assert waits(source) > 0
    assert "IDLE" not in server.commands
    assert len(swept(source)) == 1


def test_messages_that_went_before_idle_do_not_hide_one_that_comes(
    server: Scripted, source: ImapSource
) -> None:
    def one_goes(line: Line) -> bytes:
        return server.selected(line) + b"* 5 EXISTS\r\n* 5 EXPUNGE\r\n* 0 EXISTS\r\n%s OK done\r\n"

    server.instead["SELECT"] = [one_goes]
    server.instead["IDLE"] = b"+ idling\r\n* 1 EXISTS\r\n"
    assert swept(source) == []
    assert waits(source) > 0
    assert server.commands[-1] == "IDLE"


@pytest.mark.parametrize(
    ("said", "trouble"),
    [
        (b"", Trouble.LOST),
        (b"* BYE going down\r\n", Trouble.LOST),
        (b"+ idling\r\n* BYE autologout\r\n", Trouble.LOST),
        (b"IDLE1 BAD what\r\n", Trouble.REFUSED),
        (b"IDLE1 NO [LIMIT] too many\r\n", Trouble.THROTTLED),
    ],
    ids=["closed", "bye", "bye-later", "bad", "limit"],
)
def test_end_of_the_connection_is_told_at_once(
    server: Scripted, source: ImapSource, said: bytes, trouble: Trouble
) -> None:
    server.instead["IDLE"] = said
    with pytest.raises(MailboxError) as caught:
        waits(source)
    assert caught.value.trouble is trouble
    assert source.connected is (trouble is Trouble.REFUSED)


def test_peer_that_closes_later_is_noticed_at_once(server: Scripted, source: ImapSource) -> None:
    threading.Timer(0.1, server.hang_up).start()
    with pytest.raises(MailboxError, match="closed the connection"):
        waits(source)


def test_wake_ends_it(source: ImapSource) -> None:
    threading.Timer(0.1, source.wake).start()
    assert waits(source) > 0


def test_server_without_idle_is_slept_beside(server: Scripted) -> None:
    server.capabilities = "IMAP4rev1 AUTH=PLAIN MOVE"
    source = ImapSource(a_section_at(server.port), Password("anne", lambda: "secret"), Memory())
    assert swept(source) == []
    assert waits(source, 0.1) <= 0
    assert "IDLE" not in server.commands
    source.close()
