"""Dates of headers are read into UTC, or are none."""

from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dsnwatch.rfc.date import date

NOON = datetime(2026, 3, 31, 12, 0, 0, tzinfo=UTC)
DATES = [
    "Tue, 31 Mar 2026 12:00:00 +0000",
    "Tue, 31 Mar 2026 14:00:00 +0200",
    "Tue, 31 Mar 2026 06:30:00 -0530",
    "31 Mar 2026 12:00:00 GMT",
    "31 Mar 2026 12:00 UT",
    "Tue, 31 Mar 2026 12:00:00",
    "Tue, 31 Mar 2026 07:00:00 EST",
    "Tue, 31 Mar 2026 12:00:00 +0000 (UTC)",
    "Tuesday, 31-Mar-26 12:00:00 GMT",
    "Tue, 31  March 2026 12:00:00 +0000",
    "from a by b; Tue, 31 Mar 2026 12:00:00 +0000",
]
MOMENT = st.datetimes(
    min_value=datetime(1970, 1, 2),  # noqa: DTZ001  the zone is drawn besides
    max_value=datetime(2200, 1, 1),  # noqa: DTZ001  likewise
    timezones=st.integers(-14 * 60, 14 * 60).map(
        lambda minutes: timezone(timedelta(minutes=minutes))
    ),
)


@pytest.mark.parametrize("text", DATES)
def test_date_is_read_into_utc(text: str) -> None:
    assert date(text) == NOON


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "31 Feb 2026 12:00:00 +0000", "Tue, 31 Mar 2026", "1 Jan 2026 25:00 +0000",
     "0 Jan 2026 12:00 +0000"],
)  # fmt: skip
def test_what_can_be_no_date_is_none(text: str) -> None:
    assert date(text) is None


@pytest.mark.parametrize(
    ("short", "year"), [("26", 2026), ("49", 2049), ("50", 1950), ("99", 1999)]
)
def test_short_year_is_of_the_nearest_century(short: str, year: int) -> None:
    found = date(f"1 Jan {short} 12:00:00 +0000")
    assert found is not None
    assert found.year == year


def test_leap_second_is_the_last_of_its_minute() -> None:
    found = date("31 Dec 2016 23:59:60 +0000")
    assert found == datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)


@given(st.text(max_size=200))
@example("1 Jan 0001 00:00:00 +2359")
@example("31 Dec 9999 23:59:59 -2359")
@example("1 Jan 2026 12:00:00 +9999")
@example("1 Jan 2026 12:00:00 -2400")
@example("\u0661 Jan 2026 12:00:00 +0000")
@example("1 Jan \u0660\u0660\u0660\u0660 12:00:00 +0000")
def test_any_text_is_read_without_raising(text: str) -> None:
    found = date(text)
    assert found is None or found.utcoffset() == timedelta(0)


@given(
    st.builds(
        "{} {} {:04} {:02}:{:02}:00 {:+05}".format,
        st.integers(-5, 40),
        st.sampled_from(["Jan", "Feb", "Dec"]),
        st.integers(0, 9999),
        st.integers(0, 99),
        st.integers(0, 99),
        st.integers(-9999, 9999),
    )
)
def test_any_numbers_are_read_without_raising(text: str) -> None:
    date(text)


@given(MOMENT)
def test_written_date_is_read_back(moment: datetime) -> None:
    moment = moment.replace(microsecond=0)
    assert date(format_datetime(moment)) == moment
