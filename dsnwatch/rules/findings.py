"""What is wrong with rows that load well: shadowed, dead, doubled, bound to what does not exist."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dsnwatch.model import Kind
from dsnwatch.rules import Rules
from dsnwatch.rules.causes import Cause
from dsnwatch.rules.dialects import Dialect
from dsnwatch.rules.phrases import Phrase, PhraseIndex, flatten
from dsnwatch.rules.providers import Provider

FORMS = frozenset(
    {"rfc3464", "rfc3834", "rfc5965", "rfc6591", "rfc8098", "ses-notification", "flufl"}
)
"""What a report may be called besides the id of a dialect row: forms that are no rows."""

_STATUS = re.compile(r"[245x]\.\d{1,3}\.(\d{1,3}|x)")
_REPLY = re.compile(r"[245]\d\d")
_HOST = re.compile(r"[a-z0-9_\-]+(\.[a-z0-9_\-]+)*")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something an operator should mend in a rules file.

    Attributes:
        file: The file the row stands in.
        row: The row's id.
        says: What is wrong, and the next step.
    """

    file: str
    row: str
    says: str


def findings(rules: Rules) -> Iterator[Finding]:
    """Go through every row of a table that has been loaded, in the order of the table."""
    yield from _of_causes(rules)
    for dialect in rules.dialects.rows:
        yield from (Finding(dialect.file, dialect.id, says) for says in _of_dialect(dialect))
    yield from _of_providers(rules.providers.rows)


def least(phrase: Phrase) -> str:
    """Write the text that holds a phrase and as little else as can be."""
    text = " ~ ".join(phrase.literals)
    return f"{'x' * phrase.open_start}{text}{'x' * phrase.open_end}"


def in_order_of_belief(rows: Sequence[Cause]) -> list[Cause]:
    """Sort rows as they are believed: weak ones, which come after a status code, last."""
    return sorted(rows, key=lambda row: row.weak)


def shadows(rows: Sequence[Cause]) -> Iterator[tuple[Cause, Phrase, Cause]]:
    """Find phrases that can never decide, since a row before theirs always speaks first.

    Args:
        rows: In the order of the table (`CauseTable.rows`).

    Returns:
        Row, phrase, and the row that speaks first.
    """
    ordered = in_order_of_belief(rows)
    index = PhraseIndex(
        (phrase, number) for number, row in enumerate(ordered) for phrase in row.phrases
    )
    for number, row in enumerate(ordered):
        for phrase in row.phrases:
            before = (one for one, _, _ in index.find(least(phrase)) if one < number)
            by = next((ordered[one] for one in before if _covers(ordered[one], row)), None)
            if by is not None:
                yield row, phrase, by


def _covers(earlier: Cause, later: Cause) -> bool:
    """Whether the earlier row speaks wherever the later one's conditions hold."""
    vetoes = {phrase.text for phrase in later.unless}
    return (
        _takes(earlier.providers, later.providers)
        and _takes(earlier.dialects, later.dialects)
        and _takes(earlier.statuses, later.statuses)
        and _takes(earlier.replies, later.replies)
        and (not earlier.local or later.local)
        and all(phrase.text in vetoes for phrase in earlier.unless)
    )


def _takes(earlier: frozenset[str], later: frozenset[str]) -> bool:
    """Whether a condition (empty: any) lets through all that another does."""
    return not earlier or (bool(later) and later <= earlier)


def _of_causes(rules: Rules) -> Iterator[Finding]:
    covered: dict[str, list[tuple[Phrase, Cause]]] = {}
    for row, phrase, by in shadows(rules.causes.rows):
        covered.setdefault(row.id, []).append((phrase, by))
    for row in rules.causes.rows:
        says = [*_of_shadows(row, covered.get(row.id, [])), *_of_phrases(row)]
        says += _of_conditions(row, rules)
        yield from (Finding(row.file, row.id, one) for one in says)


def _of_shadows(row: Cause, covered: list[tuple[Phrase, Cause]]) -> Iterator[str]:
    names = sorted({by.id for _, by in covered})
    if len(covered) == len(row.phrases):
        yield f"is dead: {', '.join(names)} always speaks first; take it out or move it up"
        return
    for phrase, by in covered:
        yield f"phrase '{phrase.text}' is shadowed by row '{by.id}'; take it out or move it up"


def _of_phrases(row: Cause) -> Iterator[str]:
    seen: set[str] = set()
    for phrase in row.phrases:
        if phrase.text in seen:
            yield f"phrase '{phrase.text}' stands there twice; take one out"
        seen.add(phrase.text)
        vetoed = next((veto for veto in row.unless if veto.find(least(phrase))), None)
        if vetoed is not None:
            yield f"phrase '{phrase.text}' holds '{vetoed.text}', which takes the row out of play"
    for phrase in (*row.phrases, *row.unless):
        if phrase.find(flatten(least(phrase))) is None:
            yield f"phrase '{phrase.text}' can stand in no text; write it as docs/rules.md says"


def _of_conditions(row: Cause, rules: Rules) -> Iterator[str]:
    providers = {one.id for one in rules.providers.rows}
    for what, named, known in (
        ("provider", row.providers, providers),
        ("dialect", row.dialects, {*rules.dialects.by_id, *FORMS}),
    ):
        for name in sorted(named - known):
            yield f"asks for {what} '{name}', which there is not; correct the name"
    for code in sorted(row.statuses):
        if not _STATUS.fullmatch(code):
            yield f"asks for status '{code}'; write it as 5.1.1, x.1.1 or x.1.x"
    for code in sorted(row.replies):
        if not _REPLY.fullmatch(code):
            yield f"asks for reply '{code}'; write three digits"


def _of_dialect(row: Dialect) -> Iterator[str]:
    if not row.signs:
        yield "is dead: has no signs; say by what it is known"
    if row.kind is Kind.BOUNCE and not row.recipient:
        yield "is dead: has no template of a recipient's line; add one"


def _of_providers(rows: Sequence[Provider]) -> Iterator[Finding]:
    owners: dict[str, str] = {}
    for row in rows:
        if not row.hosts and not row.texts:
            yield Finding(row.file, row.id, "is dead: has neither hosts nor texts; add some")
        for host in row.hosts:
            if not _HOST.fullmatch(host):
                says = f"host '{host}' can be no end of a name; write it in lower case, without dot"
                yield Finding(row.file, row.id, says)
            elif host in owners:
                says = f"host '{host}' is that of '{owners[host]}' already; take it out"
                yield Finding(row.file, row.id, says)
            owners.setdefault(host, row.id)
