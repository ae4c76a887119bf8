"""How systems write free-text mail: `dialects.toml`.

A line template is literal text in which a blank stands for any white space and these stand for
what changes: `{addr}` an address, `{local}` an address or a bare local part, `{text}` the rest of
the line, `{host}` a host name, `{code}` a reply code, `{status}` an enhanced code, `{word}` one
word, `{*}` anything. Each is compiled into a regular expression of atomic groups, so that no line
can make it go back and forth: its time grows with the length of the line.
"""

import re
from dataclasses import dataclass
from typing import Any

from dsnwatch.errors import RuleError
from dsnwatch.model import Kind
from dsnwatch.rfc.address import ADDRESS
from dsnwatch.rfc.headers import Headers
from dsnwatch.rules.phrases import Phrase, PhraseIndex, lowered
from dsnwatch.rules.rows import FLAG, TABLES, TEXT, TEXTS, check

TOKEN = "\0"  # noqa: S105  no password: a stand-in for an address
"""Stands for an address in a line that `masked` went over."""

_PLACES = {
    "addr": "(?P<addr>\0)",
    "local": r"(?P<addr>[^\s<>\"',;:()\[\]]{1,320}+)",
    "text": r"(?P<text>.*+)",
    "host": r"[A-Za-z0-9.\-_]{1,255}+",
    "code": r"(?P<code>[245][0-9][0-9])",
    "status": r"(?P<status>[245]\.[0-9]{1,3}\.[0-9]{1,3}+)",
    "word": r"[^\s<>()\"',;:]{1,250}+",
}
_PLACE = re.compile(r"\{(\*|[a-z]+)\}")
_IN_TEXT = re.compile(ADDRESS)
SHAPE = {
    "id": TEXT, "name": TEXT, "kind": TEXT, "signs": TABLES, "begin": TEXTS, "end": TEXTS,
    "recipient": TEXTS, "others": TEXTS, "returned": TEXTS, "delayed": TEXTS, "delivered": TEXTS,
    "given_up": TEXTS, "until": FLAG, "retried": FLAG, "made_up": TEXTS, "silent": TEXT,
    "default": TEXT, "source": TEXT,
}  # fmt: skip
_SIGNS = ("from", "subject", "header", "text")


def masked(line: str) -> tuple[str, list[str]]:
    """Put a token in the place of each address of a line; return the line and the addresses."""
    line = line.replace(TOKEN, " ")
    if "@" not in line:
        return line, []
    addresses: list[str] = []

    def take(found: re.Match[str]) -> str:
        addresses.append(found[0])
        return TOKEN

    return _IN_TEXT.sub(take, line), addresses


