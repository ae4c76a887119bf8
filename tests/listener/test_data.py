"""The end of a message is found wherever the pieces are cut, and only where it is."""

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dsnwatch.sources.listener_data import (
    BARE_LF,
    HEADER_TOO_BIG,
    SMUGGLED,
    TOO_BIG,
    DataScanner,
    Refusal,
)
from tests.listener.builders import stuffed

LIMIT = 1 << 20


def taken(pieces: list[bytes], limit: int = LIMIT) -> tuple[bytes | Refusal, bytes] | None:
    """Feed pieces: the message and all that stood behind it, or None where no end came."""
    scanner = DataScanner(limit)
    for number, piece in enumerate(pieces):
        rest = scanner.feed(piece)
        if rest is not None:
            return scanner.message(), rest + b"".join(pieces[number + 1 :])
    return None


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """Cut octets at some places."""
    ends = sorted({min(place, len(data)) for place in places} | {0, len(data)})
    return [data[start:end] for start, end in pairwise(ends)]


LINES = st.lists(
    st.one_of(
        st.binary(max_size=20).map(lambda line: line.replace(b"\r", b"").replace(b"\n", b"")),
        st.sampled_from([b".", b"..", b"", b". ", b".."]),
    ),
    max_size=12,
)


@given(LINES, st.lists(st.integers(0, 300), max_size=8), st.binary(max_size=10))
@example([b"."], [1, 2, 3, 4, 5], b"QUIT\r\n")
@example([], [], b"")
def test_message_is_read_back_wherever_it_is_cut(
    lines: list[bytes], places: list[int], behind: bytes
) -> None:
    data = b"".join(line + b"\r\n" for line in lines)
    assert taken(cut(stuffed(data) + behind, places)) == (data, behind)


@given(st.lists(st.binary(max_size=50), max_size=10))
def test_any_octets_are_taken_without_raising(pieces: list[bytes]) -> None:
    taken(pieces)


@given(
    st.lists(st.sampled_from([b"\r", b"\n", b".", b"x", b"\r\n"]), max_size=14),
    st.lists(st.integers(0, 30), max_size=5),
)
def test_cuts_change_nothing(parts: list[bytes], places: list[int]) -> None:
    data = b"".join(parts)
    assert taken(cut(data, places)) == taken([data])


@given(st.lists(st.sampled_from([b"\r", b"\n", b".", b"x", b"\r\n"]), max_size=14))
def test_no_lone_dot_is_left_in_a_message(parts: list[bytes]) -> None:
    found = taken([b"".join(parts) + b"\r\n.\r\n"])
    assert found is not None
    if isinstance(found[0], bytes):
        assert b"\n" not in found[0].replace(b"\r\n", b"")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"a\nb\r\n", BARE_LF),
        (b"a\n.\nb\r\n", BARE_LF),
        (b"a\r.\rb\r\n", SMUGGLED),
        (b"a\r.\r\nb\r\n", SMUGGLED),
        (b"a\r\n.\rb\r\n", SMUGGLED),
    ],
)
def test_what_only_looks_like_an_end_is_refused(data: bytes, why: Refusal) -> None:
    assert taken([data + b".\r\n"]) == (why, b"")


def test_bare_cr_in_a_line_is_mail_like_any_other() -> None:
    assert taken([b"a\rb\r\n.\r\n"]) == (b"a\rb\r\n", b"")


def test_size_is_counted_as_it_came() -> None:
    fits = b"x" * 98 + b"\r\n"
    assert taken([stuffed(fits)], 100) == (fits, b"")
    assert taken([stuffed(b"x" + fits)], 100) == (TOO_BIG, b"")


def test_nothing_is_kept_of_what_is_too_big() -> None:
    scanner = DataScanner(1000)
    for _ in range(3):
        assert scanner.feed(b"x" * 1000) is None
    assert not scanner.hopeless
    for _ in range(2):
        scanner.feed(b"x" * 1000)
    assert scanner.hopeless
    assert scanner.feed(b"\r\n.\r\nQUIT\r\n") == b"QUIT\r\n"
    assert scanner.message() == TOO_BIG


def test_end_is_found_behind_what_is_too_big_wherever_it_is_cut() -> None:
    data = b"x" * 5000 + b"\r\n.\r\nRSET\r\n"
    for place in range(4995, 5010):
        assert taken([data[:place], data[place:]], 1000) == (TOO_BIG, b"RSET\r\n")


def test_header_larger_than_any_is_refused() -> None:
    bomb = b"X: y\r\n" * 50_000
    assert taken([bomb + b"\r\nbody\r\n.\r\n"]) == (HEADER_TOO_BIG, b"")
    assert taken([b"X: y\r\n\r\n" + bomb + b".\r\n"]) == (b"X: y\r\n\r\n" + bomb, b"")
