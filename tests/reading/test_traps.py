"""What misleads a reader of bounces, and does not mislead ours."""

import pytest

from dsnwatch.model import Kind
from dsnwatch.reading.prose import recipients, replied, without_subject
from tests.reading.builders import (
    READER,
    Group,
    a_bounce,
    a_letter,
    the_verdict,
)

MDAEMON = "MAILER-DAEMON@mail.example.com"
MISLEADING = (
    "relay", "spamfilter", "quota", "virus-wall", "policy", "greylist", "blocked", "unknown-user",
    "timeout", "full",
)  # fmt: skip
"""Words that people give hosts for names, and that servers say when they refuse."""

# ----------------------------------------------------------------------- words of no weight


@pytest.mark.parametrize("word", MISLEADING)
def test_name_of_a_host_says_nothing_of_the_cause(word: str) -> None:
    host = f"{word}.example.org"
    bounce = a_bounce(
        Group(status="5.0.0", diagnostic=f"smtp; 550 no, says {host}", remote=f"dns; {host}"),
        text=f"<anne@example.org>: host {host}[192.0.2.1] said: 550 no",
    )
    assert the_verdict(bounce).reason == "undetermined"


@pytest.mark.parametrize("name", ["Subject", "Betreff", "Objet", "Asunto", "件名", "主题"])
def test_subject_of_the_returned_message_says_nothing_of_the_cause(name: str) -> None:
    letter = a_letter(
        f"Your message\n\n  {name}: your mailbox is full\n\n"
        f"could not be delivered to:\n\nanne@example.org\n  {name}: spam and viruses\n  sorry\n",
        from_=MDAEMON,
        headers="Content-Type: text/plain; charset=utf-8\n",
    )
    assert the_verdict(letter).reason == "undetermined"


def test_subject_is_taken_out_of_a_text_and_nothing_else() -> None:
    text = "It failed.\nSubject: hello\nReason: unknown\n"
    assert without_subject(text) == "It failed.\n\nReason: unknown\n"


def test_rule_of_stars_is_nobody() -> None:
    exim = READER.rules.dialects.by_id["exim"]
    text = "The following address(es) failed:\n\n*****************\n\n  anne@example.org\n"
    assert [one.recipient for one in recipients(exim, text)] == ["anne@example.org"]


# ------------------------------------------------------------------------ where codes stand


def test_code_before_the_recipient_is_said_of_him() -> None:
    old = READER.rules.dialects.by_id["v5sendmail"]
    text = (
        "----- Transcript of session follows -----\n"
        "550 <anne@example.org>... User unknown\n"
        "421 example.net (smtp)... Deferred: Connection timed out\n"
    )
    (one,) = recipients(old, text)
    assert (one.reply_code, one.diagnostic.startswith("550 User unknown")) == ("550", True)


def test_code_behind_the_recipient_counts_more_than_the_one_before() -> None:
    old = READER.rules.dialects.by_id["v5sendmail"]
    text = "Transcript of session follows\n554 <anne@example.org>... 550 Host unknown\n"
    assert recipients(old, text)[0].reply_code == "550"


TRANSCRIPT = """\
   ----- Transcript of session follows -----
... while talking to mx.example.org.:
>>> DATA
<<< 552 5.2.2 <anne@example.org> mailbox is full
552 5.2.2 <anne@example.org>... Mailbox full
<<< 450 4.2.1 try later
450 4.2.1 <bob@example.org>... Deferred
<carol@example.org>... Deferred: 421 4.7.0 slow down
"""


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("anne@example.org", "552 5.2.2 <anne@example.org> mailbox is full"),
        ("bob@example.org", "450 4.2.1 try later"),
        ("carol@example.org", "421 4.7.0 slow down"),
        ("dave@example.org", ""),
    ],
)
def test_transcript_tells_what_was_said_of_each(address: str, said: str) -> None:
    assert replied(TRANSCRIPT, address, alone=False) == said


def test_transcript_about_one_recipient_need_not_name_him() -> None:
    assert replied(TRANSCRIPT, "dave@example.org", alone=True).startswith("552 5.2.2")


def test_text_without_a_transcript_tells_nothing() -> None:
    assert replied("<<< 550 no such user", "anne@example.org", alone=True) == ""


# -------------------------------------------------------------------- what nobody has a row for

UNHEARD = """\
Job 88120 closed.
Questions go to carol@example.org
  peer 203.0.113.9 answered 550 no such user here
  target was anne@example.org

----- Original message follows -----

From: news@example.com
To: {}
Subject: The letter of March
"""


def test_whom_the_mail_was_for_is_found_where_a_mail_system_gives_a_cause() -> None:
    letter = a_letter(UNHEARD.format("anne@example.org"), from_=MDAEMON, subject="Gateway report")
    assert the_verdict(letter).reason == "user_unknown"
    assert [one.recipient for one in READER.read(letter).report.recipients] == ["anne@example.org"]


def test_nobody_is_found_by_that_in_what_a_person_writes() -> None:
    letter = a_letter(UNHEARD.format("anne@example.org"), subject="Gateway report")
    assert READER.read(letter).report.recipients == ()


def test_nobody_is_found_by_that_without_a_cause() -> None:
    text = UNHEARD.format("anne@example.org").replace("550 no such user here", "with joy")
    assert READER.read(a_letter(text, from_=MDAEMON)).report.recipients == ()


# ---------------------------------------------------------------------- fields that contradict


@pytest.mark.parametrize(
    ("status", "diagnostic", "permanent"),
    [
        ("4.1.1", "smtp; 550 see RFC2821 4.1.1.1 for syntax", True),
        ("5.3.0", "smtp; 450 come back", False),
        ("5.1.1", "smtp; 550 no such user", True),
        ("4.0.0", "smtp; 554 no", False),
    ],
)
def test_reply_tells_the_class_where_the_field_contradicts_it(
    status: str,
    diagnostic: str,
    permanent: bool,  # noqa: FBT001  a row of a table
) -> None:
    bounce = a_bounce(Group(status=status, diagnostic=diagnostic), text="Sorry.")
    assert the_verdict(bounce).permanent is permanent


NULLMAILER = (
    "This is the nullmailer delivery system.  The message attached below\n"
    "has not been delivered to one or more of the intended recipients:\n\n\t<anne@example.org>\n"
)


def test_delay_of_nullmailer_that_tells_no_end_is_the_end() -> None:
    group = Group(action="delayed", status="4.2.2", diagnostic="SMTP; 452 4.2.2 mailbox full")
    assert READER.read(a_bounce(group, text=NULLMAILER)).report.kind is Kind.BOUNCE
    until = str(group) + "Will-Retry-Until: Fri, 3 Apr 2026 12:00:00 +0000"
    waiting = a_bounce(group, text=NULLMAILER).replace(str(group).encode(), until.encode() + b"\n")
    assert READER.read(waiting).report.kind is Kind.DELAY
