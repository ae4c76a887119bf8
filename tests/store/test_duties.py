"""Of several daemons one has a duty; who lost it cannot write as if he had it."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest

from dsnwatch.errors import StoreLeaseError
from dsnwatch.store import Store, open_store
from dsnwatch.store.changes import changes_at
from dsnwatch.store.duties import Duty
from dsnwatch.watch import StorePositions
from tests.databases import asked, done
from tests.servers.postgresql import Server

from .builders import NOW, a_suppression, some_news

pytestmark = pytest.mark.server
CUT = (
    "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


def until(reached: Callable[[], bool]) -> None:
    """Wait for something that happens in another thread."""
    deadline = time.monotonic() + 30
    while not reached():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.01)


@contextmanager
def a_daemon(url: str, node: str) -> Iterator[Store]:
    """Open a store, with the thread that looks after its duties."""
    with closing(open_store(url, node=node)) as store:
        thread = threading.Thread(target=store.duties.run)
        thread.start()
        try:
            yield store
        finally:
            store.duties.stop()
            thread.join()


@pytest.fixture
def url(postgresql: Server) -> Iterator[str]:
    made = postgresql.a_store()
    yield made
    postgresql.drop(made.rpartition("/")[2])


def test_one_of_two_has_a_duty_and_the_other_takes_over_when_it_ends(url: str) -> None:
    with a_daemon(url, "n2") as second:
        with a_daemon(url, "n1") as first:
            first.duties.want("mailbox a")
            until(lambda: first.duties.token("mailbox a") is not None)
            second.duties.want("mailbox a")
            second.duties.want("mailbox b")
            until(lambda: second.duties.token("mailbox b") is not None)
            assert second.duties.token("mailbox a") is None
            before = first.duties.token("mailbox a")
        until(lambda: second.duties.token("mailbox a") is not None)
        assert (before, second.duties.token("mailbox a")) == (1, 2)
        assert asked(url, "SELECT name, node FROM lease ORDER BY name") == [
            ("mailbox a", "n2"),
            ("mailbox b", "n2"),
        ]


def test_duty_that_is_given_back_goes_to_the_other(url: str) -> None:
    with a_daemon(url, "n1") as first, a_daemon(url, "n2") as second:
        duty = Duty(first.duties, "alerts")
        until(lambda: first.duties.token("alerts") is not None)
        second.duties.want("alerts")
        duty.end()
        until(lambda: second.duties.token("alerts") is not None)
        assert first.duties.token("alerts") is None


def test_who_lost_a_duty_cannot_write_as_if_he_had_it(url: str) -> None:
    with closing(open_store(url)) as first, closing(open_store(url)) as second:
        mine = Duty(first.duties, "mailbox a")
        assert mine.take()
        positions = StorePositions(first, mine)
        positions.put("imap/a/INBOX", "1 7")
        assert second.duties.take("mailbox a") is None
        done(url, CUT)
        until(lambda: second.duties.take("mailbox a") == 2)
        with pytest.raises(StoreLeaseError, match="another daemon"):
            positions.put("imap/a/INBOX", "1 3")
        assert positions.get("imap/a/INBOX") == "1 7"


def test_duty_is_begun_anew_after_its_connection_was_cut(url: str) -> None:
    with a_daemon(url, "n1") as store:
        duty = Duty(store.duties, "mailbox a")
        until(lambda: store.duties.token("mailbox a") == 1)
        assert not duty.begin(), "it was not ours before"
        assert duty.begin()
        done(url, CUT)
        until(lambda: store.duties.token("mailbox a") == 2)
        assert not duty.begin(), "another one may have had it meanwhile"
        assert duty.token == 2


def test_news_wake_whoever_heeds_wherever_they_were_written(url: str) -> None:
    woken = threading.Event()
    with a_daemon(url, "n1") as first, closing(open_store(url)) as second:
        until(lambda: first.duties.wakes)
        first.duties.heed(woken.set)
        with second.write() as writer:
            writer.put_suppressions([a_suppression()])
        assert not woken.wait(0.1)
        with second.write() as writer:
            writer.add_news([some_news()], NOW)
        assert woken.wait(30)


def test_change_to_the_list_is_seen_and_nothing_else(url: str) -> None:
    with closing(open_store(url)) as store, closing(changes_at(url)) as changes:
        seen = changes.seen()
        with store.write() as writer:
            writer.add_news([some_news()], NOW)
        assert changes.seen() == seen
        with store.write() as writer:
            writer.put_suppressions([a_suppression()])
        until(lambda: changes.seen() != seen)
        seen = changes.seen()
        with store.write() as writer:
            writer.remove_suppressions([("anne@example.org", "")])
        until(lambda: changes.seen() != seen)


def test_change_that_was_told_while_nobody_could_hear_is_not_missed(url: str) -> None:
    with closing(open_store(url)) as store, closing(changes_at(url)) as changes:
        seen = changes.seen()
        done(
            url,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        with store.write() as writer:
            writer.put_suppressions([a_suppression()])

        def noticed() -> bool:
            try:
                return changes.seen() != seen
            except Exception:  # noqa: BLE001  the first look finds the connection cut
                return False

        until(noticed)
