"""Nothing that strangers can send makes the reader raise, forget itself, or fill the memory.

How long each kind takes is measured and printed by `tests/benchmarks/read.py`.
"""

import json
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dsnwatch.model import Kind, Reading
from dsnwatch.reading.reader import contract
from tests.reading.builders import FIXTURES, MESSAGES, READER, Group, a_bounce
from tests.reading.hostile import HOSTILE
from tests.rfc.builders import MAILISH

MIB = 1 << 20
TELLING = ("dsn/postfix", "dsn/exim", "ndr/qmail", "complaint", "languages", "other")
CUT_OFF = [
    next(path for path in MESSAGES if path.is_relative_to(FIXTURES / folder)) for folder in TELLING
]
BIG = (
    "50 MB",
    "10,000",
    "20,000",
    "1,000",
    "NULs",
    "header",
    "one",
    "diagnostic",
    "base64",
    "quoted",
)
GOOD = a_bounce()
ITS_READING = READER.read(GOOD)


def a_usable(reading: Reading) -> None:
    """See that a reading is whole: one verdict a recipient, and fit to be printed and stored."""
    assert len(reading.verdicts) == len(reading.report.recipients)
    line = json.dumps(contract("a", reading), ensure_ascii=False)
    line.encode("utf-8")
    assert "\n" not in line
    for one in reading.report.recipients:
        assert one.recipient


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_message_is_read_and_so_is_the_next_one(kind: str) -> None:
    a_usable(READER.read(HOSTILE[kind]()))
    assert READER.read(GOOD) == ITS_READING


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_message_can_be_explained(kind: str) -> None:
    a_usable(READER.explain(HOSTILE[kind]()).reading)


@pytest.mark.parametrize("kind", [kind for kind in HOSTILE if kind.startswith(BIG)])
def test_hostile_message_takes_no_more_than_50_mb_besides_itself(kind: str) -> None:
    data = HOSTILE[kind]()
    READER.read(GOOD)
    tracemalloc.start()
    try:
        READER.read(data)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 50 * MIB


def test_nothing_large_is_remembered_of_what_strangers_write() -> None:
    READER.read(GOOD)
    tracemalloc.start()
    try:
        for number in range(20):
            name = f"{number}{'x' * 200_000}"
            group = Group(final=f"rfc822; {name}@example.org", remote=f"dns; {name}")
            READER.read(a_bounce(group))
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < MIB


@pytest.mark.parametrize(
    "kind", ["empty", "one newline", "one NUL", "NULs", "binary", "1,000 levels of multipart"]
)
def test_message_in_which_nothing_can_be_read_has_a_defect(kind: str) -> None:
    report = READER.read(HOSTILE[kind]()).report
    assert report.kind is Kind.OTHER
    assert report.defects


@pytest.mark.parametrize("path", CUT_OFF, ids=lambda path: path.parent.name)
def test_message_cut_off_anywhere_is_read(path: Path) -> None:
    data = path.read_bytes()
    for end in range(0, len(data), 50):
        a_usable(READER.read(data[:end]))


@pytest.mark.parametrize("path", CUT_OFF, ids=lambda path: path.parent.name)
def test_message_that_lost_its_beginning_is_read(path: Path) -> None:
    data = path.read_bytes()
    for start in range(0, len(data), 50):
        a_usable(READER.read(data[start:]))


@pytest.mark.parametrize("path", CUT_OFF, ids=lambda path: path.parent.name)
@pytest.mark.parametrize("octet", [b"\0", b"\xff", b"\n", b"\r", b"<", b"=", b"\x1b$"])
def test_message_with_octets_struck_over_is_read(path: Path, octet: bytes) -> None:
    data = path.read_bytes()
    for at in range(0, len(data), 97):
        a_usable(READER.read(data[:at] + octet + data[at + 1 :]))


@given(st.binary(max_size=2000))
@example(b"Content-Type: text/plain; charset=utf-7\n\nFinal-Recipient: rfc822; +2AA-\xff\n")
@example(b"From: MAILER-DAEMON\n\nHi. This is the qmail-send program\n\n<\0>:\n")
@example(b"From: <>\nSubject: failure notice\n\n\xa4\xb3\xa4\xec\n")
def test_any_bytes_are_read(data: bytes) -> None:
    a_usable(READER.read(data))


@given(MAILISH)
def test_anything_like_a_message_is_read(data: bytes) -> None:
    a_usable(READER.read(data))


@given(st.sampled_from(CUT_OFF), st.data())
def test_any_two_messages_run_together_are_read(path: Path, data: st.DataObject) -> None:
    first = path.read_bytes()
    second = data.draw(st.sampled_from(CUT_OFF)).read_bytes()
    at = data.draw(st.integers(0, len(first)))
    start = data.draw(st.integers(0, len(second)))
    a_usable(READER.read(first[:at] + second[start:]))


@given(st.text(max_size=300), st.text(max_size=300))
@example("550 5.1.1", "\x1b[31m\u202e")
def test_any_words_of_a_server_are_judged(diagnostic: str, text: str) -> None:
    body = a_bounce(text=text.encode("utf-8", "replace").decode()).replace(
        b"550 5.1.1 <anne@example.org>: no such user here", diagnostic.encode("utf-8", "replace")
    )
    a_usable(READER.read(body))
