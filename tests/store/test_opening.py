"""A store is made, brought up to date, or refused with one line that says what to do next."""

import os
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, event, text
from sqlmodel import SQLModel

from dsnwatch.errors import (
    StoreBusyError,
    StoreError,
    StoreFullError,
    StoreSchemaError,
    UsageError,
)
from dsnwatch.store import Store, open_store, schema
from dsnwatch.store.connections import connect_to, writing
from dsnwatch.store.rows import event_row
from dsnwatch.store.upgrade import settings

from .builders import SOON, a_message, a_store, a_suppression, an_event

NOBODY = 65534


def sql(path: Path, *statements: str) -> None:
    """Do something to the file behind our back."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def line_of(error: BaseException) -> str:
    """Give the error's text; it has to be one line."""
    text = str(error)
    assert "\n" not in text
    return text


def write_to(store: Store) -> None:
    """Write a row."""
    with store.write() as writer:
        writer.put_suppressions([a_suppression()])


@contextmanager
def as_nobody() -> Iterator[Path]:
    """Give a folder of an ordinary user, and be him; root may write everywhere."""
    with tempfile.TemporaryDirectory() as name:
        root = os.geteuid() == 0
        if root:
            os.chown(name, NOBODY, NOBODY)
            os.seteuid(NOBODY)
        try:
            yield Path(name)
        finally:
            if root:
                os.seteuid(0)
            Path(name).chmod(0o700)


def test_migrated_store_has_the_tables_of_this_version(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    with create_engine(f"sqlite:///{store.where}").connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, SQLModel.metadata) == []


def test_migrated_tables_are_laid_out_as_declared(tmp_path: Path) -> None:
    declared = create_engine(f"sqlite:///{tmp_path / 'declared.db'}")
    SQLModel.metadata.create_all(declared)
    layout = (
        "SELECT l.name, l.wr, l.ncol FROM pragma_table_list AS l "
        "WHERE l.name NOT LIKE 'sqlite%' AND l.name <> 'alembic_version' ORDER BY l.name"
    )
    found = []
    for path in (Path(a_store(tmp_path).where), tmp_path / "declared.db"):
        with closing(sqlite3.connect(path)) as connection:
            found.append(connection.execute(layout).fetchall())
    assert found[0] == found[1]


def test_known_revisions_are_the_migrations() -> None:
    script = ScriptDirectory.from_config(settings())
    steps = [step.revision for step in script.walk_revisions()]
    assert tuple(reversed(steps)) == schema.REVISIONS


