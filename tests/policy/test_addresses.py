"""Which spellings are one address, as docs/policy.md says; and what clocks that are wrong do."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsnwatch.ingest import Ingest
from dsnwatch.model import BounceReport, Kind, RawMessage, Reading, RecipientStatus
from dsnwatch.policy import Policy
from dsnwatch.reading.reader import Reader
from dsnwatch.rfc.address import key, normalise
from dsnwatch.store import Store, open_store

from .test_promises import Report, letter

TODAY = datetime(2026, 3, 31, 12, tzinfo=UTC)
DAY = timedelta(days=1)
READER = Reader.load()
ANNE = "anne@example.org"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(open_store(f"sqlite:///{tmp_path / 'dsnwatch.db'}")) as opened:
        yield opened


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("Anne@example.org", "anne@EXAMPLE.org", id="case"),
        pytest.param("anne@bücher.example", "anne@xn--bcher-kva.example", id="IDNA"),
        pytest.param("jose\u0301@example.org", "JOS\u00c9@example.org", id="Unicode form"),
        pytest.param("anne@bu\u0308cher.example", "anne@bücher.example", id="form in the domain"),
        pytest.param("<anne@example.org>", "rfc822;anne@example.org.", id="wrapping"),
    ],
)
def test_these_are_one_address(one: str, other: str) -> None:
    assert key(one) == key(other)


@pytest.mark.parametrize("other", ["anne+news@example.org", "an.ne@example.org"])
def test_these_are_two(other: str) -> None:
    assert key(other) != key(ANNE)


@given(st.text(max_size=40))
def test_the_form_of_an_address_is_its_own_form(text: str) -> None:
    once = key(f"{text}@example.org")
    assert key(once) == once or normalise(once) != once  # wrapping within wrapping is peeled


@given(
    st.from_regex(r"[a-z0-9._+=\-]{1,64}@[a-z0-9\-]{1,20}(\.[a-z0-9\-]{1,20}){1,3}", fullmatch=True)
)
def test_what_is_plain_is_left_as_it_is(text: str) -> None:
    assert key(text) == normalise(text).lower()


def test_spellings_of_one_address_count_together(store: Store) -> None:
    ingest = Ingest(store, READER, Policy.preset("default"), lambda: TODAY)
    people = ("Anne@example.org", "anne@EXAMPLE.ORG", "ANNE@example.org")
    ingest.commit(
        [
            letter(Report("soft", person, number), TODAY - (6 - 3 * number) * DAY)
            for number, person in enumerate(people)
        ]
    )
    assert [row.address for row in store.suppressions()] == [ANNE]


def test_what_is_no_address_is_never_suppressed(store: Store) -> None:
    ingest = Ingest(store, READER, Policy.preset("default"), lambda: TODAY)
    for number, odd in enumerate(("|/usr/bin/vacation", "root", "@example.org", "")):
        raw, (report, verdicts, _) = letter(Report("hard", "x@example.org", number), TODAY)
        said: RecipientStatus = report.recipients[0]._replace(recipient=odd, final_recipient=odd)
        ingest.commit([(raw, Reading(report._replace(recipients=(said,)), verdicts))])
    assert [*store.suppressions()] == []
    assert {one.decision.rule for one in store.events()} <= {"no_address"}


def test_a_clock_that_was_wrong_bends_no_window(store: Store) -> None:
    policy = Policy.preset("default")
    for number, now in enumerate((TODAY + 200 * DAY, TODAY, TODAY + 3 * DAY)):
        raw, reading = letter(Report("soft", ANNE, number), now)
        Ingest(store, READER, policy, lambda now=now: now).commit([(raw, reading)])  # type: ignore[misc]  # bound now
    assert [*store.suppressions()] == []


def test_an_event_of_before_time_began_is_of_now(store: Store) -> None:
    raw = RawMessage(b"x", "m", "mbox", datetime(1, 1, 1, tzinfo=UTC), vouched=True)
    report = BounceReport(
        Kind.COMPLAINT, recipients=letter(Report("hard", ANNE, 1), TODAY)[1].report.recipients
    )
    Ingest(store, READER, Policy.preset("default"), lambda: TODAY).commit(
        [(raw, Reading(report, (None,)))]
    )
    (row,) = store.suppressions()
    assert row.since == TODAY
