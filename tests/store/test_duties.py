"""Of several daemons one has a duty; who lost it cannot write as if he had it."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime

import pytest

from dsnwatch.alerting import Alerting
from dsnwatch.config.alerts import AlertsSection
from dsnwatch.config.settings import Settings
from dsnwatch.errors import StoreLeaseError
from dsnwatch.keeping import Keeper
from dsnwatch.mailboxes import StorePositions
from dsnwatch.store import Store, open_store
from dsnwatch.store.changes import changes_at
from dsnwatch.store.duties import Duty
from dsnwatch.subscriptions import Subscription, Subscriptions
from tests.databases import asked, done
from tests.servers.postgresql import Server

from .builders import NOW, a_suppression, an_event, some_news

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


def test_of_two_daemons_one_sweeps_and_the_other_when_it_has_gone(url: str) -> None:
    sweeps: list[str] = []

    class Clock:
        """Says who looks at it: whoever sweeps does."""

        def __init__(self, name: str) -> None:
            self._name = name

        def __call__(self) -> datetime:
            sweeps.append(self._name)
            return NOW

    def a_keeper(store: Store, name: str) -> Keeper:
        duty = Duty(store.duties, "keeping")
        return Keeper(store, Settings(), clock=Clock(name), duty=duty)

    with a_daemon(url, "n2") as second:
        with a_daemon(url, "n1") as first:
            one = a_keeper(first, "n1")
            until(lambda: first.duties.token("keeping") is not None)
            two = a_keeper(second, "n2")
            for _ in range(3):
                one.look()
                two.look()
            assert sweeps == ["n1"] * 3
        until(lambda: second.duties.token("keeping") is not None)
        two.look()
        assert sweeps[3:] == ["n2"]


def test_sweep_is_left_to_the_other_when_the_duty_is_lost_on_the_way(url: str) -> None:
    with closing(open_store(url)) as first, closing(open_store(url)) as second:
        duty = Duty(first.duties, "keeping")
        keeper = Keeper(first, Settings(), clock=lambda: NOW, duty=duty)
        assert duty.take()
        duty.begin()
        assert duty.is_ours
        first.duties.close()
        assert second.duties.take("keeping") == 2
        assert not duty.is_ours
        keeper.look()
        assert asked(url, "SELECT count(*) FROM audit") == [(0,)]


def test_alert_is_raised_by_nobody_who_lost_the_duty(url: str) -> None:
    hour = int(NOW.timestamp()) // 3600
    wanted = Subscriptions([Subscription("ops")])
    with closing(open_store(url)) as first, closing(open_store(url)) as second:
        with first.write() as writer:
            writer.count_sent({(hour, "news", ""): 1000})
            writer.add_events([an_event(occurred_at=NOW) for _ in range(60)])
        mine, theirs = Duty(first.duties, "alerts"), Duty(second.duties, "alerts")
        assert mine.take()
        done(url, CUT)
        until(theirs.take)
        late = Alerting(first, AlertsSection(), wanted=wanted)
        with pytest.raises(StoreLeaseError, match="another daemon"):
            late.turn(NOW, mine)
        assert asked(url, "SELECT count(*) FROM outbox") == [(0,)]
        raised = Alerting(second, AlertsSection(), wanted=wanted).turn(NOW, theirs).raised
        assert len(raised) > 0
        assert asked(url, "SELECT count(*) FROM alert") == [(len(raised),)]
