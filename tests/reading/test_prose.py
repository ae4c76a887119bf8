"""Prose is gone through: where it ends, whom it names, what it says of each."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dsnwatch.model import Action
from dsnwatch.reading.prose import (
    about,
    aimed,
    recipients,
    remote_host,
    split_returned,
    strangers,
    whole,
)
from dsnwatch.rules.dialects import Dialect
from tests.reading.builders import READER
from tests.rfc.builders import MAILISH, grows_with_length

DIALECTS = READER.rules.dialects
QMAIL = DIALECTS.by_id["qmail"]
EXIM = DIALECTS.by_id["exim"]
ANY = DIALECTS.by_id["any"]
GREETING = "Hi. This is the qmail-send program at mail.example.com.\n\n"
TEXTS = st.one_of(st.text(max_size=500), MAILISH.map(lambda body: body.decode("latin-1")))


def test_report_ends_where_the_returned_message_is_announced() -> None:
    text = (
        "It failed.\n--- Below this line is a copy of the message.\n\nTo: anne@example.org\n\nHi\n"
    )
    report, marker, returned = split_returned(text, DIALECTS)
    assert report.strip() == "It failed."
    assert "copy of the message" in marker
    assert returned is not None
    assert returned.get("to") == "anne@example.org"


def test_report_ends_where_a_header_block_begins() -> None:
    text = "It failed.\n\nReceived: from a by b\nTo: anne@example.org\n\nHi\n"
    report, _, returned = split_returned(text, DIALECTS)
    assert report.strip() == "It failed."
    assert returned is not None


def test_text_that_returns_nothing_is_all_report() -> None:
    assert split_returned("It failed.\n", DIALECTS) == ("It failed.\n", "", None)


def test_two_recipients_get_their_own_words() -> None:
    text = f"{GREETING}<anne@example.org>:\nno such user\n\n<bob@example.org>:\nmailbox full\n"
    found = recipients(QMAIL, text)
    assert [(one.recipient, one.diagnostic) for one in found] == [
        ("anne@example.org", "no such user"),
        ("bob@example.org", "mailbox full"),
    ]


def test_recipient_named_twice_is_one() -> None:
    text = f"{GREETING}<anne@example.org>:\nno such user\n\n<anne@example.org>:\nno such user\n"
    assert len(recipients(QMAIL, text)) == 1


def test_recipients_stand_behind_the_words_that_announce_them() -> None:
    text = "bob@example.org\nThe following address(es) failed:\n\n  anne@example.org\n    gone\n"
    assert [one.recipient for one in recipients(EXIM, text)] == ["anne@example.org"]


def test_words_of_a_warning_make_it_a_delay() -> None:
    text = (
        "A message that you sent has not yet been delivered to:\n"
        "The address to which the message has not yet been delivered is:\n\n  anne@example.org\n"
    )
    assert [one.action for one in recipients(EXIM, text)] == [Action.DELAYED]


def test_local_part_is_made_whole_by_the_one_address_that_has_it() -> None:
    assert whole("anne", ["bob@example.org", "anne@example.org"]) == "anne@example.org"
    assert whole("carol", ["bob@example.org"]) == "carol"
    assert whole("bob@a.example", ["bob@b.example"]) == "bob@a.example"


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("host mx.example.org[192.0.2.1] said: 550", "mx.example.org"),
        ("while talking to MX.Example.ORG.:", "mx.example.org"),
        ("no host at all", None),
        ("", None),
    ],
)
def test_host_that_said_no_is_found(text: str, host: str | None) -> None:
    assert remote_host(text) == host


def test_each_recipient_is_told_about_in_his_own_lines() -> None:
    text = "Sorry.\n\n<anne@example.org>: she is unknown here\n<bob@example.org>: he is full up\n"
    assert about(text, "anne@example.org").strip() == "<anne@example.org>: she is unknown here"


def test_recipient_nobody_names_gets_the_whole_text() -> None:
    assert about("Nothing went right.", "anne@example.org") == "Nothing went right."


def test_nobodys_own_address_is_the_one_meant() -> None:
    text = "anne@example.org was not found; ask postmaster@example.org or news@example.com"
    assert [one.recipient for one in aimed(ANY, text, ["news@example.com"], [])] == [
        "anne@example.org"
    ]


def test_whom_the_mail_was_for_is_meant_before_anybody_else() -> None:
    text = "anne@example.org, carol@example.net and info@example.com are in it"
    assert [one.recipient for one in aimed(ANY, text, [], ["info@example.com"])] == [
        "info@example.com"
    ]


@pytest.mark.parametrize(
    ("named", "own", "hints", "left"),
    [
        (["a@x.example", "b@x.example"], ["A@x.example"], [], ["b@x.example"]),
        (["a@x.example", "postmaster@x.example"], [], [], ["a@x.example"]),
        (["postmaster@x.example"], [], ["Postmaster@x.example"], ["postmaster@x.example"]),
        (["a@x.example", "b@x.example"], [], ["b@x.example"], ["b@x.example"]),
        (["a@x.example"], ["a@x.example"], ["a@x.example"], []),
        ([], [], ["a@x.example"], []),
    ],
    ids=["own", "office", "office meant", "meant", "own and meant", "nobody"],
)
def test_those_are_left_who_can_be_meant(
    named: list[str], own: list[str], hints: list[str], left: list[str]
) -> None:
    assert strangers(named, own, hints) == left


def test_line_that_names_somebody_else_names_no_recipient() -> None:
    text = (
        "Could not be delivered to the following recipient:\n"
        "From: carol@example.net\nMessage-ID: <1@example.net>\n* Reply-To: dave@example.net\n"
        "Recipient: anne@example.org no such user\n"
    )
    assert [one.recipient for one in recipients(ANY, text)] == ["anne@example.org"]


def test_too_many_addresses_mean_nobody() -> None:
    text = " ".join(f"user{number}@example.org" for number in range(20))
    assert aimed(ANY, text, [], []) == []


@given(TEXTS)
@example("\n" * 400)
@example("-\n" * 200)
@example("<" * 400)
def test_any_text_is_split_without_raising(text: str) -> None:
    report, _, _ = split_returned(text, DIALECTS)
    assert text.startswith(report)


@given(TEXTS, st.sampled_from(DIALECTS.rows))
def test_any_text_is_read_in_any_dialect_without_raising(text: str, dialect: Dialect) -> None:
    for one in recipients(dialect, text):
        assert one.recipient is not None


@given(TEXTS, st.text(max_size=40))
def test_any_text_says_something_about_anyone_without_raising(text: str, address: str) -> None:
    about(text, address)
    remote_host(text)
    aimed(ANY, text, [address], [])


def test_work_grows_with_the_number_of_recipients() -> None:
    assert grows_with_length(
        lambda size: recipients(
            QMAIL, GREETING + "".join(f"<u{n}@example.org>:\ngone\n\n" for n in range(size))
        ),
        small=50,
    )


def test_work_grows_with_the_number_of_lines() -> None:
    assert grows_with_length(lambda size: split_returned("a line\n" * size, DIALECTS))
