"""Finding the mail under the paths a person gave."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dsnwatch.sources.files import plan, read, size
from tests.sources.builders import a_maildir, a_message, an_mbox, tried, write


def kinds(*paths: Path) -> list[tuple[str, str]]:
    """Plan paths, and give the name and the kind of each chunk."""
    return [(Path(chunk.path).name, chunk.kind) for chunk in plan([str(path) for path in paths])]


@contextmanager
def without_rights() -> Iterator[None]:
    """Be a user whom file modes hold back; root is not."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


def test_kinds_are_told_by_content(tmp_path: Path) -> None:
    write(tmp_path / "a", an_mbox([a_message()]))
    write(tmp_path / "b", an_mbox([a_message()]), packed=True)
    write(tmp_path / "c", a_message())
    write(tmp_path / "d", a_message(), packed=True)
    write(tmp_path / "e.EML", an_mbox([a_message()]))
    write(tmp_path / "f", b"\n" + an_mbox([a_message()]))
    a_maildir(tmp_path / "g", [a_message()])
    assert kinds(tmp_path) == [
        ("a", "mbox"),
        ("b", "mbox.gz"),
        ("c", "eml"),
        ("d", "eml"),
        ("e.EML", "eml"),
        ("f", "mbox"),
        ("g", "maildir"),
    ]


def test_folders_are_searched_to_the_bottom_by_name(tmp_path: Path) -> None:
    for name in ("b/2", "b/1", "a/x/y/3", "c"):
        write(tmp_path / name, a_message())
    assert [name for name, _ in kinds(tmp_path)] == ["3", "1", "2", "c"]


def test_paths_are_read_in_the_order_given(tmp_path: Path) -> None:
    paths = [write(tmp_path / name, a_message()) for name in ("b", "a")]
    assert [raw.locator for raw in read(paths)] == paths


def test_hidden_files_are_passed_over_in_folders_but_read_when_named(tmp_path: Path) -> None:
    hidden = write(tmp_path / ".x", a_message())
    assert kinds(tmp_path) == []
    assert kinds(Path(hidden)) == [(".x", "eml")]


NO_MAIL = {
    "README.md": b"# Bounces\n\nFrom: the archive\n",
    "notes.txt": b"Remember the milk, and the following:\nbread\n",
    "a.toml": b'[[cause]]\nid = "x"\n',
    "b.toml": b"# Subject: rows\nkind = 'other'\n",
    "c.db": b"SQLite format 3\0\x10\0",
    "d.bin": b"\0\xff" * 40,
    "e.json": b'{"From": "x"}\n',
    "f.yml": b"name: x\nruns-on: y\n",
    "g.html": b"<!DOCTYPE html>\n<p>Date: today</p>\n",
    "h.py": b'"""From: x"""\nimport os\n',
}


def test_files_of_a_folder_that_are_no_mail_are_passed_over_and_told(tmp_path: Path) -> None:
    for name, data in NO_MAIL.items():
        write(tmp_path / name, data)
    write(tmp_path / "mail", a_message())
    told: list[str] = []
    given = list(read([str(tmp_path)], passed_over=told.append))
    assert [raw.data for raw in given] == [a_message()]
    assert told == [f"{tmp_path}/{name}" for name in sorted(NO_MAIL)]


@pytest.mark.parametrize("name", NO_MAIL)
def test_file_that_is_named_is_read_whatever_is_in_it(tmp_path: Path, name: str) -> None:
    (raw,) = read([write(tmp_path / name, NO_MAIL[name])])
    assert raw.data == NO_MAIL[name]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("broken.eml", b"\0\xff"),
        ("17", b"no header at all"),
        ("a", b"Received: by x\r\n\r\n"),
        ("b", b"X-Failed-Recipients: a@b.test\n\n"),
        ("c", b"\xef\xbb\xbfsubject : x\r\rtext"),
        ("d", b"Odd-Field: x\n folded\nDate: today\n\nText"),
        ("e", b"From anne Thu Jan  1 00:00:00 2026\nnothing\n"),
    ],
)
def test_what_begins_as_mail_or_is_named_so_is_mail(tmp_path: Path, name: str, data: bytes) -> None:
    write(tmp_path / name, data)
    assert len(kinds(tmp_path)) == 1


def test_what_is_passed_over_has_no_size(tmp_path: Path) -> None:
    write(tmp_path / "README.md", NO_MAIL["README.md"])
    assert size([str(tmp_path)]) == 0


