"""A bounce goes the whole way through the daemon: in by SMTP, out to everyone who asks."""

import json
import smtplib
import socket
import time
from collections.abc import Callable
from pathlib import Path

from tests.cli.builders import a_bounce
from tests.servers.daemon import Daemon, running

CONFIGURATION = """\
[[listener]]
listen = ["127.0.0.1:0"]
domains = ["bounce.example.org"]

[[hook]]
name = "ledger"
kind = "file"
path = "ledger.jsonl"

[[lookup]]
kind = "socketmap"
listen = "unix:{place}"

[[export]]
kind = "postfix"
path = "suppressed"
every = "1s"
"""
PATIENCE_SECONDS = 30


def until(there: Callable[[], bool]) -> None:
    """Wait for something to be there."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not there():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def lines_of(path: Path) -> list[str]:
    """Read a file that may not be there yet."""
    return path.read_text().splitlines() if path.exists() else []


def asked(place: Path, address: str) -> str:
    """Ask a look-up as Postfix does."""
    question = f"suppressed {address}".encode()
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(PATIENCE_SECONDS)
        client.connect(str(place))
        client.sendall(b"%d:%s," % (len(question), question))
        return client.recv(1000).decode()


def send(daemon: Daemon, data: bytes) -> None:
    with smtplib.SMTP("127.0.0.1", daemon.port, timeout=PATIENCE_SECONDS) as client:
        client.sendmail("", ["bounces@bounce.example.org"], data.decode())


def test_a_hard_bounce_is_known_everywhere_within_moments(tmp_path: Path) -> None:
    place, ledger, export = tmp_path / "sock", tmp_path / "ledger.jsonl", tmp_path / "suppressed"
    with running(tmp_path, CONFIGURATION.format(place=place)) as daemon:
        assert "NOTFOUND" in asked(place, "anne@example.com")
        send(daemon, a_bounce("anne@example.com"))
        until(lambda: "OK " in asked(place, "anne@example.com"))
        until(lambda: len(lines_of(ledger)) > 1)
        until(lambda: any("anne@example.com" in line for line in lines_of(export)))
        assert daemon.stop() == 0
    told = [json.loads(line) for line in lines_of(ledger)]
    assert [one["type"] for one in told] == ["bounce.hard", "suppression.added"]
    assert {one["data"]["recipient"] for one in told} == {"anne@example.com"}
