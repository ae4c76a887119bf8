"""Whatever happens between us and the server, each message is stored once, and only then moved."""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from itertools import accumulate
from pathlib import Path

import pytest
from sqlalchemy import event

from dsnwatch import watch
from dsnwatch.sources import imap, imap_session
from dsnwatch.sources.imap_trouble import Trouble
from tests.imap.builders import Watch, a_source, numbered
from tests.servers.dovecot import Account, Dovecot
from tests.servers.proxy import Cut, Proxy

pytestmark = pytest.mark.server

MESSAGES = numbered(7)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Come again at once, and in small sets."""
    at_once = (timedelta(milliseconds=10), timedelta(milliseconds=20))
    monkeypatch.setattr(watch, "STAY_AWAY", dict.fromkeys([None, *Trouble], at_once))
    monkeypatch.setattr(watch, "SET", 3)
    monkeypatch.setattr(imap, "SET", 3)


@pytest.fixture
def proxy(dovecot: Dovecot) -> Iterator[Proxy]:
    """What stands between."""
    with Proxy(dovecot.port) as between:
        yield between


def without_move(data: bytes) -> bytes:
    """Make a server that has never heard of MOVE."""
    return data.replace(b" MOVE", b"")


def all_went(watching: Watch, account: Account, messages: Sequence[bytes] = MESSAGES) -> bool:
    """Whether all is stored, each once, and has left the INBOX."""
    return watching.has_stored(messages) and account.count() == 0


@pytest.mark.parametrize("how", Cut, ids=lambda how: how.name.lower())
@pytest.mark.parametrize("rewrite", [bytes, without_move], ids=["move", "copy-and-expunge"])
def test_connection_cut_at_every_command_of_a_sweep(
    dovecot: Dovecot, tmp_path: Path, how: Cut, rewrite: Callable[[bytes], bytes]
) -> None:
    tried: list[str] = []
    number = 0
    while number <= len(tried):
        account = dovecot.a_user()
        account.deliver(MESSAGES)
        place = tmp_path / str(number)
        place.mkdir()
        with Proxy(dovecot.port) as proxy:
            proxy.cut_at, proxy.how, proxy.rewrite = {number}, how, rewrite
            with Watch(a_source(account, port=proxy.port), place) as watching:
                watching.until(partial(all_went, watching, account))
            tried += proxy.commands[number : number + 1]
        assert set(account.holds("Processed") + account.holds("Unrecognised")) == set(MESSAGES)
        number += 1
    letting_go = {"UID MOVE"} if rewrite is bytes else {"UID COPY", "UID STORE", "UID EXPUNGE"}
    assert {"LIST", "ENABLE", "SELECT", "UID SEARCH", "UID FETCH", "CREATE"} <= set(tried)
    assert letting_go <= set(tried)


def how_many(uid_set: bytes) -> int:
    """Count the UIDs that a command names."""
    spans = [span.partition(b":") for span in uid_set.split(b",")]
    return sum(int(high or low) - int(low) + 1 for low, _, high in spans)


def test_nothing_leaves_its_folder_before_it_is_stored(
    account: Account, proxy: Proxy, tmp_path: Path
) -> None:
    moved: list[tuple[int, int]] = []

    def note(line: bytes) -> None:
        if b" UID MOVE " in line:
            moved.append((how_many(line.split()[3]), len(watching.stored())))

    account.deliver(MESSAGES)
    proxy.on_command = note
    with Watch(a_source(account, port=proxy.port), tmp_path) as watching:
        watching.until(partial(all_went, watching, account))
    so_far = list(accumulate(count for count, _ in moved))
    assert so_far[-1] == len(MESSAGES)
    assert all(stored >= count for count, (_, stored) in zip(so_far, moved, strict=True))


def test_server_killed_and_started_again(tmp_path: Path) -> None:
    with Dovecot.running() as server:
        account = server.a_user()
        account.deliver(MESSAGES)
        with Watch(a_source(account), tmp_path) as watching:
            watching.until(partial(all_went, watching, account))
            server.kill()
            watching.until(lambda: "nobody listens there" in watching.watcher.figures.last_error)
            account.deliver(numbered(3, first=8))
            server.run()
            watching.until(partial(all_went, watching, account, numbered(10)))
            watching.until(lambda: not watching.watcher.figures.failing)


def test_half_open_connection_is_noticed_and_made_again(
    account: Account, proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imap_session, "READ_SECONDS", 0.5)
    monkeypatch.setattr(imap, "IDLE_SECONDS", 0.2)
    with Watch(a_source(account, port=proxy.port), tmp_path) as watching:
        watching.until(lambda: proxy.commands.count("IDLE") > 1)
        proxy.deaf = True
        watching.until(lambda: watching.watcher.figures.failing)
        account.deliver(MESSAGES)
        proxy.deaf = False
        watching.until(partial(all_went, watching, account))
    assert "no answer in time" in watching.watcher.figures.last_error


def test_peer_that_closes_under_idle_is_noticed_at_once(
    account: Account, proxy: Proxy, tmp_path: Path
) -> None:
    with Watch(a_source(account, port=proxy.port), tmp_path) as watching:
        watching.until(lambda: proxy.commands[-1:] == ["IDLE"])
        proxy.cut_all()
        watching.until(lambda: watching.watcher.figures.connects > 1)
        account.deliver(MESSAGES)
        watching.until(partial(all_went, watching, account))


def test_new_message_is_told_by_idle(account: Account, proxy: Proxy, tmp_path: Path) -> None:
    with Watch(a_source(account, port=proxy.port), tmp_path) as watching:
        for number in (1, 2, 3):
            watching.until(lambda: proxy.commands[-1:] == ["IDLE"])
            account.deliver(numbered(1, first=number))
            watching.until(partial(all_went, watching, account, numbered(number)))
    assert watching.watcher.figures.connects == 1


def test_without_idle_it_is_polled(account: Account, proxy: Proxy, tmp_path: Path) -> None:
    proxy.rewrite = lambda data: data.replace(b" IDLE", b"")
    source = a_source(account, port=proxy.port)
    with Watch(source, tmp_path, poll_every=timedelta(milliseconds=50)) as watching:
        watching.until(lambda: proxy.commands.count("SELECT") > 2)
        account.deliver(MESSAGES)
        watching.until(partial(all_went, watching, account))
    assert "IDLE" not in proxy.commands


def test_bye_within_the_messages(account: Account, proxy: Proxy, tmp_path: Path) -> None:
    byes = iter([True, True])

    def bye(data: bytes) -> bytes:
        if b" FETCH (" in data and next(byes, False):
            return data[: len(data) // 3] + b"\r\n* BYE shutting down\r\n"
        return data

    account.deliver(MESSAGES)
    proxy.rewrite = bye
    with Watch(a_source(account, port=proxy.port), tmp_path) as watching:
        watching.until(partial(all_went, watching, account))


def test_another_uidvalidity_counts_nothing_twice(
    account: Account, proxy: Proxy, tmp_path: Path
) -> None:
    account.deliver(MESSAGES)
    source = a_source(account, port=proxy.port, after="keep")
    with Watch(source, tmp_path) as watching:
        watching.until(lambda: watching.has_stored(MESSAGES))
        watching.until(lambda: proxy.commands[-1:] == ["IDLE"])
        account.renumber()
        proxy.cut_all()
        watching.until(lambda: watching.watcher.figures.duplicates == len(MESSAGES))
        assert watching.has_stored(MESSAGES)


def test_folder_deleted_under_us_does_not_keep_the_others(account: Account, tmp_path: Path) -> None:
    with account.client() as client:
        client.create_folder("Other")
    with Watch(a_source(account, folders=("INBOX", "Other")), tmp_path) as watching:
        watching.until(lambda: not watching.watcher.figures.waits)
        with account.client() as client:
            client.delete_folder("Other")
        account.deliver(MESSAGES)
        watching.until(partial(all_went, watching, account))
        watching.until(lambda: watching.watcher.figures.failing)
        with account.client() as client:
            client.create_folder("Other")
        watching.until(lambda: not watching.watcher.figures.failing)


def test_stop_ends_whatever_it_waits_for(account: Account, proxy: Proxy, tmp_path: Path) -> None:
    with Watch(a_source(account, port=proxy.port), tmp_path):
        pass  # while it connects, perhaps
    with Watch(a_source(account, port=proxy.port), tmp_path) as watching:
        watching.until(lambda: proxy.commands[-1:] == ["IDLE"])
    with Watch(a_source(account, port=proxy.port), tmp_path) as watching:
        watching.until(lambda: proxy.commands[-1:] == ["IDLE"])
        proxy.deaf = True
        account.deliver(MESSAGES)


def test_full_disk_keeps_the_messages_where_they_are(account: Account, tmp_path: Path) -> None:
    account.deliver(MESSAGES)
    with Watch(a_source(account), tmp_path) as watching:
        watching.until(partial(all_went, watching, account))
        with watching.store._engine.connect() as one:  # noqa: SLF001  to take the room away
            (pages,) = one.exec_driver_sql("PRAGMA page_count").one()
        full = f"PRAGMA max_page_count={pages}"
        event.listen(
            watching.store._engine,  # noqa: SLF001  likewise
            "begin",
            lambda connection: connection.exec_driver_sql(full),
        )
        large = [b"Subject: %d\n\n" % number + b"x" * 200_000 for number in range(7)]
        account.deliver(large)
        watching.until(lambda: watching.watcher.figures.failures > 1)
        assert "no space left" in watching.watcher.figures.last_error
        assert account.count() == 7
        full = "PRAGMA max_page_count=1000000000"
        watching.until(partial(all_went, watching, account, [*MESSAGES, *large]))
