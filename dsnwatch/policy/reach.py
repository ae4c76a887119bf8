"""Which rows of a policy can never decide, because those above answer for all they describe."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product

from dsnwatch.config.policy import SPEAKING
from dsnwatch.model import Action, BounceClass, Kind, StatusCode, Trust
from dsnwatch.policy.rule import PolicyRule
from dsnwatch.records import Facts
from dsnwatch.rules.policies import categories

_OTHER = "\0"
"""A stream or provider that no row names."""


def unreachable(rows: Sequence[PolicyRule]) -> Iterator[tuple[PolicyRule, str]]:
    """Find the rows that no event ever reaches.

    It is tried out: with every reason of the taxonomy, every kind of event, every stream, provider
    and status code that some row names, and one that none does.

    Args:
        rows: A table, as it is asked.

    Returns:
        Each such row, and the id of the first row above that answers in its stead.
    """
    waiting = {id(row): row for row in rows}
    answered: dict[int, str] = {}
    for facts in _every(rows):
        above: PolicyRule | None = None
        for row in rows:
            if not row.describes(facts):
                continue
            if above is None:
                waiting.pop(id(row), None)
            else:
                answered.setdefault(id(row), above.id)
            if above is None and not row.go_on:
                above = row
        if not waiting:
            return
    for row in waiting.values():
        yield row, answered.get(id(row), rows[0].id)


def _every(rows: Sequence[PolicyRule]) -> Iterator[Facts]:
    """List every kind of event that these rows tell apart."""
    statuses = _statuses(rows)
    streams = {name: None for row in rows for name in row.streams} | {_OTHER: None}
    providers = {name: None for row in rows for name in row.providers} | {_OTHER: None}
    named = {trust: None for row in rows for trust in row.trusts}
    for stream, trust in product(streams, [*_one_other(named), *named]):
        for kind in Kind:
            yield Facts(kind, Action.DELIVERED, stream=stream, trust=trust)
        for one, status, provider in product(categories().values(), statuses, providers):
            passing = (None, False) if one.bounce_class is BounceClass.HARD else (None,)
            for permanent in passing:
                yield Facts(
                    Kind.BOUNCE, Action.FAILED, one.bounce_class, one.id, one.fault, status,
                    permanent, provider, stream, trust,
                )  # fmt: skip


def _one_other(named: Mapping[Trust, None]) -> list[Trust]:
    """Give a trust that no row names; all the others are like it."""
    return [trust for trust in Trust if trust not in named][:1]


def _statuses(rows: Sequence[PolicyRule]) -> list[StatusCode | None]:
    """List none, a code for each that rows name, and two for each beginning they name."""
    texts = {text for row in rows for text in (*row.statuses, *row.not_statuses, *SPEAKING)}
    codes: dict[StatusCode | None, None] = {None: None}
    for text in sorted(texts):
        parts = [part for part in text.split(".") if part]
        for last in ((), ("999",), ("0", "998")):
            whole = (*parts, *last)
            if len(whole) == 3:  # noqa: PLR2004  class, subject, detail
                codes[StatusCode.of(".".join(whole))] = None
    return [*codes]
