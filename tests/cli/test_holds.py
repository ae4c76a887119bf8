"""`dsnwatch holds`: what waits for a person, as he sees it."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from .builders import a_bounce, an_mbox
from .conftest import Run, spawn

BECAUSE = ("--because", "looked at it")


@pytest.fixture(autouse=True)
def _cautious(tmp_path: Path) -> None:
    """Believe nothing that is not proven."""
    path = tmp_path / "etc" / "dsnwatch.toml"
    path.parent.mkdir()
    path.write_text('[policy]\nrequire_trust = "matched"\n')


def three_wait(run: Run, tmp_path: Path) -> str:
    bounces = [a_bounce(f"user{n}@example.com", number=n) for n in range(3)]
    run("import", "--untrusted", an_mbox(tmp_path / "mbox", bounces))
    (hold,) = run("holds", "list", "--json").rows
    return str(hold["name"])


def test_nothing_waits(run: Run) -> None:
    ran = run("holds", "list")
    assert (ran.status, ran.out, ran.err) == (0, "", "dsnwatch: nothing waits\n")


def test_what_waits_is_listed_and_shown(run: Run, tmp_path: Path) -> None:
    name = three_wait(run, tmp_path)
    (hold,) = run("holds", "list", "--json").rows
    assert (hold["name"], hold["kind"], hold["events"]) == ("trust 2026-03-05", "trust", 3)
    table = run("holds", "list").out
    assert "trust 2026-03-05: reports of 2026-03-05" in table
    assert max(map(len, table.splitlines())) <= 80
    shown = run("holds", "show", name, "--json", "--limit", 2).rows
    assert [row["recipient"] for row in shown] == ["user0@example.com", "user1@example.com"]
    assert "since trust 'matched' is required" in shown[0]["because"]
    assert "user2@example.com" in run("holds", "show", name).out


def test_let_through_they_are_suppressed(run: Run, tmp_path: Path) -> None:
    name = three_wait(run, tmp_path)
    assert run("check", "user0@example.com").status == 0
    assert run("holds", "release", name, *BECAUSE).out == f"{name}: 3 suppressed\n"
    assert run("check", "user0@example.com").status == 1
    assert run("holds", "list", "--json").rows == []


def test_let_go_they_are_not(run: Run, tmp_path: Path) -> None:
    name = three_wait(run, tmp_path)
    assert run("holds", "drop", name, *BECAUSE, "--json").rows == [
        {"hold": name, "done": "drop", "events": 3}
    ]
    assert run("check", "user0@example.com").status == 0


def test_what_is_not_there_is_refused_with_the_next_step(run: Run) -> None:
    for words in (("show", "x"), ("drop", "x", *BECAUSE), ("release", "x", *BECAUSE)):
        ran = run("holds", *words)
        assert (ran.status, ran.err) == (
            2,
            "dsnwatch: no hold 'x'; `dsnwatch holds list` has their names\n",
        )


def test_a_reason_must_be_given(run: Run, tmp_path: Path) -> None:
    name = three_wait(run, tmp_path)
    assert run("holds", "drop", name, "--because", " ").status == 2
    assert len(run("holds", "list", "--json").rows) == 1


def test_a_hold_is_settled_while_the_daemon_runs(run: Run, tmp_path: Path) -> None:
    name = three_wait(run, tmp_path)
    config = tmp_path / "etc" / "dsnwatch.toml"
    daemon = spawn("run", "--config", config, stderr=subprocess.PIPE, env={**os.environ})
    try:
        assert daemon.stderr is not None
        assert "ready" in daemon.stderr.readline()
        assert run("holds", "release", name, *BECAUSE, "--config", config).status == 0
        assert run("check", "user1@example.com").status == 1
        assert daemon.poll() is None
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.communicate(timeout=30)
    assert daemon.returncode == 0
