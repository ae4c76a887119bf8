"""Answers that programs write are known by their headers."""

import pytest
from hypothesis import given

from dsnwatch.rfc.auto_submitted import auto_replied
from dsnwatch.rfc.headers import Headers
from tests.rfc.builders import MAILISH


@pytest.mark.parametrize(
    "header",
    [
        "Auto-Submitted: auto-replied",
        "Auto-Submitted: auto-replied (vacation)",
        "auto-submitted: Auto-Replied; owner-email=anne@example.org",
        "X-Autoreply: yes",
        "X-Autorespond: yes",
        "Precedence: auto_reply",
    ],
)
def test_answer_of_a_program_is_known(header: str) -> None:
    assert auto_replied(Headers(f"From: anne@example.org\n{header}".encode()))


@pytest.mark.parametrize(
    "header",
    [
        "Auto-Submitted: no",
        "Auto-Submitted: auto-generated",
        "Precedence: bulk",
        "Precedence: list",
        "Subject: Auto-Submitted: auto-replied",
        "X-Note: x-autoreply: yes",
        "",
    ],
)
def test_other_mail_is_no_answer_of_a_program(header: str) -> None:
    assert not auto_replied(Headers(f"From: anne@example.org\n{header}".encode()))


@given(MAILISH)
def test_any_headers_are_looked_at_without_raising(block: bytes) -> None:
    auto_replied(Headers(block))
