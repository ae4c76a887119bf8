"""`dsnwatch suppressions due` and `try`: who may be mailed again."""

from datetime import UTC, datetime, timedelta

import pytest

from dsnwatch.changes import Changes
from dsnwatch.records import Suppression
from dsnwatch.store import open_store

from .conftest import Run

NOW = datetime.now(UTC)
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _suppressed(run: Run) -> None:
    """Suppress Anne long ago and Bob lately, for a while; Carl relapsed."""
    run("db", "upgrade", "--store", "s.db")
    store = open_store("sqlite:///s.db")
    rows = [
        Suppression(
            f"{name}@example.org", "system_error", "bounce", "soft", since, until, note=note
        )
        for name, since, until, note in (
            ("anne", NOW - 30 * DAY, NOW + 60 * DAY, ""),
            ("bob", NOW - DAY, NOW + 89 * DAY, ""),
            ("carl", NOW - DAY, None, "relapse: let go of on 2026-03-01 (phoned)"),
        )
    ]
    with store.write() as writer:
        Changes(writer, NOW, "test").put(rows)
    store.close()


def test_who_is_due_is_listed(run: Run) -> None:
    (row,) = run("suppressions", "due", "--store", "s.db", "--json").rows
    assert (row["address"], row["state"], row["trials"]) == ("anne@example.org", "due", 0)
    listed = run("suppressions", "due", "--store", "s.db").out
    assert "anne@example.org" in listed
    assert "due since" in listed
    assert max(map(len, listed.splitlines())) <= 80


def test_all_others_are_listed_with_their_state(run: Run) -> None:
    rows = run("suppressions", "due", "--state", "all", "--store", "s.db", "--json").rows
    assert [(row["address"][:4], row["state"]) for row in rows] == [
        ("anne", "due"),
        ("bob@", "resting"),
        ("carl", "review"),
    ]
    review = run("suppressions", "due", "--state", "review", "--store", "s.db").out
    assert "relapse: let go of on" in review


def test_nobody_is_said_to_people(run: Run) -> None:
    ran = run("suppressions", "due", "--state", "trial", "--store", "s.db")
    assert (ran.status, ran.out, ran.err) == (0, "", "dsnwatch: nobody is on trial\n")
    assert run("suppressions", "due", "--state", "tiral", "--store", "s.db").status == 2


def test_who_is_due_is_tried_and_may_be_mailed(run: Run) -> None:
    assert run("check", "anne@example.org", "--store", "s.db").status == 1
    ran = run("suppressions", "try", "--store", "s.db")
    assert (ran.status, ran.out) == (0, "anne@example.org: may be tried\n")
    assert run("check", "anne@example.org", "--store", "s.db").status == 0
    assert "nobody is due" in run("suppressions", "try", "--store", "s.db").err


def test_who_is_not_due_is_not_tried(run: Run) -> None:
    ran = run("suppressions", "try", "bob@example.org", "--store", "s.db", "--json")
    assert (ran.status, ran.rows) == (
        1,
        [{"address": "bob@example.org", "stream": "", "tried": False}],
    )
    assert run("check", "bob@example.org", "--store", "s.db").status == 1
