"""What a report proves, and what becomes of what it does not prove."""

import base64
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from dsnwatch.attribute import Attributor
from dsnwatch.config import loading
from dsnwatch.config.policy import PolicySection
from dsnwatch.config.trust import AttributionSection, TrustSection
from dsnwatch.errors import ConfigError
from dsnwatch.ingest import Ingest
from dsnwatch.matching import message_key, sent_key
from dsnwatch.model import (
    Action,
    BounceReport,
    Kind,
    OriginalMessage,
    RawMessage,
    Reading,
    RecipientStatus,
    StatusCode,
    Trust,
)
from dsnwatch.policy import Policy
from dsnwatch.provenance import attributor_of
from dsnwatch.reading.reader import Reader
from dsnwatch.records import Attribution, Sign
from dsnwatch.revival import revive
from dsnwatch.rfc.dkim import signed_for
from dsnwatch.rfc.return_path import Key, sign, sign_id
from dsnwatch.store import EventFilter, Store, open_store
from dsnwatch.subscriptions import Subscription, Subscriptions

TODAY = datetime(2026, 3, 31, 12, tzinfo=UTC)
DAY = timedelta(days=1)
KEY, OTHER = Key("a", b"0" * 32), Key("a", b"1" * 32)
ANNE, BOB = "anne@example.org", "bob@example.org"
READER = Reader.load()
POLICY = Policy.preset("default")


def a_path(recipient: str = ANNE, key: Key = KEY, day: date | None = None) -> str:
    return sign(recipient, key, day or TODAY.date(), prefix="bounces", domain="bounce.example.com")


def a_report(
    recipient: str = ANNE,
    *,
    original_recipient: str | None = None,
    kind: Kind = Kind.BOUNCE,
    return_path: str | None = None,
    message_id: str | None = "1@mail.example.com",
    sender: str | None = "news@example.com",
    headers: tuple[tuple[str, str], ...] = (),
) -> BounceReport:
    said = RecipientStatus(
        recipient=original_recipient or recipient,
        action=Action.FAILED,
        original_recipient=original_recipient,
        final_recipient=recipient,
        status=StatusCode(5, 1, 1),
        reply_code="550",
        diagnostic="550 5.1.1 no such user",
    )
    original = OriginalMessage(message_id=message_id, from_=sender, headers=headers)
    return BounceReport(kind, original=original, recipients=(said,), return_path=return_path)


def attribution(
    report: BounceReport,
    *,
    keys: tuple[Key, ...] = (KEY,),
    came_to: tuple[str, ...] = (),
    vouched: bool = False,
    at: datetime = TODAY,
    trust: dict[str, object] | None = None,
    **section: object,
) -> Attribution:
    """Say how the first recipient of a report is attributed."""
    attributor = Attributor(
        AttributionSection(**section),  # type: ignore[arg-type]  # as the file gives it
        TrustSection(**(trust or {})),  # type: ignore[arg-type]  # likewise
        keys,
    )
    raw = RawMessage(b"", "a place", "smtp", at, "all", vouched, came_to)
    reading = Reading(report, (None,) * len(report.recipients))
    return next(attributor.events_of(raw, reading, "f" * 64, at)).attribution


# Signed return paths


def test_a_signed_return_path_names_the_recipient_and_proves_the_mail() -> None:
    found = attribution(a_report("forwarded@elsewhere.example"), came_to=(a_path(),))
    assert found[:3] == (ANNE, "return_path", Trust.SIGNED)


@pytest.mark.parametrize(
    "wrapped",
    [
        pytest.param(lambda path: f"prvs=1234567890={path}", id="in BATV"),
        pytest.param(
            lambda path: (
                f"SRS0=abcd=XY=bounce.example.com={path.partition('@')[0]}@forwarder.example"
            ),
            id="in SRS",
        ),
        pytest.param(str.upper, id="in capitals"),
    ],
)
def test_what_others_wrapped_around_it_is_taken_off(wrapped: object) -> None:
    assert callable(wrapped)
    found = attribution(a_report("x@elsewhere.example"), came_to=(wrapped(a_path()),))
    assert found[:3] == (ANNE, "return_path", Trust.SIGNED)


