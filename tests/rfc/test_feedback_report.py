"""Feedback reports are read: who complained, and whether it is a complaint at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsnwatch.rfc.feedback_report import feedback_report
from tests.rfc.builders import ADDRESS, LINE_END, MAILISH

REPORT = """\
Feedback-Type: abuse
User-Agent: Feedback/1
Version: 1
Original-Mail-From: <news@example.com>
Original-Rcpt-To: <anne@example.org>
Reporting-MTA: dns; FBL.example.net
"""


def test_report_is_read() -> None:
    report = feedback_report(REPORT.encode())
    assert (report.feedback_type, report.recipients, report.mail_from, report.reporting_mta) == (
        "abuse",
        ("anne@example.org",),
        "news@example.com",
        "fbl.example.net",
    )


@pytest.mark.parametrize(
    ("kind", "complains"),
    [
        ("abuse", True),
        ("Abuse", True),
        ("fraud", True),
        ("virus", True),
        ("opt-out", True),
        ("not-spam", False),
        ("auth-failure", False),
        ("x-unheard-of", False),
    ],
)
def test_only_some_kinds_are_complaints(kind: str, complains: bool) -> None:  # noqa: FBT001  a row of a table
    assert feedback_report(f"Feedback-Type: {kind}\n".encode()).complains is complains


def test_missing_type_means_abuse() -> None:
    assert feedback_report(b"Version: 1\n").feedback_type == "abuse"


def test_empty_type_means_abuse() -> None:
    assert feedback_report(b"Feedback-Type:\nVersion: 1\n").feedback_type == "abuse"


def test_recipient_of_a_removal_request_counts() -> None:
    assert feedback_report(b"Removal-Recipient: anne@example.org\n").recipients == (
        "anne@example.org",
    )


def test_folded_recipient_is_unfolded() -> None:
    assert feedback_report(b"Original-Rcpt-To:\n <anne@example.org>\n").recipients == (
        "anne@example.org",
    )


def test_report_that_names_nobody_has_no_recipients() -> None:
    report = feedback_report(b"Feedback-Type: abuse\n")
    assert (report.recipients, report.mail_from, report.reporting_mta) == ((), None, None)


@given(st.binary(max_size=2000))
def test_any_bytes_are_read_without_raising(body: bytes) -> None:
    feedback_report(body)


@given(MAILISH)
def test_anything_like_a_report_is_read_without_raising(body: bytes) -> None:
    feedback_report(body)


@given(st.lists(ADDRESS, max_size=5), LINE_END)
def test_written_recipients_are_read_back(addresses: list[str], end: str) -> None:
    fields = ["Feedback-Type: fraud", *(f"Original-Rcpt-To: <{one}>" for one in addresses)]
    report = feedback_report(end.join(fields).encode())
    assert report.recipients == tuple(dict.fromkeys(addresses))
    assert report.feedback_type == "fraud"
