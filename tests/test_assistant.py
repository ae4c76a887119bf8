"""The process that helps reading: what it reads counts once, and nothing is lost when it goes."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dsnwatch import assistant
from dsnwatch.assistant import Assistance, Assistant, Recipe
from dsnwatch.inbox import Inbox
from dsnwatch.ingest import Ingest
from dsnwatch.model import RawMessage, Reading
from dsnwatch.policy import Policy
from dsnwatch.store import Store
from tests.imap.builders import a_bounce, a_store

if TYPE_CHECKING:
    from concurrent.futures import Future

    from dsnwatch.records import Receipt

OURS = """
[[cause]]
id = "ours"
reason = "{reason}"
phrases = ["user unknown"]
source = "a test"
examples = ["550 User unknown"]
"""


@pytest.fixture(autouse=True)
def _eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have help with a few messages already, on whatever machine."""
    monkeypatch.setattr(assistant, "MUCH", 4)
    monkeypatch.setattr(assistant, "MANY", 2)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """A folder for rules of the user's own."""
    folder = tmp_path / "rules.d"
    folder.mkdir()
    return folder


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = a_store(tmp_path)
    yield opened
    opened.close()


def until(condition: Callable[[], object]) -> None:
    """Wait for something to become so, however loaded the machine is."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def lives(pid: int) -> bool:
    """Whether there is such a process, and it has not ended."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


class Counting:
    """A reader that counts what it reads itself."""

    def __init__(self, recipe: Recipe) -> None:
        self.reader = recipe.reader()
        self.read_here = 0

    def read(self, data: bytes) -> Reading:
        self.read_here += 1
        return self.reader.read(data)


class Desk:
    """An inbox whose other process is there already; `with desk:` commits what is left there."""

    def __init__(self, store: Store, rules: Path) -> None:
        self.store = store
        self.rules = rules
        self.recipe = Recipe.of(rules, ())
        self.reader = Counting(self.recipe)
        self.ingest = Ingest(store, self.reader, Policy.preset("default"))
        self.inbox = Inbox(self.ingest, group=20, recipe=self.recipe)
        self.thread = threading.Thread(target=self.inbox.run, daemon=True)
        self.receipts: list[Future[Receipt]] = []

    @property
    def help(self) -> Assistance:
        return self.inbox.assistance

    def get_ready(self) -> int:
        """Start the other process, and wait until it reads; gives its id."""
        self.help.begin()
        until(lambda: self.help.give([raw(0)] * 4))
        assert len(self.help.take(hurry=lambda: False)) == 4
        assert self.help.pid is not None
        return self.help.pid

    def leave(self, numbers: Sequence[int]) -> None:
        """Leave bounces of these recipients."""
        self.receipts += [self.inbox.submit(raw(number), 5.0) for number in numbers]

    def __enter__(self) -> None:
        self.thread.start()

    def __exit__(self, *_: object) -> None:
        self.inbox.stop()
        self.thread.join(30)
        assert not self.thread.is_alive()

    def stored(self) -> list[str]:
        """The recipients whose bounces are stored, and that each receipt says so."""
        assert all(receipt.result(0).events == 1 for receipt in self.receipts)
        return sorted(event.event.attribution.recipient for event in self.store.events())

    def reasons(self) -> set[str]:
        verdicts = [event.event.verdict for event in self.store.events()]
        return {verdict.reason for verdict in verdicts if verdict is not None}


def raw(number: int) -> RawMessage:
    return RawMessage(a_bounce(number), f"box/INBOX;uid={number}", "imap")


def addresses(count: int) -> list[str]:
    return sorted(f"user{number}@example.com" for number in range(count))


@pytest.fixture
def desk(store: Store, rules: Path) -> Iterator[Desk]:
    made = Desk(store, rules)
    yield made
    made.help.close()


def test_large_groups_are_read_elsewhere_and_stored_here(desk: Desk) -> None:
    desk.get_ready()
    desk.leave(range(100))
    with desk:
        until(lambda: all(receipt.done() for receipt in desk.receipts))
    assert desk.stored() == addresses(100)
    assert desk.reader.read_here == 0


@pytest.mark.parametrize("backlog", [True, False])
def test_process_is_there_before_a_backlog_is(desk: Desk, *, backlog: bool) -> None:
    desk.inbox = Inbox(desk.ingest, recipe=desk.recipe, backlog=backlog)
    desk.thread = threading.Thread(target=desk.inbox.run, daemon=True)
    with desk:
        if backlog:
            until(desk.help.is_ready)
        desk.leave([0])
        until(desk.receipts[0].done)
        assert (desk.help.pid is not None) == backlog


def test_one_message_is_read_here(desk: Desk) -> None:
    pid = desk.get_ready()
    desk.leave([0])
    with desk:
        until(desk.receipts[0].done)
        assert lives(pid)
    assert desk.reader.read_here == 1


def test_what_waits_before_the_process_is_there_is_read_here(desk: Desk) -> None:
    desk.leave(range(60))
    with desk:
        until(lambda: desk.help.pid)
    assert desk.stored() == addresses(60)
    assert desk.reader.read_here >= 20


