"""Phrases of running text, matched in linear time.

A phrase is literal text in lower case. `{*}` stands for anything, `{..}` for a few words, `{addr}`
for an address (the text has its addresses replaced by that very token, see `flatten`). A phrase
begins and ends at the edge of a word unless it begins or ends with `{*}`.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from operator import itemgetter
from typing import NamedTuple

from dsnwatch.rfc.address import CJK
from dsnwatch.rules.literals import Literals

MAX_TEXT = 4000
"""Characters of one text that are looked at."""
REMEMBERED = 2048
"""Texts for which a table keeps what it found, each shorter than SHORT characters."""
SHORT = 400

_MASK = re.compile(
    rf"<?(?:[A-Za-z0-9.+-]+;)?[^\s<>\"',;:()\[\]|\\@{CJK}]{{0,200}}@[^\s<>\"',;:()\[\]@{CJK}]{{1,255}}>?"
)
_CONTINUED = re.compile(r" [245]\d\d-(?:[ #]?[245]\.\d{1,3}\.\d{1,3})?\s*")
_CONTINUED_LAST = re.compile(r" ([245]\d\d) ([245]\.\d{1,3}\.\d{1,3}) +")
_FIRST_CJK = "\u2e80"


def _plain() -> dict[str, str]:
    """Latin letters without their accents, and typographic quotes as typewriters have them."""
    table = {"\u2019": "'", "\u2018": "'", "\u201c": '"', "\u201d": '"', "\xa0": " "}
    for point in range(0xC0, 0x250):
        base = unicodedata.normalize("NFD", chr(point))[0]
        if base != chr(point):
            table[chr(point)] = base
    return table


_PLAIN = _plain()
_ACCENTED = re.compile("[\xa0\xc0-\u024f\u2018-\u201d]")


def lowered(text: str) -> str:
    """Lower the case and take the accents off Latin letters, as phrases are written."""
    text = text.lower()
    return text if text.isascii() else _ACCENTED.sub(_unaccented, text)


def _unaccented(found: re.Match[str]) -> str:
    return _PLAIN.get(found[0], found[0])


def flatten(text: str) -> str:
    """Bring a text to the form phrases are matched in.

    Lower case, Latin letters without accents, runs of white space one blank, addresses replaced
    by `{addr}`, and the codes that a server repeats before each line of a reply taken out after
    the first.
    """
    text = lowered(text[:MAX_TEXT])
    if "..." in text:  # "anne@example.org...User unknown": no name of a host has them
        text = text.replace("...", "... ")
    words = text.split()
    if "@" in text:
        words = [word if "@" not in word else _MASK.sub("{addr}", word) for word in words]
    flat = " ".join(words)
    if "-" in flat and _CONTINUED.search(flat, 1):
        head, rest = flat[:12], flat[12:]
        rest = _CONTINUED.sub(" ", rest)
        flat = head + _CONTINUED_LAST.sub(" ", rest)
    return flat


FEW = 40
"""Characters that `{..}` may stand for."""
_GAP = re.compile(r"\s*(\{\*\}|\{\.\.\})\s*")
_OFTEN = frozenset(
    {
        "account", "address", "domain", "email", "exceeded", "from", "host", "mail", "mailbox",
        "message", "not", "recipient", "reject", "rejected", "sender", "server", "temporarily",
        "the", "this", "user", "your",
    }
)  # fmt: skip
"""Words that stand in many texts: a phrase is looked for by another of its pieces."""


@dataclass(frozen=True, slots=True, eq=False)
class Phrase:
    """Literals that follow each other.

    `gaps` tells how many characters may stand between a literal and the next, None for any number;
    `open_start` and `open_end` tell where no edge of a word is asked for.
    """

    text: str
    literals: tuple[str, ...]
    gaps: tuple[int | None, ...]
    open_start: bool
    open_end: bool

    @classmethod
    def of(cls, text: str) -> "Phrase":
        """Make one from a row's text."""
        literals, gaps = [], []
        pieces = _GAP.split(" ".join(lowered(text).split()))
        for piece, gap in zip(pieces[::2], [*pieces[1::2], ""], strict=True):
            if piece:
                literals.append(piece)
                gaps.append(FEW if gap == "{..}" else None)
        if not literals:
            raise ValueError("says nothing")
        return cls(text, tuple(literals), tuple(gaps[:-1]), not pieces[0], not pieces[-1])

    @property
    def rarest(self) -> str:
        """A literal that few texts hold: if it is not there, the phrase is not."""
        return max(self.literals, key=lambda literal: (literal not in _OFTEN, len(literal)))

    def find(self, text: str) -> tuple[int, int] | None:
        """Return the span in a flat text, None where it does not stand."""
        first = self.literals[0]
        alone = len(self.literals) == 1
        at = -1
        while True:
            at = _find(
                text,
                first,
                at + 1,
                len(text),
                edge_before=not self.open_start,
                edge_after=not (alone and self.open_end),
            )
            if at < 0:
                return None
            end = self._end(text, at + len(first))
            if end > 0:
                return at, end
            if end < 0:
                return None

    def _end(self, text: str, at: int) -> int:
        """Follow the other literals; return where the last ends, 0 for none, -1 for never again."""
        last = len(self.literals) - 1
        for number, gap in enumerate(self.gaps, 1):
            literal = self.literals[number]
            found = _find(
                text,
                literal,
                at,
                len(text) if gap is None else at + gap + len(literal),
                edge_before=True,
                edge_after=not (number == last and self.open_end),
            )
            if found < 0:
                return -1 if gap is None else 0
            at = found + len(literal)
        return at


