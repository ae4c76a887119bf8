"""The daemon as a process of its own sees that a stream fails, and tells a hook, and its end."""

import json
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from dsnwatch.store import open_store
from tests.store.builders import an_event

CONFIG = """
[store]
url = "sqlite:///{folder}/a.db"
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


def test_daemon_tells_that_a_stream_fails_and_that_it_is_over(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    hour = int(now.timestamp()) // 3600
    config = tmp_path / "c.toml"
    config.write_text(CONFIG.format(folder=tmp_path), encoding="utf-8")
    store = open_store(str(tmp_path / "a.db"))
    with store.write() as writer:
        writer.count_sent({(hour, "news", ""): 1000})
        writer.add_events([an_event(occurred_at=now) for _ in range(60)])
    command = [sys.executable, "-m", "dsnwatch", "run", "--config", str(config)]
    with (tmp_path / "log").open("wb") as log:
        daemon = subprocess.Popen(command, stderr=log)  # noqa: S603  our own program
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
