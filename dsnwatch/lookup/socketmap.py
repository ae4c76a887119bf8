"""The socketmap protocol of Sendmail and Postfix: questions and answers as netstrings.

Source: Postfix socketmap_table(5); netstrings: https://cr.yp.to/proto/netstrings.txt
"""

import re
from collections.abc import Callable

from dsnwatch.errors import StoreError
from dsnwatch.lookup import Judge, WireError

EVERY_STREAM = "suppressed"
"""The map that asks for no stream of its own; any other name is that of a stream."""

QUESTION_AT_MOST = 10_000
"""Octets of a question; an address has 320."""

_DIGITS = len(str(QUESTION_AT_MOST))
_USUAL = re.compile(
    rb"([0-9]{1,3}):([!-9;-~]+) ([a-z0-9][a-z0-9._+=-]*@[a-z0-9][a-z0-9.-]*[a-z0-9]),"
)
"""One whole question for an address that is in the form of `address.key` already."""

NOT_FOUND = b"9:NOTFOUND ,"


class Socketmap:
    """Answers `map key` with `OK action`, `NOTFOUND` or `TEMP why`.

    Args:
        judge: Says what is to become of mail.
        stream: The stream that the map `suppressed` asks for.
        passing: Whether mail passes while the store cannot be read.
    """

    def __init__(self, judge: Judge, stream: str, *, passing: bool) -> None:
        self._judge = judge
        self._stream = stream
        self._on_error = NOT_FOUND if passing else _netstring("TEMP the store cannot be read")

    def answer(self, received: bytearray) -> bytes:
        """Answer every whole question; see `Wire`."""
        # Nearly always it is one whole question for a plain address: half the time of what follows.
        if usual := _USUAL.fullmatch(received):
            length, name, address = usual.groups()
            if int(length) == len(name) + 1 + len(address):
                received.clear()
                return self._reply(name.decode(), address.decode(), self._judge.of)
        answers = []
        start = 0
        while (colon := received.find(b":", start, start + _DIGITS + 1)) >= 0:
            length = received[start:colon]
            if not length.isdigit() or int(length) > QUESTION_AT_MOST:
                raise WireError("no netstring, or too long")
            end = colon + 1 + int(length)
            if len(received) <= end:
                break
            if received[end : end + 1] != b",":
                raise WireError("no netstring")
            answers.append(self._answer(received[colon + 1 : end]))
            start = end + 1
        del received[:start]
        if len(received) > _DIGITS and b":" not in received[: _DIGITS + 1]:
            raise WireError("no netstring")
        return b"".join(answers)

    def _answer(self, question: bytearray) -> bytes:
        name, space, asked = question.decode(errors="surrogateescape").partition(" ")
        if not space:
            raise WireError("no map and key")
        return self._reply(name, asked, self._judge.action)

    def _reply(self, name: str, asked: str, judge: Callable[[str, str], str | None]) -> bytes:
        try:
            action = judge(asked, self._stream if name == EVERY_STREAM else name)
        except StoreError:
            return self._on_error
        return NOT_FOUND if action is None else _netstring(f"OK {action}")


def _netstring(text: str) -> bytes:
    return b"%d:%b," % (len(text), text.encode("ascii"))