def test_a_long_address_is_named_by_a_digest_and_found_in_the_report() -> None:
    long = f"{'a' * 40}@a-rather-long-domain.example.org"
    found = attribution(a_report(long), came_to=(a_path(long),))
    assert found[:3] == (long, "return_path", Trust.SIGNED)
    other = attribution(a_report(BOB), came_to=(a_path(long),))
    assert (other.recipient, other.trust) == (BOB, Trust.CLAIMED)


def test_an_id_of_the_senders_own_proves_nothing_of_a_recipient() -> None:
    path = sign_id("spring-7", KEY, TODAY.date(), prefix="bounces", domain="b.example.com")
    found = attribution(a_report(), came_to=(path,))
    assert (found.recipient, found.trust, found.campaign) == (ANNE, Trust.CLAIMED, "spring-7")


def test_an_old_one_still_names_the_recipient() -> None:
    path = a_path(day=TODAY.date() - 15 * DAY)
    found = attribution(a_report("x@elsewhere.example"), came_to=(path,))
    assert found[:3] == (ANNE, "return_path", Trust.CLAIMED)


def test_a_forged_one_is_about_mail_that_was_never_ours() -> None:
    found = attribution(a_report(), came_to=(a_path(key=OTHER),))
    assert (found.recipient, found.trust) == (ANNE, Trust.BACKSCATTER)


def test_a_key_that_is_no_longer_known_is_no_forgery() -> None:
    found = attribution(a_report(), came_to=(a_path(key=Key("z", b"2" * 32)),))
    assert found.trust is Trust.CLAIMED


def test_it_is_found_in_the_header_of_a_message_out_of_a_mailbox() -> None:
    found = attribution(a_report("x@elsewhere.example", return_path=a_path()))
    assert found[:3] == (ANNE, "return_path", Trust.SIGNED)


@pytest.mark.parametrize(
    ("kind", "trust"), [(Kind.BOUNCE, Trust.BACKSCATTER), (Kind.COMPLAINT, Trust.CLAIMED)]
)
def test_where_all_mail_is_signed_a_report_without_is_about_no_mail_of_ours(
    kind: Kind, trust: Trust
) -> None:
    found = attribution(a_report(kind=kind), trust={"all_signed": True})
    assert found.trust is trust


def test_what_the_operator_hands_in_may_be_from_before_there_were_signatures() -> None:
    found = attribution(a_report(), trust={"all_signed": True}, vouched=True)
    assert found.trust is Trust.VOUCHED


# The order in which names are believed


def test_the_original_recipient_comes_before_plain_verp() -> None:
    report = a_report("x@example.net", original_recipient=BOB)
    found = attribution(report, came_to=("bounces+anne=example.org@b.example.com",))
    assert (found.recipient, found.found_by) == (BOB, "original_recipient")


def test_plain_verp_comes_before_header_fields_and_the_final_recipient() -> None:
    report = a_report("x@example.net", headers=(("x-hmxmroriginalrecipient", BOB),))
    found = attribution(report, came_to=("bounces+anne=example.org@b.example.com",))
    assert (found.recipient, found.found_by, found.trust) == (ANNE, "verp", Trust.CLAIMED)


def test_header_fields_come_before_the_final_recipient() -> None:
    report = a_report("x@example.net", headers=(("x-sent-to", f"<{BOB}>"),))
    found = attribution(report, recipient_headers=["X-Sent-To"])
    assert (found.recipient, found.found_by) == (BOB, "header")


# What kind of mail it was


