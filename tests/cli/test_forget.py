"""`dsnwatch forget`: all clear text goes, the block stays, everywhere."""

import re
import sqlite3
import stat
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dsnwatch.lookups import lines_of
from dsnwatch.records import Suppression
from dsnwatch.retell import news_since
from dsnwatch.store import open_store
from dsnwatch.store.lookup import HeldLookup, SuppressionLookup
from dsnwatch.subscriptions import NOBODY
from tests.cli.builders import UNREADABLE, a_bounce
from tests.cli.conftest import Run

ANNE = "anne@example.com"
PERSON = re.compile(rb"anne(@|=)example\.com", re.IGNORECASE)
NOW = datetime.now(UTC)


@pytest.fixture
def known(run: Run) -> Run:
    """Let much be known of Anne, in a store `s`."""
    path = Path("etc/dsnwatch.toml")
    path.parent.mkdir()
    path.write_text('[[hook]]\nname = "log"\nkind = "file"\npath = "events.jsonl"\n')
    run("import", "-", "--store", "s", stdin=a_bounce(ANNE, reason="mailbox_full"))
    run("import", "-", "--store", "s", stdin=a_bounce("Anne@Example.com", number=2))
    run("import", "-", "--store", "s", stdin=a_bounce("bob@example.com", number=3))
    run("import", "-", "--store", "s", stdin=UNREADABLE + b" for anne@example.com")
    run(
        "suppressions",
        "add",
        ANNE,
        "--stream",
        "news",
        "--because",
        f"{ANNE} phoned",
        "--store",
        "s",
    )
    run("suppressions", "remove", ANNE, "--stream", "news", "--because", "no", "--store", "s")
    Path("sent.csv").write_text(f"time,recipient,delivered\n2026-03-01T10:00:00Z,{ANNE},yes\n")
    run("sent", "import", "sent.csv", "--store", "s")
    Path("sent.csv").unlink()
    return run


def octets() -> bytes:
    return b"".join(path.read_bytes() for path in Path().glob("s*"))


def test_nothing_names_her_any_more_and_she_is_suppressed_still(known: Run) -> None:
    assert PERSON.search(octets())
    ran = known("forget", ANNE, "--because", f"letter of {ANNE}", "--store", "s")
    assert ran.status == 0, ran.err
    assert "erased from" in ran.out
    assert PERSON.search(octets()) is None
    assert stat.S_IMODE(Path("s.key").stat().st_mode) == 0o600
    assert known("check", "Anne@EXAMPLE.com", "--store", "s").status == 1
    assert known("check", "bob@example.com", "--store", "s").status == 1
    (row,) = (row for row in known("suppressions", "list", "--json", "--store", "s").rows
              if row["address"].startswith("hash:"))  # fmt: skip
    assert (row["reason"], row["note"]) == ("user_unknown", "")
    assert known("forget", ANNE, "--store", "s").status == 1
    assert PERSON.search(octets()) is None


def test_look_ups_of_mail_servers_know_her_still(known: Run) -> None:
    with closing(HeldLookup("s")) as held, SuppressionLookup("s") as lookup:
        held.hold()
        known("forget", ANNE, "--store", "s")
        held.release()
        held.hold()
        held._forgotten._looked = 0.0  # noqa: SLF001  as if a second had gone by
        assert held.since(ANNE, "") is not None
        assert held.since("carl@example.com", "") is None
        assert lookup.find(ANNE, NOW) is not None
        held.release()


def test_files_and_hooks_do_not_name_her(known: Run) -> None:
    known("forget", ANNE, "--store", "s")
    with closing(open_store("s")) as store:
        lines = lines_of(store, "postfix", "reject", "", NOW)
        assert [line.split()[0] for line in lines] == ["bob@example.com"]
        assert lines.forgotten == 1
        epoch = datetime.fromtimestamp(0, UTC)
        assert [*news_since(store, NOBODY, epoch, None, NOW)] == []
    ran = known("export", "postfix", "--store", "s")
    assert "1 addresses were forgotten" in ran.err
    for form in ("ses", "sendgrid", "listmonk", "addresses"):
        assert "hash:" not in known("suppressions", "export", "--format", form, "--store", "s").out


