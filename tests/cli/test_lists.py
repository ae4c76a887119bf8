"""Suppressions out of and into files, and imports undone."""

import gzip
import json
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

import dsnwatch
from dsnwatch import intake
from dsnwatch.changes import Changes
from dsnwatch.lists.formats import FORMS
from dsnwatch.records import Suppression
from tests.cli.builders import a_bounce
from tests.cli.conftest import Ran, Run

SENDGRID = (
    "status,reason,email,created\n"
    "5.1.1,550 5.1.1 User unknown,anne@example.com,1772359200\n"
    "5.7.1,550 5.7.1 blocked using zen.spamhaus.org,bob@example.com,1772359200\n"
    "5.2.2,552 5.2.2 Mailbox full,carl@example.com,1772359200\n"
    "5.0.0,550 no,dora@example.com,1772359200\n"
)


def state(store: Path) -> list[tuple[object, ...]]:
    """Give the whole list as it stands."""
    with closing(sqlite3.connect(store)) as connection:
        return connection.execute("SELECT * FROM suppression ORDER BY address, stream").fetchall()


def taken(run: Run, text: str, *arguments: object) -> Ran:
    return run("suppressions", "import", "-", "--json", *arguments, stdin=text.encode())


def alive(run: Run, *addresses: str) -> None:
    """Let addresses show life."""
    rows = "".join(f"2026-03-01T10:00:00Z,{address},yes,{address}\n" for address in addresses)
    Path("sent.csv").write_text(f"time,recipient,delivered,message_id\n{rows}")
    assert run("sent", "import", "sent.csv").status == 0


def test_what_says_nothing_of_the_address_is_left_out(run: Run) -> None:
    (told,) = taken(run, SENDGRID).rows
    assert (told["format"], told["new"]) == ("sendgrid", 2)
    assert told["passed_over"] == {
        "reputation (block): no reason to suppress": 1,
        "mailbox_full (soft): no reason to suppress": 1,
    }
    rows = run("suppressions", "list", "--json").rows
    assert [(row["address"], row["reason"]) for row in rows] == [
        ("anne@example.com", "user_unknown"),
        ("dora@example.com", "suppressed_upstream"),
    ]
    assert rows[0]["since"] == "2026-03-01T10:00:00Z"


def test_list_is_believed_when_that_is_asked_for(run: Run) -> None:
    (told,) = taken(run, SENDGRID, "--as-listed").rows
    assert told["new"] == 4


def test_packed_file_is_read(run: Run) -> None:
    Path("list.csv.gz").write_bytes(gzip.compress(b"email\nanne@example.com\n"))
    assert run("suppressions", "import", "list.csv.gz").status == 0
    assert run("check", "anne@example.com").status == 1


def test_broken_packed_file_is_one_line(run: Run) -> None:
    Path("list.csv.gz").write_bytes(gzip.compress(b"email\nanne@example.com\n" * 999)[:30])
    ran = run("suppressions", "import", "list.csv.gz")
    assert (ran.status, ran.err.count("\n")) == (66, 1)


def test_import_is_undone_to_exactly_what_was(run: Run) -> None:
    run(
        "import",
        "-",
        stdin=a_bounce("anne@example.com"),
    )
    run("suppressions", "add", "bob@example.com", "--for", "90d", "--because", "x", "--store", "s")
    run(
        "suppressions", "add", "news@example.com", "--stream", "news", "--for", "9d", "--store", "s"
    )
    run("import", "-", "--store", "s", stdin=a_bounce("anne@example.com"))
    before = state(Path("s"))
    text = "email\nanne@example.com\nbob@example.com\ncarl@example.com\nnews@example.com\n"
    (told,) = taken(run, text, "--store", "s").rows
    assert (told["new"], told["longer"], told["same"]) == (2, 1, 1)
    assert state(Path("s")) != before
    ran = run("suppressions", "undo", told["batch"], "--store", "s", "--json")
    assert ran.rows == [{"batch": told["batch"], "undone": 3, "free": 2}]
    assert state(Path("s")) == before
    assert run("suppressions", "undo", told["batch"], "--store", "s").status == 1


def test_what_happened_after_an_import_outlasts_its_undoing(run: Run) -> None:
    (told,) = taken(run, "email\nanne@example.com\nbob@example.com\n").rows
    run("import", "-", stdin=a_bounce("anne@example.com"))
    run("suppressions", "undo", told["batch"])
    (row,) = run("suppressions", "list", "--json").rows
    assert (row["address"], row["origin"]) == ("anne@example.com", "bounce")


