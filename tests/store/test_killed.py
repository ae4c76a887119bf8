"""A writer that is killed leaves a sound file with all that was acknowledged."""

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from .builders import a_store

BATCH = 50

WRITES_FOR_EVER = """
import itertools, sys
from datetime import UTC, datetime
from dsnwatch.model import BounceReport, Kind, RawMessage
from dsnwatch.records import StoredMessage
from dsnwatch.store import new_id, open_store

now = datetime(2026, 3, 31, tzinfo=UTC)
store = open_store(sys.argv[1])
for batch in itertools.count():
    messages = []
    for number in range(int(sys.argv[2])):
        raw = RawMessage(b"%d/%d " % (batch, number) + bytes(6000), "x", "mbox")
        report = BounceReport(Kind.OTHER)
        messages.append(StoredMessage(new_id(now), raw, raw.fingerprint, report, now, now))
    with store.write() as writer:
        writer.add_messages(messages[:25])
        writer.put_cursor("x", str(batch))
        print("written", flush=True)
        writer.add_messages(messages[25:])
    print(messages[-1].id, flush=True)
"""


@pytest.mark.parametrize("transactions", [1, 3, 8])
@pytest.mark.parametrize("where", ["inside", "at-commit"])
def test_killed_writer_leaves_a_sound_file(tmp_path: Path, transactions: int, where: str) -> None:
    store = a_store(tmp_path)
    command = [sys.executable, "-c", WRITES_FOR_EVER, store.url, str(BATCH)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:  # noqa: S603 - ours
        assert writer.stdout is not None
        said = [writer.stdout.readline() for _ in range(2 * transactions)]
        if where == "inside":
            said.append(writer.stdout.readline())
        os.kill(writer.pid, signal.SIGKILL)
        said += writer.stdout.readlines()
    acknowledged = [line.strip() for line in said if line.endswith("\n") and line[0] == "0"]

    with closing(sqlite3.connect(store.where)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    stored = [message.id for message in a_store(tmp_path).messages()]
    assert set(acknowledged) <= set(stored)
    assert len(stored) % BATCH == 0
    assert len(acknowledged) <= len(stored) // BATCH <= len(acknowledged) + 1
    with store.write() as after:
        assert after.cursor("x") == str(len(stored) // BATCH - 1)
    assert all(store.raw(id_) for id_ in stored)
