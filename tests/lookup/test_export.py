"""Files for mail servers: whole, right, and written anew when something changed."""

import sys
import threading
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsnwatch.config.lookup import ExportSection
from dsnwatch.lookup.maps import KINDS, Lines
from dsnwatch.lookups import Export
from dsnwatch.records import Suppression
from dsnwatch.store import Store

from .builders import DAY, NOW, WHY, suppress

RUNS = "import sys; open(sys.argv[1], 'a').write('ran\\n'); sys.exit(int(sys.argv[2]))"


class Clock:
    """Stands still until it is moved."""

    now = NOW

    def __call__(self) -> datetime:
        return self.now


def an_export(store: Store, place: Path, **said: object) -> Export:
    section = ExportSection.model_validate({"kind": "postfix", "path": "suppressed"} | said)
    return Export(section, store, place / section.path, Clock())


def ran(place: Path, status: int = 0) -> list[str]:
    """Give a command that notes that it ran."""
    return [sys.executable, "-c", RUNS, str(place / "ran"), str(status)]


def listed(*addresses: str, reason: str = "user_unknown") -> list[Suppression]:
    return [Suppression(each, reason, "bounce", "hard", NOW - DAY) for each in addresses]


def test_postfix_reads_an_address_and_an_action() -> None:
    lines = Lines(listed("anne@example.org"), "postfix", "defer", "")
    assert list(lines) == [f"anne@example.org DEFER 4.7.1 {WHY}\n"]


def test_exim_reads_an_address_and_why() -> None:
    assert list(Lines(listed("anne@example.org"), "exim", "reject", "")) == [
        f"anne@example.org: 5.7.1 {WHY}\n"
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_what_cannot_stand_in_a_file_is_left_out_and_counted(kind: str) -> None:
    odd = ['"a b"@example.org', "#a@example.org", "grüße@example.org", "a\n@example.org", "a b"]
    lines = Lines(listed(*odd, "anne@example.org"), kind, "reject", "")
    assert len(list(lines)) == 1
    assert (lines.addresses, lines.left_out) == (1, len(odd))


@given(
    address=st.text(),
    reason=st.text(),
    kind=st.sampled_from([*KINDS]),
    until=st.none() | st.just(NOW),
)
def test_nobody_brings_lines_of_his_own(
    address: str, reason: str, kind: str, until: datetime | None
) -> None:
    row = Suppression(address, reason, "import", "x", NOW, until)
    text = "".join(Lines([row], kind, "reject", ""))
    assert text.count("\n") == bool(text)
    assert text.isascii()


def test_it_is_for_one_stream_and_each_address_is_once_in_it(store: Store) -> None:
    suppress(store, "anne@example.org", "bob@example.org")
    suppress(store, "anne@example.org", "carl@example.org", stream="newsletter", days=3)
    for stream, addresses in (("", "anne bob"), ("newsletter", "anne bob carl"), ("x", "anne bob")):
        lines = Lines(store.suppressions(), "exim", "reject", stream)
        assert " ".join(line.partition("@")[0] for line in lines) == addresses
    assert lines.until is None


def test_it_is_written_when_something_changed(store: Store, tmp_path: Path) -> None:
    export, path = an_export(store, tmp_path, command=ran(tmp_path)), tmp_path / "suppressed"
    assert export.look()
    assert path.read_text() == ""
    assert not export.look()
    suppress(store, "anne@example.org")
    assert export.look()
    assert path.read_text().startswith("anne@example.org REJECT")
    assert (tmp_path / "ran").read_text() == "ran\n" * 2


def test_what_changes_nothing_in_it_leaves_it_alone(store: Store, tmp_path: Path) -> None:
    export, path = an_export(store, tmp_path, command=ran(tmp_path)), tmp_path / "suppressed"
    suppress(store, "anne@example.org")
    export.look()
    before = path.stat()
    with store.write() as writer:
        writer.put_cursor("a mailbox", "7")
    assert export.look()
    assert path.stat().st_ino == before.st_ino
    assert (tmp_path / "ran").read_text() == "ran\n"


def test_found_right_at_the_start_it_is_left_alone(store: Store, tmp_path: Path) -> None:
    suppress(store, "anne@example.org")
    an_export(store, tmp_path).look()
    an_export(store, tmp_path, command=ran(tmp_path)).look()
    assert not (tmp_path / "ran").exists()


def test_a_suppression_that_ends_leaves_it(store: Store, tmp_path: Path) -> None:
    suppress(store, "anne@example.org", days=1)
    suppress(store, "bob@example.org")
    section = ExportSection(kind="exim", path=Path("suppressed"))
    clock = Clock()
    export = Export(section, store, tmp_path / "suppressed", clock)
    export.look()
    assert not export.look()
    clock.now = NOW + DAY
    assert export.look()
    assert (tmp_path / "suppressed").read_text().startswith("bob@example.org")
    clock.now += timedelta(days=400)
    assert not export.look()


def test_a_command_that_fails_is_run_again(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    export = an_export(store, tmp_path, command=ran(tmp_path, 1))
    export.look()
    assert "failed (status 1); it is run again" in caplog.text
    assert export.look()
    assert (tmp_path / "ran").read_text() == "ran\n" * 2


def test_a_command_that_is_not_there_is_said(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    an_export(store, tmp_path, command=["./absent"]).look()
    assert "./absent failed" in caplog.text


def test_it_has_the_rights_that_are_configured(store: Store, tmp_path: Path) -> None:
    an_export(store, tmp_path, mode="0640").look()
    assert (tmp_path / "suppressed").stat().st_mode & 0o777 == 0o640


def test_what_cannot_be_written_leaves_the_old_one(store: Store, tmp_path: Path) -> None:
    export = an_export(store, tmp_path, path="absent/suppressed")
    with pytest.raises(OSError, match="absent"):
        export.look()
    (tmp_path / "absent").mkdir()
    assert export.look()
    assert list((tmp_path / "absent").iterdir()) == [tmp_path / "absent" / "suppressed"]


def test_the_daemon_keeps_it_up_to_date_until_it_is_stopped(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "suppressed"
    export = an_export(store, tmp_path, every="1s")
    thread = threading.Thread(target=export.run)
    thread.start()
    suppress(store, "anne@example.org")
    for _ in range(1000):
        if path.exists() and path.read_text():
            break
        thread.join(0.01)
    export.stop()
    thread.join(10)
    assert not thread.is_alive()
    assert path.read_text().startswith("anne@example.org")
