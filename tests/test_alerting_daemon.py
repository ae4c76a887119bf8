"""The daemon as a process of its own sees that a stream fails, and tells a hook, and its end."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dsnwatch.store import open_store
from tests.databases import asked
from tests.servers.postgresql import Server
from tests.store.builders import an_event

CONFIG = """
node = "{node}"
[store]
url = "{url}"
[alerts]
every = "1s"
[[hook]]
name = "ops"
kind = "file"
path = "{folder}/told"
events = ["alert.*", "campaign.pause"]
"""


def told(path: Path, count: int, daemon: "subprocess.Popen[bytes]") -> list[str]:
    """Wait for the hook to be told so much, however loaded the machine is; give what."""
    deadline = time.monotonic() + 60
    while True:
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        if len(lines) >= count:
            return [json.loads(line)["type"] for line in lines]
        assert daemon.poll() is None
        assert time.monotonic() < deadline, lines
        time.sleep(0.02)


def a_daemon(folder: Path, node: str, url: str) -> "subprocess.Popen[bytes]":
    """Start one."""
    config = folder / f"{node}.toml"
    config.write_text(CONFIG.format(folder=folder, node=node, url=url), encoding="utf-8")
    command = [sys.executable, "-m", "dsnwatch", "run", "--config", str(config)]
    with (folder / f"{node}.log").open("wb") as log:
        return subprocess.Popen(command, stderr=log)  # noqa: S603  our own program


@pytest.mark.server
def test_two_daemons_on_one_store_tell_each_alert_once(tmp_path: Path, postgresql: Server) -> None:
    now, url = datetime.now(UTC), postgresql.a_store()
    hour = int(now.timestamp()) // 3600
    daemons = {node: a_daemon(tmp_path, node, url) for node in ("n1", "n2")}

    def looks() -> str:
        """Name the daemon that looks."""
        found = asked(url, "SELECT node FROM lease WHERE name = 'alerts'")
        return str(found[0][0]) if found else ""

    def until(reached: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 60
        while not reached():
            assert time.monotonic() < deadline, "it never came"
            time.sleep(0.02)

    try:
        with closing(open_store(url)) as store:
            until(lambda: looks() != "")
            first = looks()
            with store.write() as writer:
                writer.count_sent({(hour, "news", ""): 1000})
                writer.add_events([an_event(occurred_at=now) for _ in range(60)])
            gone = daemons.pop(first)
            raised = told(tmp_path / "told", 3, gone)
            assert sorted(raised) == ["alert.raised", "alert.raised", "campaign.pause"]
            until(lambda: asked(url, "SELECT count(*) FROM outbox") == [(0,)])  # and written down
            gone.kill()
            gone.wait(60)
            until(lambda: looks() not in {"", first})
            with store.write() as writer:
                writer.count_sent({(hour, "news", ""): 90_000})
            assert told(tmp_path / "told", 5, daemons[looks()])[3:] == ["alert.cleared"] * 2
    finally:
        for each in daemons.values():
            each.send_signal(signal.SIGTERM)
            assert each.wait(timeout=60) == 0
    assert len((tmp_path / "told").read_text(encoding="utf-8").splitlines()) == 5


def test_daemon_tells_that_a_stream_fails_and_that_it_is_over(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    hour = int(now.timestamp()) // 3600
    store = open_store(f"sqlite:///{tmp_path / 'a.db'}")
    with store.write() as writer:
        writer.count_sent({(hour, "news", ""): 1000})
        writer.add_events([an_event(occurred_at=now) for _ in range(60)])
    daemon = a_daemon(tmp_path, "n1", store.url)
    try:
        raised = told(tmp_path / "told", 3, daemon)
        assert sorted(raised) == ["alert.raised", "alert.raised", "campaign.pause"]
        with store.write() as writer:
            writer.count_sent({(hour, "news", ""): 90_000})
        assert told(tmp_path / "told", 5, daemon)[3:] == ["alert.cleared"] * 2
        assert store.alerts() == []
    finally:
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(timeout=60) == 0
        store.close()
