"""A list of people before a campaign: who is suppressed, mistyped, or at a domain without mail.

Some thousand rows at a time: each is looked up in the store together with its batch, and each
domain is asked about in DNS once, many at a time.
"""

import time
from collections import Counter, OrderedDict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from dsnwatch.errors import DataError
from dsnwatch.lists.checks import Finding, is_role, suggested, syntax
from dsnwatch.lookup.resolver import Fate, takes_mail
from dsnwatch.policy import running
from dsnwatch.records import Suppression
from dsnwatch.rfc.address import domain_of, key

if TYPE_CHECKING:
    from dsnwatch.lists.people import Row
    from dsnwatch.lookup.resolver import Resolver
    from dsnwatch.store import Store

BATCH = 5000
REMEMBERED = 200_000
"""Domains of which is remembered whether they take mail."""

_BY_FATE = {
    Fate.NO_DOMAIN: Finding.NO_DOMAIN,
    Fate.NULL_MX: Finding.NULL_MX,
    Fate.NO_MAIL_HOST: Finding.NO_MAIL_HOST,
    Fate.UNKNOWN: Finding.UNKNOWN,
}


class Vetted(NamedTuple):
    """A row, and what is said of its address.

    Attributes:
        cells: As they came.
        findings: The worst first; none for one that is well.
        detail: To the worst: the reason, what is wrong, what was meant.
        alive: When it last showed life; None where it never did.
    """

    number: int
    cells: list[str]
    findings: tuple[Finding, ...] = ()
    detail: str = ""
    alive: datetime | None = None


@dataclass(slots=True)
class Vetting:
    """Goes through lists.

    Args:
        store: Where the suppressions and the signs of life are.
        now: This moment.
        stream: The kind of mail that is to be sent.
        disposable: Domains of mailboxes that are thrown away.
        resolver: Asks DNS; None asks nothing.
        seconds: How long may be spent on DNS in all; behind that nothing is known of a domain.
        refused: Rows that could not be read.
    """

    store: "Store"
    now: datetime
    stream: str = ""
    disposable: Collection[str] = frozenset()
    resolver: "Resolver | None" = None
    seconds: float = 600.0
    refused: list[DataError] = field(default_factory=list)
    domains: Counter[Fate] = field(default_factory=Counter)
    _fates: "OrderedDict[str, Fate]" = field(default_factory=OrderedDict)

    def vet(self, rows: "Iterable[Row | DataError]", column: int) -> Iterator[Vetted | DataError]:
        """Say of each row what is wrong with its address, in the order they come.

        Args:
            rows: Of a list.
            column: Where the address stands.

        Raises:
            StoreError: The store cannot be read.
        """
        rest = iter(rows)
        while some := [*islice(rest, BATCH)]:
            addresses = {
                row[0]: key(row[1][column])
                for row in some
                if not isinstance(row, DataError) and column < len(row[1])
            }
            wanted = {*addresses.values()}
            with self.store.look() as writer:
                listed, life = writer.suppressions_of(wanted), writer.life_of(wanted)
            self._ask(address for address in wanted if address not in listed)
            for row in some:
                if isinstance(row, DataError):
                    yield row
                    continue
                number, cells = row
                address = addresses.get(number, "")
                alive = life[address].at if address in life else None
                held = self._held(listed.get(address, ()))
                said = cells[column].strip() if column < len(cells) else ""
                findings = [*self._findings(said, address, held, alive)]
                names = tuple(dict.fromkeys(name for name, _ in findings))
                yield Vetted(number, cells, names, findings[0][1] if findings else "", alive)

    def _findings(
        self, said: str, address: str, held: Suppression | None, alive: datetime | None
    ) -> Iterator[tuple[Finding, str]]:
        if held is not None:
            yield Finding.SUPPRESSED, held.reason
        if wrong := syntax(said):
            yield Finding.SYNTAX, wrong
            return
        domain = domain_of(address)
        fate = self._fates.get(domain)
        if fate in _BY_FATE:
            yield _BY_FATE[fate], domain
        if domain in self.disposable:
            yield Finding.DISPOSABLE, domain
        if alive is None:  # who took mail there has not mistyped it
            for right in suggested(address):
                yield Finding.TYPO, f"{right}?"
        if is_role(address):
            yield Finding.ROLE, address.rpartition("@")[0]

    def _held(self, rows: Sequence[Suppression]) -> Suppression | None:
        """Find what keeps an address from being mailed now."""
        return next(
            (row for row in rows if row.stream in {"", self.stream} and running(row, self.now)),
            None,
        )

    def _ask(self, addresses: Iterable[str]) -> None:
        """Ask DNS about the domains that are not known yet."""
        if self.resolver is None:
            return
        asked = {domain_of(address) for address in addresses} - {*self._fates, ""}
        begun = time.monotonic()
        tasks = (
            (domain, takes_mail(domain))
            for domain in sorted(asked)
            if time.monotonic() - begun < self.seconds
        )
        found = dict(self.resolver.run(tasks))
        self.seconds -= time.monotonic() - begun
        for domain in asked:
            fate = found.get(domain, Fate.UNKNOWN)
            self.domains[fate] += 1
            self._fates[domain] = fate
            if len(self._fates) > REMEMBERED + BATCH:
                self._fates.popitem(last=False)
