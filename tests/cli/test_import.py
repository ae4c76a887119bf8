"""`dsnwatch import`: what it says, what it keeps, and what may interrupt it."""

import os
import pty
import signal
import sqlite3
import stat
from contextlib import closing, suppress
from pathlib import Path
from subprocess import PIPE

import pytest

from tests.cli.builders import UNREADABLE, a_bounce, an_mbox, many_bounces
from tests.cli.conftest import Ran, Run, spawn

COUNTED = ("message", "event", "suppression", "quarantine", "outbox")


def counts(store: Path) -> dict[str, int]:
    with closing(sqlite3.connect(store)) as connection:
        return {
            name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0]  # noqa: S608  our own names
            for name in COUNTED
        }


def summary(ran: Ran) -> dict[str, object]:
    (row,) = ran.rows
    return {key: value for key, value in row.items() if key != "seconds"}


def test_import_says_what_was_there(run: Run, tmp_path: Path) -> None:
    mbox = an_mbox(tmp_path / "a.mbox", [*many_bounces(6), UNREADABLE, a_bounce("x@example.net")])
    ran = run("import", mbox, "--json")
    assert ran.status == 0
    assert summary(ran) | {"octets": 0, "unread_messages": []} == {
        "messages": 8,
        "octets": 0,
        "stored": 7,
        "duplicates": 0,
        "unread": 1,
        "events": 7,
        "newly_suppressed": 4,
        "kinds": {"bounce": 7, "other": 1},
        "classes": {"hard": 4, "soft": 3},
        "reasons": {"user_unknown": 4, "mailbox_full": 3},
        "domains": {"example.com": 6, "example.net": 1},
        "unread_messages": [],
        "failed": 0,
        "passed_over": 0,
        "dry_run": False,
    }


def test_unread_messages_are_named_with_their_place(run: Run, tmp_path: Path) -> None:
    mbox = an_mbox(tmp_path / "a.mbox", [a_bounce("x@example.net"), UNREADABLE])
    out = run("import", mbox).out
    (item,) = run("quarantine", "list", "--json").rows
    assert item["source"] == f"{mbox}#2"
    assert item["id"] in out


def test_table_fits_80_columns_and_has_no_colours(run: Run, tmp_path: Path) -> None:
    long = f"x@{'a' * 60}.{'b' * 60}.example.com"
    mbox = an_mbox(tmp_path / "a.mbox", [*many_bounces(4), a_bounce(long, number=9), UNREADABLE])
    out = run("import", mbox).out
    assert max(map(len, out.splitlines())) <= 80
    assert "\x1b" not in out
    assert "newly suppressed" in out


def test_no_progress_bar_where_nobody_looks(run: Run, tmp_path: Path) -> None:
    assert not run("import", an_mbox(tmp_path / "a.mbox", many_bounces(3))).err


