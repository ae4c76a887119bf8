"""What is said over a connection, and what of it reaches the store."""

from datetime import timedelta
from pathlib import Path

import pytest

from dsnwatch.model import Evidence, Kind, RawMessage
from tests.listener.builders import (
    DOMAIN,
    RECIPIENT,
    Receiving,
    a_bounce,
    receiving,
    stuffed,
)


def stored(at: Receiving) -> list[RawMessage]:
    return [message.raw for message in at.store.messages()]


def octets(at: Receiving) -> list[bytes | None]:
    return [at.store.raw(message.id) for message in at.store.messages()]


def test_bounce_is_on_disk_when_250_is_said(tmp_path: Path) -> None:
    with receiving(tmp_path) as at, at.greeted() as client:
        assert client.deliver(a_bounce()).startswith("250 2.0.0 Ok: stored as ")
        assert [message.report.kind for message in at.store.messages()] == [Kind.BOUNCE]
        assert octets(at) == [a_bounce()]


def test_who_sent_it_is_kept(tmp_path: Path) -> None:
    with receiving(tmp_path) as at, at.greeted() as client:
        client.deliver(a_bounce(), sender="daemon@mx.example.net")
        (raw,) = stored(at)
    assert raw.evidence == Evidence(
        "127.0.0.1", "mx.example.net", "daemon@mx.example.net", "ESMTP", None
    )
    assert raw.source == "smtp"
    assert raw.recipients == (RECIPIENT,)
    assert raw.locator.startswith("smtp:127.0.0.1;")
    assert raw.arrived_at is not None


def test_who_sent_it_is_kept_in_quarantine_too(tmp_path: Path) -> None:
    with receiving(tmp_path) as at, at.greeted() as client:
        assert client.deliver(b"\xff\x00\r\n").startswith("250 2.0.0 Ok: quarantined as ")
        (item,) = at.store.quarantined()
    assert item.raw.evidence is not None
    assert item.raw.evidence.helo == "mx.example.net"


def test_message_told_twice_is_answered_250_and_stored_once(tmp_path: Path) -> None:
    with receiving(tmp_path) as at, at.greeted() as client:
        first = client.deliver(a_bounce())
        assert client.deliver(a_bounce()) == first.replace("stored", "duplicate")
        assert len(stored(at)) == 1


@pytest.mark.parametrize("sender", ["", "MAILER-DAEMON@mx.example.net", "bounce@\u4f8b.example"])
def test_null_and_other_senders_are_taken(tmp_path: Path, sender: str) -> None:
    with receiving(tmp_path) as at, at.greeted() as client:
        client.deliver(a_bounce(), sender=sender)
        (raw,) = stored(at)
    assert raw.evidence is not None
    assert raw.evidence.sender == sender


def test_reply_of_a_person_is_stored_as_what_it_is(tmp_path: Path) -> None:
    reply = b"From: anne@example.com\r\nSubject: Re: News\r\n\r\nThank you!\r\n"
    with receiving(tmp_path) as at, at.greeted() as client:
        client.deliver(reply, sender="anne@example.com")
        assert [message.report.kind for message in at.store.messages()] == [Kind.OTHER]
        assert octets(at) == [reply]


def test_hello_offers_what_is_kept(tmp_path: Path) -> None:
    with receiving(tmp_path) as at, at.connect() as client:
        offered = client.say("EHLO mx.example.net").splitlines()
    assert [line[4:] for line in offered] == [
        "mx.return.test",
        "PIPELINING",
        "SIZE 10485760",
        "8BITMIME",
        "SMTPUTF8",
        "ENHANCEDSTATUSCODES",
    ]


def test_dots_and_odd_octets_come_through(tmp_path: Path) -> None:
    data = (
        b"Subject: x\r\n\r\n.\r..\r\n..two\r\n\x00\xff\xfe \r in a line\r\n" + b"x" * 5000 + b"\r\n"
    )
    with receiving(tmp_path) as at, at.greeted() as client:
        client.deliver(data)
        assert octets(at) == [data]


