"""Reply codes and enhanced status codes are found where servers put them, and nowhere else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsnwatch.model import StatusCode
from dsnwatch.rfc.status_code import codes, from_field, told, vague

CODE = st.builds(StatusCode, st.sampled_from([4, 5]), st.integers(0, 999), st.integers(0, 999))
REPLY = st.builds(
    "{}{}{}".format, st.sampled_from("45"), st.sampled_from("01257"), st.integers(0, 9)
)

SAID = [
    ("550 5.1.1 <anne@example.org>: no such user", "5.1.1", "550"),
    ("550-5.1.1 The account does not exist. Please try\n550 5.1.1 again", "5.1.1", "550"),
    ("550 #5.1.0 Address rejected.", "5.1.0", "550"),
    ("550 [5.1.1] Unknown", "5.1.1", "550"),
    ("550 (5.7.1) Denied", "5.7.1", "550"),
    ("550 <anne@example.org>: 5.1.1 unknown", "5.1.1", "550"),
    ("5.1.1 unknown", "5.1.1", None),
    ("(#5.1.1)", "5.1.1", None),
    ("no such user (#5.1.1)", "5.1.1", None),
    ("host mx.example.org said: 452 4.2.2 Over quota (in reply to RCPT TO)", "4.2.2", "452"),
    ("550 4.2.2 mailbox full", "4.2.2", "550"),
    ("421 too many connections", None, "421"),
    ("550", None, "550"),
    ("smtp;550 5.7.606 Access denied", "5.7.606", "550"),
    ("SMTP error from remote mail server after RCPT TO: 550 no such user", None, "550"),
    ("Remote host said: 554 delivery error: dd", None, "554"),
    ("status=5.2.2", "5.2.2", None),
    ("The error was 5.4.1 all along", "5.4.1", None),
    ("Connection timed out", None, None),
    ("", None, None),
]
NO_CODES = [
    "host 5.1.1.7 refused the connection",
    "connect to 4.2.2.1[4.2.2.1]: Connection refused",
    "Exim 4.9.6 wrote this",
    "Exim version 4.96.2 wrote this",
    "from 192.0.2.5 and 198.51.100.4",
    "file-5.1.1.tar.gz",
    "anne5.1.1@example.org",
    "1.5.1.1",
    "5.1",
    "3.1.1",
    "5.1.1111",
]
NO_REPLIES = [
    "host 192.0.2.1 refused",
    "message of 552000 octets",
    "port 587",
    "tried 3 times",
    "room 5501",
    "connect to mx.example.org[192.0.2.1]:587: Connection refused",
    "192.0.2.550",
]


@pytest.mark.parametrize(("text", "code", "reply"), SAID, ids=[said[0][:40] for said in SAID])
def test_codes_are_found_in_a_reply(text: str, code: str | None, reply: str | None) -> None:
    found_reply, found = codes(text)
    assert (str(found) if found else None, found_reply) == (code, reply)


@pytest.mark.parametrize("text", NO_CODES)
def test_dotted_numbers_that_are_no_codes_are_left_alone(text: str) -> None:
    assert codes(text)[1] is None


@pytest.mark.parametrize("text", NO_REPLIES)
def test_numbers_that_are_no_replies_are_left_alone(text: str) -> None:
    assert codes(text)[0] is None


def test_code_behind_a_reply_goes_before_one_that_opens_the_text() -> None:
    assert str(codes("4.0.0 gave up: 550 5.1.1 no such user")[1]) == "5.1.1"


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("5.1.1", "5.1.1"),
        (" 5.1.2 (550 no such host)", "5.1.2"),
        ("5.1.10", "5.1.10"),
        ("#5.1.1", "5.1.1"),
        ("5.1.1 ", "5.1.1"),
        ("failed", None),
        ("5.1", None),
        ("", None),
        ("550", None),
        ("6.1.1", None),
        ("5.1.1111", None),
    ],
)
def test_status_field_is_read(value: str, code: str | None) -> None:
    found = from_field(value)
    assert (str(found) if found else None) == code


TOLD = [
    ("5.1.1", "550 5.2.2 full", "", "550", "5.2.2"),
    ("5.2.2", "550 5.0.0 no", "", "550", "5.2.2"),
    (None, "550 5.0.0 no", "", "550", "5.0.0"),
    ("5.1.1", "no codes", "", None, "5.1.1"),
    ("5.0.0", "no codes", "it said 550 5.2.2 full", "550", "5.2.2"),
    ("5.1.1", "no codes", "it said 550 5.2.2 full", "550", "5.1.1"),
    (None, "", "it said 550 5.2.2 full", "550", "5.2.2"),
    ("4.0.0", "", "it said 550 5.0.0 no", "550", "4.0.0"),
    (None, "", "", None, None),
]


@pytest.mark.parametrize(("field", "reply", "prose", "reply_code", "code"), TOLD)
def test_of_several_codes_the_telling_one_is_believed(
    field: str | None, reply: str, prose: str, reply_code: str | None, code: str | None
) -> None:
    reported = StatusCode.of(field) if field else None
    found_reply, found = told(reported, reply, prose)
    assert (found_reply, str(found) if found else None) == (reply_code, code)


def test_code_of_its_class_alone_is_vague() -> None:
    assert vague(StatusCode.of("5.0.0"))
    assert not vague(StatusCode.of("5.1.0"))


@pytest.mark.parametrize(
    ("code", "permanent", "generic"),
    [
        ("5.1.1", True, False),
        ("4.2.2", False, False),
        ("2.1.5", None, False),
        ("5.0.0", True, True),
        ("5.7.1", True, True),
        ("4.7.0", False, True),
        ("5.1.0", True, True),
        ("5.7.10", True, False),
    ],
)
def test_code_knows_what_it_says(code: str, permanent: bool | None, generic: bool) -> None:  # noqa: FBT001  a row of a table
    made = StatusCode.of(code)
    assert (made.permanent, made.generic, str(made)) == (permanent, generic, code)


@given(st.text(max_size=500))
def test_any_text_is_looked_through_without_raising(text: str) -> None:
    codes(text)
    told(None, text, text)
    from_field(text)


@given(CODE, REPLY, st.sampled_from([" ", "-", " #", " [", "  "]))
def test_written_codes_are_read_back(code: StatusCode, reply: str, between: str) -> None:
    text = f"{reply}{between}{code} no such user"
    assert codes(text) == (reply, code)


@given(CODE)
def test_written_field_is_read_back(code: StatusCode) -> None:
    assert from_field(str(code)) == code
    assert from_field(f" {code} (a comment)") == code


@given(st.ip_addresses(v=4))
def test_address_of_a_host_is_no_code(host: object) -> None:
    assert codes(f"connect to {host}: refused") == (None, None)
    assert codes(f"connect to {host} failed") == (None, None)
