"""A store on a PostgreSQL server: made once, ours alone, and its troubles told in one line."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlmodel import SQLModel

from dsnwatch.errors import (
    StoreBusyError,
    StoreConflictError,
    StoreError,
    StoreFullError,
    StoreSchemaError,
)
from dsnwatch.store import Store, open_store, schema
from dsnwatch.store.connections import writing
from dsnwatch.store.location import where_of
from dsnwatch.store.lookup import SuppressionLookup
from dsnwatch.store.postgres import engine_for
from dsnwatch.store.upgrade import settings
from tests.databases import asked, done, locked
from tests.servers.dovecot import a_port
from tests.servers.postgresql import LOCKED, PASSWORD, Server

from .builders import NOW, a_message, a_suppression, an_event

pytestmark = pytest.mark.server
SOON = timedelta(milliseconds=100)


@pytest.fixture
def url(postgresql: Server) -> Iterator[str]:
    """Give the URL of a database with our tables."""
    made = postgresql.a_store()
    yield made
    postgresql.drop(made.rpartition("/")[2])


@pytest.fixture
def bare(postgresql: Server) -> Iterator[str]:
    """Give the URL of a database without any tables."""
    name = postgresql.a_database()
    yield postgresql.url(name)
    postgresql.drop(name)


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    with closing(open_store(url, node="n1", busy=SOON)) as opened:
        yield opened


def put(store: Store, address: str = "anne@example.org") -> None:
    with store.write() as writer:
        writer.put_suppressions([a_suppression(address)])


def refused(url: str) -> str:
    """Open a store that cannot be opened; gives what is said."""
    with pytest.raises(StoreError) as caught:
        open_store(url, busy=SOON)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_tables_are_those_of_this_version(url: str) -> None:
    engine = engine_for(url, 1000)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, SQLModel.metadata) == []
    engine.dispose()


def test_texts_are_sorted_by_octets_as_in_sqlite(store: Store) -> None:
    names = ["a.b@x.test", "ab@x.test", "a_c@x.test", "é@x.test", "z@x.test"]
    for name in names:
        put(store, name)
    found = [each.address for each in store.suppressions()]
    assert found == sorted(names, key=lambda name: name.encode())


def test_store_opened_by_several_at_once_is_made_once(bare: str) -> None:
    def write(number: int) -> None:
        with closing(open_store(bare)) as store:
            put(store, f"{number}@x.test")

    with ThreadPoolExecutor(6) as several:
        list(several.map(write, range(6)))
    with closing(open_store(bare)) as store:
        assert store.counts().suppressions == 6


@pytest.mark.parametrize("old", schema.REVISIONS[:-1])
def test_store_of_an_older_revision_is_brought_up_to_date(bare: str, old: str) -> None:
    engine = engine_for(bare, 1000)
    with writing(engine, "there") as connection:
        config = settings()
        config.attributes["connection"] = connection
        command.upgrade(config, old)
        connection.exec_driver_sql("COMMENT ON TABLE alembic_version IS 'dsnwatch'")
    engine.dispose()
    with pytest.raises(StoreSchemaError, match="db upgrade"):
        open_store(bare, migrate=False)
    with closing(open_store(bare)) as store:
        put(store)
        assert store.counts().suppressions == 1


def test_failed_migration_leaves_the_database_as_it_was(
    bare: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = command.upgrade

    def stumble(config: object, revision: str) -> None:
        run(config, revision)  # type: ignore[arg-type]  # whatever we were given
        raise RuntimeError("stumbled")

    monkeypatch.setattr(command, "upgrade", stumble)
    with pytest.raises(RuntimeError, match="stumbled"):
        open_store(bare)
    assert asked(bare, "SELECT count(*) FROM pg_class WHERE relname = 'event'") == [(0,)]


def test_newer_store_is_refused(url: str) -> None:
    done(url, "UPDATE alembic_version SET version_num = '9999'")
    assert "upgrade dsnwatch" in refused(url)
    with SuppressionLookup(url) as lookup, pytest.raises(StoreSchemaError, match="newer"):
        lookup.find("anne@example.org", NOW)


@pytest.mark.parametrize("table", ["alembic_version", "event"])
def test_tables_of_another_program_are_refused_and_not_touched(bare: str, table: str) -> None:
    done(bare, f"CREATE TABLE {table} (version_num text)")
    assert "not those of dsnwatch" in refused(bare)
    assert asked(bare, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(1,)]


def test_server_that_is_not_there_is_told() -> None:
    said = refused(f"postgresql+psycopg://anne:secret@127.0.0.1:{a_port()}/bounces")
    assert "does not answer" in said
    assert "postgresql://anne@127.0.0.1" in said
    assert "secret" not in said


def test_wrong_password_is_told_and_not_shown(postgresql: Server) -> None:
    said = refused(postgresql.url("postgres", f"{LOCKED}:secret"))
    assert "refused the login" in said
    assert "password_file" in said
    assert "secret" not in said


def test_password_is_found_in_a_password_file_of_libpq(
    postgresql: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passwords = tmp_path / "pgpass"
    escaped = PASSWORD.replace(":", "\\:")
    passwords.write_text(f"127.0.0.1:*:*:{LOCKED}:{escaped}\n")
    passwords.chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(passwords))
    # He comes in; that he may make no tables there is another matter.
    assert "may not do that" in refused(postgresql.url("postgres", LOCKED))


def test_unknown_user_is_told(postgresql: Server) -> None:
    assert "refused the login" in refused(postgresql.url("postgres", "nobody_here"))


def test_missing_database_is_told(postgresql: Server) -> None:
    assert "createdb" in refused(postgresql.url("nowhere"))


def test_server_that_takes_no_writes_is_told(url: str) -> None:
    readonly = f"{url}?options=-c%20default_transaction_read_only%3Don"
    with closing(open_store(readonly)) as store, pytest.raises(StoreError, match="primary"):
        put(store)


def test_user_without_rights_is_told(postgresql: Server, url: str) -> None:
    done(url, f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {LOCKED}")
    user = f"{LOCKED}:{PASSWORD.replace('/', '%2F').replace('@', '%40').replace(':', '%3A')}"
    with (
        closing(open_store(postgresql.url(url.rpartition("/")[2], user))) as store,
        pytest.raises(StoreError, match="may not do that"),
    ):
        put(store)


@pytest.mark.parametrize(
    ("state", "kind", "next_step"),
    [
        ("53100", StoreFullError, "make room"),
        ("53200", StoreError, "max_locks_per_transaction"),
        ("40P01", StoreConflictError, "try again"),
        ("57014", StoreBusyError, "try again"),
        ("58030", StoreError, "its log"),
        ("XX001", StoreError, "backup"),
    ],
)
def test_what_the_server_says_no_with_is_told(
    store: Store, state: str, kind: type[StoreError], next_step: str
) -> None:
    done(
        store.url,
        "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{state}'; END $$",
        "CREATE TRIGGER fail BEFORE INSERT ON suppression EXECUTE FUNCTION fail()",
    )
    with pytest.raises(StoreError, match=next_step) as caught:
        put(store)
    assert type(caught.value) is kind
    assert store.counts().suppressions == 0


def test_locked_store_is_busy_after_a_while(store: Store) -> None:
    with locked(store.url), pytest.raises(StoreBusyError, match="pg_stat_activity"):
        put(store)
    put(store)


def test_same_event_written_twice_is_a_conflict(store: Store) -> None:
    with pytest.raises(StoreConflictError), store.write() as writer:
        writer.add_events([an_event(key="k"), an_event(key="k")])


def test_connection_that_was_cut_is_made_anew(store: Store) -> None:
    put(store)
    with SuppressionLookup(store.url) as lookup:
        assert lookup.find("anne@example.org", NOW) is not None
        done(
            store.url,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        assert lookup.find("anne@example.org", NOW) is not None
    put(store, "bert@example.org")


def test_connection_cut_inside_a_transaction_leaves_nothing(store: Store) -> None:
    with pytest.raises(StoreError, match="does not answer"), store.write() as writer:  # noqa: PT012
        writer.add_messages([a_message()])
        done(
            store.url,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        writer.add_messages([a_message(b"another")])
    assert store.counts().messages == 0


def test_what_is_stored_is_on_disk_whatever_is_usual_there(store: Store) -> None:
    assert asked(store.url, "SHOW synchronous_commit") == [("off",)], "as this server is set up"
    with store.write() as writer:
        set_so = writer._connection.exec_driver_sql("SHOW synchronous_commit").scalar()  # noqa: SLF001  nowhere else to be seen
    assert set_so == "on"


def test_those_who_claim_different_addresses_write_at_once(url: str) -> None:
    with (
        closing(open_store(url, busy=SOON)) as one,
        closing(open_store(url, busy=SOON)) as two,
        one.write(beside=True) as first,
    ):
        first.claim(["anne@example.org"])
        with two.write(beside=True) as second:
            second.claim(["bert@example.org"])
        with pytest.raises(StoreBusyError), two.write(beside=True) as second:
            second.claim(["carl@example.org", "anne@example.org"])
        with pytest.raises(StoreBusyError), two.write():
            pass


def test_many_claims_are_one(url: str) -> None:
    with (
        closing(open_store(url, busy=SOON)) as one,
        closing(open_store(url, busy=SOON)) as two,
        one.write(beside=True) as first,
    ):
        first.claim(f"{number}@example.org" for number in range(1000))
        locks = asked(url, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")
        with pytest.raises(StoreBusyError), two.write(beside=True) as second:
            second.claim(["7@example.org"])
    assert locks == [(2,)]


def test_where_it_lies_is_said_without_the_password(url: str) -> None:
    with closing(open_store(url.replace("test@", "test:secret@"))) as store:
        assert store.where == where_of(url)
        assert "secret" not in store.where
