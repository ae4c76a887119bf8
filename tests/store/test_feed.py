"""Who follows events is given each of them once, however late it is committed."""

import random
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from itertools import chain
from pathlib import Path

import pytest

from dsnwatch.config.settings import Settings
from dsnwatch.errors import StoreBusyError, StoreError
from dsnwatch.keeping import Sweep
from dsnwatch.records import StoredEvent
from dsnwatch.store import EventFilter, Place, Store, Writer, feed, open_store
from tests.databases import asked, done
from tests.servers.postgresql import Server

from .builders import NOW, an_event

PATIENT = timedelta(seconds=30)


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    with closing(open_store(database, node="n1", busy=timedelta(milliseconds=200))) as opened:
        yield opened


def put(store: Store, *events: StoredEvent) -> None:
    with store.write(beside=True) as writer:
        writer.add_events(events)


def ids(events: tuple[StoredEvent, ...]) -> list[str]:
    return [each.id for each in events]


class Follower:
    """Follows all events from now on."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._place = store.feed_end()

    def look(self, limit: int = 100) -> list[str]:
        found = self._store.follow(self._place, limit=limit)
        self._place = found.place
        return ids(found.events)


@contextmanager
def an_open_transaction(url: str, *events: StoredEvent) -> Iterator[Writer]:
    """Have another daemon that has stored events, and has not committed yet."""
    with closing(open_store(url, node="n2")) as other, other.write(beside=True) as writer:
        writer.add_events(events)
        yield writer


def test_each_event_comes_once_in_the_order_of_its_transactions(store: Store) -> None:
    put(store, an_event())
    follower = Follower(store)
    late, early = an_event(), an_event()
    assert follower.look() == []
    put(store, early)
    put(store, late)
    assert follower.look() == [early.id, late.id]
    assert follower.look() == []


def test_limit_may_fall_within_a_transaction(store: Store) -> None:
    follower = Follower(store)
    events = [an_event() for _ in range(7)]
    put(store, *events[:5])
    put(store, *events[5:])
    found = [follower.look(limit=2) for _ in range(5)]
    assert [len(some) for some in found] == [2, 2, 2, 1, 0]
    assert [*chain(*found)] == [each.id for each in events]


def test_filter_rules_out_and_the_place_moves_on(store: Store) -> None:
    begin = store.feed_end()
    put(store, *(an_event(f"{number}@x.test") for number in range(20)))
    wanted = EventFilter(address="7@x.test")
    found = store.follow(begin, wanted)
    assert [each.event.attribution.recipient for each in found.events] == ["7@x.test"]
    assert found.place == store.feed_end()
    assert not found.more


def test_looking_stops_after_so_many_and_goes_on(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "AT_ONCE", 3)
    monkeypatch.setattr(feed, "LOOKED_AT", 6)
    monkeypatch.setattr(feed, "ROWS", 2)
    place = store.feed_end()
    events = [an_event("last@x.test" if number == 9 else "a@x.test") for number in range(10)]
    for each in events:
        put(store, each)
    found = store.follow(place, EventFilter(address="last@x.test"))
    assert (found.events, found.more) == ((), True)
    found = store.follow(found.place, EventFilter(address="last@x.test"))
    assert (ids(found.events), found.more) == ([events[9].id], False)


def test_events_of_a_transaction_that_failed_do_not_come(store: Store) -> None:
    follower = Follower(store)
    with pytest.raises(RuntimeError), store.write() as writer:  # noqa: PT012
        writer.add_events([an_event()])
        writer.finish()
        raise RuntimeError("no")
    kept = an_event()
    put(store, kept)
    assert follower.look() == [kept.id]


def test_numbers_are_given_once_also_after_a_sweep(store: Store) -> None:
    begin = store.feed_end()
    put(store, an_event())
    put(store, an_event())
    end = store.feed_end()
    # Ids never go back: a test before this one may have stored later than NOW.
    assert Sweep(store, Settings(), "cli:anne").events(NOW + timedelta(days=999)) == 2
    assert asked(store.url, "SELECT count(*) FROM feed") == [(1,)]
    assert store.feed_end() == end
    assert store.follow(begin).events == ()
    kept = an_event()
    put(store, kept)
    assert ids(store.follow(begin).events) == [kept.id]
    assert ids(store.follow(end).events) == [kept.id]


def test_older_store_is_followed_from_now_on(store: Store) -> None:
    old, new = an_event(), an_event()
    put(store, old)
    done(store.url, "DELETE FROM feed")  # as a store was before there was such a table
    assert store.feed_end() == Place(1)
    follower = Follower(store)
    put(store, new)
    assert follower.look() == [new.id]


@pytest.mark.server
def test_event_that_is_committed_late_comes_once(postgresql: Server) -> None:
    url = postgresql.a_store()
    with closing(open_store(url, node="n1")) as store:
        follower = Follower(store)
        early, late = an_event(), an_event()
        with an_open_transaction(url, early):
            put(store, late)
            assert follower.look() == [late.id]
            assert follower.look() == []
        assert follower.look() == [early.id]
        assert early.id < late.id, "whoever goes by ids would have passed over it"
        assert follower.look() == []


@pytest.mark.server
def test_transaction_that_hangs_at_its_end_holds_others_till_the_server_ends_it(
    postgresql: Server,
) -> None:
    url = postgresql.a_store()
    mine, hung = an_event(), an_event()
    soon = timedelta(milliseconds=200)
    with closing(open_store(url, node="n1", busy=soon)) as store:
        follower = Follower(store)
        with (  # noqa: PT012  it is the end of the outer block that raises
            pytest.raises(StoreError, match="does not answer"),
            an_open_transaction(url, hung) as it,
        ):
            it.finish()
            with pytest.raises(StoreBusyError):
                put(store, mine)
            done(
                url,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
                "datname = current_database() AND state = 'idle in transaction'",
            )
        put(store, mine)
        assert follower.look() == [mine.id]


def test_many_daemons_at_once_and_nothing_is_missed(database: str) -> None:
    """On a server their transactions overlap; in a file one waits for the other."""
    wanted: set[str] = set()
    over = threading.Event()

    def work(seed: int) -> None:
        chance = random.Random(seed)  # noqa: S311  no secret
        with closing(open_store(database, node=f"n{seed}", busy=PATIENT)) as store:
            for _ in range(12):
                events = [an_event() for _ in range(3)]
                wanted.update(each.id for each in events)
                with store.write(beside=True) as writer:
                    writer.add_events(events)
                    over.wait(chance.random() / 100)

    workers = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    with closing(open_store(database, busy=PATIENT)) as store:
        follower, found = Follower(store), []
        for each in workers:
            each.start()
        while any(each.is_alive() for each in workers):
            found += follower.look(limit=5)
        for each in workers:
            each.join()
        while some := follower.look():
            found += some
    assert len(found) == len(wanted) == 4 * 12 * 3
    assert {*found} == wanted


def test_store_that_was_copied_goes_on_counting(store: Store, tmp_path: Path) -> None:
    from dsnwatch.store import copying  # noqa: PLC0415  only here

    put(store, an_event())
    end = store.feed_end()
    with closing(open_store(str(tmp_path / "copy.db"))) as copy:
        list(copying.copy(store, copy))
        copying.finish(copy)
        assert copy.feed_end() == end
        put(copy, kept := an_event())
        assert ids(copy.follow(end).events) == [kept.id]
