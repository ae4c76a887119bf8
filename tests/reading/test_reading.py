"""How a message is read: what is believed, what is left alone, what comes out."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from dsnwatch.model import Action, BounceClass, Fault, Kind, RecipientStatus, StatusCode, Verdict
from dsnwatch.reading.classify import classify
from dsnwatch.reading.reader import contract
from dsnwatch.rfc.status_code import told
from tests.reading.builders import (
    FIXTURES,
    READER,
    RETURNED,
    ROOT,
    Group,
    a_bounce,
    a_letter,
    a_recipient,
    a_report,
    the_verdict,
)

NO_WORDS = "smtp; 550 5.0.0 no"
FULL = "the mailbox is full"
OF_MESSAGE = {
    "source", "kind", "dialect", "message_id", "reporting_mta", "arrival_date", "original",
    "recipients", "defects",
}  # fmt: skip
OF_ORIGINAL = {"message_id", "envelope_id", "from", "subject", "headers"}
OF_RECIPIENT = {
    "recipient", "original_recipient", "final_recipient", "action", "permanent", "class", "reason",
    "fault", "status", "reply_code", "diagnostic", "remote_mta", "rule", "confidence",
}  # fmt: skip


def judged(
    diagnostic: str = "",
    *,
    status: str | None = None,
    prose: str = "",
    remote_mta: str | None = None,
    action: Action = Action.FAILED,
) -> Verdict:
    """Judge what one server said of one recipient."""
    field = StatusCode.of(status) if status else None
    reply_code, code = told(field, diagnostic, prose)
    one = a_recipient(
        diagnostic,
        status=code,
        reply_code=reply_code,
        prose=prose,
        remote_mta=remote_mta,
        action=action,
    )
    verdict = classify(one, a_report([one]), READER.rules)
    assert verdict is not None
    return verdict


def named(data: bytes) -> list[str]:
    """Read a message and list whom it is about."""
    return [one.recipient for one in READER.read(data).report.recipients]


def said(data: bytes) -> dict[str, Any]:
    """Read a message into what the command line prints."""
    printed: dict[str, Any] = json.loads(json.dumps(contract("a.eml", READER.read(data))))
    return printed


# --------------------------------------------------------------------------- order of belief


def test_words_are_believed_before_a_telling_code() -> None:
    assert judged("550 5.1.1 mailbox is full, over quota").reason == "mailbox_full"


def test_words_in_the_reply_are_believed_before_words_in_the_text() -> None:
    verdict = judged("550 5.0.0 no such user", prose="it may be that the mailbox is full")
    assert verdict.reason == "user_unknown"


def test_words_in_the_text_are_believed_before_a_telling_code() -> None:
    assert judged("550 5.1.1 no", prose="quota exceeded").reason == "mailbox_full"


def test_providers_words_are_believed_before_words_in_general() -> None:
    words = "550 5.4.1 Recipient address rejected: Access denied"
    at_microsoft = judged(words, remote_mta="x.mail.protection.outlook.com")
    assert (at_microsoft.reason, judged(words).rule == at_microsoft.rule) == ("user_unknown", False)


def test_telling_code_is_believed_before_a_reply_code() -> None:
    assert judged("450 4.2.2 sorry").reason == "mailbox_full"


def test_class_of_the_code_may_change_what_it_tells() -> None:
    assert judged("550 5.2.1 sorry").reason == "mailbox_disabled"
    assert judged("450 4.2.1 sorry").reason == "mailbox_unavailable"


@pytest.mark.parametrize("code", ["5.0.0", "5.1.0", "5.7.0", "5.7.1", "4.0.0", "4.7.0", "4.7.1"])
def test_generic_code_never_beats_a_phrase(code: str) -> None:
    assert judged(f"550 {code} user unknown").reason == "user_unknown"


@pytest.mark.parametrize("code", ["5.0.0", "5.7.1", "5.1.0"])
def test_generic_status_field_never_beats_a_phrase_in_the_text(code: str) -> None:
    verdict = judged("", status=code, prose="The user is unknown: no such user.")
    assert verdict.reason == "user_unknown"


def test_policy_code_with_nothing_better_means_policy() -> None:
    verdict = judged("550 5.7.1 no")
    assert (verdict.reason, verdict.bounce_class) == ("policy", BounceClass.BLOCK)


@pytest.mark.parametrize(
    "reply", ["550", "550 no", "554 transaction failed", "5.0.0", "550 5.0.0 sorry", ""]
)
def test_failure_that_says_nothing_more_is_undetermined(reply: str) -> None:
    verdict = judged(reply)
    assert (verdict.reason, verdict.bounce_class, verdict.fault) == (
        "undetermined",
        BounceClass.UNDETERMINED,
        Fault.UNKNOWN,
    )


def test_action_failed_alone_is_not_hard() -> None:
    verdict = the_verdict(a_bounce(Group(status="", diagnostic="", remote=""), text="Sorry."))
    assert verdict.bounce_class is BounceClass.UNDETERMINED


def test_permanent_is_what_the_report_said_and_class_what_we_conclude() -> None:
    verdict = judged("552 5.2.2 mailbox full")
    assert (verdict.permanent, verdict.bounce_class) == (True, BounceClass.SOFT)


def test_delay_is_never_for_ever() -> None:
    assert judged("550 5.1.1 no such user", action=Action.DELAYED).permanent is False


def test_recipient_who_got_the_mail_has_no_verdict() -> None:
    one = a_recipient(action=Action.DELIVERED)
    assert classify(one, a_report([one]), READER.rules) is None


def test_confidence_falls_where_code_and_words_disagree() -> None:
    agreed, disagreed = judged("550 5.1.1 no such user"), judged("550 5.2.2 no such user")
    assert agreed.reason == disagreed.reason
    assert agreed.confidence > disagreed.confidence


def test_words_make_surer_than_a_code_and_a_code_surer_than_nothing() -> None:
    sure = [
        judged("550 5.1.1 no such user").confidence,
        judged("550 5.1.1 no").confidence,
        judged("").confidence,
    ]
    assert sure == sorted(sure, reverse=True)
    assert len(set(sure)) == len(sure)


def test_code_in_the_reply_is_believed_before_the_relays_own() -> None:
    verdict = judged("550 5.2.2 sorry", status="5.0.0")
    assert str(verdict.status) == "5.2.2"


@pytest.mark.parametrize("code", ["5.7.1", "5.7.26", "5.7.25", "5.7.64", "5.7.509", "5.7.0"])
def test_a_policy_code_alone_never_blames_the_recipient(code: str) -> None:
    assert judged(f"550 {code} no").fault is not Fault.RECIPIENT


# ------------------------------------------------------------------------- what is left alone


def test_only_the_outermost_report_is_read() -> None:
    inner = a_bounce(Group(final="rfc822; inner@example.net", diagnostic=f"smtp; 552 5.2.2 {FULL}"))
    outer = a_bounce(returned=inner.decode().replace("=b", "=inner"))
    assert named(outer) == ["anne@example.org"]
    assert the_verdict(outer).reason == "user_unknown"


@pytest.mark.parametrize(
    "forwarded",
    [
        "Look what I got:\n\n> {}",
        "---------- Forwarded message ---------\n{}",
        "-----Original Message-----\n{}",
    ],
    ids=["quoted", "forwarded", "original"],
)
def test_bounce_that_a_person_forwards_is_no_bounce(forwarded: str) -> None:
    bounce = (
        "From: MAILER-DAEMON@mail.example.com\nSubject: failure notice\n\n"
        "Hi. This is the qmail-send program at mail.example.com.\n\n"
        "<gone@example.net>:\n550 5.1.1 no such user\n"
    )
    text = forwarded.format(bounce.replace("\n", "\n> ") if ">" in forwarded else bounce)
    assert READER.read(a_letter(text, subject="Fwd: failure notice")).report.kind is Kind.OTHER


def test_bounce_that_a_person_attaches_is_no_bounce() -> None:
    inner = a_bounce().decode().replace("=b", "=inner")
    letter = (
        "From: Bob <bob@example.org>\nTo: bounces@example.com\nSubject: Fwd: Undelivered Mail\n"
        'Content-Type: multipart/mixed; boundary="=o"\n\n--=o\nContent-Type: text/plain\n\n'
        f"What is this?\n--=o\nContent-Type: message/rfc822\n\n{inner}\n--=o--\n"
    )
    report = READER.read(letter.encode()).report
    assert (report.kind, report.recipients) == (Kind.OTHER, ())


def test_words_in_the_returned_message_never_count() -> None:
    returned = RETURNED.replace("Good morning.", f"550 5.2.2 {FULL}, quota exceeded, virus found")
    group = Group(status="5.0.0", diagnostic=NO_WORDS)
    assert the_verdict(a_bounce(group, text="Sorry.", returned=returned)).reason == "undetermined"


def test_words_of_a_message_returned_as_text_never_count() -> None:
    letter = a_letter(
        "Hi. This is the qmail-send program at mail.example.com.\n\n"
        "<anne@example.org>:\n550 sorry\n\n"
        "--- Below this line is a copy of the message.\n\n"
        f"Return-Path: <news@example.com>\nTo: carol@example.net\nSubject: x\n\n{FULL}\n"
        "<dave@example.net>:\nno such user\n",
        from_="MAILER-DAEMON@mail.example.com",
        subject="failure notice",
    )
    assert named(letter) == ["anne@example.org"]
    assert the_verdict(letter).reason == "undetermined"


def test_addresses_in_the_returned_message_are_nobody() -> None:
    returned = RETURNED.replace("Good morning.", "<carol@example.net>: user unknown")
    assert named(a_bounce(returned=returned)) == ["anne@example.org"]


def test_report_goes_before_headers_of_an_automatic_answer() -> None:
    bounce = a_bounce(headers="Auto-Submitted: auto-replied\nPrecedence: auto_reply\n")
    assert READER.read(bounce).report.kind is Kind.BOUNCE


def test_automatic_answer_that_talks_of_failure_is_no_bounce() -> None:
    letter = a_letter(
        "The user anne@example.org is unknown here since May; write to bob@example.org.",
        subject="Auto: Friday",
        headers="Auto-Submitted: auto-replied\n",
    )
    assert READER.read(letter).report.kind is Kind.AUTO_REPLY


def test_ordinary_mail_is_other_without_a_defect() -> None:
    report = READER.read(a_letter()).report
    assert (report.kind, report.recipients, report.defects) == (Kind.OTHER, (), ())


# ------------------------------------------------------------------------ what a report says


def test_original_recipient_is_the_one_who_was_mailed() -> None:
    report = READER.read(
        a_bounce(Group(original="rfc822; list@example.org", final="rfc822; anne@example.net"))
    ).report
    (one,) = report.recipients
    assert (one.recipient, one.original_recipient, one.final_recipient) == (
        "list@example.org",
        "list@example.org",
        "anne@example.net",
    )


@pytest.mark.parametrize(
    ("actions", "kind"),
    [
        (["failed"], Kind.BOUNCE),
        (["delayed"], Kind.DELAY),
        (["delivered"], Kind.SUCCESS),
        (["relayed", "expanded"], Kind.SUCCESS),
        (["delivered", "failed"], Kind.BOUNCE),
        (["delayed", "delivered"], Kind.DELAY),
        (["delayed", "failed"], Kind.BOUNCE),
        (["error"], Kind.BOUNCE),
    ],
)
def test_kind_of_a_report_follows_from_its_actions(actions: list[str], kind: Kind) -> None:
    groups = [
        Group(final=f"rfc822; u{number}@example.org", action=action)
        for number, action in enumerate(actions)
    ]
    assert READER.read(a_bounce(*groups)).report.kind is kind


def test_each_recipient_has_his_own_action_and_verdict() -> None:
    reading = READER.read(
        a_bounce(
            Group(),
            Group(
                final="rfc822; bob@example.org", action="delivered", status="2.1.5", diagnostic=""
            ),
        )
    )
    assert [one.action for one in reading.report.recipients] == [Action.FAILED, Action.DELIVERED]
    assert [verdict is None for verdict in reading.verdicts] == [False, True]


def test_recipients_keep_the_order_of_the_report() -> None:
    names = [f"u{number}@example.org" for number in (3, 1, 2)]
    assert named(a_bounce(*(Group(final=f"rfc822; {name}") for name in names))) == names


def test_recipient_told_of_twice_is_one() -> None:
    assert named(a_bounce(Group(), Group())) == ["anne@example.org"]


def test_returned_headers_say_which_mail_it_was() -> None:
    original = READER.read(a_bounce()).report.original
    assert (original.message_id, original.from_, original.subject) == (
        "letter-1@example.com",
        "News <news@example.com>",
        "The letter of March",
    )
    assert dict(original.headers)["list-id"] == "<letter.example.com>"


def test_octets_with_any_line_ends_give_one_reading() -> None:
    data = a_bounce()
    assert READER.read(data.replace(b"\n", b"\r\n")) == READER.read(data)


def test_report_kept_can_be_judged_again() -> None:
    reading = READER.read(a_bounce())
    assert READER.judge(reading.report) == reading._replace(fingerprint="")


def test_judging_looks_at_the_report_only() -> None:
    report = READER.read(a_bounce()).report
    said_else = report.recipients[0]._replace(diagnostic=f"552 5.2.2 {FULL}")
    (verdict,) = READER.judge(report._replace(recipients=(said_else,))).verdicts
    assert verdict is not None
    assert verdict.reason == "mailbox_full"


# ------------------------------------------------------------------------------- what comes out


def test_json_has_exactly_the_keys_of_the_contract() -> None:
    printed = said(a_bounce())
    assert set(printed) == OF_MESSAGE
    assert set(printed["original"]) == OF_ORIGINAL
    assert [set(one) for one in printed["recipients"]] == [OF_RECIPIENT]


def test_json_of_a_message_that_cannot_be_read_has_the_same_keys() -> None:
    printed = said(b"\0\0\0")
    assert set(printed) == OF_MESSAGE
    assert (printed["kind"], printed["recipients"], bool(printed["defects"])) == ("other", [], True)


def test_json_says_what_was_read() -> None:
    printed = said(a_bounce())
    (one,) = printed["recipients"]
    assert printed["source"] == "a.eml"
    assert printed["kind"] == "bounce"
    assert printed["message_id"] == "report-1@mail.example.com"
    assert printed["reporting_mta"] == "mail.example.com"
    assert printed["arrival_date"] == "2026-03-31T11:59:00Z"
    assert printed["original"]["headers"]["list-id"] == "<letter.example.com>"
    assert {key: one[key] for key in ("permanent", "class", "reason", "fault", "status")} == {
        "permanent": True, "class": "hard", "reason": "user_unknown", "fault": "recipient",
        "status": "5.1.1",
    }  # fmt: skip
    assert (one["reply_code"], one["remote_mta"], one["original_recipient"]) == (
        "550",
        "mx.example.org",
        None,
    )


def test_rule_that_is_named_exists() -> None:
    rules = READER.rules
    known = {row.id for row in rules.causes.rows}
    known |= {f"status-{code}" for code in rules.statuses}
    known |= {f"reply-{code}" for code in rules.replies}
    known |= {f"dialect-{name}" for name in rules.dialects.by_id} | {"undetermined"}
    for path in sorted(FIXTURES.rglob("*.eml")):
        for verdict in READER.read(path.read_bytes()).verdicts:
            assert verdict is None or verdict.rule in known
            assert verdict is None or 0 < verdict.confidence <= 1


def test_explanation_begins_with_the_rule_that_decided_and_its_words() -> None:
    (one,) = READER.explain(a_bounce()).recipients
    assert one.verdict is not None
    first = one.steps[0]
    assert (first.match.rule, first.reason) == (one.verdict.rule, one.verdict.reason)
    assert first.match.text == one.diagnostic[slice(*first.match.span)]


def test_explanation_shows_parts_and_fields() -> None:
    explained = READER.explain(a_bounce())
    assert explained.parts == ("text/plain", "message/delivery-status", "message/rfc822")
    assert explained.message_fields["reporting-mta"] == "dns; mail.example.com"
    assert [group["action"] for group in explained.groups] == ["failed"]


ALL_FIXTURES = """
import json, pathlib
from dsnwatch.reading.reader import Reader, contract
reader = Reader.load()
for path in sorted(pathlib.Path("fixtures").rglob("*.eml")):
    print(json.dumps(contract(str(path), reader.read(path.read_bytes()))))
"""


def answers_under(seed: str) -> str:
    """Read all fixtures in another process with another seed of its hashes."""
    done = subprocess.run(  # noqa: S603  our own interpreter and words
        [sys.executable, "-c", ALL_FIXTURES],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        check=True,
        text=True,
    )
    return done.stdout


def test_seed_of_the_hashes_changes_no_answer() -> None:
    once = answers_under("1")
    assert once.count("\n") >= 60
    assert once == answers_under("2")


def test_order_of_reading_changes_no_answer() -> None:
    bodies = [path.read_bytes() for path in sorted(FIXTURES.rglob("*.eml"))]
    forwards = [READER.read(data) for data in bodies]
    backwards = [READER.read(data) for data in reversed(bodies)]
    assert forwards == backwards[::-1]


def test_recipient_status_of_a_delay_past_its_time_is_a_failure() -> None:
    text = "This is the MAILER-DAEMON at mail.example.com.\n\nthe message has expired: gave up"
    (one,) = READER.read(
        a_bounce(Group(action="delayed", status="4.4.7", diagnostic=""), text=text)
    ).report.recipients
    assert isinstance(one, RecipientStatus)
    assert one.action is Action.FAILED
