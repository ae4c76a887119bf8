"""Events are shown as they come, each once."""

import json
import signal
import subprocess
from contextlib import closing
from datetime import timedelta
from itertools import islice
from pathlib import Path

import pytest

from dsnwatch.cli.events_tail import coming, latest
from dsnwatch.store import EventFilter, Hold, Store, open_store
from tests.servers.postgresql import Server
from tests.store.builders import NOW, an_event

from .conftest import Run, spawn


def put(store: Store, count: int) -> list[str]:
    """Store events; gives their ids."""
    events = [an_event() for _ in range(count)]
    with store.write(beside=True) as writer:
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
    put(store, 3)
    place = store.feed_end()
    between = put(store, 1)
    shown = latest(store, EventFilter(), 2)
    assert shown[-1].id == between[0]
    come = coming(store, EventFilter(), place, shown, lambda: None)
    assert next(come) is None
    new = put(store, 2)
    assert [one and one.id for one in islice(come, 3)] == [*new, None]
    late = an_event()._replace(id=f"{new[0][:9]}{'0' * 17}")  # of half a minute before
    with store.write() as writer:
        writer.add_events([late])
    assert [one and one.id for one in islice(come, 2)] == [late.id, None]
    assert next(come) is None
    store.close()


@pytest.mark.server
def test_event_that_another_daemon_commits_late_is_followed(postgresql: Server) -> None:
    url = postgresql.a_store()
    with closing(open_store(url)) as store, closing(open_store(url)) as other:
        put(store, 1)
        follower = spawn(
            "events", "tail", "--follow", "--json", "--store", url, stdout=subprocess.PIPE
        )
        assert follower.stdout is not None
        follower.stdout.readline()
        late = an_event()
        with other.write(beside=True) as writer:
            writer.add_events([late])
            (second,) = put(store, 1)
            assert json.loads(follower.stdout.readline())["id"] == second > late.id
        assert json.loads(follower.stdout.readline())["id"] == late.id
        (third,) = put(store, 1)
        assert json.loads(follower.stdout.readline())["id"] == third
        follower.send_signal(signal.SIGINT)
        assert follower.stdout.read() == ""
        assert follower.wait(timeout=60) == 0
        follower.stdout.close()


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
