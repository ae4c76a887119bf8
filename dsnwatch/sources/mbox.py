"""Cut a stream of octets into the messages of an mbox.

There is no standard. What is read here is mboxrd and its kin: each message begins with a From_
line (`From sender Thu Jan  1 00:00:00 2026`), and lines of the message that look like one carry a
`>` more (RFC 4155 describes the format, and that nobody agrees on it). A blank line before the
From_ line is customary and never asked for.
"""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Final, NamedTuple

Fill = Callable[[memoryview], int]
"""Puts the next octets of a stream into a buffer and says how many; 0 at the stream's end."""

BLOCK_BYTES: Final = 1 << 17
"""What is read at once: some dozens of messages, small enough to stay in the processor's cache."""

MOST_BYTES: Final = 64 << 20
"""The most that is kept of one message; of a longer one, this much from its beginning."""

MOST_LINE_BYTES: Final = 1000
"""A longer line is no From_ line: an address has 254 octets at most, a date some 40."""

_NEWLINE, _QUOTE = b"\n>"
_GAP = rb"[ \t]{1,4}"
_MONTH = rb"(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_CLOCK = rb"(\d\d?):(\d\d)(?::(\d\d))?"
_ZONE = rb"([+-]\d{4}|[A-Z]{1,5})"

_DATED = re.compile(
    # The sender may be missing (a null return path) or hold blanks ("anne at example.com").
    rb"From (?:[^\n]*?[ \t])??(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),?"
    + _GAP
    + rb"(?:"
    # asctime(3), with the zone before the year, behind it, or not at all;
    + (_MONTH + _GAP + rb"(\d\d?)" + _GAP + _CLOCK)
    + (rb"(?:" + _GAP + _ZONE + rb")?" + _GAP + rb"(\d{4})(?:" + _GAP + _ZONE + rb")?|")
    # or the date of RFC 5322.
    + (rb"(\d\d?)" + _GAP + _MONTH + _GAP + rb"(\d{4})" + _GAP + _CLOCK)
    + (rb"(?:" + _GAP + _ZONE + rb")?")
    + rb")(?:[ \t]\([^()\n]*\))?(?:[ \t]remote from [^\n]*)?[ \t]*\r?\n?\Z"
)
# "From : anne@example.com" is a From field in the obsolete syntax (RFC 5322 section 4.5.2).
_PLAIN = re.compile(rb"From (?![ \t]*:)")
_NEXT_LINE = re.compile(rb"\n")
_QUOTED = re.compile(rb"^>(>*From )", re.MULTILINE)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# A table is faster than int(), and every message asks six times.
_NUMBERS = {f"{number:{pad}}".encode(): number for number in range(100) for pad in ("", "02")}
_NUMBERS |= {name.encode(): number for number, name in enumerate(_MONTHS, 1)}
# RFC 5322 section 4.3; a zone that is not here counts as UTC, as no zone does.
_ZONE_HOURS = {
    b"EDT": -4, b"EST": -5, b"CDT": -5, b"CST": -6,
    b"MDT": -6, b"MST": -7, b"PDT": -7, b"PST": -8,
}  # fmt: skip


# One pass finds both what ends a message and what must be unquoted in it: each further search of
# every octet costs as much as cutting does. It is a plain word, as that is found fastest.
_SEEMS = re.compile(rb"From ")


class EndlessMessageError(Exception):
    """A message went on far past what can be kept; in a compressed file, a trap."""


class Piece(NamedTuple):
    """One message as it was cut out.

    Attributes:
        offset: Of its From_ line, from the beginning of the stream.
        arrived_at: What the From_ line says; None where it says nothing.
        data: The message without From_ line, one level of `>` and the blank line behind it.
    """

    offset: int
    arrived_at: datetime | None
    data: bytes


