"""The daemon as a process of its own: signals, systemd, reload, and what `kill -9` leaves."""

import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from tests.imap.builders import a_bounce, fingerprint
from tests.servers.dovecot import PASSWORD, Account, Dovecot

pytestmark = pytest.mark.server

MAILBOX = """
[[mailbox]]
name = "{name}"
host = "127.0.0.1"
port = {port}
tls = "none"
user = "{user}"
password_file = "password"
folders = ["INBOX"]
"""


def until(condition: Callable[[], object], said: Callable[[], object] = str) -> None:
    """Wait for something to become so, however loaded the machine is."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, said()
        time.sleep(0.02)


class Systemd:
    """Listens to what a service tells of itself."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "notify"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.path))
        self._socket.settimeout(0.01)
        self._told: list[str] = []

    @property
    def told(self) -> list[str]:
        """What it has told so far, a line each."""
        while True:
            try:
                self._told += self._socket.recv(4096).decode().splitlines()
            except TimeoutError:
                return self._told

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    """Stand in for systemd."""
    listening = Systemd(tmp_path)
    yield listening
    listening.close()


class Place:
    """Configuration, store and log of a daemon in a folder."""

    def __init__(self, folder: Path, server: Dovecot) -> None:
        self.folder = folder
        self.server = server
        self.config = folder / "dsnwatch.toml"
        self.log = folder / "log"
        (folder / "password").write_text(PASSWORD)

    def configure(self, *accounts: Account, more: str = "") -> None:
        """Write the configuration: a mailbox for each of these."""
        head = f'[store]\nurl = "sqlite:///{self.folder}/dsnwatch.db"\n{more}'
        sections = (
            MAILBOX.format(name=f"box{number}", port=self.server.port, user=account.user)
            for number, account in enumerate(accounts, start=1)
        )
        self.config.write_text(head + "".join(sections))

    @contextmanager
    def running(self, notify: Systemd | None = None) -> Iterator["subprocess.Popen[bytes]"]:
        """Run the daemon while the block does."""
        environment = os.environ | {"NOTIFY_SOCKET": str(notify.path) if notify else ""}
        command = [sys.executable, "-m", "dsnwatch", "--config", str(self.config), "run"]
        with (
            self.log.open("ab") as log,
            subprocess.Popen(command, stderr=log, env=environment) as daemon,  # noqa: S603  ours
        ):
            try:
                yield daemon
            finally:
                daemon.kill()

    def said(self) -> str:
        """What the daemon has logged."""
        return self.log.read_text() if self.log.exists() else ""

    def rows(self, question: str) -> list[tuple[object, ...]]:
        """Ask the store."""
        path = self.folder / "dsnwatch.db"
        if not path.exists():
            return []
        with closing(sqlite3.connect(path, timeout=20)) as connection:
            try:
                return connection.execute(question).fetchall()
            except sqlite3.OperationalError:
                return []  # it is being made

    def count(self, table: str) -> int:
        """Count the rows of a table."""
        return len(self.rows(f"SELECT 1 FROM {table}"))  # noqa: S608  names of ours


@pytest.fixture
def place(tmp_path: Path, dovecot: Dovecot) -> Place:
    """A folder for a daemon."""
    return Place(tmp_path, dovecot)


def test_daemon_tells_systemd_how_it_is_and_ends_at_sigterm(
    place: Place, account: Account, systemd: Systemd
) -> None:
    place.configure(account)
    account.deliver(a_bounce(number) for number in range(20))
    with place.running(systemd) as daemon:
        until(lambda: place.count("event") == 20, place.said)
        until(lambda: account.count() == 0, place.said)
        until(lambda: "WATCHDOG=1" in systemd.told)
        until(lambda: any("lag 0 s; 20 stored; last message" in each for each in systemd.told))
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(30) == 0
    assert systemd.told.index("READY=1") < systemd.told.index("STOPPING=1")
    assert "STATUS=1 of 1 mailboxes connected" in "\n".join(systemd.told)
    assert len(account.holds("Processed")) == 20


def test_sighup_takes_a_new_configuration_over(
    place: Place, dovecot: Dovecot, systemd: Systemd
) -> None:
    first, second = dovecot.a_user(), dovecot.a_user()
    place.configure(first)
    with place.running(systemd) as daemon:
        until(lambda: "READY=1" in systemd.told, place.said)
        first.deliver([a_bounce(1)])
        until(lambda: place.count("event") == 1, place.said)
        place.configure(first, second)
        daemon.send_signal(signal.SIGHUP)
        until(lambda: systemd.told.count("READY=1") == 2, place.said)
        second.deliver([a_bounce(2)])
        until(lambda: place.count("event") == 2, place.said)
        place.configure(second)
        daemon.send_signal(signal.SIGHUP)
        until(lambda: systemd.told.count("READY=1") == 3, place.said)
        first.deliver([a_bounce(3)])
        second.deliver([a_bounce(4)])
        until(lambda: place.count("event") == 3, place.said)
        assert first.count() == 1
    reloading = systemd.told.index("RELOADING=1")
    assert systemd.told[reloading + 1].startswith("MONOTONIC_USEC=")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("[policy]\npreset = 'colds'\n", "'colds' is none of"),
        ("[rules]\ndirectory = 'nowhere'\n", "nowhere is no folder"),
        ("[rules]\ndirectory = 'rules'\n", "row 'broken'"),
        ("[[[\n", "is not TOML"),
        ("[[mailbox]]\nname='x'\nhost='h'\nuser='u'\npassword_file='none'\n", "cannot be read"),
    ],
    ids=["policy", "no-rules", "bad-rule", "no-toml", "no-password"],
)
def test_bad_configuration_is_refused_and_the_old_one_stays(
    place: Place, account: Account, systemd: Systemd, more: str, said: str
) -> None:
    (place.folder / "rules").mkdir()
    (place.folder / "rules" / "ours.toml").write_text('[[cause]]\nid = "broken"\n')
    place.configure(account)
    with place.running(systemd) as daemon:
        until(lambda: "READY=1" in systemd.told, place.said)
        place.configure(account, more=more)
        daemon.send_signal(signal.SIGHUP)
        until(lambda: systemd.told.count("READY=1") == 2, place.said)
        account.deliver([a_bounce(1)])
        until(lambda: place.count("event") == 1, place.said)
    assert "the new configuration is refused and the old one stays" in place.said()
    assert said in place.said()


