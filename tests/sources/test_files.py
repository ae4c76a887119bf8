"""Reading mail out of files, whole and in chunks."""

import gzip
import hashlib
import io
import pickle
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dsnwatch.errors import SourceError
from dsnwatch.sources.files import (
    CHUNK_BYTES,
    CHUNK_FILES,
    ENDLESS_BYTES,
    Chunk,
    plan,
    read,
    read_chunk,
    size,
)
from dsnwatch.sources.mbox import MOST_BYTES
from tests.sources.builders import DATED, a_maildir, a_message, an_mbox, tried, write


def a_big_mbox(place: Path) -> str:
    """An mbox of three chunks."""
    messages = (a_message(number, octets=100_000) for number in range(100))
    return write(place, an_mbox(messages))


def test_an_mbox_is_numbered_through_from_one(tmp_path: Path) -> None:
    path = a_big_mbox(tmp_path / "bounces")
    given = list(read([path]))
    assert [raw.locator for raw in given] == [f"{path}#{n}" for n in range(1, 101)]


def test_each_mbox_is_numbered_by_itself(tmp_path: Path) -> None:
    one = write(tmp_path / "1", an_mbox([a_message(1), a_message(2)]))
    two = write(tmp_path / "2", an_mbox([a_message(3)]), packed=True)
    assert [raw.locator for raw in read([one, two])] == [f"{one}#1", f"{one}#2", f"{two}#1"]


def test_chunks_give_what_reading_gives(tmp_path: Path) -> None:
    path = a_big_mbox(tmp_path / "bounces")
    chunks = list(plan([path]))
    assert len(chunks) == 3
    given = [raw.data for chunk in chunks for raw in read_chunk(chunk)]
    assert given == [raw.data for raw in read([path])]


def test_chunks_cover_an_mbox_without_gap(tmp_path: Path) -> None:
    path = a_big_mbox(tmp_path / "bounces")
    chunks = list(plan([path]))
    assert [chunk.start for chunk in chunks] == [0, *[chunk.end for chunk in chunks[:-1]]]
    assert chunks[-1].end == Path(path).stat().st_size
    assert all(chunk.end - chunk.start >= CHUNK_BYTES for chunk in chunks[:-1])


@pytest.mark.parametrize("shift", range(-2, 3))
def test_a_from_line_near_the_cut_is_found(tmp_path: Path, shift: int) -> None:
    first = b"Subject: x\n\n".ljust(CHUNK_BYTES - len(DATED) - 2 + shift, b"y") + b"\n"
    path = write(tmp_path / "bounces", an_mbox([first, a_message(), a_message(2)]))
    chunks = list(plan([path]))
    given = [raw.data for chunk in chunks for raw in read_chunk(chunk)]
    assert given == [first, a_message(), a_message(2)]


def test_a_message_of_a_chunk_is_located_by_its_offset(tmp_path: Path) -> None:
    path = a_big_mbox(tmp_path / "bounces")
    chunk = list(plan([path]))[1]
    raw = next(read_chunk(chunk))
    assert raw.locator == f"{path}@{chunk.start}"
    assert Path(path).read_bytes()[chunk.start :].startswith(DATED)


def test_chunks_can_be_sent_to_another_process(tmp_path: Path) -> None:
    chunks = list(plan([a_maildir(tmp_path / "m", [a_message()])]))
    assert pickle.loads(pickle.dumps(chunks)) == chunks  # noqa: S301 (our own)


def test_the_sizes_of_chunks_add_up(tmp_path: Path) -> None:
    a_big_mbox(tmp_path / "bounces")
    a_maildir(tmp_path / "m", [a_message(n) for n in range(3)])
    write(tmp_path / "x.eml", a_message())
    write(tmp_path / "y.gz", an_mbox([a_message()]), packed=True)
    chunks = plan([str(tmp_path), "-"])
    assert sum(chunk.octets for chunk in chunks) == size([str(tmp_path), "-"])


def test_arrival_comes_from_the_from_line(tmp_path: Path) -> None:
    (raw,) = read([write(tmp_path / "bounces", an_mbox([a_message()]))])
    assert raw.arrived_at == datetime(2026, 1, 1, tzinfo=UTC)


def test_mail_of_files_is_vouched_for_unless_said_otherwise(tmp_path: Path) -> None:
    path = write(tmp_path / "bounces", an_mbox([a_message()]))
    assert [raw.vouched for raw in read([path])] == [True]
    assert [raw.vouched for raw in read([path], vouched=False)] == [False]


