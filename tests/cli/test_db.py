"""`dsnwatch db`: the store is made, brought up to date, and swept."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dsnwatch.config.settings import Settings
from dsnwatch.keeping import Sweep
from dsnwatch.store import open_store, schema
from tests.cli.builders import a_bounce
from tests.cli.conftest import Run

DAY = timedelta(days=1)


def rows_in(store: Path, table: str) -> int:
    with closing(sqlite3.connect(store)) as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608


def test_upgrade_makes_the_store(run: Run) -> None:
    assert run("db", "upgrade", "--store", "new.db").status == 0
    assert rows_in(Path("new.db"), "event") == 0


def test_upgrade_and_sweep_have_answers_for_machines(run: Run) -> None:
    (made,) = run("db", "upgrade", "--store", "s.db", "--json").rows
    assert (Path(made["store"]).name, made["schema"]) == ("s.db", schema.HEAD)
    (swept,) = run("db", "sweep", "--store", "s.db", "--json").rows
    assert (swept["raw_messages"], swept["events"]) == (0, 0)


def test_sweep_leaves_what_is_young(run: Run) -> None:
    run("import", "-", "--store", "s.db", stdin=a_bounce("anne@example.com"))
    out = run("db", "sweep", "--store", "s.db").out
    assert "bytes of 0 messages, of 0 events and of 0 dead letters" in out
    assert rows_in(Path("s.db"), "raw_message") == 1


@pytest.mark.parametrize(("age", "raw", "events"), [(29, 2, 2), (31, 0, 2), (401, 0, 1)])
def test_what_was_kept_long_enough_goes_but_for_what_a_suppression_rests_on(
    run: Run, age: int, raw: int, events: int
) -> None:
    for address, status in (("anne@example.com", "5.1.1"), ("bob@example.com", "4.2.2")):
        bounce = a_bounce(address).replace(b"5.1.1", status.encode())
        run("import", "-", "--store", "s.db", stdin=bounce.replace(b"User unknown", b"no"))
    assert (rows_in(Path("s.db"), "raw_message"), rows_in(Path("s.db"), "event")) == (2, 2)
    now = datetime.now(UTC) + age * DAY
    store = open_store("sqlite:///s.db")
    sweep = Sweep(store, Settings(), "cli:anne")
    sweep.octets(now - 30 * DAY)
    sweep.events(now - 400 * DAY)
    store.close()
    assert (rows_in(Path("s.db"), "raw_message"), rows_in(Path("s.db"), "event")) == (raw, events)
    assert rows_in(Path("s.db"), "suppression") == 1


def test_never_keeps_everything(run: Run, tmp_path: Path) -> None:
    config = tmp_path / "dsnwatch.toml"
    config.write_text('[keep]\nraw_messages = "never"\nevents = "never"\n')
    run("import", "-", "--store", "s.db", stdin=a_bounce("anne@example.com"))
    assert run("db", "sweep", "--store", "s.db", "--config", config).status == 0
    assert rows_in(Path("s.db"), "raw_message") == 1
