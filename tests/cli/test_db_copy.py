"""`dsnwatch db copy`: everything arrives, once, and nothing of another store is touched."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from dsnwatch.store import copying, open_store
from tests.cli.builders import UNREADABLE, a_bounce, an_mbox, many_bounces
from tests.cli.conftest import Run
from tests.databases import asked, done
from tests.servers.postgresql import Server

pytestmark = pytest.mark.server


@pytest.fixture
def target(postgresql: Server) -> Iterator[str]:
    """Give the URL of an empty database."""
    name = postgresql.a_database()
    yield postgresql.url(name)
    postgresql.drop(name)


@pytest.fixture
def source(run: Run, tmp_path: Path) -> str:
    """Fill a store in a file."""
    mbox = an_mbox(tmp_path / "a.mbox", [*many_bounces(30), UNREADABLE, a_bounce("x@example.net")])
    assert run("import", mbox, "--store", "a.db").status == 0
    assert run("suppressions", "add", "y@example.net", "--store", "a.db").status == 0
    return str(tmp_path / "a.db")


def test_everything_arrives_and_is_verified(run: Run, source: str, target: str) -> None:
    ran = run("db", "copy", source, target)
    assert (ran.status, ran.err) == (0, "")
    assert "everything is there" in ran.out
    for table in ("message", "raw_message", "event", "suppression", "audit", "tally_hour"):
        count = f"SELECT count(*) FROM {table}"  # noqa: S608  names of ours
        assert asked(target, count) == asked(f"sqlite:///{source}", count) != [(0,)], table
    assert asked(target, "SELECT name FROM cursor WHERE name LIKE 'db copy%'") == []
    assert run("check", "x@example.net", "--store", target).status == 1


def test_target_that_is_not_empty_is_refused(run: Run, source: str, target: str) -> None:
    assert run("db", "copy", source, target).status == 0
    before = asked(target, "SELECT count(*) FROM message")
    ran = run("db", "copy", source, target)
    assert ran.status == 2
    assert "not empty" in ran.err
    assert asked(target, "SELECT count(*) FROM message") == before


def test_copy_that_was_interrupted_goes_on_where_it_was(
    run: Run, source: str, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "ROWS", 7)
    with closing(open_store(source)) as here, closing(open_store(target)) as there:
        for far in copying.copy(here, there):
            if far.table == "message" and far.rows == 14:
                break
    assert asked(target, "SELECT count(*) FROM message") == [(14,)]
    assert run("db", "copy", source, target).status == 0
    assert asked(target, "SELECT count(*) FROM message") == [(31,)]


def test_row_that_differs_is_found(run: Run, source: str, target: str) -> None:
    assert run("db", "copy", source, target).status == 0
    done(target, "UPDATE event SET diagnostic = 'other' WHERE address = 'x@example.net'")
    with closing(open_store(source)) as here, closing(open_store(target)) as there:
        error = copying.mismatch([*copying.verify(here, there)], there.where)
    assert error is not None
    assert "event did not arrive" in str(error)
