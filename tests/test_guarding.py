"""What several daemons on one store see of a trouble of the sender's own, they count together."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from threading import Barrier

import pytest

from dsnwatch.ingest import Ingest
from dsnwatch.model import Action, BounceReport, Kind, OriginalMessage, RawMessage, RecipientStatus
from dsnwatch.policy import Policy
from dsnwatch.reading.reader import built_in
from dsnwatch.store import Store, open_store
from dsnwatch.subscriptions import Subscription, Subscriptions
from tests.databases import asked
from tests.servers.postgresql import Server

TODAY = datetime(2026, 3, 31, 12, tzinfo=UTC)
BLOCKED = "550 5.1.1 User unknown (see our spam page)"
DEAD = "550 5.1.1 User unknown"
TOLD = Subscriptions([Subscription("hook", frozenset({"alert.raised"}))])


class Daemon:
    """One of several on a store: takes reports in, and remembers what it saw itself."""

    def __init__(self, store: Store) -> None:
        self._ingest = Ingest(store, built_in(), Policy.preset("default"), lambda: TODAY, TOLD)

    def takes_in(self, first: int, count: int, said: str = BLOCKED) -> int:
        """Take in as many; gives how many suppressed."""
        batch = [
            (
                RawMessage(f"{first + n}".encode(), f"smtp#{n}", "smtp", TODAY, vouched=True),
                built_in().judge(a_report(first + n, said)),
            )
            for n in range(count)
        ]
        return sum(len(receipt.suppressed) for receipt in self._ingest.commit(batch))


def a_report(number: int, said: str) -> BounceReport:
    address = f"user{number}@example.org"
    told = RecipientStatus(
        recipient=address,
        action=Action.FAILED,
        final_recipient=address,
        diagnostic=said,
        remote_mta="mx.example.org",
    )
    original = OriginalMessage(message_id=f"{number}@example.com", from_="news@example.com")
    return BounceReport(Kind.BOUNCE, recipients=(told,), original=original)


@pytest.fixture
def daemons(database: str) -> Iterator[list[Daemon]]:
    """Give four daemons, each with a connection of its own."""
    stores = [open_store(database, node=f"n{number}") for number in range(4)]
    yield [Daemon(store) for store in stores]
    for store in stores:
        store.close()


def held(url: str) -> list[tuple[object, ...]]:
    return asked(url, "SELECT kind, count(*) FROM hold JOIN held ON hold_id = hold.id GROUP BY 1")


def test_flood_split_over_four_daemons_passes_no_more_than_one_would(
    database: str, daemons: list[Daemon]
) -> None:
    suppressed = sum(
        daemons[turn % 4].takes_in(5 * turn, 5) for turn in range(8)
    )  # ten at each: one daemon alone would have let nine of them through
    assert suppressed == 9
    assert held(database) == [("sender", 31)]
    assert asked(database, "SELECT count(*) FROM outbox") == [(1,)], "one alert"


@pytest.mark.server
def test_hold_that_four_daemons_open_at_once_is_one_with_one_alert(postgresql: Server) -> None:
    url = postgresql.a_store()
    with ExitStack() as opened:
        stores = [
            opened.enter_context(closing(open_store(url, node=f"n{number}"))) for number in range(4)
        ]
        daemons, together = [Daemon(store) for store in stores], Barrier(4)

        def work(number: int) -> int:
            together.wait(30)
            return daemons[number].takes_in(100 * number, 15)

        with ThreadPoolExecutor(4) as pool:
            suppressed = sum(pool.map(work, range(4)))
    assert asked(url, "SELECT count(*) FROM hold") == [(1,)]
    assert asked(url, "SELECT count(*) FROM outbox") == [(1,)]
    assert asked(url, "SELECT count(*) FROM held") == [(60 - suppressed,)]
    assert 9 <= suppressed <= 4 * 9


def test_few_among_many_are_not_held_whoever_took_the_many_in(
    database: str, daemons: list[Daemon]
) -> None:
    for number, daemon in enumerate(daemons):
        daemon.takes_in(100 * number, 16, DEAD)
    for number, daemon in enumerate(daemons):
        assert daemon.takes_in(100 * number + 50, 3) == 3, "12 of 76"
    assert held(database) == []


def test_what_nobody_said_of_the_sender_is_not_written_down(
    database: str, daemons: list[Daemon]
) -> None:
    for number, daemon in enumerate(daemons):
        daemon.takes_in(10 * number, 10, DEAD)
    assert asked(database, "SELECT count(*) FROM guard_hour") == [(0,)]


def test_what_was_counted_before_is_told_when_somebody_first_speaks_of_the_sender(
    database: str, daemons: list[Daemon]
) -> None:
    daemons[0].takes_in(0, 10, DEAD)
    daemons[0].takes_in(10, 2)
    daemons[0].takes_in(12, 5, DEAD)
    counts = asked(database, "SELECT reports FROM guard_hour ORDER BY reports DESC LIMIT 2")
    assert counts == [(17,), (2,)]


def test_counts_outlive_a_restart_and_are_forgotten_after_two_days(database: str) -> None:
    with closing(open_store(database)) as store:
        assert Daemon(store).takes_in(0, 9) == 9
        assert Daemon(store).takes_in(20, 3) == 0
        hour = int(TODAY.timestamp()) // 3600
        with store.write() as writer:
            writer.count_guard_hours({("claimed", hour): 1})
            writer.sweep_guard_hours(hour + 1, "sender")
        assert asked(database, "SELECT name FROM guard_hour") == [("claimed",)]
        assert Daemon(store).takes_in(30, 3) == 3