@pytest.mark.parametrize(
    ("row", "report", "stream"),
    [
        ({"list_id": "*.news.example"}, a_report(headers=(("list-id", "<a.news.example>"),)), "s"),
        ({"list_id": "*.news.example"}, a_report(headers=(("list-id", "<a.shop.test>"),)), "all"),
        ({"sender": "@example.com"}, a_report(sender="Shop <shop@example.com>"), "s"),
        ({"sender": "@shop.example"}, a_report(), "all"),
        ({"return_path": "shop+*@*"}, a_report(return_path="shop+7@b.example"), "s"),
        ({"return_path": "shop+*@*"}, a_report(return_path="news+7@b.example"), "all"),
        ({"header": "X-Kind", "value": "inv*"}, a_report(headers=(("x-kind", "Invoice"),)), "s"),
        ({"header": "X-Kind", "value": "inv*"}, a_report(headers=(("x-kind", "News"),)), "all"),
        ({"header": "X-Kind"}, a_report(), "all"),
    ],
)  # fmt: skip
def test_a_stream_is_known_by(row: dict[str, str], report: BounceReport, stream: str) -> None:
    assert attribution(report, stream=[{"name": "s", **row}]).stream == stream


def test_campaign_and_stream_stand_in_feedback_id() -> None:
    report = a_report(headers=(("feedback-id", "spring:42:shop:sender"),))
    found = attribution(report, feedback_id=["campaign", "", "stream"])
    assert (found.campaign, found.stream) == ("spring", "shop")


def test_campaign_and_stream_stand_in_header_fields() -> None:
    report = a_report(headers=(("x-campaign", "spring"), ("x-stream", "shop")))
    found = attribution(report, stream_headers=["X-Stream"])
    assert (found.campaign, found.stream) == ("spring", "shop")


def test_a_configured_header_is_kept_by_the_reader() -> None:
    data = (
        b"From: MAILER-DAEMON@mx.example.net\nSubject: Undelivered\nMIME-Version: 1.0\n"
        b'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\n\n'
        b"--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.net\n\n"
        b"Final-Recipient: rfc822; anne@example.org\nAction: failed\nStatus: 5.1.1\n\n"
        b"--b\nContent-Type: text/rfc822-headers\n\nX-Stream: shop\nTo: a@example.org\n\n--b--\n"
    )
    reader = Reader.load(kept=("x-stream",))
    assert ("x-stream", "shop") in reader.read(data).report.original.headers


# Backscatter by domain


