"""What people write to an address for bounces is handed on, and never made into more mail."""

import json
from base64 import b64decode
from collections.abc import Iterator
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest

from dsnwatch import outbox
from dsnwatch.hooks import Delivery
from dsnwatch.hooks.smtp import SmtpHook, make
from dsnwatch.ingest import Ingest
from dsnwatch.model import Kind, RawMessage
from dsnwatch.outbox import Worker
from dsnwatch.policy import Policy
from dsnwatch.reading.reader import Reader
from dsnwatch.store import Store
from dsnwatch.subscriptions import Subscription, Subscriptions, types_named
from tests.contract_hook import a_section

from .builders import Clock, Folder, Remembers
from .events import NOW, some_mail
from .mail import MailServer, a_mail_server

LETTER = (
    b"From: =?utf-8?q?Anne_=E2=82=AC?= <Anne@Example.org>\r\nTo: bounces@example.net\r\n"
    b"Subject: about my invoice\r\nMessage-ID: <1@example.org>\r\n\r\nIt is wrong, so. \xff\r\n"
)
READER = Reader.load(None)
POLICY = Policy.preset("default")
WANTED = Subscriptions([Subscription("crm", types_named(["mail.*"]))])


@pytest.fixture
def server() -> Iterator[MailServer]:
    with a_mail_server() as server:
        yield server


def taken_in(store: Store, data: bytes, *, vouched: bool = False) -> str:
    """Take a message in; gives its id."""
    raw = RawMessage(
        data, "smtp", "smtp", NOW, "news", vouched=vouched, recipients=("bounces@example.net",)
    )
    (receipt,) = Ingest(store, READER, POLICY, lambda: NOW, WANTED).commit([raw])
    return receipt.id


def told(store: Store, clock: Clock) -> Remembers:
    hook = Remembers()
    clock.now = max(clock.now, datetime.now(UTC))
    worker = Worker(store, "crm", hook, clock=clock)
    while worker.turn():
        pass
    return hook


def test_what_a_person_wrote_is_told_with_its_octets(store: Store, clock: Clock) -> None:
    id_ = taken_in(store, LETTER)
    (news,) = told(store, clock).told
    assert (news.id, news.type, news.address) == (id_, "mail.received", "anne@example.org")
    data = json.loads(news.payload)["data"]
    assert b64decode(data.pop("octets")) == LETTER
    assert data == {
        "from": "Anne \N{EURO SIGN} <Anne@Example.org>",
        "kind": "other",
        "to": ["bounces@example.net"],
        "subject": "about my invoice",
        "message_id": "1@example.org",
        "stream": "news",
        "size": len(LETTER),
    }


@pytest.mark.parametrize(
    "data",
    [
        LETTER.replace(b"To:", b"Auto-Submitted: auto-generated\r\nTo:"),
        LETTER.replace(b"To:", b"Auto-Submitted: auto-replied\r\nTo:"),
    ],
    ids=["a notice of our own", "an automatic reply"],
)
def test_what_a_program_wrote_is_not_told(store: Store, clock: Clock, data: bytes) -> None:
    taken_in(store, data)
    assert told(store, clock).told == []


def test_what_an_operator_took_in_is_not_told(store: Store, clock: Clock) -> None:
    taken_in(store, LETTER, vouched=True)
    assert told(store, clock).told == []


def test_mail_too_large_for_a_delivery_is_told_without_its_octets(
    store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "MAIL_AT_MOST", len(LETTER) - 1)
    taken_in(store, LETTER)
    (news,) = told(store, clock).told
    data = json.loads(news.payload)["data"]
    assert (data["octets"], data["size"]) == (None, len(LETTER))


def test_a_star_does_not_mean_what_people_write() -> None:
    assert "mail.received" not in types_named(["*"])
    assert "mail.received" in types_named(["*", "mail.received"])


def test_by_mail_it_comes_as_an_attachment(tmp_path: Path, server: MailServer) -> None:
    there = f"127.0.0.1:{server.port}"
    section = a_section("smtp", server=there, sender="us@example.org", to=["anne@example.com"])
    hook: SmtpHook = make(section, Folder(tmp_path), "hook.0")
    news = some_mail(LETTER)
    hook.deliver(Delivery((news,), 1, NOW))
    message = message_from_bytes(server.got[0].data, policy=default)
    (attached,) = message.iter_attachments()
    assert attached.get_filename() == f"{news.id}.eml"
    assert attached.get_content() == LETTER
    text = message.get_body()
    assert text is not None
    assert "    subject: about my invoice" in text.get_content()
    assert READER.read(server.got[0].data).report.kind in {Kind.OTHER, Kind.AUTO_REPLY}
