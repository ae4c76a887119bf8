"""Files that a mail server looks recipients up in; pure: suppressions in, lines out.

Source: Postfix postmap(1) and access(5); Exim specification, "lsearch" (section 9.3).
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from dsnwatch.lookup import ANSWERS, said
from dsnwatch.records import Suppression
from dsnwatch.rfc.keyed_hash import MARK

if TYPE_CHECKING:
    from datetime import datetime

_PLAIN = re.compile(r"[!-~]+")
"""What stands in a file as it is: printable ASCII without spaces."""

_SPECIAL_TO_POSTFIX = re.compile(r'^#|"')
_SPECIAL_TO_EXIM = re.compile(r'^#|[":\\]')

Write = Callable[[Suppression, str], str | None]
"""Writes the line of an address, with the answer; None where it cannot stand in such a file."""


def postfix(suppression: Suppression, answer: str) -> str | None:
    """Write a line for check_recipient_access: the address, and what is to become of mail."""
    address = suppression.address
    if not _PLAIN.fullmatch(address) or _SPECIAL_TO_POSTFIX.search(address):
        return None
    return f"{address} {ANSWERS[answer][0]} {said(suppression.since.date(), answer)}\n"


def exim(suppression: Suppression, answer: str) -> str | None:
    """Write a line for an lsearch: the address, and what to say; the ACL says what happens."""
    address = suppression.address
    if not _PLAIN.fullmatch(address) or _SPECIAL_TO_EXIM.search(address):
        return None
    return f"{address}: {said(suppression.since.date(), answer)}\n"


KINDS: Final[Mapping[str, Write]] = MappingProxyType({"postfix": postfix, "exim": exim})
"""The kinds of file."""


class Lines:
    """The lines of a file, each made when it is asked for; to be gone through once.

    Args:
        suppressions: In the order of their addresses; of one address those for all streams and
            for some.
        kind: A key of `KINDS`.
        answer: A key of `ANSWERS`.
        stream: The kind of mail it is for; what holds for every stream is in it too.

    Attributes:
        addresses: How many are in it, so far.
        left_out: How many cannot stand in such a file: with spaces, quotes, letters beyond ASCII.
        forgotten: How many were forgotten: a file cannot name them, a look-up knows them.
        until: When the next of the suppressions ends; None where none does.
    """

    def __init__(
        self, suppressions: Iterable[Suppression], kind: str, answer: str, stream: str
    ) -> None:
        self._suppressions = suppressions
        self._write = KINDS[kind]
        self._answer = answer
        self._streams = {"", stream}
        self.addresses = 0
        self.left_out = 0
        self.forgotten = 0
        self.until: datetime | None = None

    def __iter__(self) -> Iterator[str]:
        last = None
        for each in self._suppressions:
            if each.stream not in self._streams:
                continue
            if each.address.startswith(MARK):
                self.forgotten += 1
                continue
            if each.until is not None and (self.until is None or each.until < self.until):
                self.until = each.until
            if each.address == last:
                continue
            last = each.address
            if (line := self._write(each, self._answer)) is None:
                self.left_out += 1
            else:
                self.addresses += 1
                yield line
