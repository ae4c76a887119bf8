"""Whom an event is counted against."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsnwatch.attribute import Attributor
from dsnwatch.model import (
    Action,
    BounceReport,
    Kind,
    OriginalMessage,
    RawMessage,
    Reading,
    RecipientStatus,
    Trust,
)
from dsnwatch.records import Attribution

TODAY = datetime(2026, 3, 31, 12, tzinfo=UTC)


def attributed(
    original: str | None = None,
    final: str | None = None,
    text: str = "",
    *,
    vouched: bool = False,
    list_id: str | None = None,
) -> Attribution:
    headers = () if list_id is None else (("from", "x"), ("list-id", list_id))
    said = RecipientStatus(text, Action.FAILED, original_recipient=original, final_recipient=final)
    report = BounceReport(
        Kind.BOUNCE, original=OriginalMessage(headers=headers), recipients=(said,)
    )
    return attribution_of(report, vouched=vouched)


def attribution_of(
    report: BounceReport,
    attributor: Attributor | None = None,
    *,
    vouched: bool = False,
    recipients: tuple[str, ...] = (),
    data: bytes = b"",
) -> Attribution:
    """Say how the first recipient of a report is attributed."""
    raw = RawMessage(data, "a place", "eml", None, "letters", vouched, recipients)
    reading = Reading(report, (None,) * len(report.recipients))
    event = next((attributor or Attributor()).events_of(raw, reading, "f" * 64, TODAY))
    return event.attribution


@pytest.mark.parametrize(
    ("original", "final", "text", "address", "found_by"),
    [
        ("a@example.org", "b@example.net", "a@example.org", "a@example.org", "original_recipient"),
        (None, "b@example.net", "b@example.net", "b@example.net", "final_recipient"),
        ("", "b@example.net", "b@example.net", "b@example.net", "final_recipient"),
        ("anne", "b@example.net", "anne", "b@example.net", "final_recipient"),
        (None, "|/bin/archive", "b@example.net", "b@example.net", "text"),
        (None, None, "b@Example.NET", "b@example.net", "text"),
        ("anne", "|/bin/archive", "anne", "anne", "original_recipient"),
        (None, None, "", "", "text"),
    ],
)
def test_the_address_that_was_mailed_comes_first(
    original: str | None, final: str | None, text: str, address: str, found_by: str
) -> None:
    found = attributed(original, final, text)
    assert (found.recipient, found.found_by) == (address, found_by)


@pytest.mark.parametrize(("vouched", "trust"), [(True, Trust.VOUCHED), (False, Trust.CLAIMED)])
def test_only_what_the_operator_handed_in_is_vouched_for(
    vouched: bool,  # noqa: FBT001 - a parameter of the table
    trust: Trust,
) -> None:
    assert attributed(vouched=vouched).trust is trust


def test_the_stream_is_that_of_the_source() -> None:
    assert attributed().stream == "letters"


@pytest.mark.parametrize(
    ("header", "list_id"),
    [
        ("Our letters <Letters.Example.org>", "letters.example.org"),
        ("<letters.example.org>", "letters.example.org"),
        ("letters.example.org", "letters.example.org"),
        ("An <odd> name <letters.example.org> (comment)", "letters.example.org"),
        ("<>", None),
        ("", None),
        (None, None),
    ],
)
def test_the_list_is_that_of_the_returned_list_id(header: str | None, list_id: str | None) -> None:
    assert attributed(list_id=header).list_id == list_id


@given(st.none() | st.text(), st.none() | st.text(), st.text(), st.none() | st.text())
def test_any_names_are_read_without_raising(
    original: str | None, final: str | None, text: str, list_id: str | None
) -> None:
    attributed(original, final, text, list_id=list_id)
