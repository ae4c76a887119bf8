"""What misleads a reader of bounces, and does not mislead ours."""

import pytest

from dsnwatch.prose import recipients, replied, without_subject
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