def test_whoever_was_forgotten_is_tried_no_more_and_told_of_to_nobody(known: Run) -> None:
    since = NOW - timedelta(days=60)
    with closing(open_store("s")) as store, store.write() as writer:
        row = Suppression("dora@example.com", "mailbox_full", "bounce", "full", since)
        writer.put_suppressions([row._replace(until=NOW + timedelta(days=30))])
    assert len(known("suppressions", "due", "--json", "--store", "s").rows) == 1
    known("forget", "dora@example.com", "--store", "s")
    assert known("suppressions", "due", "--json", "--store", "s").rows == []
    taken = known(
        "suppressions", "import", "-", "--json", "--store", "s", stdin=b"email\ndora@example.com\n"
    )
    with closing(sqlite3.connect("s")) as connection:
        connection.execute("DELETE FROM outbox")
        connection.commit()
        known("suppressions", "undo", taken.rows[0]["batch"], "--store", "s")
        assert connection.execute("SELECT address FROM outbox").fetchall() == []


def test_importing_her_again_changes_nothing(known: Run) -> None:
    known("forget", ANNE, "--store", "s")
    ran = known(
        "suppressions", "import", "-", "--json", "--store", "s", stdin=f"email\n{ANNE}\n".encode()
    )
    assert (ran.rows[0]["same"], ran.rows[0]["written"]) == (1, 0)
    assert PERSON.search(octets()) is None


def test_a_longer_suppression_stays_under_her_name(run: Run) -> None:
    run("suppressions", "add", ANNE, "--for", "9d", "--store", "s")
    run("forget", ANNE, "--store", "s")
    ran = run(
        "suppressions", "import", "-", "--json", "--store", "s", stdin=f"email\n{ANNE}\n".encode()
    )
    assert ran.rows[0]["longer"] == 1
    with closing(sqlite3.connect("s")) as connection:
        ((address, until),) = connection.execute(
            "SELECT address, until FROM suppression"
        ).fetchall()
        assert address.startswith("hash:")
        assert until is None
    run("suppressions", "undo", ran.rows[0]["batch"], "--store", "s")
    (row,) = run("suppressions", "list", "--json", "--store", "s").rows
    assert row["address"].startswith("hash:")
    assert row["until"] is not None


def test_the_same_mail_read_again_is_known_and_counts_for_nothing(known: Run) -> None:
    known("forget", ANNE, "--store", "s")
    ran = known("import", "-", "--store", "s", stdin=a_bounce(ANNE, reason="mailbox_full"))
    assert ran.status == 0
    assert PERSON.search(octets()) is None


def test_she_can_be_let_go_of_again(known: Run) -> None:
    known("forget", ANNE, "--store", "s")
    ran = known("suppressions", "remove", ANNE, "--because", "she asked", "--store", "s")
    assert ran.status == 0
    assert known("check", ANNE, "--store", "s").status == 0


def test_our_own_export_names_her_by_her_hash_and_is_read_again(known: Run) -> None:
    known("forget", ANNE, "--store", "s")
    text = known("suppressions", "export", "--format", "json", "--store", "s").out
    assert text.count("hash:") == 1
    Path("t.key").write_bytes(Path("s.key").read_bytes())
    assert known("suppressions", "import", "-", "--store", "t", stdin=text.encode()).status == 0
    assert known("check", ANNE, "--store", "t").status == 1


def test_who_is_not_suppressed_leaves_nothing(run: Run) -> None:
    run("import", "-", "--store", "s", stdin=a_bounce(ANNE, reason="mailbox_full"))
    run("forget", ANNE, "--store", "s")
    assert not run("suppressions", "list", "--json", "--all", "--store", "s").rows
    assert run("check", ANNE, "--store", "s").status == 0


def test_blocked_on_the_way_out(run: Run) -> None:
    ran = run("forget", ANNE, "--block", "--store", "s", "--json")
    assert (ran.status, ran.rows[0]["blocked"]) == (0, True)
    assert run("check", ANNE, "--store", "s").status == 1
    assert PERSON.search(octets()) is None


def test_looking_first_changes_nothing(known: Run) -> None:
    before = known("suppressions", "list", "--json", "--store", "s").out
    ran = known("forget", ANNE, "--dry-run", "--store", "s")
    assert "would be erased from" in ran.out
    assert known("suppressions", "list", "--json", "--store", "s").out == before
    assert not Path("s.key").exists()
    assert PERSON.search(octets())


def test_key_that_cannot_be_read_lets_nobody_through(known: Run) -> None:
    known("forget", ANNE, "--store", "s")
    Path("s.key").write_text("nonsense")
    ran = known("check", ANNE, "--store", "s")
    assert ran.status == 74
    assert "is no key" in ran.err


def test_only_an_address_is_forgotten(run: Run) -> None:
    assert run("forget", "anne").status == 2
