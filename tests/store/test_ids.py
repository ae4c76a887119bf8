"""Ids sort by the time they were given."""

import os
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from dsnwatch.store.ids import Ulids, new_id
from dsnwatch.store.values import from_micros, to_micros

from .builders import NOW

MOMENTS = st.datetimes(timezones=st.just(UTC))


@given(st.lists(MOMENTS, min_size=2))
def test_each_id_is_greater_than_the_one_before_whatever_the_clock_does(
    moments: list[datetime],
) -> None:
    ulids = Ulids()
    ids = [ulids.next(moment) for moment in moments]
    assert ids == sorted(set(ids))
    assert {len(each) for each in ids} == {26}


def test_id_opens_with_its_milliseconds_in_base_32() -> None:
    # 1469918176385 ms is the example of the ULID specification.
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=1469918176385)
    assert Ulids().next(moment).startswith("01ARYZ6S41")


def test_forked_process_gives_other_ids() -> None:
    new_id(NOW)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, new_id(NOW).encode())
        os._exit(0)
    ours = new_id(NOW)
    os.waitpid(child, 0)
    os.close(writing)
    with os.fdopen(reading) as theirs:
        assert theirs.read() != ours


@given(MOMENTS)
def test_stored_time_is_read_back_to_the_microsecond(moment: datetime) -> None:
    assert from_micros(to_micros(moment)) == moment


@given(MOMENTS, MOMENTS)
def test_stored_times_sort_as_the_times_do(one: datetime, other: datetime) -> None:
    assert (to_micros(one) < to_micros(other)) == (one < other)
