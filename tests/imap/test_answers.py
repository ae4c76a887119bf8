"""Answers of servers that are odd, broken, overloaded or hostile; said by a scripted server."""

import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dsnwatch.errors import DsnwatchError
from dsnwatch.sources import imap_fetch, imap_session
from dsnwatch.sources.imap import ImapSource
from dsnwatch.sources.imap_login import AccessToken, Bearer, Login, Password
from dsnwatch.sources.imap_trouble import MailboxError, Trouble
from tests.imap.builders import Memory, a_section_at, numbered, settle, swept
from tests.servers.scripted import Line, Scripted


def holding(count: int = 3, **said: Any) -> Scripted:  # noqa: ANN401  fields of Scripted
    return Scripted(messages=dict(enumerate(numbered(count), start=1)), **said)


@pytest.fixture
def at() -> Iterator[Callable[..., ImapSource]]:
    """Give a function that makes a source for a server, closed in the end."""
    sources: list[ImapSource] = []

    def make(server: Scripted, login: Login | None = None, **said: Any) -> ImapSource:  # noqa: ANN401  options
        section = a_section_at(server.port, **said)
        login = login or Password("anne", lambda: "secret")
        sources.append(ImapSource(section, login, Memory()))
        return sources[-1]

    yield make
    for source in sources:
        source.interrupt()
        source.close()


At = Callable[..., ImapSource]


def test_what_the_script_knows_is_a_mailbox(at: At) -> None:
    with holding() as server:
        assert swept(at(server)) == numbered(3)
        assert server.moved.keys() == {1, 2, 3}


@pytest.mark.parametrize(
    ("verb", "said", "trouble", "wait", "words"),
    [
        (
            "UID FETCH",
            b"%s BAD Request is throttled. Suggested Backoff Time: 92405 milliseconds\r\n",
            Trouble.THROTTLED,
            timedelta(milliseconds=92405),
            "throttled",
        ),
        (
            "SELECT",
            b"%s NO [THROTTLED] slow down\r\n",
            Trouble.THROTTLED,
            None,
            "comes again later",
        ),
        (
            "UID SEARCH",
            b"%s NO [OVERQUOTA] Account exceeded command or bandwidth limits.\r\n",
            Trouble.THROTTLED,
            None,
            "bandwidth limits",
        ),
        (
            "AUTHENTICATE",
            b"%s NO [LIMIT] Too many simultaneous connections.\r\n",
            Trouble.THROTTLED,
            None,
            "no other program holds connections",
        ),
        (
            "AUTHENTICATE",
            b"%s NO [UNAVAILABLE] Temporary authentication failure.\r\n",
            Trouble.THROTTLED,
            None,
            "comes again later",
        ),
        (
            "AUTHENTICATE",
            b"%s NO [AUTHENTICATIONFAILED] Invalid credentials\r\n",
            Trouble.LOGIN,
            None,
            "check user and password_file",
        ),
        ("AUTHENTICATE", b"%s NO go away\r\n", Trouble.LOGIN, None, "check user"),
        ("AUTHENTICATE", b"%s NO [EXPIRED] old\r\n", Trouble.LOGIN, None, "set a new password"),
        (
            "SELECT",
            b"%s BAD User is authenticated but not connected.\r\n",
            Trouble.LOGIN,
            None,
            "Add-MailboxPermission",
        ),
        ("UID FETCH", b"* BYE shutting down\r\n", Trouble.LOST, None, "shutting down"),
        ("UID FETCH", b"", Trouble.LOST, None, "connection ended"),
        ("SELECT", b"* BYE [UNAVAILABLE] busy\r\n", Trouble.THROTTLED, None, "busy"),
        ("LIST", b"%s NO not today\r\n", Trouble.REFUSED, None, "server's log"),
    ],
)
def test_answer_is_told_with_the_step_to_take(  # noqa: PLR0917  the columns of the table
    at: At, verb: str, said: bytes, trouble: Trouble, wait: timedelta | None, words: str
) -> None:
    with holding(instead={verb: said}) as server:
        source = at(server)
        with pytest.raises(MailboxError, match=words) as caught:
            list(source.messages())
    assert str(caught.value).startswith("mailbox 'bounces': ")
    assert str(caught.value).isprintable()
    assert "b'" not in str(caught.value)
    assert (caught.value.trouble, caught.value.wait) == (trouble, wait)
    assert source.connected is (trouble is Trouble.REFUSED)


