"""The file over the years: copied while others write, shrunk, looked through; and poor disks."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from shutil import copy

import pytest

from dsnwatch.errors import StoreError, StoreFullError, UsageError
from dsnwatch.store import Store, open_store
from dsnwatch.store.disk import network_kind
from dsnwatch.store.examine import FAULTS, check
from dsnwatch.store.upkeep import backup, compact, give_back, size
from tests.cli.builders import an_mbox, many_bounces
from tests.servers.disk import Disk, a_disk

from .builders import a_store, a_suppression

WRITES = """
import sys
from datetime import UTC, datetime
from dsnwatch.ingest import Ingest
from dsnwatch.model import RawMessage
from dsnwatch.policy import Policy
from dsnwatch.reading.reader import Reader
from dsnwatch.store import open_store
from tests.cli.builders import many_bounces

store = open_store(sys.argv[1])
ingest = Ingest(store, Reader.load(), Policy.preset("default"))
for number, data in enumerate(many_bounces(10_000)):
    ingest.commit([RawMessage(data, "test", f"test:{number}")])
    print(number + 1, flush=True)
"""


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a store with 1000 bounces in it, once."""
    path = tmp_path_factory.mktemp("master") / "a.db"
    mbox = an_mbox(path.with_suffix(".mbox"), many_bounces(1000))
    command = [sys.executable, "-m", "dsnwatch", "import", str(mbox), "--store", str(path)]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603  ours
    return path


@pytest.fixture
def path(master: Path, tmp_path: Path) -> Path:
    """Give a copy of it."""
    return Path(copy(master, tmp_path / "a.db"))


