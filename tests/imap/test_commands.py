"""`dsnwatch mailbox` and `dsnwatch status`, as a person at the keyboard has them."""

import json
import socket
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from dsnwatch import cli
from dsnwatch.config import document
from tests.imap.builders import a_bounce
from tests.servers.dovecot import PASSWORD, Account

pytestmark = pytest.mark.server

Said = Callable[..., tuple[int, str, str]]


@pytest.fixture
def said(
    account: Account,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Said:
    """Give a function that runs a command with one mailbox configured, plus what is said."""
    monkeypatch.setattr(document, "DEFAULT_PATH", tmp_path / "none")
    path = tmp_path / "dsnwatch.toml"
    (tmp_path / "password").write_text(PASSWORD)

    def run(*arguments: str, **more: str) -> tuple[int, str, str]:
        values = {
            "name": '"bounces"',
            "host": '"127.0.0.1"',
            "port": str(account.server.port),
            "tls": '"none"',
            "user": f'"{account.user}"',
            "password_file": '"password"',
            **more,
        }
        section = "".join(f"{key} = {value}\n" for key, value in values.items())
        store = f'[store]\nurl = "sqlite:///{tmp_path}/dsnwatch.db"\n'
        path.write_text(f"{store}[[mailbox]]\n{section}")
        capsys.readouterr()
        status = cli.run(["--config", str(path), *arguments])
        found = capsys.readouterr()
        return status, found.out, found.err

    return run


def steps_of(out: str) -> list[str]:
    """Name the steps that are shown; a long one goes on in the next line."""
    return [line.split()[0] for line in out.splitlines() if not line.startswith(" ")]


def test_each_step_of_getting_in_is_shown(account: Account, said: Said) -> None:
    account.deliver(a_bounce(number) for number in range(3))
    status, out, err = said("mailbox", "test", "bounces")
    assert (status, err) == (0, "")
    assert steps_of(out) == [
        "resolve",
        "connect",
        "TLS",
        "login",
        "capabilities",
        "folder",
        "folder",
        "all",
    ]
    flat = " ".join(out.split())
    assert "'INBOX': 3 waiting; understood ones are moved to 'Processed', others" in flat
    assert "'Spam': 0 waiting" in out
    assert account.count() == 3


@pytest.mark.parametrize(
    ("more", "steps", "error"),
    [
        ({"port": "1"}, 1, "nobody listens there"),
        ({"tls": '"starttls"'}, 2, "certificate is not trusted"),
        ({"folders": '["INBOX", "Nowhere"]'}, 6, "there is no folder 'Nowhere'"),
    ],
    ids=["connect", "tls", "folders"],
)
def test_step_that_fails_is_told_with_the_cure(
    said: Said, more: dict[str, str], steps: int, error: str
) -> None:
    status, out, err = said("mailbox", "test", **more)
    assert (status, len(steps_of(out))) == (66, steps)
    assert error in err
    assert err.count("\n") == 1


def test_name_that_cannot_be_resolved_is_told(said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    status, out, err = said("mailbox", "test")
    assert (status, out) == (66, "")
    assert "the name cannot be resolved (Name or service not known); check host" in err


def test_wrong_password_is_told_without_showing_it(said: Said, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("open sesame")
    status, out, err = said("mailbox", "test", "--json")
    assert status == 66
    assert [json.loads(line)["step"] for line in out.splitlines()] == ["resolve", "connect"]
    assert "login refused" in err
    assert "check user and password_file" in err
    assert "sesame" not in err


def test_once_sweeps_and_sums_up(account: Account, said: Said) -> None:
    account.deliver([*(a_bounce(number) for number in range(4)), b"Subject: hello\n\nYou.\n"])
    status, out, _ = said("mailbox", "once", "--json")
    assert status == 0
    wanted = {"messages": 5, "new": 5, "duplicates": 0, "unread": 1, "left_behind": 0}
    assert json.loads(out) == wanted
    assert len(account.holds("Processed")) == 4
    assert len(account.holds("Unrecognised")) == 1
    account.deliver([a_bounce(1)])
    status, out, _ = said("mailbox", "once", "bounces")
    assert [line.split() for line in out.splitlines()][:3] == [
        ["messages", "1"],
        ["new", "0"],
        ["duplicates", "1"],
    ]


def test_folders_are_listed(said: Said) -> None:
    _, out, _ = said("mailbox", "folders", "--json")
    found = {row["folder"]: row["flags"] for row in map(json.loads, out.splitlines())}
    assert "\\junk" in found["Spam"]
    assert "INBOX" in found


def test_login_is_for_persons_at_microsoft(said: Said) -> None:
    status, _, err = said("mailbox", "login")
    assert status == 2
    assert "does not log in as a person" in err


def test_unknown_mailbox_is_told_with_those_there_are(said: Said) -> None:
    status, _, err = said("mailbox", "once", "bouncse")
    assert (status, err) == (2, "dsnwatch: no mailbox 'bouncse'; there are bounces\n")


def test_status_without_a_daemon_says_how_to_have_one(said: Said) -> None:
    status, out, _ = said("status")
    assert status == 1, "a mailbox is configured, and nobody watches it"
    assert "no daemon runs; start it: `systemctl start dsnwatch`" in out


def test_status_of_a_store_that_is_named_misses_no_daemon(said: Said, tmp_path: Path) -> None:
    said("status")
    status, out, _ = said("status", "--store", f"sqlite:///{tmp_path}/dsnwatch.db")
    assert status == 0
    assert "no daemon runs on it" in out


DAEMON = {"version": "1.0", "started_at": "2026-03-01T12:00:00+00:00", "parts": ["mailbox bounces"]}
FIGURES = {"name": "bounces", "connected": True, "seen": 1204, "stored": 1200, "waits": False}


def write_down(folder: Path, figures: dict[str, object], minutes_ago: int = 0) -> None:
    """Write figures down as a daemon does."""
    with closing(sqlite3.connect(folder / "dsnwatch.db")) as connection, connection:
        connection.executemany(
            "INSERT OR REPLACE INTO figures VALUES (?, 'here', "
            "(strftime('%s') - ? * 60) * 1000000, ?)",
            [
                ("mailbox bounces", minutes_ago, json.dumps(figures)),
                ("daemon", minutes_ago, json.dumps(DAEMON)),
            ],
        )


def test_status_shows_each_mailbox(said: Said, tmp_path: Path) -> None:
    said("status")
    write_down(tmp_path, FIGURES)
    status, out, _ = said("status")
    assert status == 0
    assert "connected      0 s     1,204     1,200" in out
    assert "here              runs    2026-03-01 12:00  1.0      mailbox bounces" in out


def test_status_says_what_fails(said: Said, tmp_path: Path) -> None:
    said("status")
    error = {"failing": True, "last_error": "mailbox 'bounces': login refused"}
    write_down(tmp_path, FIGURES | error)
    status, out, _ = said("status")
    assert status == 1
    assert "failing" in out
    assert "login refused" in out
    status, out, _ = said("status", "--json")
    daemon, mailbox = map(json.loads, out.splitlines())
    assert (status, daemon["state"], mailbox["state"]) == (1, "runs", "failing")


def test_status_sees_a_daemon_that_is_gone(said: Said, tmp_path: Path) -> None:
    said("status")
    write_down(tmp_path, FIGURES, minutes_ago=10)
    status, out, _ = said("status", "--json")
    daemon, found = map(json.loads, out.splitlines())
    assert (status, daemon["state"], found["state"]) == (1, "silent", "silent")
    assert found["lag_seconds"] >= 600
