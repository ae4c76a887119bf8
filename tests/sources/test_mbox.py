"""Cutting an mbox into messages."""

import io
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dsnwatch.sources.mbox import (
    BLOCK_BYTES,
    MOST_BYTES,
    EndlessMessageError,
    Piece,
    arrival,
    cut,
    from_line,
    is_dated,
)
from tests.sources.builders import DATED, a_message, an_mbox

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
UNDATED = b"From anne@example.com\n"

LINE = st.sampled_from(
    [b"", b"From ", b"From here on", b">From you", b">>From ", b"From : x", b"Subject: x", b"\r",
     b"From a Thu Jan  1 00:00:00 2026", b">", b"a>From b"]
) | st.binary(max_size=30)  # fmt: skip
MESSAGE = st.lists(LINE, max_size=6).map(lambda lines: b"".join(line + b"\n" for line in lines))


def pieces(data: bytes, *, dated: bool = True) -> list[Piece]:
    """Cut an mbox that is held in memory."""
    return list(cut(io.BytesIO(data).readinto, dated=dated))


def bodies(data: bytes, *, dated: bool = True) -> list[bytes]:
    """Cut an mbox that is held in memory, and give the messages only."""
    return [piece.data for piece in pieces(data, dated=dated)]


@given(st.lists(MESSAGE, max_size=6), st.sampled_from([DATED, UNDATED]))
@example([b"", b"", b"\n"], DATED)
@example([b">From \n"], UNDATED)
@example([b"a\r\n\r\n"], DATED)
def test_joined_messages_are_read_back(messages: list[bytes], line: bytes) -> None:
    data = an_mbox(messages, line=line)
    assert bodies(data, dated=is_dated(data)) == messages


@given(st.lists(MESSAGE, max_size=4), st.integers(1, 7))
def test_the_size_of_reads_changes_nothing(messages: list[bytes], step: int) -> None:
    stream = io.BytesIO(an_mbox(messages))
    found = cut(lambda buffer: stream.readinto(buffer[:step]), dated=True)
    assert [piece.data for piece in found] == messages


@given(st.binary(max_size=2000), st.booleans())
def test_any_octets_are_cut_without_loss_of_lines(data: bytes, dated: bool) -> None:  # noqa: FBT001 (hypothesis gives it)
    lines = sum(body.count(b"\n") for body in bodies(data, dated=dated))
    assert lines <= data.count(b"\n")


@given(st.binary(max_size=200))
def test_any_octets_are_measured_without_raising(data: bytes) -> None:
    assert 0 <= from_line(data) <= len(data)
    assert (arrival(data) is None) or is_dated(data)


def test_crlf_is_kept_and_its_blank_line_taken_off() -> None:
    message = b"Subject: x\r\n\r\nText.\r\n"
    line = DATED.replace(b"\n", b"\r\n")
    assert bodies(an_mbox([message] * 2, line=line, blank=b"\r\n")) == [message] * 2


def test_no_blank_line_is_needed_between_messages() -> None:
    assert bodies(an_mbox([a_message(1), a_message(2)], blank=b"")) == [a_message(1), a_message(2)]


@pytest.mark.parametrize(
    "sentence",
    [
        b"From here on all is well.",
        b"From what we saw Thu Jan  1 00:00:00 2026 on, it works.",
        b"From : anne@example.com",
        b"From now",
    ],
)
def test_a_sentence_is_no_beginning_where_from_lines_have_dates(sentence: bytes) -> None:
    message = b"Subject: x\n\n" + sentence + b"\nBye\n"
    assert bodies(DATED + message + b"\n") == [message]


def test_every_from_is_a_beginning_where_from_lines_have_no_dates() -> None:
    data = UNDATED + b"Subject: 1\n\n" + b"From b@example.com\nSubject: 2\n"
    assert bodies(data, dated=False) == [b"Subject: 1\n", b"Subject: 2\n"]


def test_an_obsolete_from_field_is_no_beginning() -> None:
    data = UNDATED + b"From : anne@example.com\n\nText.\n"
    assert bodies(data, dated=False) == [b"From : anne@example.com\n\nText.\n"]


def test_an_mbox_that_ends_mid_message_gives_what_is_there() -> None:
    assert bodies(an_mbox([a_message()]) + DATED + b"Subject: cut of") == [
        a_message(),
        b"Subject: cut of",
    ]


def test_an_mbox_that_ends_in_a_from_line_has_an_empty_message() -> None:
    assert bodies(an_mbox([a_message()]) + DATED.rstrip()) == [a_message(), b""]