def test_an_eml_is_one_message_whatever_it_begins_with(tmp_path: Path) -> None:
    path = write(tmp_path / "x.eml", an_mbox([a_message(1), a_message(2)]))
    (raw,) = read([path])
    assert raw.data == an_mbox([a_message(1), a_message(2)])[len(DATED) :]
    assert (raw.locator, raw.source) == (path, "eml")


def test_an_empty_eml_is_an_empty_message(tmp_path: Path) -> None:
    assert [raw.data for raw in read([write(tmp_path / "x.eml", b"")])] == [b""]


@pytest.mark.parametrize("data", [b"", b"\n", b"\r\n\n"], ids=["nothing", "lf", "blank"])
def test_an_empty_mbox_gives_nothing(tmp_path: Path, data: bytes) -> None:
    assert tried(write(tmp_path / "bounces", data)) == ([], [])


def test_a_file_without_from_line_is_one_message(tmp_path: Path) -> None:
    path = write(tmp_path / "1234", a_message())
    assert [(raw.data, raw.source) for raw in read([path])] == [(a_message(), "eml")]


def test_a_compressed_message_is_unpacked(tmp_path: Path) -> None:
    path = write(tmp_path / "x.eml.gz", a_message(), packed=True)
    assert [(raw.data, raw.locator) for raw in read([path])] == [(a_message(), path)]


def test_a_compressed_message_in_a_maildir_is_unpacked(tmp_path: Path) -> None:
    path = a_maildir(tmp_path / "m", [gzip.compress(a_message())])
    assert [raw.data for raw in read([path])] == [a_message()]


def test_gzip_in_several_members_is_read_through(tmp_path: Path) -> None:
    halves = (gzip.compress(an_mbox([a_message(n)])) for n in range(2))
    path = write(tmp_path / "bounces.gz", b"".join(halves))
    assert [raw.data for raw in read([path])] == [a_message(0), a_message(1)]


