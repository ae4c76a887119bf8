"""`dsnwatch suppressions`: the list, changed by hand, out and in again."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.builders import a_bounce
from tests.cli.conftest import Run


def asked(store: Path, question: str) -> list[tuple[str, ...]]:
    with closing(sqlite3.connect(store)) as connection:
        return connection.execute(question).fetchall()


def test_bounced_address_is_listed(run: Run) -> None:
    run("import", "-", stdin=a_bounce("anne@example.com"))
    listed = run("suppressions", "list").out.splitlines()
    assert listed[1].split() == ["anne@example.com", "user_unknown", "2026-03-05", "for", "ever"]
    (row,) = run("suppressions", "list", "--json").rows
    assert (row["origin"], row["rule"]) == ("bounce", "hard")


def test_list_is_narrowed_by_options(run: Run) -> None:
    run("import", "-", stdin=a_bounce("anne@example.com"))
    run("suppressions", "add", "bob@example.org")
    assert len(run("suppressions", "list", "--json").rows) == 2
    assert len(run("suppressions", "list", "--json", "--limit", 1).rows) == 1
    for option, value, address in (
        ("--domain", "EXAMPLE.org", "bob@example.org"),
        ("--origin", "manual", "bob@example.org"),
        ("--reason", "user_unknown", "anne@example.com"),
    ):
        rows = run("suppressions", "list", "--json", option, value).rows
        assert [row["address"] for row in rows] == [address]


def test_empty_list_says_so_to_people_only(run: Run) -> None:
    ran = run("suppressions", "list")
    assert (ran.status, ran.out, ran.err) == (0, "", "dsnwatch: no suppressions\n")
    assert not run("suppressions", "list", "--json").out


@pytest.fixture
def _hook() -> None:
    """Configure a hook that wants all there is."""
    path = Path("etc/dsnwatch.toml")
    path.parent.mkdir()
    path.write_text('[[hook]]\nname = "log"\nkind = "file"\npath = "events.jsonl"\n')


@pytest.mark.usefixtures("_hook")
def test_added_by_hand_it_is_suppressed_told_and_audited(run: Run) -> None:
    ran = run("suppressions", "add", "bob@example.com", "--because", "phoned", "--store", "s.db")
    assert ran.out == "bob@example.com: suppressed\n"
    assert run("check", "bob@example.com", "--store", "s.db").status == 1
    assert asked(Path("s.db"), "SELECT type, address FROM outbox") == [
        ("suppression.added", "bob@example.com")
    ]
    assert asked(Path("s.db"), "SELECT verb, subject, because FROM audit") == [
        ("suppression.add", "bob@example.com", "phoned")
    ]


def test_added_twice_it_stays_as_it_is(run: Run) -> None:
    run("suppressions", "add", "bob@example.com", "--because", "first")
    ran = run("suppressions", "add", "bob@example.com", "--for", "90d")
    assert ran.out == "bob@example.com: was suppressed already\n"
    (row,) = run("suppressions", "list", "--json").rows
    assert (row["note"], row["until"]) == ("first", None)


def test_suppression_for_a_while_has_an_end(run: Run) -> None:
    run("suppressions", "add", "bob@example.com", "--for", "90d")
    (row,) = run("suppressions", "list", "--json").rows
    assert row["until"] > row["since"]


@pytest.mark.parametrize("length", ["soon", "3", "0d"])
def test_wrong_length_is_refused(run: Run, length: str) -> None:
    ran = run("suppressions", "add", "bob@example.com", "--for", length)
    assert ran.status == 2
    assert "--for" in ran.err


@pytest.mark.usefixtures("_hook")
def test_removed_it_may_be_mailed_and_that_is_told_and_audited(run: Run) -> None:
    run("suppressions", "add", "bob@example.com", "--store", "s.db")
    ran = run("suppressions", "remove", "bob@example.com", "--because", "back", "--store", "s.db")
    assert (ran.status, ran.out) == (0, "bob@example.com: may be mailed again\n")
    assert run("check", "bob@example.com", "--store", "s.db").status == 0
    assert ("suppression.removed",) in asked(Path("s.db"), "SELECT type FROM outbox")
    assert ("suppression.remove", "back") in asked(Path("s.db"), "SELECT verb, because FROM audit")


def test_removing_wants_a_reason(run: Run) -> None:
    assert run("suppressions", "remove", "bob@example.com").status == 2
    assert run("suppressions", "remove", "bob@example.com", "--because", " ").status == 2


def test_removing_who_is_not_suppressed_is_answered_with_no(run: Run) -> None:
    run("suppressions", "add", "bob@example.com")
    ran = run("suppressions", "remove", "bob@example.com", "c@example.com", "--because", "x")
    assert ran.status == 1
    assert "c@example.com: was not suppressed" in ran.out
    assert run("check", "bob@example.com").status == 0


@pytest.mark.parametrize("form", ["csv", "json"])
def test_exported_list_is_imported_elsewhere_as_it_was(run: Run, tmp_path: Path, form: str) -> None:
    run("import", "-", stdin=a_bounce("anne@example.com"))
    run("suppressions", "add", "=x@example.com", "--for", "90d", "--because", '-- "so", he said')
    run("suppressions", "add", "+b@example.com", "--stream", "newsletter")
    run("suppressions", "export", "--format", form, "--output", "list.txt")
    ran = run("suppressions", "import", "list.txt", "--store", "other.db")
    assert ran.out.startswith(
        "dsnwatch (an export of ours), 3 rows\n          3  new on the list\n"
    )
    before = run("suppressions", "list", "--json").rows
    assert run("suppressions", "list", "--json", "--store", "other.db").rows == before
    assert {(row["origin"], row["rule"]) for row in before} == {
        ("bounce", "hard"),
        ("manual", "suppressions add"),
    }
    assert [path.name for path in tmp_path.glob(".list*")] == []


def test_cells_that_a_spreadsheet_would_run_are_guarded_unless_told_otherwise(run: Run) -> None:
    run("suppressions", "add", "+b@example.com")
    assert "\n'+b@example.com," in run("suppressions", "export").out
    assert "\n+b@example.com," in run("suppressions", "export", "--raw-cells").out


def test_any_csv_with_addresses_can_be_imported(run: Run) -> None:
    ran = run(
        "suppressions",
        "import",
        "-",
        stdin=b"\xef\xbb\xbfEmail;Name\r\nanne@EXAMPLE.com;Anne\r\n\r\n",
    )
    assert ran.status == 0
    (row,) = run("suppressions", "list", "--json").rows
    assert (row["address"], row["reason"], row["origin"]) == (
        "anne@example.com",
        "manual",
        "import",
    )


def test_changes_have_answers_for_machines(run: Run) -> None:
    added = {"address": "anne@example.com", "stream": "", "added": True}
    assert run("suppressions", "add", "anne@example.com", "--json").rows == [added]
    assert run("suppressions", "add", "anne@example.com", "--json").rows == [
        added | {"added": False}
    ]
    ran = run(
        "suppressions", "remove", "anne@example.com", "bob@example.com",
        "--because", "x", "--json",
    )  # fmt: skip
    assert ran.status == 1
    assert [(row["address"], row["removed"]) for row in ran.rows] == [
        ("anne@example.com", True),
        ("bob@example.com", False),
    ]
    ran = run("suppressions", "import", "-", "--json", stdin=b"address\nanne@example.com\n")
    (told,) = ran.rows
    assert (told["rows"], told["new"], told["written"], told["dry_run"]) == (1, 1, 1, False)


@pytest.mark.parametrize(
    ("arguments", "near"),
    [
        (("suppressions", "list", "--reason", "user_unknow"), "user_unknown"),
        (("suppressions", "list", "--origin", "bouncy"), "bounce"),
        (("events", "list", "--reason", "mailboxfull"), "mailbox_full"),
    ],
)
def test_unknown_reason_is_refused_with_the_nearest(
    run: Run, arguments: tuple[str, ...], near: str
) -> None:
    ran = run(*arguments)
    assert (ran.status, ran.out) == (2, "")
    assert f"there is none; did you mean '{near}'?" in ran.err


def test_reason_that_an_import_brought_is_known(run: Run) -> None:
    run("suppressions", "import", "-", stdin=b"address,reason\nanne@example.com,spam_trap\n")
    (row,) = run("suppressions", "list", "--reason", "spam_trap", "--json").rows
    assert row["address"] == "anne@example.com"
    assert run("suppressions", "list", "--reason", "complaint").status == 0


def test_origin_in_the_words_of_another_program_is_import(run: Run) -> None:
    ran = run(
        "suppressions",
        "import",
        "-",
        stdin=b"address,origin,rule\nanne@example.com,Customer,x\nbob@example.com,bounce,\n",
    )
    assert ran.status == 0
    rows = run("suppressions", "list", "--json").rows
    assert {(row["origin"], row["rule"]) for row in rows} == {("import", "suppressions import")}


def test_import_goes_never_back_from_for_ever(run: Run) -> None:
    run("suppressions", "add", "bob@example.com")
    row = {"address": "bob@example.com", "until": "2030-01-01T00:00:00Z"}
    ran = run("suppressions", "import", "-", stdin=json.dumps(row).encode())
    assert "0  new" in ran.out
    assert "1  on it for as long already" in ran.out


def test_dry_import_counts_and_writes_nothing(run: Run) -> None:
    ran = run("suppressions", "import", "-", "--dry-run", stdin=b"address\nanne@example.com\n")
    assert "1  new on the list\n             anne@example.com, manual\n" in ran.out
    assert "nothing is written" in ran.out
    assert not run("suppressions", "list", "--json").rows


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"address\nanne@example.com\nbob\n", "-, line 3: 'bob' is no address"),
        (b"name\nanne\n", "-, line 1: no column 'address'"),
        (b"address,until\nanne@example.com,soon\n", "-, line 2: 'soon' is no moment"),
        (b"address,reason\nanne@example.com,\x1b[2J\n", "-, line 2: '\\x1b[2J' is no reason"),
        (b"address\nanne@example.com,x\n", "-, line 2: has more cells"),
        (b'address\n"anne@example.com\n', "-, line 2: is not CSV"),
        (b'{"address": "anne@example.com"}\n{\n', "-, line 2: is not JSON"),
        (b'{"address": "anne@example.com"}\n[1]\n', "-, line 2: is no JSON object"),
        (b"address\n\xff@example.com\n", "-: is not UTF-8"),
    ],
)
def test_wrong_row_is_named_by_its_line_and_nothing_is_written(
    run: Run, text: bytes, said: str
) -> None:
    ran = run("suppressions", "import", "-", stdin=text)
    assert ran.status == 65
    assert ran.err.startswith(f"dsnwatch: {said}")
    assert not run("suppressions", "list", "--json").rows


def test_missing_file_is_one_line(run: Run) -> None:
    ran = run("suppressions", "import", "none.csv")
    assert ran.status == 66
    assert ran.err.startswith("dsnwatch: none.csv: ")


def test_export_that_cannot_be_written_leaves_the_old_file(run: Run, tmp_path: Path) -> None:
    (tmp_path / "old.csv").write_text("old")
    run("suppressions", "add", "bob@example.com")
    ran = run("suppressions", "export", "--output", "none/list.csv")
    assert ran.status == 74
    assert ran.err.count("\n") == 1
    assert run("suppressions", "export", "--format", "xml", "--output", "old.csv").status == 2
    assert (tmp_path / "old.csv").read_text() == "old"