def test_commands_in_one_packet_are_answered_in_order(tmp_path: Path) -> None:
    with receiving(tmp_path) as at, at.connect() as client:
        client.send(
            b"EHLO x\r\nMAIL FROM:<> BODY=8BITMIME SIZE=99\r\n"
            b"RCPT TO:<%s> NOTIFY=NEVER ORCPT=rfc822;a+2Bb@c\r\nRCPT TO:<x@y.test>\r\nDATA\r\n"
            % RECIPIENT.encode()
        )
        assert [client.reply()[:3] for _ in range(5)] == ["250", "250", "250", "550", "354"]
        client.send(stuffed(a_bounce()) + b"RSET\r\nMAIL FROM:<>\r\nQUIT\r\n")
        assert [client.reply()[:3] for _ in range(4)] == ["250", "250", "250", "221"]
        assert client.over()
        assert len(stored(at)) == 1


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("VRFY bounces", "502 5.5.1"),
        ("EXPN bounces", "502 5.5.1"),
        ("ETRN return.test", "502 5.5.1"),
        ("TURN", "502 5.5.1"),
        ("AUTH PLAIN AGEAYg==", "502 5.5.1"),
        ("STARTTLS", "502 5.5.1"),
        ("LHLO mx.example.net", "500 5.5.1"),
        ("EHLO", "501 5.5.4"),
        ("MAIL FROM:", "501 5.5.4"),
        ("MAIL FROM:anne@example.com", "501 5.5.4"),
        ("MAIL FROM:<> SIZE=99999999999", "552 5.3.4"),
        ("MAIL FROM:<> SIZE=many", "501 5.5.4"),
        ("MAIL FROM:<> SIZE=1 SIZE=2", "501 5.5.4"),
        ("MAIL FROM:<> BODY=BINARYMIME", "501 5.5.4"),
        ("MAIL FROM:<> XCLIENT=1", "555 5.5.4"),
        ("MAIL FROM:<\udcff@example.com>", "501 5.5.4"),
        ("mail from: <> ret=hdrs envid=QQ314159", "250 2.1.0"),
        ("RCPT TO:<bounces@return.test>", "503 5.5.1"),
        ("DATA", "503 5.5.1"),
        ("RSET now", "501 5.5.4"),
        ("NOOP whatever", "250 2.0.0"),
        ("HELP", "214 2.0.0"),
        ("XYZZY", "500 5.5.2"),
        ("", "500 5.5.2"),
        ("\udcff\udcfe", "500 5.5.2"),
        ("NOOP " + "x" * 3000, "500 5.5.2"),
    ],
)
def test_command_is_answered(tmp_path: Path, said: str, answer: str) -> None:
    with receiving(tmp_path) as at, at.greeted() as client:
        assert client.say(said).startswith(answer)
        assert client.say("NOOP").startswith("250")


def test_nothing_is_taken_before_hello(tmp_path: Path) -> None:
    with receiving(tmp_path) as at, at.connect() as client:
        assert client.say("MAIL FROM:<>").startswith("503 5.5.1")


def test_parameters_are_for_those_who_said_ehlo(tmp_path: Path) -> None:
    with receiving(tmp_path) as at, at.connect() as client:
        client.say("HELO x")
        assert client.say("MAIL FROM:<> SIZE=1").startswith("555 5.5.4")
        client.deliver(a_bounce())
        (raw,) = stored(at)
        assert raw.evidence is not None
        assert raw.evidence.protocol == "SMTP"


def test_second_message_begins_only_after_the_first(tmp_path: Path) -> None:
    with receiving(tmp_path) as at, at.greeted() as client:
        client.begin()
        assert client.say("MAIL FROM:<>").startswith("503 5.5.1")
        client.say("RSET")
        client.begin()


def test_postmaster_needs_no_domain(tmp_path: Path) -> None:
    with receiving(tmp_path, recipients=("postmaster",)) as at, at.greeted() as client:
        client.deliver(a_bounce(), "Postmaster")
        assert stored(at)[0].recipients == (f"Postmaster@{DOMAIN}",)


def test_several_return_paths_are_one_message(tmp_path: Path) -> None:
    both = (f"bounces+a@{DOMAIN}", f"bounces+b@{DOMAIN}")
    with receiving(tmp_path) as at, at.greeted() as client:
        client.deliver(a_bounce(), *both, both[0])
        assert client.say("NOOP").startswith("250")
        assert [raw.recipients for raw in stored(at)] == [both]