@pytest.mark.parametrize("when", ["before", "after"])
def test_process_killed_in_the_middle_costs_no_message(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, when: str
) -> None:
    send = Assistant.send
    killed: list[int] = []

    def killing(self: Assistant, raws: Sequence[RawMessage]) -> None:
        if when == "after":
            os.kill(self.pid, signal.SIGSTOP)  # it has them, and has not answered
            send(self, raws)
        os.kill(self.pid, signal.SIGKILL)
        killed.append(self.pid)
        if when == "before":
            until(lambda: not lives(self.pid))
            send(self, raws)

    desk.get_ready()
    monkeypatch.setattr(Assistant, "send", killing)
    desk.leave(range(50))
    with desk:
        until(lambda: all(receipt.done() for receipt in desk.receipts))
    assert desk.stored() == addresses(50)
    assert desk.reader.read_here == 50
    assert len(set(killed)) == 1  # the next one is not started at once
    assert "dsnwatch reads on alone" in caplog.text


def test_process_that_hangs_is_not_waited_for(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assistant, "PATIENCE_SECONDS", 0.0)
    pid = desk.get_ready()
    os.kill(pid, signal.SIGSTOP)
    desk.leave(range(30))
    with desk:
        until(lambda: all(receipt.done() for receipt in desk.receipts))
    assert desk.stored() == addresses(30)
    assert not lives(pid)


def test_process_that_takes_nothing_is_not_waited_for(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assistant, "PATIENCE_SECONDS", 0.0)
    os.kill(desk.get_ready(), signal.SIGSTOP)
    large = [RawMessage(bytes(400_000), f"{number}", "imap") for number in range(8)]
    for _ in range(2):
        assert desk.help.give(large)  # far more than any socket holds
    for _ in range(2):
        assert desk.help.take(hurry=lambda: False) == []
    assert desk.help.pid is None


def test_reload_while_it_reads_is_obeyed(desk: Desk, rules: Path) -> None:
    """What it read by the old rules is read again, by the new ones; so is all that follows."""
    pid = desk.get_ready()
    os.kill(pid, signal.SIGSTOP)
    desk.leave(range(20))
    with desk:
        until(lambda: not desk.inbox._waiting)  # noqa: SLF001  it has been given to the process
        (rules / "ours.toml").write_text(OURS.format(reason="mailbox_full"))
        recipe = Recipe.of(rules, ())
        reader = Counting(recipe)
        desk.help.use(recipe)
        desk.ingest.use(reader, Policy.preset("default"))
        os.kill(pid, signal.SIGCONT)
        until(lambda: all(receipt.done() for receipt in desk.receipts))
    assert desk.reasons() == {"mailbox_full"}
    assert reader.read_here == 20
    assert not lives(pid)


def test_after_a_reload_it_reads_by_the_new_rules(desk: Desk, rules: Path) -> None:
    before = desk.get_ready()
    (rules / "ours.toml").write_text(OURS.format(reason="mailbox_full"))
    desk.help.use(Recipe.of(rules, ()))
    assert not desk.help.give([raw(1)] * 4)  # whoever reads by the old ones is ended
    desk.help.begin()
    until(lambda: desk.help.give([raw(1)] * 4))
    (reading, *_) = desk.help.take(hurry=lambda: False)
    assert reading is not None
    assert [verdict.reason for verdict in reading.verdicts if verdict] == ["mailbox_full"]
    assert desk.help.pid != before


@pytest.mark.parametrize("written", [OURS.format(reason="mailbox_full"), "no rules"])
def test_rules_that_changed_and_were_not_reloaded_are_not_read_by(
    desk: Desk, rules: Path, written: str, caplog: pytest.LogCaptureFixture
) -> None:
    (rules / "ours.toml").write_text(written)
    desk.help.begin()  # it finds other rules
    until(lambda: desk.help.give([raw(1)] * 4) or desk.help.pid is None)
    assert desk.help.pid is None
    assert "dsnwatch reads on alone" in caplog.text


def test_shutdown_while_it_reads_stores_what_was_taken(desk: Desk) -> None:
    pid = desk.get_ready()
    os.kill(pid, signal.SIGSTOP)
    desk.leave(range(45))
    with desk:
        until(lambda: len(desk.inbox._waiting) < 45)  # noqa: SLF001  it has been given some
        desk.inbox.stop()
    assert desk.stored() == addresses(45)
    assert not lives(pid)


def test_process_ends_when_there_is_nothing_to_do(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dsnwatch.inbox.REST_SECONDS", 0.05)
    pid = desk.get_ready()
    with desk:
        until(lambda: not lives(pid))
        desk.leave([0])
    assert desk.stored() == addresses(1)


def test_process_ends_with_whoever_started_it(desk: Desk) -> None:
    desk.get_ready()
    helping = desk.help._assistant  # noqa: SLF001  its end of the socket
    assert helping is not None
    helping._channel.close()  # noqa: SLF001  as the kernel does when we are killed
    until(lambda: not lives(helping.pid))


def test_one_processor_has_no_use_for_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    alone = Assistance(desk.recipe)
    alone.begin()
    assert not alone.give([raw(1)] * 4)
    assert alone.pid is None


def test_process_that_cannot_be_started_is_done_without(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    desk.leave(range(10))
    with desk:
        until(lambda: all(receipt.done() for receipt in desk.receipts))
    assert desk.stored() == addresses(10)
