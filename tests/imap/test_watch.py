"""How the watcher goes about it: what it counts, and when it comes again."""

import json
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from dsnwatch import watch
from dsnwatch.errors import StoreFullError, UnavailableError
from dsnwatch.metrics import MailboxCollector, MailboxFigures
from dsnwatch.model import Kind, RawMessage
from dsnwatch.records import Receipt, ReceiptState
from dsnwatch.service.daemon import status
from dsnwatch.sources.imap import ImapSource
from dsnwatch.sources.imap_login import Password
from dsnwatch.sources.imap_trouble import MailboxError, Trouble
from dsnwatch.watch import STAY_AWAY, Pulse, Submit, Watcher
from tests.imap.builders import Memory, a_receipt, a_section_at, numbered
from tests.servers.scripted import Line, Scripted

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Sleepless(ImapSource):
    """A mailbox at which nobody sleeps: how long it would have been is written down.

    Attributes:
        slept: Seconds, each time the watcher stays away.
        rounds: So many times it stays away or waits before it is stopped.
    """

    watcher: Watcher
    rounds = 1

    def __init__(self, server: Scripted) -> None:
        super().__init__(a_section_at(server.port), Password("anne", lambda: "secret"), Memory())
        self.slept: list[int] = []

    def sleep(self, until: float) -> None:
        self.slept.append(round(until - time.monotonic()))
        self.wait(until)

    def wait(self, until: float) -> None:  # noqa: ARG002  nobody waits either
        self.rounds -= 1
        if self.rounds <= 0:
            self.watcher.stop()


Answer = Callable[[RawMessage], Receipt] | Exception


class Answering:
    """An inbox that answers what it is told to; then that all is stored."""

    def __init__(self, answers: list[Answer]) -> None:
        self.answers = answers
        self.taken: list[RawMessage] = []

    def __call__(self, raw: RawMessage, timeout_seconds: float) -> "Future[Receipt]":  # noqa: ARG002  Inbox.submit's
        self.taken.append(raw)
        future: Future[Receipt] = Future()
        answer = self.answers.pop(0) if self.answers else a_receipt
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer(raw))
        return future


def answering(*answers: Answer) -> Answering:
    return Answering(list(answers))


def a_watcher(
    server: Scripted, inbox: Submit | None = None, *, rounds: int = 1, chance: float = 0.5
) -> tuple[Watcher, Sleepless]:
    source = Sleepless(server)
    source.rounds = rounds
    source.watcher = Watcher(
        "m",
        source,
        inbox or answering(),
        poll_every=timedelta(minutes=15),
        pulse=Pulse(),
        clock=lambda: NOW,
        chance=lambda: chance,
    )
    return source.watcher, source


def holding(count: int = 0) -> Scripted:
    return Scripted(messages=dict(enumerate(numbered(count), start=1)))


def pauses(said: bytes, count: int, chance: float = 0.5) -> list[int]:
    """How many seconds are paused where the server answers each login so."""
    with holding() as server:
        server.instead["AUTHENTICATE"] = said
        watcher, source = a_watcher(server, rounds=count, chance=chance)
        watcher.run()
    return source.slept


def test_refused_login_is_tried_ever_more_rarely_up_to_a_quarter_of_an_hour() -> None:
    found = pauses(b"%s NO [AUTHENTICATIONFAILED] no\r\n", 9)
    assert found == [30, 60, 120, 240, 480, 900, 900, 900, 900]


def test_lost_connection_is_made_again_at_once_at_first() -> None:
    assert pauses(b"", 11) == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


def test_server_that_says_how_long_to_stay_away_is_obeyed() -> None:
    said = b"%s BAD Request is throttled. Suggested Backoff Time: 92405 milliseconds\r\n"
    assert pauses(said, 3) == [92, 92, 92]


def test_attempts_are_spread() -> None:
    said = b"%s NO [AUTHENTICATIONFAILED] no\r\n"
    assert pauses(said, 2, 0.1) + pauses(said, 2, 0.9) == [24, 48, 36, 72]


def test_success_starts_the_pauses_anew() -> None:
    def well(line: Line) -> bytes:
        return server.selected(line) + b"%s OK done\r\n"

    with holding() as server:
        lost = b""
        server.instead["SELECT"] = [lost, lost, well, lost]
        watcher, source = a_watcher(server, rounds=5)
        watcher.run()
    assert source.slept == [1, 2, 1]
    assert watcher.figures.failures == 3
    assert not watcher.figures.failing


@pytest.mark.parametrize("kind", [None, *Trouble])
def test_every_pause_grows_and_ends(kind: Trouble | None) -> None:
    first, last = STAY_AWAY.get(kind, STAY_AWAY[None])
    assert timedelta() < first < last <= timedelta(minutes=15)


def test_mistake_of_ours_does_not_end_the_watch(caplog: pytest.LogCaptureFixture) -> None:
    inbox = answering(ZeroDivisionError("oops"))
    with holding(2) as server:
        watcher, _ = a_watcher(server, inbox, rounds=2)
        watcher.run()
        assert server.moved.keys() == {1, 2}
    assert len(inbox.taken) == 3
    assert "a mistake of ours: ZeroDivisionError('oops'); please report it" in caplog.text