def _find(
    text: str, literal: str, at: int, limit: int, *, edge_before: bool, edge_after: bool
) -> int:
    """Find a literal between two places, at the edges of words where asked."""
    at = text.find(literal, at, limit)
    while at >= 0:
        end = at + len(literal)
        if (not edge_before or at == 0 or _edge(text[at - 1], literal[0])) and (
            not edge_after or end == len(text) or _edge(literal[-1], text[end])
        ):
            return at
        at = text.find(literal, at + 1, limit)
    return -1


def _edge(left: str, right: str) -> bool:
    """Whether a word may end between two letters; in scripts without blanks it always may."""
    return not (_wordlike(left) and _wordlike(right))


class _Entry(NamedTuple):
    """A phrase in the index, with what is needed to see whether it stands at a hit.

    `length` is that of its only literal; 0 where it has several, which are looked for one by one.
    """

    number: int
    phrase: Phrase
    length: int
    edge_before: bool
    edge_after: bool


class PhraseIndex:
    """Finds which of many phrases stand in a text, by one pass over it.

    Built from pairs of a phrase and a number of the caller's; several may share a number.
    """

    def __init__(self, phrases: Iterable[tuple[Phrase, int]]) -> None:
        """Index each phrase under its longest literal."""
        by_literal: dict[str, list[_Entry]] = {}
        for phrase, number in phrases:
            literal = phrase.rarest
            entry = _Entry(
                number,
                phrase,
                len(literal) if len(phrase.literals) == 1 else 0,
                not phrase.open_start and _wordlike(literal[0]),
                not phrase.open_end and _wordlike(literal[-1]),
            )
            by_literal.setdefault(literal, []).append(entry)
        self._literals = Literals([*by_literal])
        self._entries = tuple(by_literal.values())
        self._empty = not by_literal

    @classmethod
    def of(cls, texts: Iterable[str]) -> "PhraseIndex":
        """Index the phrases of a row, of which it is enough to know that one is there."""
        return cls((Phrase.of(text), number) for number, text in enumerate(texts))

    def __bool__(self) -> bool:
        return not self._empty

    def stands_in(self, text: str) -> bool:
        """Whether any of the phrases stands in a text."""
        return not self._empty and bool(self.find(text))

    def find(self, text: str) -> list[tuple[int, Phrase, tuple[int, int]]]:
        """List number, phrase and span of each phrase that stands in a text, in order of number.

        Args:
            text: In the form the phrases are written in (`flatten`, `lowered`).
        """
        if self._empty:
            return []
        found: dict[Phrase, tuple[int, Phrase, tuple[int, int]] | None] = {}
        size = len(text)
        for literal, start, end in self._literals.find(text):
            for number, phrase, length, edge_before, edge_after in self._entries[literal]:
                if phrase in found:
                    continue
                if not length:
                    span = phrase.find(text)  # looked for once, there or not
                    found[phrase] = (number, phrase, span) if span is not None else None
                elif not (
                    (edge_before and start and _wordlike(text[start - 1]))
                    or (edge_after and end < size and _wordlike(text[end]))
                ):
                    found[phrase] = (number, phrase, (start, end))
        return sorted(filter(None, found.values()), key=_NUMBER) if found else []


_NUMBER = itemgetter(0)


def _wordlike(letter: str) -> bool:
    """Whether a letter joins with its neighbour into one word."""
    return letter.isalnum() and letter < _FIRST_CJK
