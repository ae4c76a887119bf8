"""May this address be mailed?"""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from dsnwatch.errors import StoreSchemaError
from dsnwatch.store.lookup import Found, SuppressionLookup
from tests.databases import on_sqlite

from .builders import DAY, NOW, a_store, a_suppression, url_of

pytestmark = pytest.mark.usefixtures("placed")

ANNE = "anne@example.org"


def a_lookup(tmp_path: Path) -> SuppressionLookup:
    return SuppressionLookup(url_of(tmp_path))


def test_suppressed_address_is_found_with_its_reason(tmp_path: Path) -> None:
    with a_store(tmp_path).write() as writer:
        writer.put_suppressions([a_suppression(until=NOW + DAY)])
    with a_lookup(tmp_path) as lookup:
        found = lookup.find(ANNE, NOW)
    assert found == Found(ANNE, "", "user_unknown", NOW, NOW + DAY, "01", "hard")


def test_free_address_is_not_found(tmp_path: Path) -> None:
    with a_store(tmp_path).write() as writer:
        writer.put_suppressions([a_suppression()])
    with a_lookup(tmp_path) as lookup:
        assert lookup.find("bert@example.org", NOW) is None


def test_suppression_no_longer_holds_at_its_end(tmp_path: Path) -> None:
    with a_store(tmp_path).write() as writer:
        writer.put_suppressions([a_suppression(until=NOW)])
    with a_lookup(tmp_path) as lookup:
        assert lookup.find(ANNE, NOW) is None
        assert lookup.find(ANNE, NOW - DAY) is not None


def test_suppression_of_another_stream_does_not_hold(tmp_path: Path) -> None:
    with a_store(tmp_path).write() as writer:
        writer.put_suppressions([a_suppression(stream="news")])
    with a_lookup(tmp_path) as lookup:
        assert lookup.find(ANNE, NOW, "invoices") is None
        assert lookup.find(ANNE, NOW) is None
        assert lookup.find(ANNE, NOW, "news") is not None


def test_suppression_that_holds_longest_is_told(tmp_path: Path) -> None:
    with a_store(tmp_path).write() as writer:
        writer.put_suppressions([a_suppression(until=NOW + DAY), a_suppression(stream="news")])
    with a_lookup(tmp_path) as lookup:
        found = lookup.find(ANNE, NOW, "news")
    assert found is not None
    assert (found.stream, found.until) == ("news", None)


@on_sqlite
def test_missing_store_suppresses_nobody_until_it_is_there(tmp_path: Path) -> None:
    with a_lookup(tmp_path) as lookup:
        assert lookup.find(ANNE, NOW) is None
        assert not (tmp_path / "a.db").exists()
        with a_store(tmp_path).write() as writer:
            writer.put_suppressions([a_suppression()])
        assert lookup.find(ANNE, NOW) is not None


def test_kept_connection_sees_what_is_written_later(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    with a_lookup(tmp_path) as lookup:
        assert lookup.find(ANNE, NOW) is None
        with store.write() as writer:
            writer.put_suppressions([a_suppression()])
        assert lookup.find(ANNE, NOW) is not None


def test_look_up_goes_on_while_another_writes(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    with a_lookup(tmp_path) as lookup, store.write() as writer:
        writer.put_suppressions([a_suppression()])
        assert lookup.find(ANNE, NOW) is None


@on_sqlite
@pytest.mark.parametrize("content", [b"not a database, but long enough to be read as one\n" * 20])
def test_file_that_is_no_store_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.db").write_bytes(content)
    with a_lookup(tmp_path) as lookup, pytest.raises(StoreSchemaError, match="--store"):
        lookup.find(ANNE, NOW)


@on_sqlite
def test_database_of_another_program_is_refused(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "a.db")) as other:
        other.execute("CREATE TABLE suppression (address)")
    with a_lookup(tmp_path) as lookup, pytest.raises(StoreSchemaError, match="not a dsnwatch"):
        lookup.find(ANNE, NOW)


@on_sqlite
def test_look_up_loads_no_database_library() -> None:
    heavy = "sqlalchemy", "sqlmodel", "pydantic", "alembic", "dsnwatch.model"
    code = f"import sys, dsnwatch.store.lookup; print(*(set({heavy}) & set(sys.modules)))"
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == ""
