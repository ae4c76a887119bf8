"""A worker that is killed loses nothing, and what it tells again has the id it had."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from dsnwatch.hooks import open_hook
from dsnwatch.outbox import Worker
from dsnwatch.store import Store

from .builders import NOW, Folder, Receiver, a_section, put, some_news

WORKS = """
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from dsnwatch.hooks import open_hook
from dsnwatch.outbox import Worker
from dsnwatch.store import open_store
from tests.hooks.builders import Folder, a_section

url, store, batch, minutes = sys.argv[1:]
section = a_section(url=url, allow_private=True, format="cloudevents", batch=int(batch))
later = timedelta(minutes=int(minutes))
hook = open_hook(section, Folder(Path()), 0)
Worker(open_store(store), "crm", hook, clock=lambda: datetime.now(UTC) + later).run()
"""
ADDRESSES, EACH = 12, 4
ALL = ADDRESSES * EACH
LIVES = 2
"""How often a worker is killed before the last one may finish."""


class Counts:
    """Answers, and tells when so many requests have been answered, or are about to be."""

    def __init__(self, receiver: Receiver, when: str) -> None:
        self.when = when
        self.left = 0
        self.reached = threading.Event()
        self.receiver = receiver
        receiver.respond = self.respond

    def respond(self, handler: BaseHTTPRequestHandler) -> None:
        self.left -= 1
        here = self.left == 0
        if here and self.when == "before the answer":
            self.reached.set()
            handler.rfile.read(1)  # until its process has gone
            return
        handler.send_response(204)
        handler.send_header("Content-Length", "0")
        handler.end_headers()
        handler.wfile.flush()
        if here:
            self.reached.set()

    def told(self) -> list[tuple[str, str]]:
        """Give the address and the id of each event told so far, in order."""
        bodies = [json.loads(request.body) for request in self.receiver.requests]
        events = [
            event for body in bodies for event in (body if isinstance(body, list) else [body])
        ]
        return [(event["subject"], event["id"]) for event in events]


@contextmanager
def a_worker(
    store: Store, receiver: Receiver, batch: int, minutes: int
) -> Iterator["subprocess.Popen[bytes]"]:
    command = [sys.executable, "-c", WORKS, receiver.url, store.url, f"{batch}", f"{minutes}"]
    with subprocess.Popen(command) as process:  # noqa: S603  ours
        try:
            yield process
        finally:
            os.kill(process.pid, signal.SIGKILL)


@pytest.mark.parametrize(
    ("batch", "when"),
    [(1, "before the answer"), (1, "after the answer"), (7, "after the answer")],
    ids=lambda value: f"{value}",
)
def test_killed_again_and_again_it_tells_all_in_order(
    store: Store, receiver: Receiver, batch: int, when: str
) -> None:
    news = [some_news(f"user{number % ADDRESSES}@example.org") for number in range(ALL)]
    put(store, *news, at=NOW - timedelta(days=1))
    counts = Counts(receiver, when)
    for life in range(LIVES):
        counts.left = 2 + 3 * life if batch == 1 else 1 + life
        counts.reached.clear()
        with a_worker(store, receiver, batch, minutes=2 * life):
            assert counts.reached.wait(30)
    counts.left = -1
    done = {each.id for each in news}
    section = a_section(url=receiver.url, allow_private=True, format="cloudevents", batch=batch)
    with closing(open_hook(section, Folder(Path()), 0)) as hook:
        later = datetime.now(UTC) + timedelta(minutes=2 * LIVES)
        last = Worker(store, "crm", hook, clock=lambda: later)
        while last.turn():
            pass
    told = counts.told()
    assert {id_ for _, id_ in told} == done
    assert len(told) > len(done)
    seen: defaultdict[str, list[str]] = defaultdict(list)
    wanted: defaultdict[str, list[str]] = defaultdict(list)
    for each in news:
        wanted[each.address].append(each.id)
    for address, id_ in told:
        if id_ not in seen[address]:
            seen[address].append(id_)
    assert seen == wanted
    with store.deliveries(readonly=True) as looked:
        assert looked.backlog("crm").dead == 0