@pytest.mark.parametrize(
    ("report", "foreign"),
    [
        pytest.param(a_report(), False, id="ours"),
        pytest.param(a_report(sender="x@a.example", message_id="1@a.example"), True, id="theirs"),
        pytest.param(a_report(sender="x@spam.example"), False, id="our id"),
        pytest.param(a_report(sender=None, message_id=None), False, id="nothing came back"),
        pytest.param(a_report(sender="x@notexample.com", message_id=None), True, id="alike"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("vouched", [True, False])
def test_a_message_of_no_domain_of_ours_was_never_ours(
    report: BounceReport,
    foreign: bool,  # noqa: FBT001  a parameter of the table
    vouched: bool,  # noqa: FBT001  likewise
) -> None:
    found = attribution(report, trust={"domains": ["example.com"]}, vouched=vouched)
    assert (found.trust is Trust.BACKSCATTER) == foreign


# DKIM


@pytest.fixture(scope="module")
def our_key() -> tuple[bytes, str]:
    """Make a key pair: the private one as PEM, the public one as a TXT record."""
    private = rsa.generate_private_key(65537, 2048)
    pem = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    public = private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return pem, f"v=DKIM1; k=rsa; p={base64.b64encode(public).decode()}"


def signed_headers(
    pem: bytes, *, to: str = f"Anne <{ANNE}>", include: tuple[bytes, ...] = ()
) -> bytes:
    """Write the headers of a signed message."""
    message = (
        f"From: News <news@example.com>\r\nTo: {to}\r\nSubject: News\r\n"
        "Message-ID: <1@mail.example.com>\r\n\r\nHello\r\n"
    ).encode()
    signature = dkim.sign(message, b"s1", b"example.com", pem, include_headers=[*include] or None)
    return bytes(signature + message).partition(b"\r\n\r\n")[0]


def returned(headers: bytes) -> bytes:
    """Write a report that returns these headers."""
    return (
        b"From: MAILER-DAEMON@mx.example.net\r\nTo: bounces@example.com\r\n"
        b"Subject: Undelivered\r\nMIME-Version: 1.0\r\n"
        b'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        b"--b\r\nContent-Type: message/delivery-status\r\n\r\n"
        b"Reporting-MTA: dns; mx.example.net\r\n\r\n"
        b"Final-Recipient: rfc822; anne@example.org\r\nAction: failed\r\nStatus: 5.1.1\r\n"
        b"Diagnostic-Code: smtp; 550 5.1.1 no such user\r\n\r\n"
        b"--b\r\nContent-Type: text/rfc822-headers\r\n\r\n" + headers + b"\r\n\r\n--b--\r\n"
    )


def trust_of(tmp_path: Path, data: bytes, text: str, asked: dict[str, str] | None = None) -> Trust:
    """Read a report under a configuration and say how far it is believed."""
    path = tmp_path / "dsnwatch.toml"
    path.write_text(text)
    ask = None if asked is None else asked.get
    attributor = attributor_of(loading.load(path), ask)
    raw = RawMessage(data, "here", "imap", TODAY)
    (event,) = attributor.events_of(raw, READER.read(data), "f" * 64, TODAY)
    return event.attribution.trust


BY_DNS = '[trust]\ndkim_domains = ["example.com"]\ndkim_dns = true\n'
BY_FILE = (
    '[trust]\ndkim_domains = ["example.com"]\n'
    '[trust.dkim_keys]\n"s1._domainkey.example.com" = "key.txt"\n'
)
NAME = "s1._domainkey.example.com"


def test_a_signature_of_ours_on_the_returned_headers_proves_the_mail(
    tmp_path: Path, our_key: tuple[bytes, str]
) -> None:
    data = returned(signed_headers(our_key[0]))
    assert trust_of(tmp_path, data, BY_DNS, {NAME: our_key[1]}) is Trust.DKIM
    assert trust_of(tmp_path, data, BY_DNS, {}) is Trust.CLAIMED
    assert trust_of(tmp_path, data, "") is Trust.CLAIMED


@pytest.mark.parametrize("pem", [True, False], ids=["PEM", "TXT record"])
def test_the_key_may_stand_in_a_file(
    tmp_path: Path,
    our_key: tuple[bytes, str],
    pem: bool,  # noqa: FBT001  a parameter of the table
) -> None:
    body = our_key[1].partition("p=")[2]
    lines = "\n".join(body[at : at + 64] for at in range(0, len(body), 64))
    text = f"-----BEGIN PUBLIC KEY-----\n{lines}\n-----END PUBLIC KEY-----\n" if pem else our_key[1]
    (tmp_path / "key.txt").write_text(text)
    data = returned(signed_headers(our_key[0]))
    assert trust_of(tmp_path, data, BY_FILE) is Trust.DKIM


@pytest.mark.parametrize("text", ["", "hello", "v=DKIM1; p=***", "\xe4"])
def test_a_key_file_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "key.txt").write_text(text, encoding="latin-1")
    with pytest.raises(ConfigError, match=r"key\.txt"):
        trust_of(tmp_path, b"", BY_FILE)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda head: head.replace(b"anne@", b"bob@"), id="another recipient"),
        pytest.param(lambda head: head.replace(b"Subject: News", b"Subject: Old"), id="subject"),
        pytest.param(lambda head: head + b"\r\nTo: anne@example.org", id="a second To behind"),
        pytest.param(lambda head: head.replace(b"d=example.com", b"d=evil.example"), id="domain"),
    ],
)
def test_headers_that_were_changed_prove_nothing(
    tmp_path: Path, our_key: tuple[bytes, str], change: object
) -> None:
    assert callable(change)
    data = returned(change(signed_headers(our_key[0])))
    assert trust_of(tmp_path, data, BY_DNS, {NAME: our_key[1]}) is Trust.CLAIMED


