"""The blocks of a delivery-status part are read, however they are folded, repeated or spoilt."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dsnwatch.rfc.delivery_status import field_groups
from tests.rfc.builders import LINE_END, MAILISH, VALUE, grows_with_length

MESSAGE = "Reporting-MTA: dns; mail.example.com\nArrival-Date: Tue, 31 Mar 2026 12:00:00 +0000\n"
ANNE = "Final-Recipient: rfc822; anne@example.org\nAction: failed\nStatus: 5.1.1\n"
BOB = "Final-Recipient: rfc822; bob@example.org\nAction: delayed\nStatus: 4.4.1\n"
GROUP = st.fixed_dictionaries(
    {"Final-Recipient": VALUE, "Action": VALUE, "Status": VALUE},
    optional={"Remote-MTA": VALUE, "Diagnostic-Code": VALUE, "X-Queue": VALUE},
)


def finals(body: str | bytes) -> list[str]:
    """Read a part and list its Final-Recipients."""
    octets = body if isinstance(body, bytes) else body.encode()
    return [group.get("final-recipient", "") for group in field_groups(octets)[1]]


def test_message_and_recipients_are_told_apart() -> None:
    fields, groups = field_groups(f"{MESSAGE}\n{ANNE}\n{BOB}".encode())
    assert fields["reporting-mta"] == "dns; mail.example.com"
    assert [group["action"] for group in groups] == ["failed", "delayed"]
    assert "action" not in fields


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
def test_any_line_end_will_do(end: str) -> None:
    body = f"{MESSAGE}\n{ANNE}\n{BOB}".replace("\n", end)
    assert finals(body) == ["rfc822; anne@example.org", "rfc822; bob@example.org"]


def test_line_with_blanks_parts_blocks() -> None:
    assert len(finals(f"{MESSAGE} \t\n{ANNE}  \n{BOB}")) == 2


def test_several_empty_lines_part_two_blocks() -> None:
    assert len(finals(f"{MESSAGE}\n\n\n{ANNE}\n\n\n\n{BOB}\n\n")) == 2


def test_folded_field_is_unfolded() -> None:
    _, (group,) = field_groups(
        f"{MESSAGE}\n{ANNE}Diagnostic-Code: smtp; 550 5.1.1\n\tno such\n   user\n".encode()
    )
    assert group["diagnostic-code"] == "smtp; 550 5.1.1 no such user"


def test_first_of_a_repeated_field_counts() -> None:
    _, (group,) = field_groups(f"{MESSAGE}\n{ANNE}Status: 4.0.0\n".encode())
    assert group["status"] == "5.1.1"


def test_second_recipient_without_an_empty_line_is_another_one() -> None:
    assert len(finals(f"{MESSAGE}\n{ANNE}{BOB}")) == 2


def test_recipient_in_the_block_of_the_message_is_found() -> None:
    fields, groups = field_groups((MESSAGE + ANNE).encode())
    assert (fields["reporting-mta"], len(groups)) == ("dns; mail.example.com", 1)


def test_names_of_fields_are_in_lower_case() -> None:
    _, (group,) = field_groups(b"FINAL-RECIPIENT: rfc822; anne@example.org\nSTATUS : 5.1.1\n")
    assert group == {"final-recipient": "rfc822; anne@example.org", "status": "5.1.1"}


def test_utf_8_is_read_as_such_and_anything_else_as_latin_1() -> None:
    assert finals("Final-Recipient: utf-8; jörg@example.org".encode()) == [
        "utf-8; jörg@example.org"
    ]
    assert finals("Final-Recipient: rfc822; jörg@example.org".encode("latin-1")) == [
        "rfc822; jörg@example.org"
    ]


def test_block_without_fields_is_nobody() -> None:
    assert finals(f"{MESSAGE}\nthis is prose\n\n{ANNE}") == ["rfc822; anne@example.org"]


@pytest.mark.parametrize("body", [b"", b"\n\n\n", b":", b"no fields here", b"\0\0\0"])
def test_part_without_recipients_names_none(body: bytes) -> None:
    assert field_groups(body)[1] == ()


@given(st.binary(max_size=2000))
@example(b"\xff\xfe")
@example(b":\n" * 500)
def test_any_bytes_are_read_without_raising(body: bytes) -> None:
    field_groups(body)


@given(MAILISH)
def test_anything_like_a_part_is_read_without_raising(body: bytes) -> None:
    field_groups(body)


@given(st.lists(GROUP, min_size=1, max_size=5), LINE_END)
def test_written_groups_are_read_back(groups: list[dict[str, str]], end: str) -> None:
    blocks = ["\n".join(f"{name}: {value}" for name, value in group.items()) for group in groups]
    body = "\n\n".join([MESSAGE.strip(), *blocks]).replace("\n", end)
    fields, recipients = field_groups(body.encode())
    assert recipients == tuple(
        {name.lower(): value for name, value in group.items()} for group in groups
    )
    assert fields["reporting-mta"] == "dns; mail.example.com"


def test_work_grows_with_the_number_of_recipients() -> None:
    assert grows_with_length(lambda size: field_groups(f"{MESSAGE}\n{ANNE}\n".encode() * size))


def test_work_grows_with_the_number_of_fields() -> None:
    assert grows_with_length(
        lambda size: field_groups("".join(f"X-{n}: y\n" for n in range(size)).encode())
    )


def test_lines_of_a_reply_that_are_not_folded_belong_to_the_reply() -> None:
    body = (
        b"Reporting-MTA: dns; a.example\n\nFinal-Recipient: rfc822; anne@example.org\n"
        b"Diagnostic-Code: SMTP; 550-5.1.1 no such\n550 5.1.1 user: see https://a.example\n"
        b"Action: failed\n"
    )
    _, (group,) = field_groups(body)
    assert group["diagnostic-code"] == (
        "SMTP; 550-5.1.1 no such 550 5.1.1 user: see https://a.example"
    )
    assert group["action"] == "failed"
