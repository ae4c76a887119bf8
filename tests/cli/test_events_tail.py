"""Events are shown as they come, each once."""

import json
import signal
import subprocess
from datetime import timedelta
from itertools import islice
from pathlib import Path

from dsnwatch.cli.events_tail import coming
from dsnwatch.store import EventFilter, Hold, Store, open_store
from tests.store.builders import NOW, an_event

from .conftest import Run, spawn


def put(store: Store, count: int) -> list[str]:
    """Store events; gives their ids."""
    events = [an_event() for _ in range(count)]
    with store.write() as writer:
        writer.add_events(events)
    return [one.id for one in events]


def test_last_events_are_shown_oldest_first(run: Run, tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "a.db"))
    ids = put(store, 12)
    rows = run("events", "tail", "--json", "--limit", "3", "--store", store.where).rows
    assert [row["id"] for row in rows] == ids[-3:]
    assert len(run("events", "tail", "--store", store.where).out.splitlines()) == 11
    store.close()


def test_each_event_comes_once_also_one_that_is_late(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "a.db"))
    old = put(store, 3)
    come = coming(store, EventFilter(), (), NOW, lambda: None)
    assert next(come) is None
    new = put(store, 2)
    assert [one and one.id for one in islice(come, 3)] == [*new, None]
    late = an_event()._replace(id=f"{new[0][:10]}{'0' * 16}")  # of the same millisecond
    with store.write() as writer:
        writer.add_events([late])
    assert [one and one.id for one in islice(come, 2)] == [late.id, None]
    assert next(come) is None
    assert not {late.id, *new} & {*old}
    store.close()


def test_following_ends_at_ctrl_c(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "a.db"))
    put(store, 1)
    follower = spawn(
        "events", "tail", "--follow", "--json", "--store", store.where, stdout=subprocess.PIPE
    )
    assert follower.stdout is not None
    first = json.loads(follower.stdout.readline())
    (second,) = put(store, 1)
    assert json.loads(follower.stdout.readline())["id"] == second > first["id"]
    follower.send_signal(signal.SIGINT)
    follower.stdout.read()
    assert follower.wait(timeout=60) == 0
    follower.stdout.close()
    store.close()


def test_status_lists_what_is_held(run: Run, tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "a.db"))
    with store.write() as writer:
        writer.add_holds([Hold("01H", "flood x", "flood", NOW + timedelta(1), "too many at once")])
    ran = run("status", "--store", store.where)
    assert ran.status == 0
    assert "too many at once" in ran.out
    assert run("status", "--json", "--store", store.where).rows[-1]["alert"] == "hold flood x"
    store.close()