def test_the_signed_recipient_must_be_the_one_who_failed(
    tmp_path: Path, our_key: tuple[bytes, str]
) -> None:
    data = returned(signed_headers(our_key[0], to="everybody@example.com"))
    assert trust_of(tmp_path, data, BY_DNS, {NAME: our_key[1]}) is Trust.CLAIMED


def test_a_signature_that_leaves_the_recipient_out_proves_nothing(
    tmp_path: Path, our_key: tuple[bytes, str]
) -> None:
    data = returned(signed_headers(our_key[0], include=(b"from", b"subject")))
    assert trust_of(tmp_path, data, BY_DNS, {NAME: our_key[1]}) is Trust.CLAIMED


@given(st.binary(max_size=400), st.binary(max_size=400))
def test_any_headers_are_verified_without_raising(before: bytes, behind: bytes) -> None:
    headers = before + b"\nDKIM-Signature: " + behind
    assert signed_for(headers, {"example.com"}, lambda _: "v=DKIM1; p=AAAA") == ()


# What was sent


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(open_store(f"sqlite:///{tmp_path / 'dsnwatch.db'}")) as opened:
        yield opened


def sent(store: Store, id_: str, address: str = ANNE, days_ago: float = 1) -> None:
    with store.write() as writer:
        writer.add_sent([sent_key(message_key(id_, address), TODAY - days_ago * DAY)])


def take_in(
    store: Store,
    reports: list[BounceReport],
    *,
    policy: Policy = POLICY,
    attributor: Attributor | None = None,
    came_to: list[str] | None = None,
    now: datetime = TODAY,
    subscriptions: Subscriptions | None = None,
) -> list[str]:
    """Take reports in as one batch of a daemon; gives who was suppressed."""
    ingest = Ingest(
        store, READER, policy, lambda: now, subscriptions or Subscriptions(), attributor
    )
    batch = [
        (
            RawMessage(
                str(number).encode(), f"smtp#{number}", "smtp", now,
                recipients=(came_to[number],) if came_to else (),
            ),
            READER.judge(report),
        )
        for number, report in enumerate(reports)
    ]  # fmt: skip
    return [each for receipt in ingest.commit(batch) for each in receipt.suppressed]


def trusts(store: Store) -> list[Trust]:
    return [stored.event.attribution.trust for stored in store.events(EventFilter())]


@pytest.mark.parametrize(
    ("id_", "address", "days_ago", "trust"),
    [
        pytest.param("1@mail.example.com", ANNE, 1, Trust.MATCHED, id="to him"),
        pytest.param("1@mail.example.com", "", 1, Trust.MATCHED, id="to nobody said whom"),
        pytest.param("1@mail.example.com", BOB, 1, Trust.CLAIMED, id="to another"),
        pytest.param("2@mail.example.com", ANNE, 1, Trust.CLAIMED, id="another message"),
        pytest.param("1@mail.example.com", ANNE, 27, Trust.MATCHED, id="four weeks ago"),
        pytest.param("1@mail.example.com", ANNE, 60, Trust.CLAIMED, id="too long ago"),
    ],
)
def test_a_message_that_was_sent_to_him_proves_the_report(
    store: Store, id_: str, address: str, days_ago: float, trust: Trust
) -> None:
    sent(store, id_, address, days_ago)
    take_in(store, [a_report()])
    assert trusts(store) == [trust]


def test_a_message_that_was_sent_is_no_backscatter(store: Store) -> None:
    sent(store, "1@mail.example.com")
    attributor = Attributor(trust=TrustSection(domains=("other.example",)))
    take_in(store, [a_report(sender="x@spam.example")], attributor=attributor)
    assert trusts(store) == [Trust.MATCHED]


def test_below_the_required_trust_the_event_waits(store: Store) -> None:
    policy = Policy.of(PolicySection(require_trust="matched"), str)
    assert take_in(store, [a_report()], policy=policy) == []
    (hold,) = store.holds()
    assert (hold.name, hold.kind, hold.events) == ("trust 2026-03-31", "trust", 1)
    (stored,) = store.held_events(hold.id)
    assert stored.event.attribution.recipient == ANNE
    assert store.suppression(ANNE) is None


