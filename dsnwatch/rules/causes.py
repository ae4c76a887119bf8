"""The table of phrases by which systems say why: `causes.toml`."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from dsnwatch.errors import RuleError
from dsnwatch.model import StatusCode
from dsnwatch.rules.phrases import REMEMBERED, SHORT, Phrase, PhraseIndex
from dsnwatch.rules.rows import EITHER, FLAG, TEXT, TEXTS, check

SHAPE = {
    "id": TEXT, "reason": TEXT, "phrases": TEXTS, "provider": EITHER, "dialect": EITHER,
    "status": EITHER, "reply": EITHER, "local": FLAG, "weak": FLAG, "unless": TEXTS,
    "source": TEXT, "examples": TEXTS, "not": TEXTS,
}  # fmt: skip


class Where(NamedTuple):
    """The circumstances a row may ask for.

    Attributes:
        local: Whether the host that reports refuses for a domain of its own.
    """

    provider: str | None = None
    dialect: str | None = None
    status: StatusCode | None = None
    reply: str | None = None
    local: bool = False


@dataclass(frozen=True, slots=True)
class Cause:
    """One row: a text that holds one of the phrases means the reason.

    Attributes:
        file: The file the row stands in.
        providers: Only for these providers; empty for all.
        dialects: Only for reports of these dialects; empty for all.
        statuses: Only with one of these enhanced codes (`5.4.1`, `x.7.1`); empty for any.
        replies: Only with one of these reply codes; empty for any.
        local: Only where the reporting host refuses for a domain of its own.
        weak: Believed only after a telling enhanced status code, not before it.
        unless: Phrases that take the row out of play.
        examples: Texts that this very row decides.
        counterexamples: Texts it must not decide.
        bound: For a provider, a dialect or local refusals: believed before the rest.
        unconditional: Asks for nothing but its words.
    """

    id: str
    file: str
    reason: str
    phrases: tuple[Phrase, ...]
    providers: frozenset[str]
    dialects: frozenset[str]
    statuses: frozenset[str]
    replies: frozenset[str]
    local: bool
    weak: bool
    unless: tuple[Phrase, ...]
    source: str
    examples: tuple[str, ...]
    counterexamples: tuple[str, ...]
    bound: bool = field(init=False)
    unconditional: bool = field(init=False)

    def __post_init__(self) -> None:
        bound = bool(self.providers or self.dialects or self.local)
        object.__setattr__(self, "bound", bound)
        object.__setattr__(self, "unconditional", not (bound or self.statuses or self.replies))

    def applies(self, where: "Where") -> bool:
        """Whether the row's conditions hold."""
        if self.providers and where.provider not in self.providers:
            return False
        if self.dialects and where.dialect not in self.dialects:
            return False
        if (self.replies and where.reply not in self.replies) or (self.local and not where.local):
            return False
        status = where.status
        return not self.statuses or (
            status is not None
            and not self.statuses.isdisjoint(
                {str(status), f"x.{status.subject}.{status.detail}", f"x.{status.subject}.x"}
            )
        )


class Found(NamedTuple):
    """A row that spoke, and the words it heard."""

    cause: Cause
    phrase: Phrase
    span: tuple[int, int]


class CauseTable:
    """All cause rows, in the order of belief: bound ones first, then as they stand in the files."""

    def __init__(self, rows: list[tuple[str, dict[str, Any]]]) -> None:
        """Build from pairs of a file name and a row; a wrong row is a RuleError."""
        causes = [_cause(file, row) for file, row in rows]
        causes.sort(key=lambda cause: not cause.bound)
        self.rows = tuple(causes)
        self.by_id = {cause.id: cause for cause in causes}
        # A row's vetoes stand in the same index, under numbers below zero.
        self._index = PhraseIndex(
            [
                *((phrase, row) for row, cause in enumerate(causes) for phrase in cause.phrases),
                *((phrase, ~row) for row, cause in enumerate(causes) for phrase in cause.unless),
            ]
        )

        # One mailing's bounces say the same few things over and over.
        self._remembered = lru_cache(REMEMBERED)(self._index.find)

    def find(self, text: str, where: Where) -> Iterator[Found]:
        """Yield the rows that speak for a flat text (`phrases.flatten`), most believed first."""
        vetoed: set[int] = set()
        look = self._remembered if len(text) < SHORT else self._index.find
        for number, phrase, span in look(text):
            if number < 0:
                vetoed.add(~number)
            elif number not in vetoed:
                cause = self.rows[number]
                if cause.unconditional or cause.applies(where):
                    yield Found(cause, phrase, span)


def _cause(file: str, row: dict[str, Any]) -> Cause:
    name = row["id"]
    check(file, row, SHAPE)
    for key in ("reason", "phrases", "examples"):
        if not row.get(key):
            raise RuleError(file, name, f"has no {key}; every cause needs one")
    return Cause(
        id=name,
        file=file,
        reason=row["reason"],
        phrases=tuple(_phrase(file, name, text) for text in row["phrases"]),
        providers=_set(row, "provider"),
        dialects=_set(row, "dialect"),
        statuses=_set(row, "status"),
        replies=_set(row, "reply"),
        local=row.get("local", False),
        weak=row.get("weak", False),
        unless=tuple(_phrase(file, name, text) for text in row.get("unless", ())),
        source=row.get("source", ""),
        examples=tuple(row["examples"]),
        counterexamples=tuple(row.get("not", ())),
    )


def _phrase(file: str, name: str, text: str) -> Phrase:
    try:
        return Phrase.of(text)
    except ValueError as error:
        raise RuleError(file, name, f"phrase '{text}' {error}; put some words in it") from None


def _set(row: dict[str, Any], key: str) -> frozenset[str]:
    value = row.get(key, ())
    return frozenset([value] if isinstance(value, str) else value)
