"""What waits is told once it can be, in order, under the id it has, or kept for a person."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest

from dsnwatch import outbox
from dsnwatch.errors import HookError, HookGone
from dsnwatch.outbox import AGAIN_AFTER, FAILURES_TO_REST, REST, Worker
from dsnwatch.records import News
from dsnwatch.store import HookState, Store

from .builders import HOUR, MINUTE, SECOND, Clock, Remembers, down, put, put_many, some_news

EXACTLY = 0.5
"""The chance that makes no jitter."""


def a_worker(
    store: Store, clock: Clock, hook: Remembers, chance: Callable[[], float] = lambda: EXACTLY
) -> Worker:
    return Worker(store, "crm", hook, clock=clock, chance=chance)


def drain(worker: Worker) -> None:
    """Let a worker do all that is due."""
    while worker.turn():
        pass


def state(store: Store) -> HookState:
    with store.deliveries(readonly=True) as looked:
        return looked.state("crm")


def backlog(store: Store) -> tuple[int, int]:
    """Count what waits and what is dead."""
    with store.deliveries(readonly=True) as looked:
        found = looked.backlog("crm")
    return found.waiting, found.dead


def refused(wanted: str) -> Callable[[News], None]:
    """Make a receiver that is well and refuses one event."""

    def fails(news: News) -> None:
        if news.id == wanted:
            raise HookError("422 Unprocessable", answers=True)

    return fails


def test_what_waits_is_told_and_let_go_of(store: Store, clock: Clock) -> None:
    news, hook = put_many(store, 250), Remembers()
    drain(a_worker(store, clock, hook))
    assert sorted(hook.ids) == sorted(each.id for each in news)
    assert {(each.type, each.address, each.payload) for each in hook.told} == {
        (each.type, each.address, each.payload) for each in news
    }
    assert backlog(store) == (0, 0)
    assert state(store).delivered == 250


def test_events_of_one_address_are_told_in_order(store: Store, clock: Clock) -> None:
    hook = Remembers()
    news = [some_news() for _ in range(35)]
    for each in news:
        put(store, each)
    drain(a_worker(store, clock, hook))
    assert hook.ids == [each.id for each in news]


def test_what_comes_while_its_lane_is_told_is_told_too(store: Store, clock: Clock) -> None:
    hook = Remembers()
    first, second = some_news(), some_news()
    put(store, first)

    def another(news: News) -> None:
        if news.id == first.id:
            put(store, second)

    hook.fails = another
    drain(a_worker(store, clock, hook))
    assert hook.ids == [first.id, second.id]
    assert backlog(store) == (0, 0)


def test_an_older_id_that_comes_late_is_told_too(store: Store, clock: Clock) -> None:
    hook = Remembers()
    older, newer = some_news(), some_news()
    put(store, newer)

    def late(news: News) -> None:
        if news.id == newer.id:
            put(store, older)

    hook.fails = late
    drain(a_worker(store, clock, hook))
    assert hook.ids == [newer.id, older.id]


def test_a_failure_is_tried_again_after_longer_and_longer(store: Store, clock: Clock) -> None:
    hook, (news,) = Remembers(), put(store, some_news())
    hook.fails = refused(news.id)
    worker = a_worker(store, clock, hook)
    for number, wait in enumerate(AGAIN_AFTER, start=1):
        assert worker.turn()
        assert len(hook.deliveries) == number
        clock.move(wait - SECOND)
        assert not worker.turn()
        clock.move(SECOND)
    assert [delivery.attempt for delivery in hook.deliveries] == list(range(1, 9))
    assert {delivery.id for delivery in hook.deliveries} == {news.id}
    assert worker.turn()
    assert backlog(store) == (0, 1)
    clock.move(30 * 24 * HOUR)
    assert not worker.turn()


def test_the_waits_are_those_that_were_promised() -> None:
    assert [wait.total_seconds() for wait in AGAIN_AFTER] == [
        10, 60, 300, 1800, 7200, 21600, 43200, 86400
    ]  # fmt: skip


@pytest.mark.parametrize(("chance", "seconds"), [(0.0, 8), (0.5, 10), (1.0, 12)])
def test_the_waits_have_jitter(store: Store, clock: Clock, chance: float, seconds: int) -> None:
    hook, (news,) = Remembers(), put(store, some_news())
    hook.fails = refused(news.id)
    worker = a_worker(store, clock, hook, lambda: chance)
    worker.turn()
    clock.move(seconds * SECOND - timedelta(milliseconds=1))
    assert not worker.turn()
    clock.move(timedelta(milliseconds=1))
    assert worker.turn()


def test_what_stands_behind_a_failure_waits_and_other_addresses_do_not(
    store: Store, clock: Clock
) -> None:
    hook = Remembers()
    first, second = put(store, some_news("anne@example.org"), some_news("anne@example.org"))
    (other,) = put(store, some_news("bob@example.org"))
    hook.fails = refused(first.id)
    worker = a_worker(store, clock, hook)
    drain(worker)
    assert hook.ids == [other.id]
    hook.fails = lambda _: None
    drain(worker)
    assert hook.ids == [other.id]
    clock.move(10 * SECOND)
    drain(worker)
    assert hook.ids == [other.id, first.id, second.id]


def test_a_dead_letter_lets_those_behind_it_go(store: Store, clock: Clock) -> None:
    hook, (gone, behind) = Remembers(), put(store, some_news(), some_news())

    def fails(news: News) -> None:
        if news.id == gone.id:
            raise HookGone("410 Gone")

    hook.fails = fails
    drain(a_worker(store, clock, hook))
    assert hook.ids == [behind.id]
    with store.deliveries(readonly=True) as looked:
        (letter,) = looked.dead_letters("crm")
    assert (letter.news, letter.error, letter.attempts) == (gone, "410 Gone", 1)


def test_receiver_down_for_an_hour_loses_nothing_and_is_seldom_asked(
    store: Store, clock: Clock
) -> None:
    news, hook = put_many(store, 300), Remembers()
    hook.fails = down
    worker = a_worker(store, clock, hook)
    for _ in range(360):
        worker.turn()
        clock.move(10 * SECOND)
    assert len(hook.deliveries) < FAILURES_TO_REST + 3600 / 240 + len(REST) + 1
    hook.fails = lambda _: None
    for _ in range(100):
        worker.turn()
        clock.move(MINUTE)
    assert sorted(hook.ids) == sorted(each.id for each in news)
    assert backlog(store) == (0, 0)


def test_a_hook_at_rest_tries_a_single_lane(store: Store, clock: Clock) -> None:
    hook = Remembers()
    put_many(store, 20)
    hook.fails = down
    worker = a_worker(store, clock, hook)
    worker.turn()
    assert len(hook.deliveries) == FAILURES_TO_REST
    assert state(store).failures == FAILURES_TO_REST
    clock.move(REST[0])
    worker.turn()
    assert len(hook.deliveries) == FAILURES_TO_REST + 1
    clock.move(REST[1])
    hook.fails = lambda _: None
    worker.turn()
    assert state(store).failures == 0
    worker.turn()
    assert len(hook.told) == 20


def test_one_event_that_is_refused_does_not_make_the_hook_rest(store: Store, clock: Clock) -> None:
    hook = Remembers()
    news = put_many(store, 20)
    refuse = {each.id for each in news[:10]}

    def fails(told: News) -> None:
        if told.id in refuse:
            raise HookError("400 Bad Request", answers=True)

    hook.fails = fails
    drain(a_worker(store, clock, hook))
    assert len(hook.told) == 10


def test_asked_to_come_later_the_whole_hook_does(store: Store, clock: Clock) -> None:
    hook = Remembers()
    put_many(store, 5)

    def busy(_: News) -> None:
        raise HookError("429 Too Many Requests", after_seconds=600)

    hook.fails = busy
    worker = a_worker(store, clock, hook)
    worker.turn()
    assert len(hook.deliveries) == 1
    hook.fails = lambda _: None
    clock.move(10 * MINUTE - SECOND)
    assert not worker.turn()
    clock.move(SECOND)
    drain(worker)
    assert len(hook.told) == 5


def test_paused_it_waits_and_nothing_is_lost(store: Store, clock: Clock) -> None:
    hook = Remembers()
    put_many(store, 3)
    with store.deliveries() as deliveries:
        deliveries.pause("crm", paused=True)
    worker = a_worker(store, clock, hook)
    assert not worker.turn()
    with store.deliveries() as deliveries:
        deliveries.pause("crm", paused=False)
    drain(worker)
    assert len(hook.told) == 3


def test_going_on_ends_the_rest(store: Store, clock: Clock) -> None:
    hook = Remembers()
    put_many(store, 20)
    hook.fails = down
    worker = a_worker(store, clock, hook)
    worker.turn()
    hook.fails = lambda _: None
    assert not worker.turn()
    with store.deliveries() as deliveries:
        deliveries.pause("crm", paused=False)
    assert worker.turn()


def test_lists_go_out_together(store: Store, clock: Clock) -> None:
    hook = Remembers(batch=50)
    put_many(store, 120)
    drain(a_worker(store, clock, hook))
    assert [len(delivery.news) for delivery in hook.deliveries] == [50, 50, 20]


def test_a_list_that_is_refused_is_taken_apart(store: Store, clock: Clock) -> None:
    hook = Remembers(batch=50)
    news = put_many(store, 20)
    hook.fails = refused(news[7].id)
    worker = a_worker(store, clock, hook)
    drain(worker)
    assert hook.told == []
    clock.move(10 * SECOND)
    drain(worker)
    assert sorted(hook.ids) == sorted(each.id for each in news if each is not news[7])
    assert [len(delivery.news) for delivery in hook.deliveries] == [20] + [1] * 20


def test_a_list_keeps_the_order_of_each_address(store: Store, clock: Clock) -> None:
    hook = Remembers(batch=7)
    news = put(store, *(some_news(f"{number % 3}@example.org") for number in range(60)))
    drain(a_worker(store, clock, hook))
    for address in ("0@example.org", "1@example.org", "2@example.org"):
        told = [each.id for each in hook.told if each.address == address]
        assert told == [each.id for each in news if each.address == address]


def test_two_workers_share_an_outbox_and_tell_each_event_once(store: Store, clock: Clock) -> None:
    put_many(store, 300)
    hooks = [Remembers(), Remembers()]
    workers = [a_worker(store, clock, hook) for hook in hooks]
    with_the_first = hooks[0]

    def meanwhile(_: News) -> None:
        if len(with_the_first.deliveries) == 1:
            workers[1].turn()

    with_the_first.fails = meanwhile
    drain(workers[0])
    assert all(hook.told for hook in hooks)
    ids = hooks[0].ids + hooks[1].ids
    assert len(ids) == len(set(ids)) == 300


def test_nobody_else_tells_an_address_while_its_lane_is_leased(store: Store, clock: Clock) -> None:
    first, second = put(store, some_news(), some_news())
    hooks = [Remembers(), Remembers()]
    workers = [a_worker(store, clock, hook) for hook in hooks]

    def meanwhile(news: News) -> None:
        if news.id == first.id:
            assert not workers[1].turn()

    hooks[0].fails = meanwhile
    drain(workers[0])
    assert hooks[0].ids == [first.id, second.id]


def test_a_worker_that_died_leaves_its_lanes_to_the_next(store: Store, clock: Clock) -> None:
    (news,) = put(store, some_news())
    alive = Remembers()
    with store.deliveries() as taken:
        taken.lease("crm", clock(), clock() + MINUTE, "of one that dies", 100)
    worker = a_worker(store, clock, alive)
    assert not worker.turn()
    clock.move(MINUTE)
    drain(worker)
    assert alive.ids == [news.id]


def test_told_after_its_lease_ran_out_it_is_told_and_the_lane_is_the_others(
    store: Store, clock: Clock
) -> None:
    first, second = put(store, some_news(), some_news())
    slow, other = Remembers(), Remembers()

    def too_slow(news: News) -> None:
        if news.id == first.id:
            clock.move(HOUR)
            a_worker(store, clock, other).turn()

    slow.fails = too_slow
    drain(a_worker(store, clock, slow))
    assert other.ids == [first.id, second.id]
    assert slow.ids[0] == first.id
    assert backlog(store) == (0, 0)


def test_a_hook_with_a_mistake_in_it_stops_none_behind(store: Store, clock: Clock) -> None:
    hook, (poison, other) = Remembers(), put(store, some_news("a@x.test"), some_news("b@x.test"))

    def broken(news: News) -> None:
        if news.id == poison.id:
            raise KeyError("recipient")

    hook.fails = broken
    drain(a_worker(store, clock, hook))
    assert hook.ids == [other.id]
    assert backlog(store) == (1, 0)


def test_collected_for_a_while_it_goes_out_together(store: Store, clock: Clock) -> None:
    hook = Remembers(batch=100)
    hook.every = HOUR
    worker = a_worker(store, clock, hook)
    put_many(store, 1)
    drain(worker)
    for _ in range(6):
        put_many(store, 2)
        clock.move(10 * MINUTE)
        drain(worker)
    assert [len(delivery.news) for delivery in hook.deliveries] == [1, 12]


def test_dead_letters_are_not_kept_for_ever(store: Store, clock: Clock) -> None:
    hook, _ = Remembers(), put(store, some_news())

    def gone(_: News) -> None:
        raise HookGone("410 Gone")

    hook.fails = gone
    drain(a_worker(store, clock, hook))
    with store.deliveries() as deliveries:
        assert deliveries.sweep(clock()) == 0
        assert deliveries.sweep(clock() + SECOND) == 1


def test_it_runs_until_it_is_stopped(store: Store) -> None:
    hook, told = Remembers(), threading.Event()
    hook.fails = lambda _: told.set()
    worker = Worker(store, "crm", hook)
    thread = threading.Thread(target=worker.run)
    thread.start()
    put(store, some_news())
    worker.wake()
    assert told.wait(10)
    worker.stop()
    thread.join(10)
    assert not thread.is_alive()
    assert hook.closed


def test_at_rest_it_looks_often_enough_without_being_woken() -> None:
    assert timedelta(seconds=1) > outbox.LOOK_EVERY