def test_figures_tell_what_came() -> None:
    inbox = answering(
        a_receipt,
        lambda raw: a_receipt(raw)._replace(state=ReceiptState.DUPLICATE),
        lambda raw: a_receipt(raw)._replace(state=ReceiptState.QUARANTINED, kind=Kind.OTHER),
        lambda raw: a_receipt(raw, Kind.OTHER),
    )
    with holding(4) as server:
        watcher, _ = a_watcher(server, inbox)
        watcher.run()
    found = watcher.figures
    assert (found.seen, found.stored, found.duplicates, found.unread) == (4, 3, 1, 2)
    assert found.last_message_at == NOW
    assert (found.connects, found.failures, found.failing) == (1, 0, False)


@pytest.mark.parametrize("together", [1, 500])
def test_message_that_was_not_stored_is_not_let_go_and_the_others_are(
    monkeypatch: pytest.MonkeyPatch, together: int
) -> None:
    monkeypatch.setattr(watch, "SET", together)
    with holding(3) as server:
        watcher, _ = a_watcher(server, answering(a_receipt, StoreFullError("full"), a_receipt))
        with pytest.raises(StoreFullError):
            watcher.sweep()
        assert server.moved.keys() == {1, 3}
        assert watcher.figures.stored == 2
        assert watcher.sweep() == 1
        assert server.moved.keys() == {1, 2, 3}
        watcher.close()


def test_full_inbox_is_waited_for() -> None:
    refusals = [UnavailableError("full")] * 3
    inbox = answering()

    def submit(raw: RawMessage, timeout_seconds: float) -> "Future[Receipt]":
        if refusals:
            raise refusals.pop()
        return inbox(raw, timeout_seconds)

    with holding(2) as server:
        watcher, _ = a_watcher(server, submit)
        assert watcher.sweep() == 2
        assert server.moved.keys() == {1, 2}
        watcher.close()


def test_refused_letting_go_does_not_end_the_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "SET", 1)
    with holding(5) as server:
        server.instead["UID MOVE"] = b"%s NO [OVERQUOTA] full\r\n"
        inbox = answering()
        watcher, _ = a_watcher(server, inbox)
        with pytest.raises(MailboxError, match="full"):
            watcher.sweep()
        assert len(inbox.taken) == 5
        watcher.close()


def test_lag_counts_from_when_nothing_was_waiting() -> None:
    later = NOW + timedelta(minutes=5)
    fresh = MailboxFigures("m", started_at=NOW)
    assert fresh.lag(later) == timedelta(minutes=5)
    current = replace(fresh, waits=False, current_at=NOW + timedelta(minutes=1))
    assert current.lag(later) == timedelta()
    assert replace(current, waits=True).lag(later) == timedelta(minutes=4)


def test_figures_are_read_back_as_they_were_written() -> None:
    figures = MailboxFigures("m", True, 1, 2, 3, 4, 5, 6, 7, True, "oh", NOW, NOW, NOW, True, NOW)  # noqa: FBT003  all of them
    assert MailboxFigures.from_json(figures.to_json()) == figures
    newer = json.loads(figures.to_json()) | {"of_tomorrow": 1}
    assert MailboxFigures.from_json(json.dumps(newer)) == figures


def test_prometheus_gets_every_figure_by_mailbox() -> None:
    figures = MailboxFigures("m", connected=True, seen=9, stored=5, started_at=NOW, failures=2)
    registry = CollectorRegistry()
    registry.register(MailboxCollector(lambda: [figures], lambda: NOW + timedelta(seconds=7)))
    found = generate_latest(registry).decode()
    for line in (
        'dsnwatch_mailbox_seen_total{mailbox="m"} 9.0',
        'dsnwatch_mailbox_stored_total{mailbox="m"} 5.0',
        'dsnwatch_mailbox_duplicates_total{mailbox="m"} 0.0',
        'dsnwatch_mailbox_unread_total{mailbox="m"} 0.0',
        'dsnwatch_mailbox_failures_total{mailbox="m"} 2.0',
        'dsnwatch_mailbox_connects_total{mailbox="m"} 0.0',
        'dsnwatch_mailbox_lag_seconds{mailbox="m"} 7.0',
        'dsnwatch_mailbox_connected{mailbox="m"} 1.0',
        'dsnwatch_mailbox_left_behind{mailbox="m"} 0.0',
    ):
        assert line in found


def test_status_names_what_fails() -> None:
    well = MailboxFigures("a", connected=True, stored=3, waits=False, last_message_at=NOW)
    ill = replace(well, name="b", connected=False, failing=True, last_error="mailbox 'b': no")
    said = status([well, ill], NOW)
    assert said == (
        "1 of 2 mailboxes connected; lag 0 s; 6 stored; last message 2026-03-01 12:00:00Z; "
        "mailbox 'b': no"
    )
    assert status([], NOW, ["listener 1", "alerts"]) == "listener 1, alerts"
