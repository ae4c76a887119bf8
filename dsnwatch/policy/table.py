"""The policy in force: the rows of a preset and the operator's own, a table for each stream."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from difflib import get_close_matches
from functools import cache
from types import MappingProxyType
from typing import Self

from dsnwatch.config.guards import ComingBackSection, FloodSection, SenderSection
from dsnwatch.config.policy import PolicyRuleSection, PolicySection
from dsnwatch.errors import ConfigError, RuleError
from dsnwatch.model import Trust
from dsnwatch.policy.reach import unreachable
from dsnwatch.policy.rule import PolicyRule
from dsnwatch.records import Facts, Suppression
from dsnwatch.rfc.address import like
from dsnwatch.rules.policies import policies

Rows = tuple[PolicyRule, ...]

_REMEMBERED = 4096
"""Kinds of event whose rows are remembered; strangers choose the codes."""


@cache
def _sections(preset: str) -> tuple[PolicyRuleSection, ...]:
    """Read the rows of a preset."""
    return tuple(
        PolicyRuleSection(**{name: value for name, value in row.items() if name != "preset"})
        for row in policies()[1]
        if preset in row.get("preset", (preset,))
    )


def _rows(preset: str, require_trust: Trust = Trust.CLAIMED) -> Rows:
    return tuple(PolicyRule.of(section, require_trust) for section in _sections(preset))


PRESETS: Mapping[str, Rows] = MappingProxyType({name: _rows(name) for name in policies()[0]})
"""The policies that come with the program. All of them suppress hard bounces, complaints and
unsubscribes at once and for ever; they differ in what a soft bounce weighs."""


@dataclass(frozen=True, slots=True)
class Policy:
    """A table of rows to decide by.

    Attributes:
        name: That of the preset it is, or was made from.
        rules: First come, first asked. The last one describes everything.
        streams: The rows of streams that have a preset of their own.
        spared: What matches addresses that are never suppressed; None where there are none.
        flood: The flood guard's numbers.
        sender: Those of the guard for troubles of one's own.
        coming_back: Those for who may be tried again.
    """

    name: str
    rules: Rows
    streams: Mapping[str, Rows] = field(default_factory=dict)
    spared: re.Pattern[str] | None = None
    flood: FloodSection = field(default_factory=FloodSection)
    sender: SenderSection = field(default_factory=SenderSection)
    coming_back: ComingBackSection = field(default_factory=ComingBackSection)
    _describing: dict[Facts, Rows] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @classmethod
    def preset(cls, name: str) -> Self:
        """Take one of `PRESETS`.

        Raises:
            ConfigError: There is none of that name.
        """
        if name not in PRESETS:
            near = get_close_matches(name, PRESETS, 1)
            hint = f"did you mean '{near[0]}'?" if near else f"take one of {', '.join(PRESETS)}"
            raise ConfigError(f"no policy preset is called '{name}'; {hint}")
        return cls(name, PRESETS[name])

    @classmethod
    def of(cls, section: PolicySection, place: Callable[[Sequence[str | int]], str]) -> Self:
        """Make the policy that the configuration describes.

        Args:
            section: What it says; each row has been checked by itself.
            place: Names the file and line of a key, for errors.

        Raises:
            RuleError: A row can never decide, or is disabled and not there.
        """
        named = {row.id: number for number, row in enumerate(section.rule)}
        known = {row.id for row in (*_sections(section.preset), *section.rule)}
        for name in section.disable:
            if name not in known:
                near = get_close_matches(name, known, 1)
                hint = f"; did you mean '{near[0]}'?" if near else ""
                raise RuleError(
                    place(("policy", "disable")), name, f"is disabled and is no row{hint}"
                )

        def table(preset: str, require_trust: str) -> Rows:
            rows = tuple(_with(section, preset, Trust(require_trust)))
            for row, above in unreachable(rows) if named else ():
                if (
                    number := named.get(row.id)
                ) is not None:  # one of the preset may well be hidden
                    raise RuleError(
                        place(("policy", "rule", number)),
                        row.id,
                        f"can never decide: row '{above}' above it answers for all it describes; "
                        "put it first, narrow the other, or disable one",
                    )
            return rows

        return cls(
            section.preset,
            table(section.preset, section.require_trust),
            {
                each.name: table(each.preset, each.require_trust or section.require_trust)
                for each in section.stream
            },
            like(section.never_suppress),
            section.flood,
            section.sender,
            section.coming_back,
        )

    @property
    def memory(self) -> timedelta:
        """How far before an event its rows look; older failures never matter to it."""
        tables = (self.rules, *self.streams.values())
        return max((rule.within for rows in tables for rule in rows), default=timedelta())

    def rows_for(self, stream: str) -> Rows:
        """The rows that hold for a stream."""
        return self.streams.get(stream, self.rules)

    def describing(self, facts: Facts) -> Rows:
        """The rows that are asked about such an event, in order, down to one that settles it.

        Remembered, since few kinds of event come often.
        """
        rows = self._describing.get(facts)
        if rows is None:
            if len(self._describing) >= _REMEMBERED:
                self._describing.clear()
            rows = self._describing[facts] = tuple(
                _asked(rule for rule in self.rows_for(facts.stream) if rule.describes(facts))
            )
        return rows

    def looks_back(self, facts: Facts) -> bool:
        """Whether what follows from such an event hangs on the recipient's other failures."""
        return any(rule.count > 1 for rule in self.describing(facts))

    def counts_for(self, suppression: Suppression) -> bool:
        """Whether a suppression rests on several failures, of which a sign of life frees."""
        rows = [*self.rules, *(rule for rules in self.streams.values() for rule in rules)]
        known = [rule.count > 1 for rule in rows if rule.id == suppression.rule]
        return any(known) if known else suppression.until is not None

    def spares(self, address: str) -> bool:
        """Whether an address (normalised) is never suppressed."""
        return self.spared is not None and self.spared.fullmatch(address) is not None


def _asked(rules: Iterable[PolicyRule]) -> Iterable[PolicyRule]:
    for rule in rules:
        yield rule
        if not rule.go_on:
            return


def _with(section: PolicySection, preset: str, require_trust: Trust) -> Iterable[PolicyRule]:
    """Give the rows of a preset with the operator's own: in place of theirs, or before them."""
    theirs = {row.id: row for row in _sections(preset)}
    own = {row.id: row for row in section.rule}
    new = [row for row in section.rule if row.id not in theirs]
    for row in (*new, *(own.get(row.id, row) for row in theirs.values())):
        if row.id not in section.disable:
            yield PolicyRule.of(row, require_trust)