def test_gzip_cut_off_gives_what_is_there_and_one_error(tmp_path: Path) -> None:
    noise = b"".join(hashlib.sha512(b"%d" % n).hexdigest().encode() for n in range(800))
    messages = [b"Subject: %d\n\n%s\n" % (n, noise) for n in range(10)]
    data = gzip.compress(an_mbox(messages))
    given, errors = tried(write(tmp_path / "bounces.gz", data[: len(data) // 2]))
    assert [raw.data for raw in given[:-1]] == messages[: len(given) - 1]
    assert 1 < len(given) < 10
    (error,) = errors
    assert "run again" in str(error)


def test_gzip_with_a_wrong_checksum_gives_all_and_one_error(tmp_path: Path) -> None:
    data = bytearray(gzip.compress(an_mbox([a_message()])))
    data[-6] ^= 1
    given, errors = tried(write(tmp_path / "bounces.gz", bytes(data)))
    assert [raw.data for raw in given] == [a_message()]
    assert len(errors) == 1


def test_gzip_that_is_nothing_but_its_first_octets_is_an_error(tmp_path: Path) -> None:
    given, errors = tried(write(tmp_path / "bounces.gz", b"\x1f\x8b\x08"))
    assert (given, len(errors)) == ([], 1)


def test_a_gzip_bomb_is_cut_short_and_told(tmp_path: Path) -> None:
    path = tmp_path / "bomb.gz"
    with gzip.open(path, "wb", compresslevel=1) as bomb:
        bomb.write(DATED)
        for _ in range((ENDLESS_BYTES >> 20) + 2):
            bomb.write(bytes(1 << 20))
    given, errors = tried(str(path))
    assert [len(raw.data) for raw in given] == [MOST_BYTES]
    assert "gunzip" in str(errors[0])


def test_a_message_of_ten_mib_is_given_whole(tmp_path: Path) -> None:
    big = a_message(1, octets=11 << 20)
    path = write(tmp_path / "bounces", an_mbox([big, a_message()]))
    assert [raw.data for raw in read([path])] == [big, a_message()]


def test_of_an_eml_too_long_the_beginning_is_given(tmp_path: Path) -> None:
    path = tmp_path / "x.eml"
    with path.open("wb") as file:
        file.truncate(MOST_BYTES + 9)
    (raw,) = read([str(path)])
    assert len(raw.data) == MOST_BYTES


def test_an_mbox_that_got_shorter_gives_what_is_left_and_an_error(tmp_path: Path) -> None:
    path = a_big_mbox(tmp_path / "bounces")
    chunks = list(plan([path]))
    write(Path(path), an_mbox([a_message()]))
    errors: list[SourceError] = []
    given = [raw.data for chunk in chunks for raw in read_chunk(chunk, failed=errors.append)]
    assert given == [a_message()]
    assert {"changed while" in str(error) for error in errors} == {True}


def test_an_mbox_that_was_rewritten_gives_no_half_messages(tmp_path: Path) -> None:
    path = a_big_mbox(tmp_path / "bounces")
    chunk = list(plan([path]))[1]
    write(Path(path), b"x" + Path(path).read_bytes())
    with pytest.raises(SourceError, match="changed while"):
        list(read_chunk(chunk))


def test_a_file_that_vanished_is_an_error_and_stops_nothing(tmp_path: Path) -> None:
    write(tmp_path / "1.eml", a_message(1))
    write(tmp_path / "2.eml", a_message(2))
    chunks = list(plan([str(tmp_path)]))
    (tmp_path / "1.eml").unlink()
    errors: list[SourceError] = []
    given = [raw.data for chunk in chunks for raw in read_chunk(chunk, failed=errors.append)]
    assert given == [a_message(2)]
    assert "no such file" in str(errors[0])


def test_a_maildir_is_numbered_through_its_chunks(tmp_path: Path) -> None:
    count = CHUNK_FILES + 2
    path = a_maildir(tmp_path / "m", (a_message(n) for n in range(count)))
    first, second = plan([path])
    assert (first.start, first.end, second.start, second.end) == (0, 500, 500, count)
    assert [raw.locator for raw in read_chunk(second)] == [f"{path}#501", f"{path}#502"]


def test_a_maildirs_order_does_not_depend_on_what_was_seen(tmp_path: Path) -> None:
    path = a_maildir(tmp_path / "m", [a_message(n) for n in range(4)])
    before = [raw.data for raw in read([path])]
    for file in sorted((tmp_path / "m" / "cur").iterdir())[1::2]:
        file.rename(tmp_path / "m" / "new" / file.name.partition(":")[0])
    assert [raw.data for raw in read([path])] == before


def test_a_maildir_message_that_moves_while_reading_is_read(tmp_path: Path) -> None:
    path = a_maildir(tmp_path / "m", [a_message()], folder="new")
    (chunk,) = plan([path])
    (file,) = (tmp_path / "m" / "new").iterdir()
    file.rename(tmp_path / "m" / "cur" / f"{file.name}:2,S")
    assert [raw.data for raw in read_chunk(chunk)] == [a_message()]


def test_a_maildir_message_removed_while_reading_is_passed_over(tmp_path: Path) -> None:
    path = a_maildir(tmp_path / "m", [a_message(1), a_message(2)])
    (chunk,) = plan([path])
    min((tmp_path / "m" / "cur").iterdir()).unlink()
    assert [(raw.data, raw.locator) for raw in read_chunk(chunk)] == [(a_message(2), f"{path}#2")]


def test_without_a_taker_the_first_error_comes_behind_all_mail(tmp_path: Path) -> None:
    path = write(tmp_path / "bounces", an_mbox([a_message()]))
    given = read(["/nowhere/1", path, "/nowhere/2"])
    assert next(given).data == a_message()
    with pytest.raises(SourceError, match=r"/nowhere/1.*and 1 more"):
        next(given)


def piped(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    """Put octets on standard input."""
    raw = io.BufferedReader(io.BytesIO(data))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(raw))


@pytest.mark.parametrize(
    "data",
    [a_message(), DATED + a_message(), gzip.compress(a_message())],
    ids=["plain", "from_line", "gzip"],
)
def test_standard_input_is_one_message(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    piped(monkeypatch, data)
    assert [raw.data for raw in read(["-"])] == [a_message()]


def test_an_mbox_on_standard_input_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    piped(monkeypatch, an_mbox([a_message(1), a_message(2)]))
    assert len(list(read(["-"]))) == 1


def test_empty_standard_input_is_an_empty_message(monkeypatch: pytest.MonkeyPatch) -> None:
    piped(monkeypatch, b"")
    assert [raw.data for raw in read(["-"])] == [b""]


def test_a_closed_standard_input_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(SourceError, match="standard input is closed"):
        list(read_chunk(Chunk("-", "stdin", 0, 0)))


def test_from_line_of_a_message_with_cr_alone_ends_at_its_cr(tmp_path: Path) -> None:
    path = tmp_path / "mac.eml"
    path.write_bytes(b"From relay@example.org Mon Oct 12 06:31:00 2026\rSubject: x\r\rtext\r")
    (message,) = read([str(path)])
    assert message.data == b"Subject: x\r\rtext\r"
