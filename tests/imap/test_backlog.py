"""A large backlog, read with the help of another process: each bounce once, in little memory."""

import signal
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from tests.imap.builders import a_bounce
from tests.imap.test_service import Place, all_moved_are_stored, until
from tests.servers.dovecot import Account, Dovecot

pytestmark = pytest.mark.server

MANY = 1500
MOST_MEGABYTES = 150


@pytest.fixture
def place(tmp_path: Path, dovecot: Dovecot) -> Place:
    """A folder for a daemon."""
    return Place(tmp_path, dovecot)


def children(pid: int) -> list[int]:
    """The processes that a daemon has started."""
    found: list[int] = []
    with suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            found += map(int, (thread / "children").read_text().split())
    return found


def megabytes(pid: int) -> float:
    """The memory of a process; what it shares with others in equal parts (PSS)."""
    with suppress(OSError, StopIteration):
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
    return 0.0


def test_backlog_is_read_with_help_in_little_memory(place: Place, account: Account) -> None:
    place.configure(account, more="[policy.flood]\nat_least = 1000000\n")
    account.deliver(map(a_bounce, range(MANY)))
    most: Counter[str] = Counter()
    with place.running() as daemon:

        def is_done() -> bool:
            helpers = children(daemon.pid)
            most["helpers"] = max(most["helpers"], len(helpers))
            memory = sum(map(megabytes, [daemon.pid, *helpers]))
            most["megabytes"] = max(most["megabytes"], round(memory))
            return account.is_empty()

        until(is_done, place.said)
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(30) == 0
        assert children(daemon.pid) == []
    assert place.count("event") == MANY
    assert most["helpers"] == 1
    assert 0 < most["megabytes"] < MOST_MEGABYTES
    assert "WARNING" not in place.said()


def test_daemon_killed_while_another_process_reads_for_it(place: Place, account: Account) -> None:
    place.configure(account, more="[policy.flood]\nat_least = 1000000\n")
    account.deliver(map(a_bounce, range(MANY)))
    with place.running() as daemon:
        until(lambda: children(daemon.pid), place.said)
        (helper,) = children(daemon.pid)
        before = place.count("message")
        until(lambda: place.count("message") > before or account.is_empty(), place.said)
        daemon.kill()
        daemon.wait(30)
        until(lambda: not megabytes(helper))  # it has gone, too
    checked: set[str] = set()
    all_moved_are_stored(place, account, checked)
    with place.running() as daemon:
        until(account.is_empty, place.said)
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(30) == 0
    all_moved_are_stored(place, account, checked)
    assert len(checked) == MANY
    for table in ("message", "event", "suppression"):
        assert place.count(table) == MANY