def test_progress_bar_is_shown_on_a_terminal(tmp_path: Path) -> None:
    mbox = an_mbox(tmp_path / "a.mbox", many_bounces(600))
    terminal, theirs = pty.openpty()
    with spawn("import", mbox, "--jobs", 2, stdout=PIPE, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        with suppress(OSError):  # how a terminal ends
            while some := os.read(terminal, 4096):
                shown += some
    os.close(terminal)
    assert process.returncode == 0
    assert b"messages/s" in shown


def test_imported_again_everything_is_a_duplicate(run: Run, tmp_path: Path) -> None:
    mbox = an_mbox(tmp_path / "a.mbox", many_bounces(10))
    run("import", mbox, "--store", "s.db")
    before = counts(tmp_path / "s.db")
    again = summary(run("import", mbox, "--json", "--store", "s.db"))
    assert again["duplicates"] == 10
    assert again["stored"] == again["newly_suppressed"] == 0
    assert counts(tmp_path / "s.db") == before


def test_processes_change_nothing_but_the_time(tmp_path: Path) -> None:
    # More than one batch, and a message that no reader can read.
    mbox = an_mbox(tmp_path / "a.mbox", [*many_bounces(900), UNREADABLE])
    told = []
    for jobs in (1, 3):
        with spawn(
            "import", mbox, "--json", "--jobs", jobs, "--store", f"{jobs}.db", stdout=PIPE
        ) as process:
            out, _ = process.communicate()
        assert process.returncode == 0
        told.append(summary(Ran(0, out, "")) | {"unread_messages": []})
    assert told[0] == told[1]
    assert counts(tmp_path / "1.db") == counts(tmp_path / "3.db")


def test_dry_run_says_the_same_and_writes_nothing(run: Run, tmp_path: Path) -> None:
    mbox = an_mbox(tmp_path / "a.mbox", many_bounces(10))
    dry = summary(run("import", mbox, "--json", "--dry-run", "--store", "s.db"))
    assert not (tmp_path / "s.db").exists()
    wet = summary(run("import", mbox, "--json", "--store", "s.db"))
    assert dry == wet | {"dry_run": True}


def test_dry_run_decides_by_what_is_stored(run: Run, tmp_path: Path) -> None:
    mbox = an_mbox(tmp_path / "a.mbox", many_bounces(10))
    run("import", mbox, "--store", "s.db")
    before = counts(tmp_path / "s.db")
    dry = summary(run("import", mbox, "--json", "--dry-run", "--store", "s.db"))
    assert dry["duplicates"] == 10
    assert counts(tmp_path / "s.db") == before


def test_unreadable_path_is_said_and_the_others_are_imported(run: Run, tmp_path: Path) -> None:
    mbox = an_mbox(tmp_path / "a.mbox", many_bounces(2))
    ran = run("import", "none.mbox", mbox, "--json")
    assert ran.status == 66
    assert ran.err.startswith("dsnwatch: 'none.mbox': no such file")
    assert ran.err.count("\n") == 1
    assert summary(ran)["stored"] == 2
    assert summary(ran)["failed"] == 1


def test_files_of_a_folder_that_are_no_mail_are_counted_and_named(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "mail"
    folder.mkdir()
    an_mbox(folder / "a.mbox", many_bounces(2))
    for number in range(7):
        (folder / f"note{number}.txt").write_text("bread, milk\n")
    ran = run("import", folder, "--json")
    assert ran.status == 0
    assert ran.err.startswith(f"dsnwatch: passed over 7 files that are no mail: {folder}/note0.txt")
    assert "note4.txt and 2 more; a file is read all the same when it is named" in ran.err
    assert (summary(ran)["stored"], summary(ran)["passed_over"]) == (2, 7)


def test_many_unreadable_paths_are_counted_not_listed(run: Run, tmp_path: Path) -> None:
    ran = run("import", *(tmp_path / f"{number}.eml" for number in range(30)))
    assert ran.status == 66
    assert ran.err.count("\n") == 21
    assert "10 more could not be read" in ran.err


def test_message_on_standard_input_is_imported(run: Run) -> None:
    ran = run("import", "-", "--json", stdin=a_bounce("anne@example.com"))
    assert summary(ran)["newly_suppressed"] == 1
    assert run("check", "anne@example.com").status == 1


def test_stream_and_trust_are_as_said(run: Run, tmp_path: Path) -> None:
    mbox = an_mbox(tmp_path / "a.mbox", [a_bounce("anne@example.com")])
    run("import", mbox, "--stream", "newsletter", "--untrusted")
    (event,) = run("events", "list", "--json").rows
    assert (event["stream"], event["trust"]) == ("newsletter", "claimed")


def test_stream_comes_from_the_configuration_where_not_said(run: Run, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text('stream = "invoices"\n')
    mbox = an_mbox(tmp_path / "a.mbox", [a_bounce("anne@example.com")])
    run("--config", "c.toml", "import", mbox)
    (event,) = run("events", "list", "--json").rows
    assert (event["stream"], event["trust"]) == ("invoices", "vouched")


def test_foreign_database_is_refused_by_its_name(run: Run, tmp_path: Path) -> None:
    (tmp_path / "letter.db").write_text("Dear Anne")
    mbox = an_mbox(tmp_path / "a.mbox", many_bounces(1))
    for arguments in (("import", mbox), ("import", mbox, "--dry-run"), ("check", "a@example.com")):
        ran = run(*arguments, "--store", "letter.db")
        assert ran.status == 78
        assert ran.err.startswith("dsnwatch: store letter.db: ")
        assert ran.err.count("\n") == 1


def test_new_store_is_for_its_owner_alone(run: Run, tmp_path: Path) -> None:
    run("import", an_mbox(tmp_path / "a.mbox", many_bounces(1)))
    folder = tmp_path / "state" / "dsnwatch"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "dsnwatch.db").stat().st_mode) == 0o600


def messages_in(store: Path) -> int:
    """Count what is stored so far, while somebody else writes."""
    try:
        with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as connection:
            number: int = connection.execute("SELECT count(*) FROM message").fetchone()[0]
            return number
    except sqlite3.Error:
        return 0


@pytest.mark.parametrize("jobs", [1, 3])
def test_killed_in_the_middle_and_run_again_nothing_is_lost_or_counted_twice(
    tmp_path: Path, jobs: int
) -> None:
    mbox = an_mbox(tmp_path / "a.mbox", many_bounces(6000))
    arguments = ("import", mbox, "--json", "--jobs", jobs, "--store")
    with spawn(*arguments, "whole.db", stdout=PIPE) as process:
        assert process.wait() == 0
    with spawn(*arguments, "torn.db", stdout=PIPE) as process:
        while not (stored := messages_in(tmp_path / "torn.db")) > 0:
            assert process.poll() is None, "it ended before anything was seen of it"
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()  # ends when the last process that writes there has gone
    assert 0 < stored < 3000
    assert 0 < messages_in(tmp_path / "torn.db") < 3000
    with spawn(*arguments, "torn.db", stdout=PIPE) as process:
        process.communicate()
    assert process.returncode == 0
    assert counts(tmp_path / "torn.db") == counts(tmp_path / "whole.db")


def test_ctrl_c_in_the_middle_ends_with_130_and_no_traceback(tmp_path: Path) -> None:
    mbox = an_mbox(tmp_path / "a.mbox", many_bounces(20_000))
    with spawn("import", mbox, "--jobs", 3, "--store", "s.db", stdout=PIPE, stderr=PIPE) as process:
        while not messages_in(tmp_path / "s.db"):
            assert process.poll() is None, "it ended before anything was seen of it"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    assert process.returncode == 130
    assert not out
    assert err == "dsnwatch: stopped; run the same command again and it goes on where it stopped\n"
