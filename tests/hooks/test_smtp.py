"""Notices that make no bounces of their own, and say nothing a stranger could use."""

import ssl
from collections.abc import Iterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest
from pydantic import ValidationError

from dsnwatch.config.hook import server_of
from dsnwatch.errors import HookError
from dsnwatch.hooks import Delivery
from dsnwatch.hooks.smtp import SmtpHook, make
from dsnwatch.model import Kind
from tests.contract_hook import a_section, numbered
from tests.servers.certificate import a_certificate

from .builders import Folder
from .events import NOW, a_change, a_failure, an_answer
from .mail import Mail, MailServer, a_mail_server


def a_hook(place: Path, there: MailServer, **said: object) -> SmtpHook:
    section = a_section(
        "smtp",
        **{
            "server": f"127.0.0.1:{there.port}",
            "sender": "dsnwatch@example.org",
            "to": ["anne@example.com", "bob@example.com"],
        }
        | said,
    )
    return make(section, Folder(place), "hook.0")


@pytest.fixture
def server() -> Iterator[MailServer]:
    with a_mail_server() as server:
        yield server


def parsed(mail: Mail) -> EmailMessage:
    return message_from_bytes(mail.data, policy=default)


def test_a_notice_comes_from_nobody_and_from_a_machine(tmp_path: Path, server: MailServer) -> None:
    a_hook(tmp_path, server).deliver(Delivery((a_change(),), 1, NOW))
    (mail,) = server.got
    assert mail.sender == "<>"
    assert mail.recipients == ["anne@example.com", "bob@example.com"]
    message = parsed(mail)
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["From"] == "dsnwatch@example.org"
    assert message["To"] == "anne@example.com, bob@example.com"
    assert message["Subject"] == (
        "[dsnwatch mx1] suppression.added: An address is not to be mailed, from now on."
    )
    assert message["Message-ID"] == f"<{a_change().id}@mx1>"
    text = message.get_content()
    assert "2026-03-31T12:00:00Z  suppression.added  anne@example.org" in text
    assert "    because: phoned" in text


def test_a_digest_says_how_many_of_each(tmp_path: Path, server: MailServer) -> None:
    hook = a_hook(tmp_path, server, every="1h")
    assert (hook.every.total_seconds(), hook.batch) == (3600, 500)
    hook.deliver(Delivery((*numbered(2), an_answer(Kind.COMPLAINT)), 1, NOW))
    message = parsed(server.got[0])
    assert message["Subject"] == "[dsnwatch mx1] 2 bounce.hard, 1 complaint"
    assert message.get_content().count("    id: ") == 3


def test_what_strangers_wrote_stays_in_its_line(tmp_path: Path, server: MailServer) -> None:
    evil = "x\r\nBcc: all@example.org\r\n\r\n.\r\nMAIL FROM:<a@b>\r\n\x1b[2J\u202e"
    a_hook(tmp_path, server).deliver(
        Delivery((a_failure(diagnostic=evil, recipient=evil),), 1, NOW)
    )
    (mail,) = server.got
    message = parsed(mail)
    assert "Bcc" not in message
    lines = message.get_content().splitlines()
    assert [line for line in lines if "Bcc" in line and not line.startswith(("    ", "2026"))] == []
    assert all(line.isprintable() for line in lines)


def test_everybody_refused_it_is_tried_again(tmp_path: Path, server: MailServer) -> None:
    server.refuses = "anne@example.com"
    hook = a_hook(tmp_path, server, to=["anne@example.com"])
    with pytest.raises(HookError, match=r"refuses anne@example\.com") as caught:
        hook.deliver(Delivery((a_change(),), 1, NOW))
    assert caught.value.answers


def test_one_of_two_refused_the_other_is_not_told_twice(
    tmp_path: Path, server: MailServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.refuses = "anne@example.com"
    a_hook(tmp_path, server).deliver(Delivery((a_change(),), 1, NOW))
    assert [mail.recipients for mail in server.got] == [["bob@example.com"]]
    assert "refuses anne@example.com" in caplog.text


@pytest.mark.parametrize(("reply", "answers"), [("451 4.3.0 later", False), ("554 no", True)])
def test_a_refused_message_is_tried_again(
    tmp_path: Path, server: MailServer, reply: str, *, answers: bool
) -> None:
    server.reply = reply
    with pytest.raises(HookError, match=rf"answered {reply[:3]}") as caught:
        a_hook(tmp_path, server).deliver(Delivery((a_change(),), 1, NOW))
    assert caught.value.answers is answers


def test_with_a_user_it_logs_in_over_tls(tmp_path: Path) -> None:
    certificate = a_certificate(tmp_path, "localhost")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate.certificate, certificate.key)
    (tmp_path / "password").write_text("s3cret\n")
    said = {"user": "dsnwatch", "password_file": "password", "tls": "starttls"}
    with a_mail_server(tls) as server:
        local = {"server": f"localhost:{server.port}"} | said
        with pytest.raises(HookError, match="certificate is not trusted"):
            a_hook(tmp_path, server, **local).deliver(Delivery((a_change(),), 1, NOW))
        a_hook(tmp_path, server, ca_file="cert.pem", **local).deliver(
            Delivery((a_change(),), 1, NOW)
        )
        (mail,) = server.got
    assert mail.user == "dsnwatch"


def test_a_password_is_never_sent_in_the_clear() -> None:
    with pytest.raises(ValidationError, match="in the clear"):
        a_section(
            "smtp", server="a.test", sender="a@b.test", to=["c@d.test"], user="u", password_file="p"
        )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("mx.example.org", ("mx.example.org", None)),
        ("mx.example.org:2525", ("mx.example.org", 2525)),
        ("[::1]:25", ("::1", 25)),
        ("127.0.0.1", ("127.0.0.1", None)),
    ],
)
def test_a_server_is_a_host_perhaps_with_a_port(text: str, found: tuple[str, int | None]) -> None:
    assert server_of(text) == found


@pytest.mark.parametrize(
    "text", ["", ":25", "a:b", "a:0", "a:99999", "u@h", "a/b", "a\r\nb", "[::1"]
)
def test_what_is_no_server_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no server"):
        server_of(text)


@pytest.mark.parametrize("to", ["anne", "Anne <anne@example.org>", "a@b\r\nBcc: c@d", "@b", "a@"])
def test_what_is_no_address_is_refused(to: str) -> None:
    with pytest.raises(ValidationError, match="is no address"):
        a_section("smtp", server="a.test", sender="a@b.test", to=[to])