def test_lmtp_answers_once_for_each_recipient_taken(tmp_path: Path) -> None:
    with receiving(tmp_path, protocol="lmtp") as at, at.greeted() as client:
        client.say("MAIL FROM:<>")
        for name in ("bounces", "nobody", "bounces+b", "bounces"):
            client.say(f"RCPT TO:<{name}@{DOMAIN}>")
        client.say("DATA")
        client.send(stuffed(a_bounce()))
        replies = [client.line() for _ in range(3)]
        assert {reply[:9] for reply in replies} == {"250 2.0.0"}
        assert client.say("NOOP").startswith("250 2.0.0 Ok")
        assert [raw.recipients for raw in stored(at)] == [(RECIPIENT, f"bounces+b@{DOMAIN}")]
        assert [raw.evidence and raw.evidence.protocol for raw in stored(at)] == ["LMTP"]


def test_lmtp_answers_for_each_recipient_when_the_message_is_refused(tmp_path: Path) -> None:
    with receiving(tmp_path, protocol="lmtp") as at, at.greeted() as client:
        client.begin(RECIPIENT, f"bounces+b@{DOMAIN}")
        client.say("DATA")
        client.send(b"a bare\nLF\r\n.\r\n")
        assert [client.line()[:9] for _ in range(2)] == ["550 5.6.0"] * 2
        assert client.say("NOOP").startswith("250 2.0.0 Ok")


@pytest.mark.parametrize("hello", ["HELO x", "EHLO x"])
def test_lmtp_begins_with_lhlo(tmp_path: Path, hello: str) -> None:
    with receiving(tmp_path, protocol="lmtp") as at, at.connect() as client:
        assert client.say(hello).startswith("500 5.5.1")


def test_message_as_large_as_allowed_is_taken_and_a_larger_one_is_not(tmp_path: Path) -> None:
    limit = 64 << 10
    fits = a_bounce() + b"x" * (limit - len(a_bounce()) - 2) + b"\r\n"
    with receiving(tmp_path, max_message_size="64 KiB") as at, at.greeted() as client:
        assert client.deliver(b"x" + fits).startswith("552 5.3.4")
        assert client.deliver(fits).startswith("250 ")
        assert octets(at) == [fits]


def test_message_without_end_is_cut_off(tmp_path: Path) -> None:
    with receiving(tmp_path, max_message_size="64 KiB") as at, at.greeted() as client:
        client.begin()
        client.say("DATA")
        try:
            for _ in range(64):
                client.send(b"x" * (64 << 10))
        except ConnectionError:
            pass
        assert client.line()[:9] in {"552 5.3.4", ""}
        assert stored(at) == []


def test_header_without_end_is_refused(tmp_path: Path) -> None:
    with receiving(tmp_path) as at, at.greeted() as client:
        bomb = b"".join(b"X-%d: y\r\n" % number for number in range(40_000)) + b"\r\nbody\r\n"
        assert client.deliver(bomb).startswith("552 5.3.4 the header")
        assert client.deliver(a_bounce()).startswith("250 ")


SMUGGLED = (
    b"MAIL FROM:<>\r\nRCPT TO:<bounces@return.test>\r\nDATA\r\nSubject: smuggled\r\n\r\n\r\n.\r\n"
)


