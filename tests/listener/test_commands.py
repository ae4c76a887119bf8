"""Who is ours, and what stands behind MAIL and RCPT."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsnwatch.rfc.return_path import LIFE, Key, sign, sign_id
from dsnwatch.sources.listener_commands import Named, Recipients, Refused, recipient, sender
from tests.listener.builders import DOMAIN, a_section

TODAY = date(2026, 3, 31)
KEY = Key("a", bytes(range(20)))


def recipients(*keys: Key, **options: object) -> Recipients:
    return Recipients(a_section(**options), keys, lambda: TODAY)


def code(answer: str | Refused) -> str:
    return answer.reply[:9] if isinstance(answer, Refused) else "250"


@pytest.mark.parametrize(
    ("address", "answer"),
    [
        ("bounces@return.test", "250"),
        ("BOUNCES@Return.Test", "250"),
        ("bounces+anne=example.org@return.test", "250"),
        ("bounces+@return.test", "250"),
        ("bounces@return.test.", "250"),
        ("bouncesx@return.test", "550 5.1.1"),
        ("anne@return.test", "550 5.1.1"),
        ("postmaster@return.test", "550 5.1.1"),
        ("anne@example.org", "550 5.7.1"),
        ("bounces@sub.return.test", "550 5.7.1"),
        ("bounces@[127.0.0.1]", "550 5.7.1"),
        ("bounces", "501 5.1.3"),
        ("", "501 5.1.3"),
        ("@return.test", "501 5.1.3"),
        ("bounces@", "550 5.7.1"),
        ("bounces+" + "x" * 300 + "@return.test", "553 5.1.3"),
    ],
)
def test_recipient_is_ours_or_not(address: str, answer: str) -> None:
    assert code(recipients().judge(address)) == answer


RELAYS = [
    "@return.test:anne@example.org",
    "@return.test,@return.test:anne@example.org",
    "@example.org:bounces@return.test",
    "anne%example.org@return.test",
    "anne%example.org@[127.0.0.1]",
    '"anne@example.org"@return.test',
    '"anne%example.org"@return.test',
    '"bounces"@return.test',
    "example.org!anne@return.test",
    "anne@example.org@return.test",
    "bounces+anne@example.org@return.test",
    "anne\\@example.org@return.test",
    "bounces+x%example.org@return.test",
    "bounces+example.org!anne@return.test",
    "anne(example.org)@return.test",
    "SRS0=xyz=ab=example.org=anne%example.net@return.test",
]


@pytest.mark.parametrize("address", RELAYS)
@pytest.mark.parametrize("patterns", [("bounces", "bounces+*"), ("*",)], ids=["ours", "any"])
def test_way_to_somebody_elses_host_is_refused(address: str, patterns: tuple[str, ...]) -> None:
    assert code(recipients(recipients=patterns).judge(address)) == "550 5.7.1"


@given(st.text(max_size=80))
def test_whatever_is_taken_is_at_a_domain_of_ours(text: str) -> None:
    answer = recipients(recipients=("*",)).judge(text)
    if isinstance(answer, str):
        assert answer.rpartition("@")[2] == DOMAIN
        assert not set(answer.rpartition("@")[0]) & set('@%!"')


@given(st.text(max_size=80).filter(lambda text: "\n" not in text))
def test_every_reply_is_one_printable_line(text: str) -> None:
    for answer in (recipients().judge(text), recipient(text, extended=True)):
        if isinstance(answer, Refused):
            assert answer.reply.isascii()
            assert answer.reply.isprintable()


@pytest.mark.parametrize(
    "address",
    [
        "prvs=1234abcdef=bounces+anne=example.org@return.test",
        "SRS0=hash=tt=return.test=bounces+anne=example.org@return.test",
    ],
)
def test_what_others_wrapped_around_our_return_path_is_seen_through(address: str) -> None:
    assert recipients().judge(address) == address


def test_domain_is_compared_in_ascii() -> None:
    ours = recipients(domains=("r\u00fcck.example",))
    assert ours.judge("bounces@R\u00dcCK.example") == "bounces@xn--rck-hoa.example"
    assert ours.judge("bounces@xn--rck-hoa.example") == "bounces@xn--rck-hoa.example"


def signed(days_ago: int = 0, key: Key = KEY) -> str:
    made = TODAY - timedelta(days=days_ago)
    return sign("anne@example.org", key, made, prefix="bounces", domain=DOMAIN)


@pytest.mark.parametrize(
    ("address", "answer"),
    [
        (signed(), "250"),
        (signed().upper(), "250"),
        (signed(LIFE.days), "250"),
        (signed(LIFE.days + 1), "550 5.7.1"),
        (signed(key=Key("a", b"another key of 20 oct")), "550 5.7.1"),
        (signed(key=Key("b", KEY.secret)), "550 5.7.1"),
        (signed().replace("anne", "anna"), "550 5.7.1"),
        ("bounces+anne=example.org@return.test", "250"),
        ("bounces@return.test", "250"),
    ],
)
def test_signed_return_path_is_checked(address: str, answer: str) -> None:
    assert code(recipients(KEY).judge(address)) == answer


def test_signature_says_nothing_without_keys() -> None:
    assert code(recipients().judge(signed(99))) == "250"


@pytest.mark.parametrize(
    ("address", "answer"),
    [
        (signed(), "250"),
        (sign_id("4711", KEY, TODAY, prefix="bounces", domain=DOMAIN), "250"),
        ("prvs=1234abcdef=" + signed(), "250"),
        ("bounces@return.test", "550 5.7.1"),
        ("bounces+anne=example.org@return.test", "550 5.7.1"),
        ("postmaster@return.test", "250"),
        ("Abuse@return.test", "250"),
    ],
)
def test_only_signed_ones_are_taken_where_that_is_wanted(address: str, answer: str) -> None:
    ours = recipients(
        KEY, require_signed=True, recipients=("bounces", "bounces+*", "postmaster", "abuse")
    )
    assert code(ours.judge(address)) == answer


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ("FROM:<>", Named("")),
        ("from: <anne@example.org>", Named("anne@example.org")),
        ("FROM:<a@b> SIZE=10 BODY=8BITMIME", Named("a@b", 10)),
        ("FROM:<\u00e4@b> SMTPUTF8", Named("\u00e4@b", None, utf8=True)),
        ("FROM:<a@b> RET=HDRS ENVID=+3D AUTH=<>", Named("a@b")),
    ],
)
def test_sender_is_read(said: str, named: Named) -> None:
    assert sender(said, extended=True) == named


@pytest.mark.parametrize(
    "said",
    [
        None,
        "",
        "FROM",
        "FROM:",
        "FROM:a@b",
        "FROM:<a b@c>",
        "FROM:<a@b>x",
        "FROM:<<a@b>>",
        "FROM:<a@b",
        "FROM:<a\x00@b>",
        "FROM:<" + "a" * 1001 + ">",
        "FROM:<\udcff@b>",
        "FROM:<a@b> SIZE",
        "FROM:<a@b> SIZE=",
        "FROM:<a@b> SIZE=-1",
        "FROM:<a@b> SIZE=\u0661",
        "FROM:<a@b> SMTPUTF8=yes",
        "FROM:<a@b> BODY=BINARYMIME",
        "TO:<a@b>",
    ],
)
def test_what_is_no_sender_is_refused(said: str | None) -> None:
    answer = sender(said, extended=True)
    assert isinstance(answer, Refused)
    assert answer.reply[:9] in {"501 5.5.4", "555 5.5.4"}


@given(st.text(max_size=100))
def test_any_argument_is_read_without_raising(text: str) -> None:
    for read in (sender, recipient):
        for extended in (True, False):
            read(text, extended=extended)
            read(f"TO:<{text}>", extended=extended)
