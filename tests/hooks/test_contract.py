"""Every kind of hook keeps the contract."""

import importlib
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from pathlib import Path

import pytest

from dsnwatch.errors import ConfigError
from dsnwatch.hooks import Delivery, Hook, open_hook
from tests.contract_hook import Got, HookContract, a_section

from .builders import Folder, a_free_port, a_receiver
from .events import NOW, a_failure
from .mail import a_mail_server


class TestWebhook(HookContract):
    """A URL, one event at a time."""

    @contextmanager
    def well(self, place: Path) -> Iterator[tuple[Hook, Got]]:
        with a_receiver() as receiver:
            section = a_section("webhook", url=receiver.url, allow_private=True)
            yield (
                open_hook(section, Folder(place), 0),
                lambda: [json.loads(each.body)["id"] for each in receiver.requests],
            )

    @contextmanager
    def down(self, place: Path) -> Iterator[Hook]:
        url = f"http://127.0.0.1:{a_free_port()}/"
        yield open_hook(a_section("webhook", url=url, allow_private=True), Folder(place), 0)


class TestLists(HookContract):
    """A webhook in a format that takes lists."""

    @contextmanager
    def well(self, place: Path) -> Iterator[tuple[Hook, Got]]:
        with a_receiver() as receiver:
            section = a_section(
                "webhook", url=receiver.url, allow_private=True, format="cloudevents", batch=100
            )

            def got() -> list[str]:
                return [one["id"] for each in receiver.requests for one in json.loads(each.body)]

            yield open_hook(section, Folder(place), 0), got

    down = TestWebhook.down


class TestFile(HookContract):
    """A file of lines."""

    @contextmanager
    def well(self, place: Path) -> Iterator[tuple[Hook, Got]]:
        section = a_section("file", path="events.jsonl", batch=100)
        path = place / "events.jsonl"
        yield (
            open_hook(section, Folder(place), 0),
            lambda: [json.loads(line)["id"] for line in path.read_text().splitlines()],
        )

    @contextmanager
    def down(self, place: Path) -> Iterator[Hook]:
        yield open_hook(a_section("file", path="absent/events.jsonl"), Folder(place), 0)


KEEPS = """
import json, os, sys
event = json.load(sys.stdin)
assert event["id"] == os.environ["DSNWATCH_ID"] and event["type"] == os.environ["DSNWATCH_EVENT"]
with open("told", "a") as told:
    told.write(event["id"] + "\\n")
"""


class TestExec(HookContract):
    """A program."""

    @contextmanager
    def well(self, place: Path) -> Iterator[tuple[Hook, Got]]:
        section = a_section("exec", command=[sys.executable, "-c", KEEPS])
        yield (
            open_hook(section, Folder(place), 0),
            lambda: (place / "told").read_text().splitlines(),
        )

    @contextmanager
    def down(self, place: Path) -> Iterator[Hook]:
        yield open_hook(a_section("exec", command=["./absent"]), Folder(place), 0)


class TestSmtp(HookContract):
    """Notices by mail."""

    @contextmanager
    def well(self, place: Path) -> Iterator[tuple[Hook, Got]]:
        with a_mail_server() as server:
            section = a_section(
                "smtp",
                server=f"127.0.0.1:{server.port}",
                sender="dsnwatch@example.org",
                to=["postmaster@example.org"],
                batch=100,
            )

            def got() -> list[str]:
                texts = [
                    message_from_bytes(each.data).get_payload(decode=True) for each in server.got
                ]
                lines = [line for text in texts for line in bytes(text).decode().splitlines()]
                return [
                    line.removeprefix("    id: ") for line in lines if line.startswith("    id: ")
                ]

            yield open_hook(section, Folder(place), 0), got

    @contextmanager
    def down(self, place: Path) -> Iterator[Hook]:
        section = a_section(
            "smtp",
            server=f"127.0.0.1:{a_free_port()}",
            sender="dsnwatch@example.org",
            to=["postmaster@example.org"],
        )
        yield open_hook(section, Folder(place), 0)


THEIRS = """
from datetime import timedelta

class Hook:
    batch, every, timeout = 1, timedelta(0), timedelta(seconds=1)

    def __init__(self, told):
        self.told = told

    def deliver(self, delivery):
        self.told.append((delivery.id, delivery.attempt))

    def close(self):
        pass

def make(section, secrets, key):
    assert (section.options, secrets.node, key) == (("queue=bounces",), "mx1", "hook.0")
    return Hook(TOLD)

TOLD = []
"""


def test_another_package_may_bring_a_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "their_package.py").write_text(THEIRS)
    about = tmp_path / "their_package-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: their_package\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[dsnwatch.hooks]\nqueue = their_package:make\n")
    monkeypatch.syspath_prepend(tmp_path)
    hook = open_hook(a_section("queue", options=["queue=bounces"]), Folder(tmp_path), 0)
    hook.deliver(Delivery((a_failure(),), 1, NOW))
    assert [(a_failure().id, 1)] == importlib.import_module("their_package").TOLD
    with pytest.raises(ConfigError, match="'quue' is no kind of hook; did you mean 'queue'"):
        open_hook(a_section("quue"), Folder(tmp_path), 0)
