"""Whoever is forgotten stands in no table, and in no octet of the file."""

import json
import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Boolean, LargeBinary, Table, Text, insert
from sqlmodel import SQLModel

from dsnwatch.records import Suppression
from dsnwatch.rfc.keyed_hash import keyed_hash
from dsnwatch.store import Store
from dsnwatch.store.connections import writing
from dsnwatch.store.erasing import Spellings
from tests.databases import BOTH, rows

from .builders import a_store

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)
ANNE = "anne@example.com"
NAME = "hash:" + "a" * 64
TEXTS = (
    "to anne@example.com now",
    "anne@Example.COM",
    "bounces+anne=example.com.xyz@b.example",
    '{"a": "\\nanne@example.com"}',
    "ORCPT=rfc822;anne+40example.com",
    "https://x.example/?u=anne%40example.com",
)
TABLES = [table for table in SQLModel.metadata.sorted_tables if table.name != "alembic_version"]
SHAPED = {
    "report": '{"kind": "bounce", "defects": ["anne@example.com"]}',
    "recipients": '["anne@example.com"]',
    "evidence": '{"helo": "x", "sender": "anne@example.com", "protocol": "SMTP"}',
    "defects": '["anne@example.com"]',
    "details": '{"forwarded_to": "anne@example.com"}',
    "address": ANNE,
    **dict.fromkeys(("kind", "reason", "stream", "provider", "bounce_class", "campaign"), "plain"),
    "decision": "count",
    "trust": "claimed",
    "action": "failed",
}
"""What columns of `event` and their like hold, where that has a shape of its own."""

ADDRESSED = {table.name for table in TABLES if "address" in table.columns}
NAMES = {"message_id", "fingerprint", "key", "name"}
PERSON = re.compile(rb"(?<![a-z0-9])anne(@|=|%40|\+40)example\.com", re.IGNORECASE)


def octets(store: Store) -> bytes:
    """Give all that lies on the disk."""
    return b"".join(path.read_bytes() for path in Path(store.where).parent.glob("*"))


def fill(store: Store, table: Table, address: str, number: int) -> None:
    """Put a row into a table that names somebody wherever a text can stand."""
    who = address.partition("@")[0]
    row: dict[str, object] = {}
    for column in table.columns:
        name = column.name
        if isinstance(column.type, LargeBinary):
            row[name] = f"Received: for <{address}>".encode()
        elif isinstance(column.type, Boolean):
            row[name] = bool(number % 2)
        elif not isinstance(column.type, Text):
            row[name] = number
        elif name != "address" and (column.primary_key or name in NAMES):
            row[name] = f"{name}{number}{who}"
        elif name in SHAPED and table.name in {"event", "message", "quarantine", *ADDRESSED}:
            row[name] = SHAPED[name].replace(ANNE, address)
        else:
            row[name] = TEXTS[number % len(TEXTS)].replace("anne", who)
    with writing(store._engine, store.where) as connection:  # noqa: SLF001  rows as they lie
        connection.execute(insert(table).values(row))


def rows_of(store: Store, table: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(store.where)) as connection:
        return connection.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608  our tables


@pytest.mark.parametrize("table", [pytest.param(table, id=table.name) for table in TABLES])
def test_nobody_is_found_in_a_table_any_more(tmp_path: Path, table: Table) -> None:
    store = a_store(tmp_path)
    with_address = "address" in table.columns
    for number in range(1 if with_address else len(TEXTS)):
        fill(store, table, "joanne@example.com", number + 60)
    before = rows_of(store, table.name)
    assert PERSON.search(octets(store)) is None
    for number in range(1 if with_address else len(TEXTS)):
        fill(store, table, ANNE, number)
    has_texts = any(
        isinstance(one.type, Text | LargeBinary) and not one.primary_key for one in table.columns
    )
    assert bool(PERSON.search(octets(store))) == (has_texts or with_address)
    with store.write() as writer:
        writer.erase(ANNE, NAME)
    assert store.compact()
    assert PERSON.search(octets(store)) is None
    after = rows_of(store, table.name)
    assert [row for row in after if row in before] == before


@pytest.mark.usefixtures("placed")
@pytest.mark.parametrize("database", BOTH, indirect=True)
def test_nobody_is_found_in_any_table_of_either_database(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    for table in TABLES:
        fill(store, table, "joanne@example.com", 1)
    before = {table.name: rows(store.url, table.name) for table in TABLES}
    for table in TABLES:
        fill(store, table, ANNE, 2)
    with store.write() as writer:
        assert sum(writer.erase(ANNE, NAME).values()) >= len(ADDRESSED)
    assert store.compact()
    for table in TABLES:
        after = rows(store.url, table.name)
        texts = json.dumps(after, default=lambda one: bytes(one).decode())
        assert not PERSON.search(texts.encode()), table.name
        assert all(row in after for row in before[table.name])


def test_what_was_deleted_long_before_is_gone_too(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    with store.write() as writer:
        writer.put_suppressions([Suppression(ANNE, "manual", "manual", "x", NOW)])
    with store.write() as writer:
        writer.remove_suppressions([(ANNE, "")])
    assert PERSON.search(octets(store))
    with store.write() as writer:
        writer.erase(ANNE, NAME)
    store.compact()
    assert PERSON.search(octets(store)) is None


def test_the_log_of_whoever_reads_on_is_told_of(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    with closing(sqlite3.connect(store.where, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM audit").fetchall()
        with store.write() as writer:
            writer.erase(ANNE, NAME)
        assert not store.compact()
    assert store.compact()


@pytest.mark.parametrize(
    "text",
    [
        "joanne@example.com",
        "anne@example.community",
        "anne@example.com.au",
        "an.anne@example.com",
        "x-anne@example.com",
        "anne@example.co",
    ],
)
def test_others_of_a_like_name_stay(text: str) -> None:
    assert Spellings(ANNE).without(text, "-") == text


@pytest.mark.parametrize("text", [*TEXTS, "anne@example.com.", "<anne@example.com>", "a=anne@example.com"])  # fmt: skip  # noqa: E501
def test_every_way_to_write_an_address_is_found(text: str) -> None:
    assert PERSON.search(Spellings(ANNE).without(text, "-").encode()) is None


def test_a_domain_in_unicode_is_found() -> None:
    found = Spellings("anne@xn--bcher-kva.example").without("to anne@bücher.example!", "-")
    assert found == "to -!"


@given(st.text(min_size=1), st.binary(min_size=16))
def test_a_name_is_the_same_for_the_same_key_only(address: str, key: bytes) -> None:
    assert keyed_hash(address, key) == keyed_hash(address, key)
    assert keyed_hash(address, key) != keyed_hash(address, key + b"x")
    assert len(keyed_hash(address, key)) == len(NAME)
