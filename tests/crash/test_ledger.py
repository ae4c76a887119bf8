"""The count finds what is missing, double or too much; a torn log loses nothing confirmed."""

import json
import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from dsnwatch.ingest import Ingest
from dsnwatch.model import RawMessage
from dsnwatch.policy import Policy
from dsnwatch.reading.reader import Reader
from dsnwatch.store import open_store
from tests.crash import power
from tests.crash.ledger import Ledger, compare, known


@pytest.fixture
def ledger() -> Ledger:
    """Six bounces, two of them soft; all has been told, one piece of news twice."""
    made = Ledger()
    for number in range(6):
        bounce = made.make("import")
        types = ["bounce.hard", "suppression.added"] if bounce.hard else ["bounce.soft"]
        for type_ in types * (2 if number == 1 else 1):
            said = {"type": f"org.dsnwatch.{type_}.v1", "subject": bounce.address}
            made.hear(json.dumps([said | {"id": f"{type_} {number}"}]).encode())
    return made


@pytest.fixture
def store(ledger: Ledger, tmp_path: Path) -> Path:
    """Hold all of them."""
    opened = open_store(str(tmp_path / "a.db"))
    ingest = Ingest(opened, Reader.load(), Policy.preset("default"))
    for each in ledger.inputs.values():
        ingest.commit([RawMessage(each.data, "test", f"test:{each.number}", vouched=True)])
    opened.close()
    return tmp_path / "a.db"


def sql(store: Path, statement: str) -> None:
    with closing(sqlite3.connect(store)) as database, database:
        database.execute(statement)


def test_all_that_is_right_is_no_loss_though_told_twice(ledger: Ledger, store: Path) -> None:
    verdict = compare(ledger, store)
    assert verdict.losses == ()
    assert {what: found for what, _, found in verdict.counts} == {
        "messages": 6,
        "events": 6,
        "suppressions": 4,
        "news told, by their ids": 10,
        "news told, each time": 12,
    }
    assert known(store, {"user1@example.com", "nobody@example.com"}) == {"nobody@example.com"}


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("DELETE FROM raw_message WHERE rowid = 1", "message 0: 0 instead of 1"),
        ("DELETE FROM event WHERE address = 'user2@example.com'", "event user2@example.com: 0"),
        (
            "UPDATE event SET address = 'user2@example.com' WHERE address = 'user3@example.com'",
            "event user2@example.com: 2 instead of 1",
        ),
        ("DELETE FROM suppression WHERE address = 'user1@example.com'", "suppression user1@"),
        ("UPDATE suppression SET address = 'z@example.com'", "suppression z@example.com"),
    ],
    ids=["message gone", "event gone", "event twice", "suppression gone", "another suppressed"],
)
def test_what_is_wrong_in_the_store_is_found(
    statement: str, said: str, ledger: Ledger, store: Path
) -> None:
    if statement.startswith("UPDATE"):
        sql(store, "DELETE FROM suppression WHERE address <> 'user1@example.com'")
    sql(store, statement)
    assert [loss for loss in compare(ledger, store).losses if loss.startswith(said)]


def test_what_was_not_told_and_what_was_told_under_two_ids_is_found(
    ledger: Ledger, store: Path
) -> None:
    del ledger.told["bounce.soft", "user0@example.com", "bounce.soft 0"]
    ledger.told["bounce.hard", "user1@example.com", "another"] += 1
    ledger.told["bounce.hard", "user3@example.com", "of a soft one"] += 1
    losses = compare(ledger, store).losses
    assert sorted(losses) == [
        "never told: ('bounce.soft', 'user0@example.com')",
        "told though it is not so: ('bounce.hard', 'user3@example.com')",
        "told under 2 ids: ('bounce.hard', 'user1@example.com')",
    ]


def test_log_torn_behind_its_last_commit_loses_nothing_and_before_it_is_noticed(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE event (address)")
        addresses = {f"user{number}@example.com" for number in range(50)}
        database.executemany("INSERT INTO event VALUES (?)", [(each,) for each in addresses])
        for seed in range(20):
            copy = power.copied(path, tmp_path)
            whole = Path(f"{copy}-wal").read_bytes()
            assert power.confirmed(whole) == len(whole)
            power.torn(copy, random.Random(seed))  # noqa: S311  no secret
            assert power.opens(copy) == "ok"
            assert known(copy, addresses) == set()
        copy = power.copied(path, tmp_path)
        log = Path(f"{copy}-wal")
        log.write_bytes(log.read_bytes()[:-1])
        assert len(known(copy, addresses)) == 1