def from_line(head: bytes) -> int:
    """Measure the From_ line that octets begin with; 0 where they begin with something else."""
    if not _PLAIN.match(head):
        return 0
    end = head.find(b"\n") + 1 or len(head)
    alone = head.find(b"\r", 0, end) + 1  # CR alone ends the lines of old Macs' mail
    return alone if 0 < alone < end and head[alone : alone + 1] != b"\n" else end


def is_dated(head: bytes) -> bool:
    """Say whether the From_ line that octets begin with has a date.

    In a file where the first has one, only those with a date begin a message, so that a sentence
    like "From here on ..." in a body does not, whoever forgot to quote it. In a file where the
    first has none, every `From ` at the beginning of a line does.
    """
    return _dated(head, 0, from_line(head)) is not None


def arrival(head: bytes) -> datetime | None:
    """Read the date of the From_ line that octets begin with, as UTC.

    A zone given as an offset or as one of RFC 5322's names is heeded; without one it is taken to
    be UTC, though some programs write local time there.

    Returns:
        None where there is no From_ line, no date, or none of this calendar.
    """
    return _moment(_dated(head, 0, from_line(head)))


def next_start(fill: Fill, *, dated: bool) -> int | None:
    """Find the offset at which a message begins in a stream that begins amid a line.

    Args:
        fill: Gives the stream.
        dated: Whether only a From_ line with a date begins a message (`is_dated` of the file).

    Returns:
        None where none begins.
    """
    base = 0
    for buffer, length, _ in _whole_lines(fill, BLOCK_BYTES >> 4, fresh=False):
        for at, _, _, _ in _separators(buffer, length, fresh=base > 0, dated=dated)[0]:
            return base + at
        base += length
    return None


def cut(
    fill: Fill, *, dated: bool, base: int = 0, endless_bytes: int | None = None
) -> Iterator[Piece]:
    """Cut a stream into messages; what the last one lacks, it lacks.

    Args:
        fill: Gives the stream, from a line's beginning on. What lies before the first From_ line
            is a message of its own unless it is blank.
        dated: Whether only a From_ line with a date begins a message (`is_dated` of the file).
        base: Where the stream begins in its file.
        endless_bytes: The length from which a message is taken for a trap; None for never.

    Returns:
        The messages in order, of each at most `MOST_BYTES`. At most one message and one block
        are held in memory.

    Raises:
        EndlessMessageError: A message passed `endless_bytes`; its beginning has been given.
    """
    held = _Held()
    start, arrived_at, begun = base, None, False
    for buffer, length, fresh in _whole_lines(fill, BLOCK_BYTES):
        begin = 0
        found, quoted_tail = _separators(buffer, length, fresh=fresh, dated=dated)
        for at, end, moment, quoted in found:
            data = bytes(buffer[begin:at])
            if quoted:
                data = _unquoted(data, fresh=fresh or begin > 0)
            if held.length:
                held.add(data)
                data = held.take()
            elif blank := _blank_line(data):
                data = data[:-blank]
            if begun or data.strip():
                yield Piece(start, arrived_at, data)
            start, arrived_at, begun, begin = base + at, moment, True, end
        rest = buffer[begin:length]
        held.add(_unquoted(bytes(rest), fresh=fresh or begin > 0) if quoted_tail else rest)
        base += length
        if endless_bytes is not None and held.length > endless_bytes:
            yield Piece(start, arrived_at, held.take())
            raise EndlessMessageError
    data = held.take()
    if begun or data.strip():
        yield Piece(start, arrived_at, data)


class _Held:
    """A message that more than one block brings, up to `MOST_BYTES` of it.

    Attributes:
        length: Of all that was added, kept or not.
    """

    def __init__(self) -> None:
        self.length = 0
        self._kept = BytesIO()

    def add(self, data: bytes | memoryview) -> None:
        room = MOST_BYTES - self._kept.tell()
        self._kept.write(data if len(data) <= room else data[:room])
        self.length += len(data)

    def take(self) -> bytes:
        """Give it without the blank line behind it or a second copy of it, and be empty again."""
        kept, self._kept, self.length = self._kept, BytesIO(), 0
        end = kept.tell()
        kept.seek(max(0, end - 3))
        kept.truncate(end - _blank_line(kept.read()))
        return kept.getvalue()