def sql(path: Path, *statements: str) -> None:
    """Do something to the file behind our back."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def test_backup_made_while_another_process_writes_is_whole_and_holds_what_was_told(
    tmp_path: Path,
) -> None:
    path, target = tmp_path / "a.db", tmp_path / "copies" / "b.db"
    target.parent.mkdir()
    command = [sys.executable, "-c", WRITES, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603  ours
        assert process.stdout is not None
        try:
            for _ in range(3):
                told = [int(process.stdout.readline()) for _ in range(20)]
                copied = backup(path, target)
                assert copied.messages >= told[-1]
                assert [each.name for each in target.parent.iterdir()] == ["b.db"]
                assert target.stat().st_mode & 0o777 == 0o600
                assert check(target, ()).findings == ()
        finally:
            process.kill()
    with closing(open_store(str(target))) as restored, restored.write() as writer:
        writer.put_suppressions([a_suppression()])


def test_backup_for_which_there_is_no_room_leaves_the_one_before(path: Path) -> None:
    with a_disk(12288) as disk:
        target = disk.folder / "b.db"
        backup(path, target)
        before = target.read_bytes()
        disk.fill()
        with pytest.raises(StoreFullError, match="no space left"):
            backup(path, target)
        assert target.read_bytes() == before
        assert {each.name for each in disk.folder.iterdir()} == {"b.db"}


def test_backup_overwrites_nothing_but_a_backup(tmp_path: Path) -> None:
    path = Path(a_store(tmp_path).where)
    letter = tmp_path / "letter.txt"
    letter.write_text("Dear Anne")
    for target, said in (
        (letter, "no store of ours"),
        (path, "the store itself"),
        (tmp_path, "is a folder"),
    ):
        with pytest.raises(UsageError, match=said):
            backup(path, target)
    assert letter.read_text() == "Dear Anne"


def test_what_is_free_goes_back_to_the_disk_but_for_a_tenth(path: Path) -> None:
    sql(path, "DELETE FROM raw_message")
    before = size(path)
    assert give_back(path) > before.free / 2
    after = size(path)
    assert after.octets < before.octets
    assert after.free <= (after.octets - after.free) * 0.1
    assert check(path, ()).findings == ()
    assert give_back(path) == 0


def test_file_from_before_gives_back_after_it_was_compacted(path: Path) -> None:
    sql(path, "PRAGMA auto_vacuum=NONE", "VACUUM", "DELETE FROM raw_message")
    assert (size(path).gives_back, give_back(path)) == (False, 0)
    assert compact(path) > 0
    assert (size(path).gives_back, size(path).free) == (True, 0)
    assert check(path, ()).findings == ()


_OUTBOX = (
    "INSERT INTO outbox (hook, address, id, type, payload, node) "
    "VALUES ('crm', 'a', '1', '', '', '')"
)
_LANE = (
    "INSERT INTO lane (hook, address, due, attempts, lease, version) "
    "VALUES ('crm', 'a', 0, 0, '', 0)"
)
_DEAD = (
    "INSERT INTO dead_letter (hook, id, address, type, payload, attempts, at, error, node) "
    "VALUES ('crm', '1', 'a', '', '', 0, 0, '', '')"
)
_QUARANTINE = (
    "INSERT INTO quarantine (id, fingerprint, source, locator, stream, vouched, recipients, at, "
    "defects, node, data) SELECT id, fingerprint, '', '', '', 0, '[]', 0, '[]', '', x'' "
    "FROM message LIMIT 1"
)
BROKEN = {
    "events whose message is not there": ["DELETE FROM message"],
    "octets of messages that are not there": ["DELETE FROM message"],
    "suppressions whose event is not there": ["DELETE FROM event"],
    "decisions held back whose event is not there": [
        "INSERT INTO held (event_id, hold_id, address) VALUES ('e', 'h', 'anne@example.org')"
    ],
    "messages both stored and in quarantine": [_QUARANTINE],
    "news for hooks that nobody will take up": [_OUTBOX],
    "queues of hooks with nothing in them": [_LANE],
    "news that stand in the outbox and among the dead letters": [_OUTBOX, _DEAD],
}


@pytest.mark.parametrize("what", [what for what, _, _ in FAULTS])
def test_what_names_something_that_is_not_there_is_found(what: str, path: Path) -> None:
    assert check(path, ()).findings == ()
    sql(path, *BROKEN[what])
    assert what in [each.what.partition(" ")[2] for each in check(path, ["crm"]).findings]


def test_news_for_a_hook_that_is_not_configured_are_found(path: Path) -> None:
    sql(path, _OUTBOX)
    (finding,) = [each for each in check(path, ["other"]).findings if "'crm'" in each.what]
    assert "dsnwatch hooks drop crm" in finding.cure


def test_damaged_file_is_found_with_what_to_do(path: Path, tmp_path: Path) -> None:
    data = bytearray(path.read_bytes())
    leaf = data.index(b"user700@example.com") & ~4095  # one page, of the many that hold addresses
    data[leaf + 8 : leaf + 40] = bytes(32)
    path.write_bytes(data)
    findings = check(path, ()).findings
    assert findings
    assert ".recover" in findings[0].cure
    with pytest.raises(StoreError, match="damaged"):
        backup(path, tmp_path / "b.db")


@pytest.fixture(scope="module")
def disk() -> Iterator[Disk]:
    with a_disk(4096) as mounted:
        yield mounted


def write_much(store: Store) -> None:
    for number in range(5000):
        with store.write() as writer:
            writer.put_suppressions([a_suppression(f"user{number}@example.org")])


def line_of(error: BaseException) -> str:
    assert "\n" not in str(error)
    return str(error)


def test_read_only_file_system_is_told_whatever_is_done(disk: Disk) -> None:
    path = disk.folder / "read-only" / "a.db"
    open_store(str(path)).close()
    disk.mount("ro")
    try:
        for place in (path, disk.folder / "new.db", disk.folder / "new" / "a.db"):
            with pytest.raises(StoreError, match="mounted read-only") as caught:
                open_store(str(place)).close()
            line_of(caught.value)
    finally:
        disk.mount("rw")


def test_full_disk_is_told_and_all_is_well_when_there_is_room_again(disk: Disk) -> None:
    with closing(open_store(str(disk.folder / "becomes.db"))) as store:
        with store.write() as writer:
            writer.put_suppressions([a_suppression()])
        disk.fill()
        try:
            with pytest.raises(StoreFullError, match="no space left") as caught:
                write_much(store)
            line_of(caught.value)
        finally:
            disk.make_room()
        with store.write() as writer:
            writer.put_suppressions([a_suppression("anne@example.org")])


MOUNTS = r"""22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:25 / /srv rw - nfs4 files.example.org:/srv rw
31 30 0:26 / /srv/local rw - ext4 /dev/vdb rw
32 22 0:27 / /mnt/my\040files rw - cifs //files/share rw
33 22 0:28 / /mnt/far rw - fuse.sshfs files: rw
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/lib/dsnwatch/a.db", None),
        ("/srv/a.db", "nfs4"),
        ("/srvs/a.db", None),
        ("/srv/local/a.db", None),
        ("/mnt/my files/a.db", "cifs"),
        ("/mnt/far/away/a.db", "fuse.sshfs"),
    ],
)
def test_network_file_system_is_known_by_its_mount(path: str, kind: str | None) -> None:
    assert network_kind(path, MOUNTS) == kind


def test_store_on_a_network_file_system_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"30 22 0:25 / {tmp_path} rw - nfs4 files.example.org:/srv rw\n")
    monkeypatch.setattr("dsnwatch.store.disk.MOUNTS", mounts)
    with pytest.raises(StoreError, match=r"network file system \(nfs4\).*disk of this") as caught:
        open_store(str(tmp_path / "a.db"))
    line_of(caught.value)