def test_a_maildirs_subfolders_are_maildirs(tmp_path: Path) -> None:
    a_maildir(tmp_path / "m", [a_message(1)])
    a_maildir(tmp_path / "m" / ".Sub.Deep", [a_message(2)], folder="new")
    a_maildir(tmp_path / "m" / "Other", [a_message(3)])
    write(tmp_path / "m" / "dovecot-uidlist", b"3 V1 N1\n")
    write(tmp_path / "m" / "tmp" / "half", b"half a mess")
    given, errors = tried(str(tmp_path))
    assert [raw.data for raw in given] == [a_message(1), a_message(2), a_message(3)]
    assert errors == []
    assert given[1].locator == f"{tmp_path}/m/.Sub.Deep#1"


def test_a_missing_path_is_told_with_the_next_step(tmp_path: Path) -> None:
    given, errors = tried(str(tmp_path / "none"), write(tmp_path / "x", a_message()))
    assert len(given) == 1
    assert str(errors[0]) == (
        f"'{tmp_path}/none': no such file or folder; check the path, or run again if it has just"
        " been renamed"
    )


def test_special_files_are_refused_and_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.path.relpath(tmp_path / "socket"))
    given, errors = tried(str(tmp_path / "fifo"), str(tmp_path / "socket"), "/dev/zero")
    assert given == []
    said = [str(error).partition(", not a file; ")[0].rpartition(": ")[2] for error in errors]
    assert said == ["a FIFO", "a socket", "a device"]
    assert all("'-' (standard input)" in str(error) for error in errors)


def test_special_files_in_folders_are_told_too(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "1")
    write(tmp_path / "2", a_message())
    os.mkfifo(Path(a_maildir(tmp_path / "3", [a_message()])) / "cur" / "fifo")
    given, errors = tried(str(tmp_path))
    assert (len(given), len(errors)) == (2, 2)


def test_a_broken_symlink_is_told_with_where_it_leads(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("gone")
    _, errors = tried(str(tmp_path))
    assert "is a symlink to 'gone', which is not there" in str(errors[0])


def test_a_symlink_to_itself_is_told(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("a")
    _, errors = tried(str(tmp_path))
    assert "symlinks that lead back" in str(errors[0])


def test_a_loop_of_folders_is_walked_once(tmp_path: Path) -> None:
    write(tmp_path / "a" / "x", a_message())
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "b").symlink_to(tmp_path / "a")
    given, errors = tried(str(tmp_path))
    assert ([raw.locator for raw in given], errors) == ([f"{tmp_path}/a/x"], [])


def test_an_unreadable_file_is_told_with_the_next_step(tmp_path: Path) -> None:
    path = write(tmp_path / "x", a_message())
    Path(path).chmod(0)
    with without_rights():
        given, errors = tried(path)
    assert given == []
    assert "permission denied; run as its owner" in str(errors[0])


def test_an_unreadable_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir(mode=0)
    with without_rights():
        _, errors = tried(str(tmp_path / "x"))
    assert "permission denied" in str(errors[0])


def test_a_name_that_is_no_text_is_read_and_shown_in_text(tmp_path: Path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9\n\xc3\xbc")
    Path(path).write_bytes(a_message())
    (raw,) = read([str(tmp_path)])
    assert raw.locator == f"{tmp_path}/caf\\xe9\\nü"


@pytest.mark.parametrize("path", ["a\0b", "a\ud800b", "x" * 300], ids=["nul", "lone", "long"])
def test_a_name_no_file_can_have_is_told(path: str) -> None:
    given, errors = tried(path)
    assert (given, len(errors)) == ([], 1)
    assert str(errors[0]).isprintable()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"PK\x03\x04rest", "zip"),
        (b"\xfd7zXZ\x00rest", "unxz"),
        (b"BZh9rest", "bunzip2"),
        (b"\x28\xb5\x2f\xfdrest", "unzstd"),
        (b"x".ljust(257, b"\0") + b"ustar\x00", "tar archive"),
    ],
    ids=["zip", "xz", "bzip2", "zstd", "tar"],
)
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gz"])
def test_an_archive_is_refused_with_how_to_unpack_it(
    tmp_path: Path,
    data: bytes,
    said: str,
    packed: bool,  # noqa: FBT001 (a parameter of the table)
) -> None:
    given, errors = tried(write(tmp_path / "x", data, packed=packed))
    assert given == []
    assert said in str(errors[0])


def test_what_cannot_be_read_has_no_size(tmp_path: Path) -> None:
    assert size([str(tmp_path / "none"), write(tmp_path / "x", a_message())]) == len(a_message())
