"""Lines on disk, one an event, whole or not at all."""

import json
import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dsnwatch.errors import HookError
from dsnwatch.hooks import Delivery
from dsnwatch.hooks.file import FileHook, make
from tests.contract_hook import a_section, id_of, numbered

from .builders import Folder
from .events import NOW, a_failure


def a_hook(place: Path, **said: object) -> FileHook:
    section = a_section("file", **{"path": "events.jsonl", "batch": 100} | said)
    return make(section, Folder(place), "hook.0")


def ids(path: Path) -> list[str]:
    return [json.loads(line)["id"] for line in path.read_text().splitlines()]


def test_it_is_for_its_owner_only(tmp_path: Path) -> None:
    a_hook(tmp_path).deliver(Delivery(numbered(1), 1, NOW))
    assert (tmp_path / "events.jsonl").stat().st_mode & 0o777 == 0o600


def test_full_it_is_put_aside_and_so_many_are_kept(tmp_path: Path) -> None:
    hook = a_hook(tmp_path, rotate_at=1, keep=2)
    for news in numbered(5):
        hook.deliver(Delivery((news,), 1, NOW))
    files = {path.name: ids(path) for path in tmp_path.iterdir() if path.name[0] != "."}
    assert files == {
        "events.jsonl": [id_of(4)],
        "events.jsonl.1": [id_of(3)],
        "events.jsonl.2": [id_of(2)],
    }


def test_half_a_line_of_a_machine_that_died_spoils_none_behind_it(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text('{"id":"half')
    a_hook(tmp_path).deliver(Delivery(numbered(1), 1, NOW))
    assert [json.loads(line)["id"] for line in path.read_text().splitlines()[1:]] == [id_of(0)]


@contextmanager
def room_for(octets: int) -> Iterator[None]:
    """Let no file grow beyond a size, as a full disk would not."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (octets, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_what_finds_no_room_leaves_no_trace(tmp_path: Path) -> None:
    hook, path = a_hook(tmp_path), tmp_path / "events.jsonl"
    hook.deliver(Delivery(numbered(1), 1, NOW))
    before = path.read_bytes()
    with room_for(len(before) + 10), pytest.raises(HookError, match=r"events\.jsonl: "):
        hook.deliver(Delivery((a_failure(),), 1, NOW))
    assert path.read_bytes() == before
    hook.deliver(Delivery((a_failure(),), 2, NOW))
    assert len(ids(path)) == 2


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(HookError):
        a_hook(tmp_path).deliver(Delivery(numbered(1), 1, NOW))
    assert not (tmp_path / "elsewhere").exists()


def test_several_workers_write_whole_lines_and_lose_none(tmp_path: Path) -> None:
    def write(news_of: int) -> None:
        hook = a_hook(tmp_path, rotate_at=20_000, keep=100)
        for number in range(25):
            hook.deliver(Delivery((a_failure(id_=id_of(100 * news_of + number)),), 1, NOW))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = [id_ for path in tmp_path.glob("events.jsonl*") for id_ in ids(path)]
    assert sorted(found) == sorted(id_of(100 * a + b) for a in range(4) for b in range(25))
    assert len(list(tmp_path.glob("events.jsonl*"))) > 2


def test_another_format_may_be_written(tmp_path: Path) -> None:
    a_hook(tmp_path, format="cloudevents").deliver(Delivery(numbered(2), 1, NOW))
    lines = (tmp_path / "events.jsonl").read_text().splitlines()
    assert [json.loads(line)["specversion"] for line in lines] == ["1.0", "1.0"]
