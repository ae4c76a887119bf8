"""What every source of mail must do, whatever it reads from.

A new kind makes a subclass of `SourceContract` whose name begins with `Test`, says there how mail
gets into it, and so inherits these tests.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import pytest

from dsnwatch.model import Kind, RawMessage
from dsnwatch.records import Receipt, ReceiptState
from dsnwatch.sources import KINDS, Source

PLAIN = b"Subject: one\n\nTo say little.\n"
ODD = {
    "crlf": b"Subject: two\r\n\r\nLine ends of SMTP.\r\n",
    "eight_bit": b"Subject: three\n\nGr\xfc\xdfe \xff\xfe\n",
    "nul": b"Subject: four\n\nA\x00B\n",
    "sentence_like_a_from_line": b"Subject: five\n\nFrom here on all is well.\n",
    "from_line_within": b"Subject: six\n\nFrom a@example.com Thu Jan  1 00:00:00 2026\n>From b\n",
    "no_header": b"just words\n",
    "blank_lines_at_the_end": b"Subject: seven\n\nBye\n\n\n\n",
    "no_line_end": b"Subject: eight\n\nCut of",
    "long_line": b"Subject: nine\n\n" + b"x" * 300_000 + b"\n",
}


class SourceContract(ABC):
    """The tests; `holding` makes a source with mail in it."""

    @abstractmethod
    def holding(self, place: Path, messages: Sequence[bytes]) -> Source:
        """Make a source that has these messages waiting, in this order.

        Args:
            place: An empty folder to use.
            messages: Distinct and not empty.
        """

    def _numbered(self, count: int) -> list[bytes]:
        return [f"Subject: {number}\n\nText {number}\n".encode() for number in range(count)]

    def _given(self, source: Source) -> list[RawMessage]:
        return list(source.messages())

    def test_each_message_is_given_once_and_in_order(self, tmp_path: Path) -> None:
        messages = self._numbered(12)
        given = self._given(self.holding(tmp_path, messages))
        assert [raw.fingerprint for raw in given] == [_fingerprint(data) for data in messages]

    @pytest.mark.parametrize("data", ODD.values(), ids=ODD.keys())
    def test_odd_mail_comes_through_as_it_is(self, tmp_path: Path, data: bytes) -> None:
        given = self._given(self.holding(tmp_path, [PLAIN, data]))
        assert [raw.fingerprint for raw in given] == [_fingerprint(PLAIN), _fingerprint(data)]

    def test_an_empty_source_gives_nothing(self, tmp_path: Path) -> None:
        assert self._given(self.holding(tmp_path, [])) == []

    def test_what_is_not_stored_is_given_again(self, tmp_path: Path) -> None:
        source = self.holding(tmp_path, self._numbered(3))
        first = next(source.messages())
        assert first in self._given(source)

    def test_letting_go_of_some_keeps_the_others(self, tmp_path: Path) -> None:
        source = self.holding(tmp_path, self._numbered(3))
        given = self._given(source)
        source.stored([(given[0], _receipt(given[0]))])
        assert set(given[1:]) <= set(self._given(source))

    def test_letting_go_of_nothing_is_allowed(self, tmp_path: Path) -> None:
        source = self.holding(tmp_path, self._numbered(2))
        source.stored([])
        assert len(self._given(source)) == 2

    def test_locators_are_distinct_printable_lines(self, tmp_path: Path) -> None:
        locators = [raw.locator for raw in self._given(self.holding(tmp_path, self._numbered(5)))]
        assert len(set(locators)) == 5
        assert all(locator.isprintable() for locator in locators)

    def test_arrival_is_aware_or_unknown(self, tmp_path: Path) -> None:
        for raw in self._given(self.holding(tmp_path, self._numbered(2))):
            assert raw.arrived_at is None or raw.arrived_at.tzinfo is not None

    def test_the_kind_is_in_the_table(self, tmp_path: Path) -> None:
        source = self.holding(tmp_path, self._numbered(1))
        for raw in self._given(source):
            module, _, name = KINDS[raw.source].partition(":")
            assert type(source) is getattr(import_module(module), name)

    def test_closing_twice_does_nothing(self, tmp_path: Path) -> None:
        source = self.holding(tmp_path, self._numbered(1))
        source.close()
        source.close()


def _receipt(raw: RawMessage) -> Receipt:
    return Receipt(ReceiptState.STORED, "0" * 26, raw.fingerprint, Kind.BOUNCE)


def _fingerprint(data: bytes) -> str:
    return RawMessage(data, "", "").fingerprint