def test_blank_lines_before_the_first_message_are_passed_over() -> None:
    assert bodies(b"\n\r\n" + an_mbox([a_message()])) == [a_message()]


def test_text_before_the_first_message_is_not_lost() -> None:
    assert bodies(b"left over\n" + an_mbox([a_message()])) == [b"left over\n", a_message()]


def test_one_level_of_quoting_is_taken_off_at_lines_beginnings_only() -> None:
    data = DATED + b">From a\n>>From b\n> From c\nx >From d\n"
    assert bodies(data) == [b"From a\n>From b\n> From c\nx >From d\n"]


def test_offsets_are_those_of_the_from_lines() -> None:
    data = an_mbox([a_message(n) for n in range(3)])
    assert all(data[piece.offset :].startswith(DATED) for piece in pieces(data))


@pytest.mark.parametrize("octets", [BLOCK_BYTES - 60, BLOCK_BYTES, 3 * BLOCK_BYTES + 17])
def test_messages_of_more_than_a_block_come_whole(octets: int) -> None:
    messages = [a_message(1, octets=octets), a_message(2), a_message(3, octets=octets)]
    assert bodies(an_mbox(messages)) == messages


def test_a_line_longer_than_a_block_is_no_matter() -> None:
    long = b"Subject: x\n\n" + b"y" * (2 * BLOCK_BYTES + 5) + b"From z\n"
    assert bodies(an_mbox([long, a_message()])) == [long, a_message()]


def test_quoting_behind_a_line_longer_than_a_block_is_taken_off() -> None:
    long = b"Subject: x\n\n" + b"y" * (2 * BLOCK_BYTES + 5) + b"\nFrom z\n"
    assert bodies(an_mbox([long])) == [long]


def zeros(count: int, *, before: bytes = DATED) -> "io.RawIOBase":
    """Give a stream of zeros with something before them, without holding it."""

    class Zeros(io.RawIOBase):
        left = count
        head = before

        def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # memoryview will do
            if self.head:
                got, self.head = len(self.head), b""
                buffer[:got] = before
                return got
            got = min(len(buffer), self.left)
            buffer[:got] = bytes(got)
            self.left -= got
            return got

    return Zeros()


def test_of_a_message_too_long_its_beginning_is_kept() -> None:
    found = list(cut(zeros(MOST_BYTES + 5).readinto, dated=True))
    assert [len(piece.data) for piece in found] == [MOST_BYTES]


def test_an_endless_message_is_given_once_and_then_refused() -> None:
    found = cut(zeros(1 << 30).readinto, dated=True, endless_bytes=BLOCK_BYTES)
    assert next(found).arrived_at == NEW_YEAR
    with pytest.raises(EndlessMessageError):
        next(found)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"From a@example.com Thu Jan  1 00:00:00 2026", NEW_YEAR),
        (b"From a@example.com  Thu Jan 01 00:00 2026\r\n", NEW_YEAR),
        (b"From  Thu Jan  1 00:00:00 2026\n", NEW_YEAR),
        (b"From - Thu Jan  1 00:00:00 2026\n", NEW_YEAR),
        (b"From anne at example.com Thu Jan  1 00:00:00 2026\n", NEW_YEAR),
        (b"From a Thu Jan  1 01:00:00 +0100 2026\n", NEW_YEAR),
        (b"From a Thu Jan  1 01:30:00 2026 +0130\n", NEW_YEAR),
        (b"From a Wed Dec 31 19:00:00 EST 2025\n", NEW_YEAR),
        (b"From a Wed Dec 31 16:00:00 2025 PST\n", NEW_YEAR),
        (b"From a Thu Jan  1 00:00:00 UTC 2026\n", NEW_YEAR),
        (b"From a Thu, 1 Jan 2026 01:00:00 +0100 (CET)\n", NEW_YEAR),
        (b"From a Thu Jan  1 00:00:00 2026 remote from example\n", NEW_YEAR),
        (b"From a Wed Dec 31 23:59:60 2025\n", datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (b"From a Tue Feb 30 00:00:00 2026\n", None),
        (b"From a Mon Jan  1 00:00:00 +0100 0001\n", None),
        (b"From a Thu Jan  1 25:00:00 2026\n", None),
        (b"From a@example.com\n", None),
        (b"Subject: x\n", None),
        (b"From " + b"x" * 2000 + b" Thu Jan  1 00:00:00 2026\n", None),
    ],
)
def test_arrival_is_the_from_lines_date_in_utc(line: bytes, expected: datetime | None) -> None:
    assert arrival(line) == expected
