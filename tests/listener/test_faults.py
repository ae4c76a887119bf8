"""What was answered 250 is in the store, come what may; what cannot be stored is answered 451."""

import os
import signal
import socket
import sqlite3
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from dsnwatch.errors import UnavailableError
from dsnwatch.model import RawMessage
from tests.listener.builders import Submit, a_bounce, receiving, stuffed
from tests.listener.load import Load
from tests.servers.daemon import Daemon, running
from tests.servers.needs import need

if TYPE_CHECKING:
    from concurrent.futures import Future

    from dsnwatch.records import Receipt

SOON = timedelta(seconds=0.2)


def test_full_inbox_is_answered_451_and_the_message_comes_again(tmp_path: Path) -> None:
    full = [True]

    def sometimes(submit: Submit) -> Submit:
        def other(raw: RawMessage) -> "Future[Receipt]":
            if full[0]:
                raise UnavailableError("no room")
            return submit(raw)

        return other

    with receiving(tmp_path, sometimes) as at, at.greeted() as client:
        assert client.deliver(a_bounce()).startswith("451 4.3.1")
        full.clear()
        full.append(False)
        assert client.deliver(a_bounce()).startswith("250 ")
        assert len(list(at.store.messages())) == 1


def test_lmtp_is_answered_451_for_each_recipient(tmp_path: Path) -> None:
    def never(_: Submit) -> Submit:
        def other(raw: RawMessage) -> "Future[Receipt]":
            raise UnavailableError(f"no room for {len(raw.data)} octets")

        return other

    with receiving(tmp_path, never, protocol="lmtp") as at, at.greeted() as client:
        client.begin("bounces@return.test", "bounces+b@return.test")
        client.say("DATA")
        client.send(stuffed(a_bounce()))
        assert [client.line()[:9] for _ in range(2)] == ["451 4.3.1"] * 2


