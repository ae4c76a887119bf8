"""Taking a file in and taking it back leaves the list as it was, on either database."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsnwatch import intake
from dsnwatch.changes import Changes
from dsnwatch.intake import Intake
from dsnwatch.lists import Listed
from dsnwatch.records import Suppression
from dsnwatch.store import Store, new_id
from tests.databases import BOTH, rows

from .builders import OPENED, a_store

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)
ADDRESSES = [f"user{number}@example.com" for number in range(5)]
SUPPRESSIONS = st.builds(
    Suppression,
    address=st.sampled_from(ADDRESSES),
    reason=st.sampled_from(["user_unknown", "manual"]),
    origin=st.sampled_from(["manual", "import"]),
    rule=st.just("x"),
    since=st.sampled_from([NOW - timedelta(days=each) for each in (0, 9, 400)]),
    until=st.sampled_from([None, NOW - timedelta(days=1), NOW + timedelta(days=9)]),
    event_id=st.none(),
    stream=st.sampled_from(["", "news"]),
    note=st.sampled_from(["", "so he said"]),
    batch=st.none(),
    lifted_until=st.none(),
)


def put(store: Store, some: list[Suppression]) -> None:
    with store.write() as writer:
        Changes(writer, NOW, "test").put(some)


def taken(store: Store, some: list[Suppression], at: datetime) -> str:
    """Take rows in; gives the batch."""
    batch = new_id(at)
    for _ in Intake(store, None, at, "test").write(
        (Listed("list", one) for one in some), batch, "list", ""
    ):
        pass
    return batch


def undone(store: Store, batch: str) -> tuple[int, int]:
    *_, last = Intake(store, None, NOW, "test").undo(batch, "wrong")
    return last


def state(store: Store) -> list[dict[str, object]]:
    key = [(str(row["address"]), str(row["stream"]), row) for row in rows(store.url, "suppression")]
    return [row for _, _, row in sorted(key, key=lambda each: each[:2])]


@given(
    st.lists(SUPPRESSIONS, max_size=5),
    st.lists(SUPPRESSIONS, max_size=8),
    st.lists(SUPPRESSIONS, max_size=8),
)
@settings(max_examples=25)
def test_undo_restores_what_was(
    before: list[Suppression], first: list[Suppression], second: list[Suppression]
) -> None:
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(intake, "BATCH", 3)
        store = a_store(Path(folder))
        put(store, before)
        started = state(store)
        one = taken(store, first, NOW)
        between = state(store)
        two = taken(store, second, NOW + timedelta(seconds=1))
        undone(store, two)
        assert state(store) == between
        undone(store, one)
        assert state(store) == started
        assert rows(store.url, "former_suppression") == []
        while OPENED:
            OPENED.pop().close()


@pytest.mark.usefixtures("placed")
@pytest.mark.parametrize("database", BOTH, indirect=True)
def test_imports_are_known_and_undone_on_either_database(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    standing = Suppression(ADDRESSES[0], "x", "manual", "x", NOW, until=NOW + timedelta(days=1))
    put(store, [standing])
    before = state(store)
    new = [Suppression(each, "manual", "import", "x", NOW) for each in ADDRESSES]
    found = Intake(store, None, NOW, "test").compare(Listed("list", one) for one in new)
    assert (found.rows, found.new, found.longer) == (5, 4, 1)
    batch = taken(store, new, NOW)
    (made,) = store.imports()
    assert (made.batch, made.file, made.rows) == (batch, "list", 5)
    assert undone(store, batch) == (5, 4)
    assert state(store) == before
    assert store.imports()[0].rows == 0