def _whole_lines(
    fill: Fill, length: int, *, fresh: bool = True
) -> Iterator[tuple[memoryview, int, bool]]:
    """Read a stream so that no From_ line lies across two blocks.

    Returns:
        One buffer again and again, and how much of it is good this time: up to a line's end,
        except at the stream's end and where a line is longer than the buffer. Then, whether it
        begins at a line's beginning.
    """
    octets = bytearray(length)
    with memoryview(octets) as buffer:
        filled = 0
        while got := fill(buffer[filled:]):
            filled += got
            end = octets.rfind(b"\n", 0, filled) + 1
            if end:
                yield buffer, end, fresh
                fresh = True
            elif filled == length:
                end = filled
                yield buffer, end, fresh
                fresh = False
            buffer[: filled - end] = buffer[end:filled]
            filled -= end
        if filled:
            yield buffer, filled, fresh


_Separator = tuple[int, int, datetime | None, bool]


def _separators(
    buffer: memoryview, length: int, *, fresh: bool, dated: bool
) -> tuple[list[_Separator], bool]:
    """Find the From_ lines of a block that begin a message.

    Returns:
        For each: where it begins and ends, its date, and whether a quoted one lies between it
        and the one before; then, whether one lies behind the last.
    """
    found: list[_Separator] = []
    quoted = False
    for mark in _SEEMS.finditer(buffer, 0, length):
        at = mark.start()
        before = buffer[at - 1] if at else _NEWLINE if fresh else 0
        if before == _QUOTE:
            # Not every one is at a line's beginning; unquoting looks again.
            quoted = True
        elif before == _NEWLINE:
            end = _line_end(buffer, at, length)
            line = _dated(buffer, at, end)
            if line is not None or (not dated and _PLAIN.match(buffer, at, end)):
                found.append((at, end, _moment(line), quoted))
                quoted = False
    return found, quoted


def _line_end(buffer: memoryview, at: int, length: int) -> int:
    end = _NEXT_LINE.search(buffer, at, length)
    return end.end() if end else length


def _dated(block: bytes | memoryview, at: int, end: int) -> "re.Match[bytes] | None":
    return _DATED.match(block, at, end) if end - at <= MOST_LINE_BYTES else None


def _moment(line: "re.Match[bytes] | None") -> datetime | None:
    if line is None:
        return None
    month, day, hour, minute, second, early, year, late = line.group(1, 2, 3, 4, 5, 6, 7, 8)
    if month is None:
        day, month, year, hour, minute, second, early = line.group(9, 10, 11, 12, 13, 14, 15)
    zone = early or late
    try:
        # A leap second is that minute's last; datetime has none.
        moment = datetime(
            int(year), _NUMBERS[month], _NUMBERS[day], _NUMBERS[hour], _NUMBERS[minute],
            min(_NUMBERS[second or b"0"], 59), tzinfo=UTC,
        )  # fmt: skip
        return moment - _offset(zone) if zone else moment
    except (ValueError, OverflowError):
        return None


def _offset(zone: bytes) -> timedelta:
    if zone[:1] in b"+-":
        offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[3:]))
        return -offset if zone[:1] == b"-" else offset
    return timedelta(hours=_ZONE_HOURS.get(zone, 0))


def _unquoted(data: bytes, *, fresh: bool) -> bytes:
    if fresh:
        return _QUOTED.sub(rb"\1", data)
    head, newline, tail = data.partition(b"\n")
    return head + newline + _QUOTED.sub(rb"\1", tail)


def _blank_line(data: bytes) -> int:
    """Measure the one blank line that a writer puts behind a message; three octets suffice."""
    if data.endswith(b"\n\r\n") or data == b"\r\n":
        return 2
    return 1 if data.endswith(b"\n\n") or data == b"\n" else 0
