"""A report comes out of its JSON as it went in."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from dsnwatch.model import (
    Action,
    BounceReport,
    Kind,
    OriginalMessage,
    RecipientStatus,
    StatusCode,
)
from dsnwatch.store.reports import from_json, to_json

ANY_TEXT = st.text(st.characters(), max_size=20)
PERHAPS = st.none() | ANY_TEXT
MOMENT = st.none() | st.datetimes(
    min_value=datetime(1, 1, 1),  # noqa: DTZ001 - hypothesis wants them naive and adds the zone
    timezones=st.just(UTC),
)
CODE = st.none() | st.builds(
    StatusCode, st.sampled_from((2, 4, 5)), st.integers(0, 999), st.integers(0, 999)
)
RECIPIENT = st.builds(
    RecipientStatus,
    recipient=ANY_TEXT,
    action=st.sampled_from(Action),
    original_recipient=PERHAPS,
    final_recipient=PERHAPS,
    status=CODE,
    reply_code=PERHAPS,
    diagnostic=ANY_TEXT,
    prose=ANY_TEXT,
    remote_mta=PERHAPS,
)
REPORT = st.builds(
    BounceReport,
    kind=st.sampled_from(Kind),
    dialect=PERHAPS,
    message_id=PERHAPS,
    reporting_mta=PERHAPS,
    arrival_date=MOMENT,
    received_at=MOMENT,
    original=st.builds(
        OriginalMessage,
        message_id=PERHAPS,
        envelope_id=PERHAPS,
        from_=PERHAPS,
        subject=PERHAPS,
        headers=st.lists(st.tuples(ANY_TEXT, ANY_TEXT), max_size=3).map(tuple),
    ),
    recipients=st.lists(RECIPIENT, max_size=3).map(tuple),
    defects=st.lists(ANY_TEXT, max_size=3).map(tuple),
)


@given(REPORT)
def test_written_report_is_read_back(report: BounceReport) -> None:
    assert from_json(to_json(report)) == report


@given(REPORT)
def test_written_report_holds_no_nul_and_no_half_characters(report: BounceReport) -> None:
    text = to_json(report)
    assert "\0" not in text
    text.encode()  # raises where there are half characters


def test_what_nobody_said_takes_no_room() -> None:
    assert to_json(BounceReport(Kind.OTHER)) == '{"kind":"other"}'
