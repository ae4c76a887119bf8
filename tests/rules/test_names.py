"""Names in other vocabularies: complete, true to their own lists, and as the docs have them."""

import re
from pathlib import Path

import pytest

from dsnwatch.model import BounceClass, Kind
from dsnwatch.rules import load
from dsnwatch.rules.names import KindNames, Names, kind_names, names_of

CATEGORIES = load().categories
DOCUMENT = (Path(__file__).parents[2] / "docs" / "names.md").read_text(encoding="utf-8")
SENDGRID = {
    "Content",
    "Frequency or Volume Too High",
    "Invalid Address",
    "Mailbox Unavailable",
    "Reputation",
    "Technical Failure",
    "Unclassified",
}
SES = {
    ("Undetermined", "Undetermined"),
    ("Permanent", "General"),
    ("Permanent", "NoEmail"),
    ("Permanent", "Suppressed"),
    ("Permanent", "OnAccountSuppressionList"),
    ("Transient", "General"),
    ("Transient", "MailboxFull"),
    ("Transient", "MessageTooLarge"),
    ("Transient", "ContentRejected"),
    ("Transient", "AttachmentRejected"),
}
SUPPRESSES = {"HardBounce", "BadEmailAddress", "SpamComplaint", "ManuallyDeactivated"}
"""Postmark's types for which it suppresses itself."""
KINDS = ("complaint", "unsubscribe", "auto_reply", "challenge", "delay", "manual")


@pytest.mark.parametrize("reason", CATEGORIES)
def test_reason_has_a_name_in_every_vocabulary(reason: str) -> None:
    names = names_of(reason)
    assert names.id == reason
    assert names.sendgrid in SENDGRID
    assert names.ses in SES
    assert names.mailgun.severity in {"permanent", "temporary"}
    assert re.fullmatch("[a-z]+", names.sisimai)


def test_what_is_no_reason_has_no_name() -> None:
    with pytest.raises(KeyError):
        names_of("whim")


@pytest.mark.parametrize("reason", CATEGORIES)
def test_only_a_hard_reason_has_names_for_which_others_suppress(reason: str) -> None:
    names = names_of(reason, permanent=True)
    hard = CATEGORIES[reason].bounce_class is BounceClass.HARD
    assert (names.ses.type == "Permanent") is hard
    assert (names.postmark.type in SUPPRESSES) is hard
    assert (names.sparkpost.category in {"Hard", "Admin"}) is hard
    assert (names.mailgun.severity == "permanent") is hard


@pytest.mark.parametrize("reason", CATEGORIES)
def test_nobody_suppresses_for_what_was_not_said_for_ever(reason: str) -> None:
    names = names_of(reason, permanent=False)
    assert names.ses.type != "Permanent"
    assert names.postmark.type not in SUPPRESSES
    assert names.sparkpost.category not in {"Hard", "Admin"}
    assert names.mailgun.severity == "temporary"


def test_domain_that_could_not_be_looked_up_is_a_dns_error() -> None:
    names = names_of("domain_unknown", permanent=False)
    assert (names.postmark.type, names.postmark.code) == ("DnsError", 256)
    assert names.sparkpost.code == 21


@pytest.mark.parametrize("kind", KINDS)
def test_kind_is_one_of_ours(kind: str) -> None:
    names = kind_names(kind)
    assert names is not None
    assert kind in {*Kind, "manual"}
    assert names.ses is None or names.ses.type == "Complaint" or names.ses in SES


def test_kind_nobody_has_a_word_for_has_no_names() -> None:
    assert kind_names("success") is None


def row_of(names: Names | KindNames) -> str:
    """Write the row of the table that the document should have."""
    postmark = f"{names.postmark.type} {names.postmark.code}" if names.postmark else "-"
    sparkpost = f"{names.sparkpost.code}" if names.sparkpost else "-"
    cells = (
        f"`{names.id}`",
        names.sendgrid if isinstance(names, Names) else "-",
        "/".join(filter(None, names.ses)) if names.ses else "-",
        postmark,
        sparkpost,
        "/".join(filter(None, names.mailgun)) if names.mailgun else "-",
        names.sisimai or "-",
    )
    return f"| {' | '.join(cells)} |"


def test_the_document_has_the_whole_table() -> None:
    rows = [row_of(names_of(reason)) for reason in CATEGORIES]
    rows += [row_of(names) for kind in KINDS if (names := kind_names(kind)) is not None]
    told = [line for line in DOCUMENT.splitlines() if line.startswith("| `")]
    assert told == rows