def test_store_that_another_process_has_locked_is_answered_451(tmp_path: Path) -> None:
    with receiving(tmp_path, busy=SOON) as at, at.greeted() as client:
        with closing(sqlite3.connect(at.store.where, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            assert client.deliver(a_bounce()).startswith("451 4.3.0")
            other.execute("ROLLBACK")
        assert client.deliver(a_bounce()).startswith("250 ")
        assert len(list(at.store.messages())) == 1


def test_lock_that_is_let_go_of_in_time_is_waited_for(tmp_path: Path) -> None:
    with receiving(tmp_path) as at, at.greeted() as client:
        with closing(sqlite3.connect(at.store.where, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            client.begin()
            client.say("DATA")
            client.send(stuffed(a_bounce()))
            with at.greeted() as another:  # nobody else waits with him
                assert another.say("NOOP").startswith("250")
            other.execute("ROLLBACK")
        assert client.reply().startswith("250 ")


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """Put a file system of 2 MB there, or skip the test."""
    mount, umount = need("mount", "umount", root=True)
    made = subprocess.run(  # noqa: S603 - ours
        [mount, "-t", "tmpfs", "-o", "size=2m", "dsnwatch-test", folder], check=False
    )
    if made.returncode:
        pytest.skip("may not mount a file system here")
    try:
        yield
    finally:
        subprocess.run([umount, folder], check=True)  # noqa: S603 - ours


def test_full_disk_is_answered_451_and_nothing_is_lost() -> None:
    with TemporaryDirectory() as name, small_disk(Path(name)):
        folder = Path(name)
        with receiving(folder) as at, at.greeted() as client:
            answers = []
            for number in range(200):
                answers.append(client.deliver(a_bounce(number, octets=50_000))[:9])
                if answers[-1] != "250 2.0.0":
                    break
            assert answers[-1] == "451 4.3.1"
            assert client.deliver(a_bounce(999, octets=400_000)).startswith("451 4.3.1")
            assert len(list(at.store.messages())) == len(answers) - 1
            (mount,) = need("mount")
            subprocess.run(  # noqa: S603 - ours
                [mount, "-o", "remount,size=64m", folder], check=True
            )
            assert client.deliver(a_bounce(len(answers) - 1, octets=50_000)).startswith("250 ")
            assert len(list(at.store.messages())) == len(answers)


def test_reader_that_breaks_puts_the_message_into_quarantine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dsnwatch.reading.reader.parse", None)
    with receiving(tmp_path) as at, at.greeted() as client:
        assert client.deliver(a_bounce()).startswith("250 2.0.0 Ok: quarantined as ")
        assert len(list(at.store.quarantined())) == 1


def test_client_who_does_not_wait_for_the_answer_changes_nothing(tmp_path: Path) -> None:
    with receiving(tmp_path) as at:
        with at.store.write(), at.greeted() as client:
            client.begin()
            client.say("DATA")
            client.send(stuffed(a_bounce()))
        at.until(lambda: not at.listener.connections)
        with at.greeted() as client:
            assert client.deliver(a_bounce()).startswith("250 ")
        assert len(list(at.store.messages())) == 1


LISTENER = """
[[listener]]
listen = ["127.0.0.1:0"]
domains = ["return.test"]
max_connections_per_ip = 0
messages_per_minute_per_ip = 0
"""


def numbers_in(daemon: Daemon) -> list[int]:
    """Give the number of each message in the store."""
    with closing(daemon.opened()) as store:
        found = [message.report.message_id or "" for message in store.messages()]
    return sorted(int(each.split(".")[1].partition("@")[0]) for each in found)


def test_killed_in_the_middle_it_has_whatever_it_answered_for(tmp_path: Path) -> None:
    """100 connections, 5,000 messages; killed three times, and once more when all is there."""
    load = Load(set(range(5000)))
    for share in (0.05, 0.3, 0.6, 1.0):
        with running(tmp_path, LISTENER) as daemon:
            port = daemon.port
            client = threading.Thread(target=load.deliver, args=(port,))
            client.start()
            while client.is_alive() and len(load.answered) < share * 5000:
                time.sleep(0.005)
            os.kill(daemon.process.pid, signal.SIGKILL)
            client.join()
            daemon.process.wait()
        stored = numbers_in(daemon)
        assert len(stored) == len(set(stored))
        assert load.answered <= set(stored)
    assert load.refusals == []
    assert numbers_in(daemon) == list(range(5000))


def test_stopped_in_the_middle_it_has_whatever_it_answered_for(tmp_path: Path) -> None:
    load = Load(set(range(1000)), connections=20)
    with running(tmp_path, LISTENER) as daemon:
        client = threading.Thread(target=load.deliver, args=(daemon.port,))
        client.start()
        while client.is_alive() and len(load.answered) < 100:
            time.sleep(0.005)
        assert daemon.stop() == 0
        client.join()
    assert load.answered == set(numbers_in(daemon))


def descriptors(daemon: Daemon) -> int:
    """Count what a daemon holds open, but for its store: who looks at that comes by and by."""
    held = []
    for each in Path(f"/proc/{daemon.process.pid}/fd").iterdir():
        with suppress(OSError):  # it has been closed meanwhile
            held.append(str(each.readlink()))
    return sum(not name.startswith(str(daemon.store)) for name in held)


def resident(daemon: Daemon) -> int:
    """Give the memory a daemon holds, in KiB."""
    status = Path(f"/proc/{daemon.process.pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:")))


def come_and_go(port: int, number: int) -> None:
    """Make a connection, and leave it in one of the ways that clients have."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        if number % 4 == 0:  # hangs up at once, with a reset
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return
        client.recv(200)
        if number % 4 == 1:  # hangs up in a message
            client.sendall(b"HELO x\r\nMAIL FROM:<>\r\nRCPT TO:<bounces@return.test>\r\nDATA\r\n")
        elif number % 4 == 2:  # is thrown out
            client.sendall(b"NOOP\n")
            client.recv(200)
        else:  # says goodbye
            client.sendall(b"QUIT\r\n")
            client.recv(200)


CONNECTIONS = int(os.environ.get("DSNWATCH_TEST_CONNECTIONS", "3000"))
"""How many come and go; with 100000 it takes two minutes and more."""


def test_connections_without_end_leave_nothing_behind(tmp_path: Path) -> None:
    with running(tmp_path, LISTENER) as daemon:
        for number in range(1000):
            come_and_go(daemon.port, number)
        open_, held = descriptors(daemon), resident(daemon)
        for number in range(CONNECTIONS - 1000):
            come_and_go(daemon.port, number)
        for _ in range(500):
            if descriptors(daemon) <= open_:
                break
            time.sleep(0.02)
        assert descriptors(daemon) <= open_
        assert resident(daemon) < held + 8 * 1024
