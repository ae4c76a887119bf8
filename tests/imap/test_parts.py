"""Parts of the daemon: started, watched, stopped, and what happens when they do not do well."""

import asyncio
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from dsnwatch.config import loading
from dsnwatch.config.document import ConfigFile
from dsnwatch.config.settings import Configuration, Settings
from dsnwatch.errors import DsnwatchError, UnavailableError
from dsnwatch.policy import Policy
from dsnwatch.reading.reader import Reader
from dsnwatch.service import daemon
from dsnwatch.service.daemon import Service
from dsnwatch.service.parts import Loaded, LoopPart, Planned, Running, ThreadPart
from dsnwatch.service.plans import PLANNERS
from tests.imap.builders import a_store


class Blocks:
    """Runs until it is stopped; deaf ones until they are stopped again."""

    def __init__(self, *, deaf: bool = False, busy_since: float | None = None) -> None:
        self.busy_since = busy_since
        self.stops = 0
        self._deaf = deaf
        self._stopped = threading.Event()

    def run(self) -> None:
        self._stopped.wait(30)

    def stop(self) -> None:
        self.stops += 1
        if self.stops > self._deaf:
            self._stopped.set()


class Breaks:
    """Raises at once."""

    def run(self) -> None:
        raise ZeroDivisionError

    def stop(self) -> None:
        """It has."""


class Serves:
    """Serves, unless its port is taken."""

    def __init__(self, *, taken: bool = False) -> None:
        self.taken = taken
        self.running = False

    async def start(self) -> None:
        if self.taken:
            raise UnavailableError("port 25 is taken; stop who has it")
        self.running = True

    async def stop(self, grace: timedelta) -> None:
        assert grace > timedelta()
        self.running = False


def planned(part: LoopPart | ThreadPart, says: object = None, name: str = "part") -> Planned:
    return Planned(name, says, lambda _: part)


def test_thread_that_does_not_hear_is_stopped_again() -> None:
    part = Blocks(deaf=True)

    async def run() -> None:
        running = Running(planned(part), part)
        await running.start()
        await running.stop(timedelta(seconds=0.2))
        assert running.ended

    asyncio.run(run())
    assert part.stops == 2


@pytest.mark.parametrize(
    ("silent", "moves"), [(None, True), (1, True), (170, True), (190, False)], ids=str
)
def test_part_moves_while_it_gives_signs_of_life(silent: float | None, moves: bool) -> None:  # noqa: FBT001  a column
    now = 1000.0
    part = Blocks(busy_since=None if silent is None else now - silent)

    async def run() -> bool:
        return Running(planned(part), part).moves(now)

    assert asyncio.run(run()) is moves


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What systemd is told."""
    found: list[str] = []
    monkeypatch.setattr(daemon, "notify", found.append)
    monkeypatch.setattr(daemon, "TICK", timedelta(milliseconds=10))
    yield found
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def serve(
    folder: Path, plans: Callable[[], list[Planned]], then: Callable[[Service], object]
) -> None:
    """Run a service with these parts until `then` has been called and is over."""
    store = a_store(folder)
    loaded = Loaded(
        Configuration(Settings(), ConfigFile()), Reader.load(None), Policy.preset("default")
    )

    async def run() -> None:
        made = Service(lambda: loaded, store, [lambda _: plans()])

        async def meanwhile() -> None:
            await asyncio.to_thread(then, made)
            os.kill(os.getpid(), signal.SIGTERM)

        beside = asyncio.create_task(meanwhile())
        try:
            await made.run()
        finally:
            beside.cancel()

    try:
        asyncio.run(run())
    finally:
        store.close()


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_watchdog_is_not_fed_while_a_thread_hangs(tmp_path: Path, told: list[str]) -> None:
    part = Blocks(busy_since=time.monotonic())

    def then(_: Service) -> None:
        until(lambda: told.count("WATCHDOG=1") > 2)
        part.busy_since = time.monotonic() - 1000
        until(lambda: not fed(told))
        part.busy_since = time.monotonic()
        until(lambda: fed(told))

    serve(tmp_path, lambda: [planned(part)], then)


def fed(told: list[str]) -> bool:
    """Whether the watchdog is fed within some ticks."""
    before = told.count("WATCHDOG=1")
    time.sleep(0.1)
    return told.count("WATCHDOG=1") > before


def test_part_that_dies_ends_the_daemon_with_its_reason(tmp_path: Path, told: list[str]) -> None:
    with pytest.raises(DsnwatchError, match=r"part ended by a mistake of ours \(ZeroDivisionError"):
        serve(tmp_path, lambda: [planned(Breaks())], lambda _: None)
    assert told[-1] == "STOPPING=1"


def test_part_that_cannot_be_started_ends_the_start(tmp_path: Path, told: list[str]) -> None:
    first = Serves()
    plans = [planned(first, name="a"), planned(Serves(taken=True), name="b")]
    with pytest.raises(UnavailableError, match="port 25 is taken"):
        serve(tmp_path, lambda: plans, lambda _: None)
    assert not first.running
    assert "READY=1" not in told


def test_part_that_cannot_be_started_at_a_reload_gives_way_to_the_old_one(
    tmp_path: Path, told: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    old, new = Serves(), Serves(taken=True)
    plans = [planned(old, "old")]

    def then(made: Service) -> None:
        until(lambda: old.running)
        plans[:] = [planned(new, "new")]
        fall_back = iter([plans[:], [planned(old, "old")]])
        made._planners = [lambda _: next(fall_back)]  # noqa: SLF001  the configuration of each turn
        os.kill(os.getpid(), signal.SIGHUP)
        until(lambda: told.count("READY=1") == 2)
        assert old.running
        assert not new.running

    serve(tmp_path, lambda: plans, then)
    assert "refused and the old one stays: port 25 is taken" in caplog.text


def test_notify_writes_to_systemd_and_to_nobody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        daemon.notify("READY=1")
        assert listening.recv(100) == b"READY=1"
    daemon.notify("nobody listens")
    monkeypatch.setenv("NOTIFY_SOCKET", "@dsnwatch-test-nobody")
    daemon.notify("nobody listens there either")
    monkeypatch.delenv("NOTIFY_SOCKET")
    daemon.notify("nobody wants to know")


def test_parts_have_the_names_that_the_configuration_gives_them(tmp_path: Path) -> None:
    path = tmp_path / "dsnwatch.toml"
    path.write_text(
        '[[mailbox]]\nname = "m"\nhost = "127.0.0.1"\ntls = "none"\nuser = "u"\n'
        'password_file = "p"\n[[listener]]\nlisten = ["127.0.0.1:2525"]\n'
        'domains = ["bounce.example.org"]\n[[hook]]\nname = "crm"\nkind = "exec"\n'
        'command = ["/bin/true"]\n[[lookup]]\nkind = "policy"\nlisten = "127.0.0.1:9991"\n'
        '[[lookup]]\nkind = "socketmap"\nlisten = "127.0.0.1:9992"\n[[export]]\nkind = "postfix"\n'
        'path = "suppressed"\n[web]\n'
    )
    (tmp_path / "p").write_text("secret")
    loaded = loading.load(path)
    planned = {each.name for planner in PLANNERS for each in planner(loaded)}
    assert planned - {*loaded.parts} == {"alerts", "keeping"}, "these are nobody's wish"
    assert {*loaded.parts} <= planned