def compile_line(template: str) -> re.Pattern[str]:
    """Make a matcher of one masked line out of a template.

    Raises:
        ValueError: It names no recipient or two, a place is unknown, or `{*}` stands before one
            without words between.
    """
    if sum(template.count(place) for place in ("{addr}", "{local}")) != 1:
        raise ValueError(f"'{template}' names no recipient, or two; it needs one {{addr}}")
    pattern = ""
    pending = False  # a `{*}` waits for what it reaches to
    position = 0
    for place in [*_PLACE.finditer(template), None]:
        literal = template[position : place.start() if place else len(template)]
        if literal:
            escaped = r"\s+".join(re.escape(piece) for piece in re.split(r"\s+", literal))
            pattern += f"(?>.*?{escaped})" if pending else escaped
            pending = False
        if place is None:
            break
        if place[1] == "*":
            pending = True
        elif place[1] == "addr" and pending:
            pattern += "(?>[^\0]*)" + _PLACES["addr"]
            pending = False
        elif place[1] in _PLACES and not pending:
            pattern += _PLACES[place[1]]
        else:
            raise ValueError(f"unknown place {place[0]}, or one right behind {{*}}")
        position = place.end()
    return re.compile(pattern + (".*+" if pending else "") + r"\s*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Sign:
    """By what a dialect is known; all that are given must be there.

    Attributes:
        header: Name of a header that is there, and words in it (empty: any).
    """

    from_: Phrase | None
    subject: Phrase | None
    header: tuple[str, str] | None
    text: Phrase | None

    @property
    def leading(self) -> Phrase | None:
        """The phrase by which the sign is looked for; None when it asks for a header only."""
        return self.text or self.subject or self.from_

    @property
    def alone(self) -> bool:
        """Whether the leading phrase is all it asks for."""
        return (
            sum(asked is not None for asked in (self.from_, self.subject, self.header, self.text))
            == 1
        )

    @property
    def quotable(self) -> bool:
        """Whether it can stand in what a person wrote about a bounce, who has it before him."""
        return self.from_ is None and self.header is None

    def shows(self, from_: str, subject: str, text: str, headers: Headers) -> bool:
        """Whether all that it asks for is there; texts as in `DialectTable.find`."""
        if self.text is not None and self.text.find(text) is None:
            return False
        if self.subject is not None and self.subject.find(subject) is None:
            return False
        if self.from_ is not None and self.from_.find(from_) is None:
            return False
        if self.header is None:
            return True
        body = headers.get(self.header[0])
        return body is not None and self.header[1] in body.lower()


@dataclass(frozen=True, slots=True)
class Dialect:
    """One row.

    Attributes:
        kind: What a message with these signs is; for `bounce` recipients are looked for.
        signs: Alternatives; one is enough.
        begin: Recipients stand behind a line that holds one of these; empty: anywhere.
        end: Recipients stand before a line that holds one of these.
        recipient: Templates of a line that names a failed recipient; what follows it up to the
            next one is said of that recipient.
        others: How lines begin that name somebody else; what stands before letters does not count.
        local: Whether one of the templates takes a bare local part.
        returned: Lines behind which the returned message stands.
        delayed: Words in the text that make it a delay notice.
        delivered: Words about a recipient that say that he got the mail.
        given_up: Words in the text that make it final, whatever its Action field says.
        until: Whether its delay notices name Will-Retry-Until: one without is final.
        retried: Whether its x.0.0 tells how often it tried, not whether the failure is for ever.
        made_up: Enhanced codes it puts in the place of a bare reply code.
        silent: The reason where it hands on no word at all, of somebody at another host.
        default: The reason when nothing else says one and no server replied.
    """

    id: str
    file: str
    kind: Kind
    signs: tuple[Sign, ...]
    begin: PhraseIndex
    end: PhraseIndex
    recipient: tuple[re.Pattern[str], ...]
    others: tuple[str, ...]
    local: bool
    returned: tuple[str, ...]
    delayed: PhraseIndex
    delivered: PhraseIndex
    given_up: PhraseIndex
    until: bool
    retried: bool
    made_up: frozenset[str]
    silent: str | None
    default: str | None

    def names_others(self, line: str) -> bool:
        """Whether a line names somebody who is not meant ("From: ...")."""
        return bool(self.others) and lowered(line.lstrip(_RULES)).startswith(self.others)


class DialectTable:
    """Finds the dialects a message may be written in."""

    def __init__(self, rows: list[tuple[str, dict[str, Any]]]) -> None:
        """Build from pairs of a file name and a row; a wrong row is a RuleError."""
        self.rows = tuple(_dialect(file, row) for file, row in rows)
        self.by_id = {row.id: row for row in self.rows}
        signs = [(row, sign) for row in range(len(self.rows)) for sign in self.rows[row].signs]
        self._signs = tuple(signs)
        self._index = PhraseIndex(
            (sign.leading, number)
            for number, (_, sign) in enumerate(signs)
            if sign.leading is not None
        )
        self._writers = PhraseIndex(
            (sign.text, row)
            for row, sign in signs
            if sign.text is not None and sign.alone and self.rows[row].kind is Kind.BOUNCE
        )
        self._by_header: dict[str, list[tuple[int, str]]] = {}
        for row, sign in signs:
            if sign.leading is None and sign.header is not None:
                self._by_header.setdefault(sign.header[0], []).append((row, sign.header[1]))
        markers = {line for row in self.rows for line in row.returned}
        self._returned = frozenset(core_of(line) for line in markers if not line.endswith("{*}"))
        self._returned_words = frozenset(core_of(line).split()[0] for line in markers)
        self._returned_starts = tuple(
            sorted(core_of(line.removesuffix("{*}")) for line in markers if line.endswith("{*}"))
        )

    def find(
        self, from_: str, subject: str, text: str, headers: Headers, *, person: bool = False
    ) -> list[Dialect]:
        """List the dialects whose signs are there, in the order of the table.

        Args:
            from_: The From header, lower case.
            subject: The Subject header, decoded, lower case.
            text: The beginning of the report text, lower case, white space as single blanks.
            headers: The message's own.
            person: Whether a person wrote it: what he may have quoted is no sign of a bounce.
        """
        first, second = len(from_), len(from_) + 1 + len(subject)
        shown: set[int] = set()
        for number, phrase, (start, _) in self._index.find(f"{from_}\n{subject}\n{text}"):
            row, sign = self._signs[number]
            if row in shown or (person and sign.quotable and self.rows[row].kind is Kind.BOUNCE):
                continue
            field = sign.from_ if start < first else sign.subject if start < second else sign.text
            if (sign.alone and field is phrase) or sign.shows(from_, subject, text, headers):
                shown.add(row)
        for name in self._by_header.keys() & headers.names():
            low = (headers.get(name) or "").lower()
            shown.update([row for row, words in self._by_header[name] if words in low])
        return [self.rows[row] for row in sorted(shown)]

    def writer(self, text: str) -> str | None:
        """Name who wrote a report by how its text begins; None where no sign shows.

        Args:
            text: In the form of `find`; some hundred characters are enough.
        """
        found = self._writers.find(text)
        return self.rows[found[0][0]].id if found else None

    def returned_line(self, lines: list[str]) -> int | None:
        """Find the line that says that the returned message begins behind it; its index."""
        first_words = self._returned_words
        for number, line in enumerate(lines):
            words = line.strip(_RULES).split(None, 1)
            if not words:
                continue
            first = words[0].lower()
            if first in first_words or not first.isascii():  # hardly a line
                core = core_of(line)
                if core in self._returned or core.startswith(self._returned_starts):
                    return number
        return None


_RULES = " \t-=*_:.>+#~<|"
"""Letters lines are ruled off with."""


def core_of(line: str) -> str:
    """Take the rules, dashes and stars off a line, so that only its words are compared."""
    return " ".join(lowered(line.strip(_RULES)).split())


def _dialect(file: str, row: dict[str, Any]) -> Dialect:
    name = row["id"]
    check(file, row, SHAPE)
    try:
        return Dialect(
            id=name,
            file=file,
            kind=Kind(row.get("kind", "bounce")),
            signs=tuple(_sign(sign) for sign in row.get("signs", ())),
            begin=PhraseIndex.of(row.get("begin", ())),
            end=PhraseIndex.of(row.get("end", ())),
            recipient=tuple(compile_line(text) for text in row.get("recipient", ())),
            others=tuple(row.get("others", ())),
            local=any("{local}" in text for text in row.get("recipient", ())),
            returned=tuple(row.get("returned", ())),
            delayed=PhraseIndex.of(row.get("delayed", ())),
            delivered=PhraseIndex.of(row.get("delivered", ())),
            given_up=PhraseIndex.of(row.get("given_up", ())),
            until=row.get("until", False),
            retried=row.get("retried", False),
            made_up=frozenset(row.get("made_up", ())),
            silent=row.get("silent"),
            default=row.get("default"),
        )
    except ValueError as error:
        raise RuleError(file, name, f"{error}; see docs/rules.md for what a row may say") from None


def _sign(given: dict[str, str]) -> Sign:
    if not given or set(given) - set(_SIGNS) or not all(isinstance(v, str) for v in given.values()):
        raise ValueError(f"a sign asks for {', '.join(_SIGNS)}")
    name, _, words = given.get("header", "").lower().partition(":")
    return Sign(
        from_=Phrase.of(given["from"]) if "from" in given else None,
        subject=Phrase.of(given["subject"]) if "subject" in given else None,
        header=(name.strip(), words.strip()) if name else None,
        text=Phrase.of(given["text"]) if "text" in given else None,
    )
