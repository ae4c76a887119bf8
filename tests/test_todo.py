"""Refusals for the sender's sake become things to do, and are fixed when they stop."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dsnwatch.config.settings import Settings
from dsnwatch.keeping import Sweep
from dsnwatch.model import BounceClass, Details, Fault, Verdict
from dsnwatch.records import StoredEvent
from dsnwatch.store import Span, Store, open_store
from dsnwatch.todo import finding_of, is_fixed, tickets
from tests.cli.conftest import Run
from tests.cli.conftest import run as run  # noqa: PLC0414  a fixture of theirs
from tests.store.builders import a_message, a_recipient, a_verdict, an_event

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
MONTH = Span.last(30 * DAY, NOW)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(str(tmp_path / "a.db"))
    yield opened
    opened.close()


def blocked(reason: str, provider: str = "") -> Verdict:
    """Give a verdict that finds fault with the sender."""
    verdict = a_verdict(reason, BounceClass.BLOCK)
    return verdict._replace(fault=Fault.SENDER, provider=provider or None)


def a_refusal(  # noqa: PLR0917  all of them are given by name
    text: str,
    reason: str = "reputation",
    provider: str = "google",
    details: Details = Details(),  # noqa: B008  frozen
    at: datetime = NOW,
    message: str = "",
) -> StoredEvent:
    """Give a refusal."""
    said = a_recipient()._replace(diagnostic=text)
    verdict = blocked(reason, provider)
    return an_event(
        verdict=verdict, recipient=said, details=details, occurred_at=at, message_id=message
    )


def put(store: Store, *events: StoredEvent) -> None:
    """Store events."""
    with store.write() as writer:
        writer.add_events(events)


def test_refusals_of_one_address_by_one_list_are_one_ticket(store: Store) -> None:
    listed = Details(blocklist="spamhaus-zen", blocked_ip="192.0.2.7")
    other = Details(blocklist="bl.example.net", blocked_ip="192.0.2.8")
    message = a_message()
    with store.write() as writer:
        writer.add_messages([message])
    put(
        store,
        a_refusal("550 192.0.2.7 listed, ask us", details=listed, at=NOW - DAY),
        a_refusal("554 listed: 192.0.2.7", details=listed, message=message.id),
        a_refusal("550 192.0.2.8 listed", details=other),
        an_event(occurred_at=NOW),
    )
    first, second = tickets(store, MONTH, NOW)
    assert (first.events, first.blocked_ip, len(first.fingerprints)) == (2, "192.0.2.7", 2)
    assert first.by_day[-2:] == (1, 1)
    assert first.blocklist is not None
    assert first.to_do == ("have 192.0.2.7 taken off Spamhaus ZEN: https://check.spamhaus.org/")
    assert (first.domain, first.text) == ("example.com", "554 listed: 192.0.2.7")
    assert (first.first_at, first.last_at, first.fixed) == (
        (NOW - DAY).replace(microsecond=(NOW - DAY).microsecond),
        NOW,
        False,
    )
    assert second.blocklist is not None
    assert second.blocklist.id == "bl.example.net"


def test_what_is_found_fault_with_is_named(store: Store) -> None:
    put(
        store,
        a_refusal("550 5.7.26 unauthenticated: DMARC policy of example.com", "auth_failure"),
        a_refusal("550 5.7.1 SPF check failed", "auth_failure"),
        a_refusal("550 5.7.1 go away", "policy", ""),
    )
    assert {one.finding for one in tickets(store, MONTH, NOW)} == {"DMARC", "SPF", ""}


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("DKIM signature did not verify", "DKIM"),
        ("SPF and DKIM fail, DMARC policy is reject", "DMARC"),
        (
            "DKIM = did not pass; SPF [example.org] with ip: [192.0.2.1] = did not pass",
            "SPF and DKIM",
        ),
        ("DKIM = did not pass; SPF [example.org] with ip: [192.0.2.1] = pass", "DKIM"),
        ("no PTR record", "PTR"),
        ("host has no reverse DNS", "PTR"),
        ("go away", ""),
    ],
)
def test_findings(text: str, finding: str) -> None:
    assert finding_of(text) == finding


@pytest.mark.parametrize(
    ("days", "quiet", "fixed"),
    [
        ([1], 6, False),
        ([1], 8, True),
        ([1, 2, 3], 2, False),
        ([1, 2, 3], 4, True),
        ([1, 8, 15], 8, False),
        ([1, 8, 15], 20, False),
        ([1, 8, 15], 22, True),
        ([], 8, True),
    ],
)
def test_a_refusal_is_fixed_when_it_stops(days: list[int], quiet: int, *, fixed: bool) -> None:
    assert is_fixed(days, NOW - quiet * DAY, NOW) is fixed


def test_what_is_fixed_comes_last_and_what_is_gone_is_told_masked(store: Store) -> None:
    put(store, *(a_refusal("550 old 77", at=NOW - 9 * DAY) for _ in range(5)))
    put(store, a_refusal("550 new 78", "policy"))
    assert [(one.reason, one.fixed) for one in tickets(store, MONTH, NOW)] == [
        ("policy", False),
        ("reputation", True),
    ]
    Sweep(store, Settings(), "cli:anne").events(NOW + 9000 * DAY)
    assert [one.text for one in tickets(store, MONTH, NOW)] == ["550 new {n}", "550 old {n}"]


def test_todo_is_read_in_a_terminal(run: Run, store: Store) -> None:
    nothing = run("todo", "--store", store.where)
    assert (nothing.status, nothing.out) == (0, "")
    put(
        store,
        a_refusal("550 \x1b[31mred\u202e " + "word " * 60, details=Details(blocked_ip="192.0.2.7")),
        a_refusal("550 old", "policy", at=NOW - 9 * DAY),
    )
    ran = run("todo", "--store", store.where)
    assert ran.status == 1
    assert "192.0.2.7 has a bad reputation at google (reputation)\n  once, first" in ran.out
    assert "policy" not in ran.out
    assert "\x1b" not in ran.out
    assert "\u202e" not in ran.out
    assert all(len(line) <= 80 for line in ran.out.splitlines())
    rows = run("todo", "--fixed", "--json", "--store", store.where).rows
    assert [row["fixed"] for row in rows] == [False, True]