# Floods


MANY = 10_000


def forged(number: int) -> BounceReport:
    return a_report(f"user{number}@example.org", message_id=f"{number}@forged.example")


def test_a_flood_of_forged_reports_suppresses_at_most_the_guards_number(store: Store) -> None:
    with store.write() as writer:
        signs = [Sign(f"user{n}@example.org", TODAY - DAY, "sent") for n in range(MANY)]
        revive(writer, POLICY, signs, TODAY)
    subscriptions = Subscriptions([Subscription("hook", frozenset({"alert.raised"}))])
    suppressed = 0
    for start in range(0, MANY, 500):
        reports = [forged(number) for number in range(start, start + 500)]
        suppressed += len(take_in_more(store, reports, start, subscriptions))
    assert suppressed == 50
    assert store.counts().suppressions == 50
    (hold,) = store.holds()
    assert (hold.kind, hold.events) == ("flood", MANY - 50)
    assert alerts(store) == [f"hold {hold.name}"]


def take_in_more(
    store: Store, reports: list[BounceReport], start: int, subscriptions: Subscriptions
) -> list[str]:
    ingest = Ingest(store, READER, POLICY, lambda: TODAY, subscriptions)
    batch = [
        (RawMessage(str(start + n).encode(), f"smtp#{n}", "smtp", TODAY), READER.judge(report))
        for n, report in enumerate(reports)
    ]
    return [each for receipt in ingest.commit(batch) for each in receipt.suppressed]


def alerts(store: Store) -> list[str]:
    with closing(sqlite3.connect(store.where)) as connection:
        rows = connection.execute("SELECT payload FROM outbox WHERE type = 'alert.raised'")
        return [json.loads(payload)["data"]["alert"] for (payload,) in rows]


def test_signed_ones_go_through_a_flood(store: Store) -> None:
    attributor = Attributor(keys=(KEY,))
    people = [f"user{number}@example.org" for number in range(200)]
    take_in(store, [forged(number) for number in range(1000, 1300)], attributor=attributor)
    before = store.counts(TODAY).suppressions
    ingest = Ingest(store, READER, POLICY, lambda: TODAY, attributor=attributor)
    batch = [
        (
            RawMessage(b"s" + person.encode(), "smtp", "smtp", TODAY, recipients=(a_path(person),)),
            READER.judge(a_report("x@elsewhere.example", message_id=f"{person}.sent")),
        )
        for person in people
    ]
    suppressed = [each for receipt in ingest.commit(batch) for each in receipt.suppressed]
    assert sorted(suppressed) == sorted(people)
    assert (before, store.counts(TODAY).suppressions) == (50, 250)


def test_backscatter_is_kept_and_counts_for_nothing(store: Store) -> None:
    attributor = Attributor(trust=TrustSection(domains=("example.com",)))
    report = a_report(sender="x@spam.example", message_id="1@spam.example")
    assert take_in(store, [report] * 3, attributor=attributor) == []
    (stored,) = store.events(EventFilter())
    assert (stored.event.attribution.trust, stored.decision.rule) == (
        Trust.BACKSCATTER,
        "backscatter",
    )
    assert list(store.holds()) == []


def test_many_that_speak_of_the_sender_are_held_and_raise_one_alert(store: Store) -> None:
    subscriptions = Subscriptions([Subscription("hook", frozenset({"alert.raised"}))])
    reports = []
    for number in range(40):
        report = a_report(f"user{number}@example.org", message_id=f"{number}@example.com")
        said = report.recipients[0]._replace(
            diagnostic="550 5.1.1 User unknown (see our spam page)", remote_mta="mx.example.org"
        )
        reports.append(report._replace(recipients=(said,)))
    suppressed = take_in(store, reports, subscriptions=subscriptions)
    assert len(suppressed) == 9
    (hold,) = store.holds()
    assert (hold.kind, hold.events) == ("sender", 31)
    assert alerts(store) == [f"hold {hold.name}"]
