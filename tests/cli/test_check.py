"""`dsnwatch check`: may I mail this address?"""

import pytest

from tests.cli.builders import a_bounce
from tests.cli.conftest import Run


@pytest.fixture(autouse=True)
def _anne_is_gone(run: Run) -> None:
    run("import", "-", stdin=a_bounce("anne@example.com"))


def test_free_address_may_be_mailed(run: Run) -> None:
    ran = run("check", "bob@example.com")
    assert (ran.status, ran.out) == (0, "bob@example.com: may be mailed\n")


def test_suppressed_address_says_why_since_when_and_by_which_event(run: Run) -> None:
    (event,) = run("events", "list", "--json").rows
    ran = run("check", "anne@EXAMPLE.com")
    assert ran.status == 1
    assert ran.out == (
        "anne@example.com: suppressed, user_unknown, since 2026-03-05, for ever"
        f" (rule hard, event {event['id']})\n"
    )


def test_one_suppressed_address_among_free_ones_decides(run: Run) -> None:
    assert run("check", "bob@example.com", "anne@example.com", "c@example.com").status == 1


def test_json_says_it_of_every_address(run: Run) -> None:
    rows = run("check", "--json", "bob@example.com", "anne@example.com").rows
    assert [(row["address"], row["suppressed"]) for row in rows] == [
        ("bob@example.com", False),
        ("anne@example.com", True),
    ]
    assert rows[1]["reason"] == "user_unknown"
    assert rows[1]["until"] is None


def test_list_on_standard_input_shows_the_suppressed_ones(run: Run) -> None:
    ran = run("check", "-", stdin=b"\xef\xbb\xbfbob@example.com\r\n\r\nanne@example.com\r\n")
    assert ran.status == 1
    assert ran.out.startswith("anne@example.com: suppressed")
    assert ran.out.count("\n") == 1


def test_line_that_is_no_address_is_said_and_the_others_are_looked_up(run: Run) -> None:
    ran = run("check", "-", stdin=b"bob\nanne@example.com\n" + b"\xff\x1b[2J\n" * 9)
    assert ran.status == 65
    assert "anne@example.com: suppressed" in ran.out
    assert "'bob' is no address" in ran.err
    assert "\x1b" not in ran.err
    assert "5 more lines" in ran.err


def test_named_store_that_is_not_there_is_an_error(run: Run) -> None:
    ran = run("check", "anne@example.com", "--store", "none.db")
    assert (ran.status, ran.out) == (66, "")
    assert (
        ran.err == "dsnwatch: none.db: no such store; check --store, or import something into it\n"
    )


def test_spelling_of_the_local_part_does_not_matter(run: Run) -> None:
    run("suppressions", "add", "Anne@Example.COM")
    assert run("check", "anne@example.com").status == run("check", "ANNE@example.com").status == 1


def test_suppression_of_one_stream_counts_for_that_alone(run: Run) -> None:
    run("suppressions", "add", "bob@example.com", "--stream", "newsletter")
    assert run("check", "bob@example.com").status == 0
    assert run("check", "bob@example.com", "--stream", "invoices").status == 0
    assert run("check", "bob@example.com", "--stream", "newsletter").status == 1


def test_a_long_list_is_read_whole_wherever_it_is_cut(run: Run) -> None:
    run("suppressions", "add", "user4999@example.com", "user0@example.com", "--store", "s.db")
    listed = "\r\n".join(f"user{number}@example.com" for number in range(5000)).encode()
    assert len(listed) > 65536
    rows = run("check", "-", "--json", "--store", "s.db", stdin=listed).rows
    assert [row["address"] for row in rows] == [f"user{n}@example.com" for n in range(5000)]
    assert [n for n, row in enumerate(rows) if row["suppressed"]] == [0, 4999]


def test_a_line_without_end_is_no_address(run: Run) -> None:
    run("db", "upgrade", "--store", "s.db")
    ran = run("check", "-", "--store", "s.db", stdin=b"x" * 300_000 + b"\nanne@example.com\n")
    assert ran.status == 65