def test_bad_configuration_at_the_start_ends_with_its_reason(
    place: Place, account: Account
) -> None:
    place.configure(account)
    (place.folder / "password").unlink()
    with place.running() as daemon:
        assert daemon.wait(20) == 2
    assert "mailbox.0.password_file" in place.said()
    assert "Traceback" not in place.said()


def test_wrong_password_is_told_and_mended_by_a_reload(
    place: Place, account: Account, systemd: Systemd
) -> None:
    place.configure(account)
    (place.folder / "password").write_text("wrong")
    account.deliver([a_bounce(1)])
    with place.running(systemd) as daemon:
        until(lambda: "login refused" in "\n".join(systemd.told), place.said)
        assert place.said().count("login refused") == 1  # and not again for half a minute
        (place.folder / "password").write_text(PASSWORD)
        daemon.send_signal(signal.SIGHUP)
        until(lambda: place.count("event") == 1, place.said)
    assert "wrong" not in place.said()
    assert "check user and password_file" in place.said()


def test_many_mailboxes_are_watched_at_once(place: Place, dovecot: Dovecot) -> None:
    accounts = [dovecot.a_user() for _ in range(8)]
    place.configure(*accounts)
    for number, account in enumerate(accounts):
        account.deliver([a_bounce(number)])
    with place.running() as daemon:
        until(lambda: place.count("event") == 8, place.said)
        daemon.send_signal(signal.SIGINT)
        assert daemon.wait(30) == 0


def test_daemon_ends_in_time_though_another_program_holds_the_store(
    place: Place, account: Account
) -> None:
    place.configure(account)
    with place.running() as daemon:
        until(lambda: place.count("figures") == 2, place.said)
        with closing(sqlite3.connect(place.folder / "dsnwatch.db")) as other:
            other.execute("BEGIN IMMEDIATE")
            account.deliver([a_bounce(1)])
            time.sleep(0.5)
            daemon.send_signal(signal.SIGTERM)
            assert daemon.wait(30) == 0
            other.rollback()
    assert account.count() == 1
    assert "Traceback" not in place.said()
    with place.running():
        until(lambda: place.count("event") == 1, place.said)


def test_killed_at_fifty_moments_each_bounce_counts_once(place: Place, account: Account) -> None:
    """`kill -9` between any two steps; what has left the INBOX is always stored already."""
    rounds, each = 50, 40
    chance = random.Random(4)  # noqa: S311  moments, not secrets
    place.configure(account, more="[policy.flood]\nat_least = 1000000\n")  # all come in an hour
    account.deliver([])
    checked: set[str] = set()
    command = [sys.executable, "-m", "tests.imap.killing", str(place.config), str(place.log)]
    with subprocess.Popen(  # noqa: S603  ours
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as killer:
        assert killer.stdin is not None
        assert killer.stdout is not None
        for turn in range(rounds):
            account.deliver(a_bounce(turn * each + number) for number in range(each))
            killer.stdin.write(f"{chance.uniform(0.02, 0.25)}\n")
            killer.stdin.flush()
            assert killer.stdout.readline() == "killed\n"
            all_moved_are_stored(place, account, checked)
        killer.stdin.write("0\n")
        killer.stdin.flush()
        assert killer.stdout.readline() == "running\n"
        until(lambda: account.count() == 0, place.said)
        killer.send_signal(signal.SIGTERM)
        assert killer.stdout.readline() == "ended\n"
        killer.stdin.close()
    all_moved_are_stored(place, account, checked)
    assert len(checked) == rounds * each
    for table in ("message", "event", "suppression"):
        assert place.count(table) == rounds * each
    (found,) = place.rows("SELECT count(DISTINCT fingerprint), count(*) FROM message")
    assert found == (rounds * each, rounds * each)
    assert place.rows("PRAGMA integrity_check") == [("ok",)]


def all_moved_are_stored(place: Place, account: Account, checked: set[str]) -> None:
    """Look at each message that has come into the target folder since the last look."""
    folder = account.maildir / ".Processed"
    arrived: dict[str, bytes] = {}
    for path in folder.glob("[cn]*/*M*P*"):
        with suppress(FileNotFoundError):  # renamed this very moment: seen at the next look
            arrived[path.name.partition(":")[0]] = path.read_bytes()
    stored = {row[0] for row in place.rows("SELECT fingerprint FROM message")}
    for name in arrived.keys() - checked:
        assert fingerprint(arrived[name]) in stored
        checked.add(name)