def test_current_store_opens_without_loading_alembic(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    code = (
        "import sys, dsnwatch.store as s; s.open_store(sys.argv[1]).counts(); "
        "print('alembic' in sys.modules)"
    )
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", code, store.url], check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == "False"


def test_store_is_durable_and_ours_by_its_header(tmp_path: Path) -> None:
    seen = []
    store = a_store(tmp_path)
    event.listen(
        Engine, "begin", listener := lambda c: seen.append(pragma(c.connection, "synchronous"))
    )
    with store.write():
        pass
    event.remove(Engine, "begin", listener)
    assert seen == [2]
    with closing(sqlite3.connect(store.where)) as connection:
        assert pragma(connection, "journal_mode") == "wal"
        assert pragma(connection, "application_id") == int.from_bytes(b"dsnw", "big")


def pragma(connection: sqlite3.Connection, name: str) -> object:
    cursor = connection.cursor()
    value: object = cursor.execute(f"PRAGMA {name}").fetchone()[0]
    cursor.close()
    return value


def test_new_store_is_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "state" / "dsnwatch" / "a.db"
    open_store(f"sqlite:///{path}")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_store_opened_by_several_at_once_is_made_once(tmp_path: Path) -> None:
    def write(number: int) -> None:
        store = open_store(f"sqlite:///{tmp_path / 'a.db'}")
        with store.write() as writer:
            writer.put_suppressions([a_suppression(f"{number}@x.test")])
        store.close()

    with ThreadPoolExecutor(6) as several:
        list(several.map(write, range(6)))
    assert a_store(tmp_path).counts().suppressions == 6


def test_making_that_was_cut_short_is_taken_up_again(tmp_path: Path) -> None:
    sql(tmp_path / "a.db", "PRAGMA journal_mode=WAL")
    assert a_store(tmp_path).counts().messages == 0


def test_failed_migration_leaves_the_store_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from alembic import command  # noqa: PLC0415 - only here

    run = command.upgrade

    def stumble(config: object, revision: str) -> None:
        run(config, revision)  # type: ignore[arg-type]  # whatever we were given
        raise RuntimeError("stumbled")

    monkeypatch.setattr(command, "upgrade", stumble)
    with pytest.raises(RuntimeError, match="stumbled"):
        a_store(tmp_path)
    monkeypatch.undo()
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    assert a_store(tmp_path).counts().messages == 0


def test_older_store_is_refused_where_migrating_is_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_store(tmp_path).close()
    monkeypatch.setattr(schema, "HEAD", "9999")
    with pytest.raises(StoreSchemaError, match="dsnwatch db upgrade") as caught:
        open_store(str(tmp_path / "a.db"), migrate=False)
    line_of(caught.value)


@pytest.mark.parametrize("old", schema.REVISIONS[:-1])
def test_store_of_an_older_revision_is_brought_up_to_date(tmp_path: Path, old: str) -> None:
    stored, path = an_event(), tmp_path / "a.db"
    schema.make_file(path)
    engine = connect_to(path, 1000)
    with writing(engine, str(path)) as connection:
        config = settings()
        config.attributes["connection"] = connection
        command.upgrade(config, old)
        connection.exec_driver_sql(f"PRAGMA application_id={schema.APPLICATION_ID}")
        known = {row[1] for row in connection.exec_driver_sql("PRAGMA table_info(event)")}
        row = {name: value for name, value in event_row(stored, "n").items() if name in known}
        places = ", ".join(f":{name}" for name in row)
        connection.execute(text(f"INSERT INTO event ({', '.join(row)}) VALUES ({places})"), row)  # noqa: S608  names of ours
    engine.dispose()
    assert a_store(tmp_path).event(stored.id) == stored


def test_newer_store_is_refused(tmp_path: Path) -> None:
    a_store(tmp_path).close()
    sql(tmp_path / "a.db", "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreSchemaError, match="upgrade dsnwatch") as caught:
        a_store(tmp_path)
    line_of(caught.value)


def test_database_of_another_program_is_refused_and_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    sql(path, "CREATE TABLE message (id)", "INSERT INTO message VALUES (7)")
    before = path.read_bytes()
    with pytest.raises(StoreSchemaError, match="not a dsnwatch store") as caught:
        a_store(tmp_path)
    line_of(caught.value)
    assert path.read_bytes() == before


def test_file_that_is_no_database_is_refused_and_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(content := b"From anne@example.org Tue Mar 31 12:00:00 2026\n" * 50)
    with pytest.raises(StoreSchemaError, match="not a dsnwatch store"):
        a_store(tmp_path)
    assert path.read_bytes() == content


def test_damaged_store_is_told(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    write_to(store)
    store.close()
    data = (tmp_path / "a.db").read_bytes()
    (tmp_path / "a.db").write_bytes(data[:4096] + b"\xff" * (len(data) - 4096))
    with pytest.raises(StoreError, match="damaged"):
        a_store(tmp_path).counts()


def test_locked_store_is_busy_after_a_while(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    with closing(sqlite3.connect(store.where, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreBusyError, match="try again") as caught, store.write():
            pass
        line_of(caught.value)
        assert caught.value.exit_status == 75
        assert store.counts().messages == 0
        other.execute("ROLLBACK")
    write_to(store)


def test_full_disk_stores_nothing_of_the_transaction(tmp_path: Path) -> None:
    a_store(tmp_path).close()

    def stint(connection: sqlite3.Connection, _: object) -> None:
        connection.execute("PRAGMA max_page_count=100")

    event.listen(Engine, "connect", stint)
    try:
        store = a_store(tmp_path)
        with pytest.raises(StoreFullError, match="make room") as caught, store.write() as writer:
            writer.add_messages([a_message(b"small"), a_message(b"x" * 1_000_000)])
    finally:
        event.remove(Engine, "connect", stint)
    line_of(caught.value)
    assert store.counts().messages == 0
    with store.write() as writer:
        writer.add_messages([a_message(b"small")])


def test_read_only_file_is_told() -> None:
    with as_nobody() as folder:
        a_store(folder).close()
        (folder / "a.db").chmod(0o400)
        with pytest.raises(StoreError, match=r"may not write.*--store") as caught:
            write_to(a_store(folder))
        line_of(caught.value)


def test_unwritable_folder_is_told() -> None:
    with as_nobody() as folder:
        folder.chmod(0o500)
        with pytest.raises(StoreError, match=r"Permission denied.*--store") as caught:
            a_store(folder)
        line_of(caught.value)


def test_store_in_a_folder_that_became_unwritable_is_told() -> None:
    with as_nobody() as folder:
        a_store(folder).close()
        folder.chmod(0o500)
        with pytest.raises(StoreError, match="--store") as caught:
            write_to(a_store(folder))
        line_of(caught.value)


def test_folder_in_the_place_of_the_store_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.db").mkdir()
    with pytest.raises(StoreError, match="cannot be opened"):
        a_store(tmp_path)


def test_other_kinds_of_database_are_refused() -> None:
    with pytest.raises(UsageError, match="sqlite:///PATH"):
        open_store("mysql://db.example.com/x", busy=SOON)


def test_store_says_where_it_lies(tmp_path: Path) -> None:
    store: Store = a_store(tmp_path)
    assert (store.url, store.where) == (f"sqlite:///{tmp_path}/a.db", f"{tmp_path}/a.db")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_made_by_root_in_a_folder_of_the_service_it_belongs_to_the_service() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.chown(folder, NOBODY, NOBODY)
        with closing(a_store(folder)) as store:
            write_to(store)
            owners = {path.name: path.stat().st_uid for path in folder.iterdir()}
    assert owners == dict.fromkeys(("a.db", "a.db-wal", "a.db-shm"), NOBODY)