@pytest.mark.parametrize("verb", ["UID MOVE", "UID COPY", "UID STORE", "CREATE"])
def test_refused_letting_go_keeps_the_message_and_asks_again(at: At, verb: str) -> None:
    after = "flag" if verb == "UID STORE" else "move"
    capabilities = "IMAP4rev1 AUTH=PLAIN UIDPLUS" + " MOVE" * (verb != "UID COPY")
    script = {verb: [b"%s NO [OVERQUOTA] full\r\n"] * 2}
    with holding(capabilities=capabilities, instead=script) as server:
        source = at(server, after=after)
        raws = list(source.messages())
        with pytest.raises(MailboxError, match="make room in the mailbox") as caught:
            settle(source, raws)
        assert caught.value.trouble is Trouble.REFUSED
        assert len(server.messages) == 3
        server.instead.clear()
        assert list(source.messages()) == []  # they are on disk: no need to fetch them again
        assert server.commands.count("UID FETCH") == 1
        assert server.commands.count(verb) >= 2


def test_full_target_folder_does_not_keep_new_messages_from_being_read(at: At) -> None:
    with holding(2, instead={"UID MOVE": b"%s NO [OVERQUOTA] full\r\n"}) as server:
        source = at(server)
        with pytest.raises(MailboxError):
            swept(source)
        server.messages[9] = b"Subject: new\n\n"
        messages = source.messages()
        assert next(messages).data == b"Subject: new\n\n"
        with pytest.raises(MailboxError, match="make room"):
            next(messages)


def test_message_the_server_cannot_give_does_not_keep_the_others(at: At) -> None:
    def broken(line: Line) -> bytes:
        if 3 in server._named(line.rest):  # noqa: SLF001  the server is ours
            return b"%s NO [SERVERBUG] cannot read message\r\n"
        return server.fetched(line) + b"%s OK done\r\n"

    with holding(5, instead={"UID FETCH": broken}) as server:
        source = at(server)
        assert swept(source) == [data for data in numbered(5) if data != numbered(3)[2]]
        assert server.messages == {3: numbered(3)[2]}
        fetches = server.commands.count("UID FETCH")
        assert swept(source) == []
        assert server.commands.count("UID FETCH") == fetches  # not at once again
        assert source.left_behind == 1


def test_server_that_gives_no_message_at_all_is_told(at: At) -> None:
    with holding(100, instead={"UID FETCH": b"%s NO not now\r\n"}) as server:
        with pytest.raises(MailboxError, match="fetching 100 messages refused"):
            list(at(server).messages())
        assert server.commands.count("UID FETCH") < 60


@pytest.mark.parametrize("body", [b"NIL", b'""'], ids=["nil", "empty"])
def test_message_without_octets_is_no_trouble(at: At, body: bytes) -> None:
    answer = b"* 1 FETCH (UID 1 BODY[]<0> %b)\r\n" % body
    with holding(1, instead={"UID FETCH": answer + b"%s OK done\r\n"}) as server:
        given = list(at(server).messages())
    assert [raw.data for raw in given] == ([] if body == b"NIL" else [b""])


def test_server_that_ignores_the_part_asked_for_is_understood(
    at: At, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imap_fetch, "HEAD_OCTETS", 10)
    whole = b"* 1 FETCH (UID 1 BODY[] {20}\r\n" + b"x" * 20 + b")\r\n%s OK done\r\n"
    with holding(1, instead={"UID FETCH": whole}) as server:
        (raw,) = at(server).messages()
    assert raw.data == b"x" * 20