@pytest.mark.parametrize(
    "end",
    [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r.\r\n", b"\r\n.\r", b"\n.\r", b"\r\n.\r\r\n"],
)
def test_what_only_looks_like_the_end_of_a_message_lets_nothing_in(
    tmp_path: Path, end: bytes
) -> None:
    with receiving(tmp_path) as at, at.greeted() as client:
        client.begin()
        client.say("DATA")
        client.send(a_bounce() + b"x" + end + SMUGGLED)
        assert client.reply().startswith("550 5.6.0")
        assert client.say("NOOP").startswith("250")
        assert stored(at) == []


@pytest.mark.parametrize("line", [b"NOOP\n", b"NOOP\r\nNOOP\nNOOP\r\n", b"\n"])
def test_bare_line_feed_in_commands_is_cut_off(tmp_path: Path, line: bytes) -> None:
    with receiving(tmp_path) as at, at.greeted() as client:
        client.send(line)
        assert client.reply().startswith("521 5.5.2")
        assert client.over()


def test_line_end_may_come_in_two_pieces(tmp_path: Path) -> None:
    with receiving(tmp_path) as at, at.greeted() as client:
        for piece in (b"NO", b"OP\r", b"\n"):
            client.send(piece)
        assert client.reply().startswith("250")


def test_message_sent_before_it_was_asked_for_is_cut_off(tmp_path: Path) -> None:
    with receiving(tmp_path) as at, at.greeted() as client:
        client.begin()
        client.send(b"DATA\r\n" + stuffed(a_bounce()))
        assert client.reply().startswith("521 5.5.0")
        assert stored(at) == []


def test_who_makes_mistakes_all_the_time_is_cut_off(tmp_path: Path) -> None:
    with receiving(tmp_path) as at, at.greeted() as client:
        client.begin()
        answers = [client.say("RCPT TO:<nobody@return.test>") for _ in range(20)]
        assert answers[-1].startswith("550 5.1.1")
        assert client.line().startswith("421 4.7.0")
        assert client.over()


def test_mistakes_are_forgiven_who_brings_mail(tmp_path: Path) -> None:
    with receiving(tmp_path) as at, at.greeted() as client:
        for number in range(3):
            client.say("MAIL FROM:<>")
            for _ in range(15):
                client.say("RCPT TO:<nobody@return.test>")
            client.say("RSET")
            assert client.deliver(a_bounce(number)).startswith("250 ")


def test_who_only_chatters_is_cut_off(tmp_path: Path) -> None:
    with receiving(tmp_path) as at, at.greeted() as client:
        answers = [client.say("NOOP") for _ in range(100)]
        assert answers[-1].startswith("421 4.7.0")
        assert client.over()


def test_unknown_commands_are_cut_off(tmp_path: Path) -> None:
    with receiving(tmp_path) as at, at.greeted() as client:
        answers = [client.say("GET / HTTP/1.1") for _ in range(5)]
        assert answers[-1].startswith("502 5.5.1")
        assert client.over()


def test_more_recipients_than_allowed_get_another_message(tmp_path: Path) -> None:
    with receiving(tmp_path) as at, at.greeted() as client:
        client.begin(*(f"bounces+{number}@{DOMAIN}" for number in range(100)))
        assert client.say(f"RCPT TO:<bounces+100@{DOMAIN}>").startswith("452 4.5.3")
        client.say("DATA")
        client.send(stuffed(a_bounce()))
        assert client.reply().startswith("250 ")
        assert len(stored(at)[0].recipients) == 100


def test_what_a_client_calls_himself_is_one_printable_line(tmp_path: Path) -> None:
    with receiving(tmp_path) as at, at.connect() as client:
        client.say("EHLO \x1b[31m\udcff" + "x" * 400)
        client.deliver(a_bounce())
        (raw,) = stored(at)
        assert raw.evidence is not None
        assert raw.evidence.helo.isprintable()
        assert len(raw.evidence.helo) == 255


def test_stopping_says_goodbye_to_the_idle_and_waits_for_a_message(tmp_path: Path) -> None:
    with receiving(tmp_path) as at, at.greeted() as idle, at.greeted() as busy:
        busy.begin()
        busy.say("DATA")
        busy.send(a_bounce())
        ending = at.stopping(timedelta(seconds=10))
        assert idle.reply().startswith("421 4.3.2")
        assert idle.over()
        busy.send(b".\r\n")
        assert busy.reply().startswith("250 ")
        assert busy.reply().startswith("421 4.3.2")
        ending.result(10)
        assert len(stored(at)) == 1


def test_stopping_waits_no_longer_than_it_may(tmp_path: Path) -> None:
    with receiving(tmp_path) as at, at.greeted() as client:
        client.begin()
        client.say("DATA")
        at.stopping(timedelta(seconds=0.05)).result(10)
        assert client.reply()[:9] in {"421 4.3.2", ""}
        assert stored(at) == []


def test_client_who_hangs_up_in_a_message_leaves_nothing(tmp_path: Path) -> None:
    with receiving(tmp_path) as at:
        with at.greeted() as client:
            client.begin()
            client.say("DATA")
            client.send(a_bounce())
        with at.greeted() as other:
            assert other.say("NOOP").startswith("250")
        assert stored(at) == []