@pytest.mark.parametrize("size", [1, 2, 7])
def test_batches_of_any_size_do_the_same(
    run: Run, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(intake, "BATCH", size)
    text = "email\n" + "".join(f"user{number % 10}@example.com\n" for number in range(15))
    (told,) = taken(run, text).rows
    assert (told["rows"], told["new"]) == (15, 10)
    assert len(run("suppressions", "list", "--json").rows) == 10
    ran = run("suppressions", "undo", told["batch"], "--json")
    assert ran.rows[0]["undone"] == 10
    assert not run("suppressions", "list", "--json").rows


def test_import_that_was_stopped_half_way_can_be_undone(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "BATCH", 2)
    put, calls = Changes.put, []

    def stopped(self: Changes, new: Sequence[Suppression]) -> list[Suppression]:
        calls.append(new)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return put(self, new)

    monkeypatch.setattr(Changes, "put", stopped)
    text = "email\n" + "".join(f"user{number}@example.com\n" for number in range(9))
    assert taken(run, text).status == 130
    (row,) = run("suppressions", "imports", "--json").rows
    assert row["rows"] == 4
    assert run("suppressions", "undo", row["batch"]).status == 0
    assert not run("suppressions", "list", "--json").rows


def test_imports_are_listed_with_what_is_left_of_them(run: Run) -> None:
    taken(run, "email\nanne@example.com\n", "--because", "first")
    taken(run, "email\nanne@example.com\nbob@example.com\n")
    rows = run("suppressions", "imports", "--json").rows
    assert [(row["rows"], row["because"]) for row in rows] == [(1, ""), (1, "first")]
    assert rows[0]["batch"] in run("suppressions", "imports").out


def test_unknown_import_cannot_be_undone(run: Run) -> None:
    ran = run("suppressions", "undo", "x")
    assert ran.status == 2
    assert "dsnwatch suppressions imports" in ran.err


def test_poisoned_file_is_refused_with_its_share(run: Run) -> None:
    people = [f"user{number}@example.com" for number in range(100)]
    alive(run, *people)
    text = "email\n" + "\n".join([*people[:20], *(f"x{n}@example.org" for n in range(50))])
    ran = taken(run, text)
    assert ran.status == 1
    assert (ran.rows[0]["living"], ran.rows[0]["known_living"], ran.rows[0]["batch"]) == (
        20, 100, None,
    )  # fmt: skip
    assert "20 of 100 addresses that have shown life (20.0%; 10% are allowed)" in ran.err
    assert "--allow 21%" in ran.err
    assert not run("suppressions", "list", "--json").rows
    assert taken(run, text, "--dry-run").status == 1
    ran = taken(run, text, "--allow", "21%")
    assert (ran.status, ran.rows[0]["written"]) == (0, 70)


@pytest.mark.parametrize("share", ["21", "101%", "-1%", "much", "%"])
def test_share_that_is_none_is_refused(run: Run, share: str) -> None:
    assert taken(run, "email\n", "--allow", share).status == 2


def test_whom_a_person_let_go_of_since_stays_off_the_list(run: Run) -> None:
    taken(run, SENDGRID)
    run("suppressions", "remove", "anne@example.com", "--because", "is back")
    (told,) = taken(run, SENDGRID).rows
    assert (told["released"], told["new"]) == (1, 0)
    (told,) = taken(run, SENDGRID, "--again").rows
    assert (told["released"], told["new"]) == (0, 1)


def test_whom_the_policy_never_suppresses_no_file_does(run: Run) -> None:
    Path("c.toml").write_text('[policy]\nnever_suppress = ["@example.com"]\n')
    text = b"email\nanne@example.com\nbob@example.org\n"
    ran = run("--config", "c.toml", "suppressions", "import", "-", "--json", stdin=text)
    assert (ran.rows[0]["new"], ran.rows[0]["passed_over"]) == (
        1, {"policy.never_suppress names it": 1},
    )  # fmt: skip
    assert run("check", "anne@example.com").status == 0


def test_dry_import_shows_the_difference(run: Run) -> None:
    run("suppressions", "add", "anne@example.com", "--for", "9d")
    run("suppressions", "add", "bob@example.com")
    text = b"email\nanne@example.com\nbob@example.com\ncarl@example.com\nx\n"
    ran = run("suppressions", "import", "-", "--dry-run", stdin=text)
    assert ran.status == 65
    assert "-, line 5: 'x' is no address" in ran.err
    for words in (
        "1  new on the list",
        "1  on it for longer",
        "1  on it for as long",
        "1  refused",
    ):
        assert words in ran.out
    assert "carl@example.com, manual" in ran.out


def test_refused_rows_are_left_out_when_that_is_asked_for(run: Run) -> None:
    text = "email\nx\nanne@example.com\n"
    ran = taken(run, text)
    assert (ran.status, ran.rows[0]["written"]) == (65, 0)
    ran = taken(run, text, "--skip-refused")
    assert (ran.status, ran.rows[0]["written"]) == (65, 1)


def test_empty_file_changes_nothing(run: Run) -> None:
    ran = taken(run, "")
    assert (ran.status, ran.rows[0]["rows"], ran.rows[0]["batch"]) == (0, 0, None)


@pytest.mark.parametrize("form", FORMS)
def test_each_format_that_is_written_is_read_again(run: Run, form: str) -> None:
    run("import", "-", stdin=a_bounce("anne@example.com"))
    run("suppressions", "add", "bob@example.com")
    text = run("suppressions", "export", "--format", form).out
    ran = run("suppressions", "import", "-", "--store", "other.db", stdin=text.encode())
    if form == "listmonk":  # an export of listmonk says who is blocklisted, an import cannot
        assert (
            text.splitlines()[1]
            == 'anne@example.com,anne@example.com,"{""reason"": ""user_unknown""}"'
        )
    assert ran.status == 0, ran.err
    assert run("check", "anne@example.com", "bob@example.com", "--store", "other.db").status == 1
    assert len(run("suppressions", "list", "--json", "--store", "other.db").rows) == 2


def test_export_is_narrowed_to_a_stream(run: Run) -> None:
    run("suppressions", "add", "anne@example.com")
    run("suppressions", "add", "bob@example.com", "--stream", "news")
    run("suppressions", "add", "carl@example.com", "--stream", "shop")
    rows = run("suppressions", "export", "--format", "json", "--stream", "news").out.splitlines()
    assert [json.loads(row)["address"] for row in rows] == ["anne@example.com", "bob@example.com"]


# Hashes in the place of addresses


RECEIVER = """
import hashlib, hmac, sys
key = bytes.fromhex(open(sys.argv[1]).read())
for address in sys.argv[2:]:
    print("hash:" + hmac.new(key, address.strip().lower().encode(), hashlib.sha256).hexdigest())
"""
"""What docs/lists.md shows to whoever gets such a file."""


def test_hashes_are_those_that_the_receiver_makes(run: Run) -> None:
    Path("key").write_text("00" * 32)
    run("suppressions", "add", "anne@example.com", "--because", "anne phoned")
    run("suppressions", "add", "bob@example.com")
    text = run("suppressions", "export", "--hash-key", "key").out
    assert "anne" not in text
    assert "example.com" not in text
    made = subprocess.run(  # noqa: S603  our own interpreter
        [sys.executable, "-c", RECEIVER, "key", "Anne@Example.com", "bob@example.com"],
        capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    assert [row.split(",")[0] for row in text.splitlines()[1:]] == made
    rows = run("suppressions", "export", "--hash-key", "key", "--format", "addresses").out
    assert rows.splitlines() == made
    (row, _) = run("suppressions", "export", "--hash-key", "key", "--format", "json").rows
    assert (row["address"], row["note"], row["event_id"]) == (made[0], "", None)


@pytest.mark.parametrize(
    ("key", "form", "said"),
    [
        (None, "csv", "openssl rand -hex 32"),
        ("short", "csv", "is no key"),
        ("00" * 32, "ses", "is of addresses"),
    ],
)
def test_hashes_want_a_key(run: Run, key: str | None, form: str, said: str) -> None:
    if key is not None:
        Path("key").write_text(key)
    ran = run("suppressions", "export", "--hash-key", "key", "--format", form)
    assert ran.status
    assert said in ran.err


def test_whoever_was_forgotten_has_no_other_hash(run: Run) -> None:
    Path("key").write_text("00" * 32)
    run("forget", "anne@example.com", "--block")
    assert run("suppressions", "export", "--hash-key", "key", "--format", "addresses").out == ""


def test_what_the_receiver_does_stands_in_the_docs() -> None:
    text = (Path(dsnwatch.__file__).parents[1] / "docs" / "lists.md").read_text()
    for line in RECEIVER.strip().splitlines():
        assert line in text