@pytest.mark.parametrize(
    "form",
    [
        b"* %d FETCH (UID %d INTERNALDATE %b BODY[]<0> {%d}\r\n%b)\r\n",
        b"* %d FETCH (FLAGS (\\Recent) UID %d INTERNALDATE %b BODY[]<0> {%d}\r\n%b)\r\n",
        b"* %d FETCH (MODSEQ (12) UID %d INTERNALDATE %b BODY[]<0> {%d}\r\n%b)\r\n",
        b"* %d FETCH (uid %d internaldate %b body[]<0> {%d}\r\n%b)\r\n",
    ],
    ids=["usual", "flags", "modseq", "lower"],
)
@pytest.mark.parametrize("behind", [False, True], ids=["uid-before", "uid-behind"])
def test_answer_is_read_in_whatever_order_it_comes(at: At, form: bytes, behind: bool) -> None:  # noqa: FBT001  one of two
    data, date = b"Subject: x\r\n\r\nText\r\n", b'"01-Mar-2026 14:00:00 +0200"'
    said = form % (1, 1, date, len(data), data)
    if behind:
        said = b"* 1 FETCH (BODY[]<0> {%d}\r\n%b UID 1 INTERNALDATE %b)\r\n" % (
            len(data), data, date
        )  # fmt: skip
    with holding(1, instead={"UID FETCH": said + b"%s OK done\r\n"}) as server:
        (raw,) = at(server).messages()
    assert raw.data == data
    assert raw.arrived_at == datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("date", "moment"),
    [
        (b" 1-Mar-2026 12:00:00 -0330", datetime(2026, 3, 1, 15, 30, tzinfo=UTC)),
        (b"31-DEC-1999 23:59:59 +0000", datetime(1999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (b"32-Mar-2026 12:00:00 +0000", None),
        (b"01-Mrz-2026 12:00:00 +0000", None),
        (b"01-Jan-0001 00:00:00 +2359", None),
        (b"yesterday", None),
        (b"", None),
    ],
    ids=lambda value: repr(value) if isinstance(value, bytes) else "",
)
def test_arrival_is_what_can_be_read_of_it(at: At, date: bytes, moment: datetime | None) -> None:
    said = b'* 1 FETCH (UID 1 INTERNALDATE "%b" BODY[]<0> {1}\r\nx)\r\n%%s OK done\r\n' % date
    with holding(1, instead={"UID FETCH": said}) as server:
        (raw,) = at(server).messages()
    assert raw.arrived_at == moment


def test_answers_unasked_for_are_no_messages(at: At) -> None:
    def chatty(line: Line) -> bytes:
        return (
            b"* 9 FETCH (FLAGS (\\Seen) UID 99)\r\n* 5 EXPUNGE\r\n* OK Still here\r\n"
            + server.fetched(line)
            + b"* 2 FETCH (FLAGS (\\Flagged))\r\n%s OK done\r\n"
        )

    with holding(3, instead={"UID FETCH": chatty}) as server:
        assert swept(at(server)) == numbered(3)


@pytest.mark.parametrize(
    "said",
    [
        b"* 1 FETCH (UID 1 BODY[]<0> {3000000000}\r\nabc",
        b"* 1 FETCH (UID 1 BODY[]<0> {99999999999999999999}\r\nabc",
        b"* 1 FETCH (UID 1 BODY[]<0> {5}\r\nab",
        b"* 1 FETCH (UID x BODY[]<0> {1}\r\na)\r\n%s OK done\r\n",
        b"* 1 FETCH (UID 1 BODY[]<0>\r\n%s OK done\r\n",
        b"* 1 FETCH UID\r\n%s OK done\r\n",
        b'* 1 FETCH (UID 1 BODY[]<0> "abc)\r\n%s OK done\r\n',
        b"* 1 FETCH " + b"(" * 5000 + b"\r\n%s OK done\r\n",
        b"A0000 OK not yours\r\n",
        b"%s WHAT\r\n",
        b"garbage\r\n",
        b"\r\n",
        b"\xff\xfe\x00\r\n",
        b"x" * 2_000_000,
    ],
    ids=lambda said: repr(said[:30]),
)
def test_broken_answer_ends_the_connection_and_nothing_else(
    at: At, said: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imap_session, "READ_SECONDS", 0.3)
    with holding(2, instead={"UID FETCH": [said]}) as server:
        source = at(server)
        with pytest.raises(MailboxError) as caught:
            list(source.messages())
        assert caught.value.trouble in {Trouble.PROTOCOL, Trouble.LOST, Trouble.REFUSED}
        assert swept(source) == numbered(2)


@pytest.mark.parametrize("verb", ["CAPABILITY", "LIST", "NAMESPACE", "SELECT", "UID SEARCH"])
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(said=st.binary(max_size=60))
def test_any_octets_for_an_answer_raise_one_line_of_ours_at_most(
    at: At, monkeypatch: pytest.MonkeyPatch, verb: str, said: bytes
) -> None:
    monkeypatch.setattr(imap_session, "READ_SECONDS", 0.2)
    monkeypatch.setattr(imap_session, "CONNECT_SECONDS", 0.2)
    with holding(
        1, instead={verb: b"* " + said.replace(b"%s", b"") + b"\r\n%s OK done\r\n"}
    ) as server:
        source = at(server)
        told = ""
        try:
            list(source.messages())
        except DsnwatchError as error:
            told = str(error)
        assert told.isprintable()
        source.interrupt()
        source.close()


def test_answer_without_end_is_cut_off(at: At, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imap_session, "MOST_ANSWER", 100_000)
    endless = b"* 1 FETCH (FLAGS ())\r\n" * 10_000
    with (
        holding(1, instead={"UID FETCH": endless}) as server,
        pytest.raises(MailboxError, match="does not end"),
    ):
        list(at(server).messages())


def test_literal_larger_than_any_asked_for_is_refused(at: At) -> None:
    said = b"* 1 FETCH (UID 1 BODY[]<0> {20000000}\r\n"
    with (
        holding(1, instead={"UID FETCH": said}) as server,
        pytest.raises(MailboxError, match="20000000 octets was not asked for"),
    ):
        list(at(server).messages())


@pytest.mark.parametrize(
    "greeting", [b"* BYE too busy\r\n", b"* NO\r\n", b"SSH-2.0-x\r\n", b"\r\n"]
)
def test_greeting_that_is_none_is_told(at: At, greeting: bytes) -> None:
    with holding(greeting=greeting) as server, pytest.raises(MailboxError, match="connecting to"):
        list(at(server).messages())


def test_password_is_not_sent_where_login_is_disabled(at: At) -> None:
    with holding(capabilities="IMAP4rev1 LOGINDISABLED") as server:
        with pytest.raises(MailboxError, match="starttls"):
            list(at(server).messages())
        assert server.commands == ["CAPABILITY", "LOGIN"][:1]
        assert server.shown == []


@pytest.mark.parametrize("mechanism", ["OAUTHBEARER", "XOAUTH2"])
def test_token_is_shown_by_the_mechanism_the_server_has(at: At, mechanism: str) -> None:
    def fetch(*, renew: bool) -> AccessToken:
        return AccessToken("new" if renew else "tok")

    login = Bearer("anne@example.org", fetch)
    with holding(capabilities=f"IMAP4rev1 AUTH={mechanism} MOVE", passwords={"tok"}) as server:
        assert swept(at(server, login)) == numbered(3)
    (shown,) = server.shown
    if mechanism == "XOAUTH2":
        assert shown == "user=anne@example.org\x01auth=Bearer tok\x01\x01"
    else:
        said = f"n,a=anne@example.org,\x01host=127.0.0.1\x01port={server.port}\x01"
        assert shown == f"{said}auth=Bearer tok\x01\x01"


@pytest.mark.parametrize("mechanism", ["OAUTHBEARER", "XOAUTH2"])
def test_refused_token_is_replaced_once(at: At, mechanism: str) -> None:
    asked: list[bool] = []

    def fetch(*, renew: bool) -> AccessToken:
        asked.append(renew)
        return AccessToken("new" if renew else "old")

    with holding(capabilities=f"IMAP4rev1 AUTH={mechanism} MOVE", passwords={"new"}) as server:
        assert swept(at(server, Bearer("anne", fetch))) == numbered(3)
        assert asked == [False, True]
        server.passwords = {"other"}
        source = at(server, Bearer("anne", fetch))
        with pytest.raises(MailboxError, match=r"status 400\).*check") as caught:
            list(source.messages())
    assert caught.value.trouble is Trouble.LOGIN
    assert asked == [False, True, False, True]


def test_peer_that_is_gone_without_a_word_is_noticed_by_the_kernel(at: At) -> None:
    with holding() as server:
        sock = at(server).connect()._imap.sock  # noqa: SLF001  nothing else shows it
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) <= 60
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) <= 60_000
        assert sock.gettimeout() <= 60


def test_word_that_came_with_the_login_is_heard(at: At) -> None:
    """It lies in the buffer that is replaced by a larger one."""
    said = b"* CAPABILITY IMAP4rev1\r\n%s OK done\r\n"
    with holding() as server:
        server.instead["CAPABILITY"] = [said, said + b"* BYE shutting down\r\n"]
        with pytest.raises(MailboxError, match="shutting down"):
            swept(at(server))
