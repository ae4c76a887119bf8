"""What some events add to each table of counts; nothing here touches the database."""

import json
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b
from operator import itemgetter
from typing import NamedTuple

from dsnwatch.harvest import masked
from dsnwatch.model import Fault, Trust
from dsnwatch.policy.guards import print_of
from dsnwatch.store.rows import Row, Values

HOUR_MICROS = 3600 * 10**6
DAY_HOURS = 24
DAY_MICROS = DAY_HOURS * HOUR_MICROS
BACKSCATTER = Trust.BACKSCATTER.value
REST = "*"
"""The domains or campaigns of a day that are not counted by name."""
QUARANTINED = "quarantined"

COUNTED = (
    "id", "occurred_at", "stream", "kind", "trust", "bounce_class", "reason", "fault", "provider",
    "decision", "domain", "campaign", "rule", "diagnostic", "prose", "recipient", "details",
)  # fmt: skip
"""The columns of an event that are looked at."""

_TOLD_APART = frozenset({Fault.SENDER.value, Fault.MESSAGE.value, Fault.UNKNOWN.value})
"""Faults whose words are looked at: a person has to act on them. Of the others the rule that read
them says enough, and masking a text costs as much as all the rest of a tally together."""
_LOOKED_AT = 600
_FORM_KEPT = 300


Counts = Counter[tuple[object, ...]]
"""Events by the primary key of the row that counts them."""


Between = dict[int, tuple[str, str]]
"""The first and the last id by the day."""


def widen(ids: Between, day: int, id_: str) -> None:
    """Let the ids of a day go from the first to the last that was met."""
    first, last = ids.get(day, (id_, id_))
    ids[day] = (min(first, id_), max(last, id_))


class Said(NamedTuple):
    """What many refusals have in common."""

    id: str
    print: str
    form: str
    rule: str
    bounce_class: str
    reason: str
    fault: str
    provider: str
    blocklist: str
    blocked_ip: str


class Tally:
    """What some events add to each table; taken away where `times` is -1."""

    def __init__(self) -> None:
        self.hours: Counts = Counter()
        self.parts: Counts = Counter()
        self.said: dict[str, tuple[Said, int, int, object]] = {}
        self.said_on: Counts = Counter()
        self.ids: Between = {}

    def count(self, rows: Iterable[Values], times: int = 1) -> None:
        """Count rows of `event`, each by the columns of `COUNTED` in their order."""
        hours, parts = self.hours, self.parts
        for row in rows:
            (
                id_, at, stream, kind, trust, bounce_class, reason, _, provider,
                decision, domain, campaign, *_,
            ) = row  # fmt: skip
            assert isinstance(at, int)
            hour = at // HOUR_MICROS
            day = hour // DAY_HOURS
            if trust == BACKSCATTER:
                kind = BACKSCATTER
            bounce_class = bounce_class or ""
            hours[hour, stream, kind, bounce_class, reason or "", provider or "", decision] += times
            if domain:
                parts["domain", day, domain, stream, kind, bounce_class] += times
            if campaign:
                parts["campaign", day, campaign, stream, kind, bounce_class] += times
            if bounce_class and kind != BACKSCATTER:
                self._say(said_by(row), day, at, id_, times)
            if times > 0:
                widen(self.ids, day, str(id_))

    def _say(self, said: Said, day: int, at: int, event_id: object, times: int) -> None:
        self.said_on[day, said.id] += times
        if times < 0:
            return
        _, first, last, sample = self.said.get(said.id, (said, at, at, event_id))
        if at >= last:
            last, sample = at, event_id
        self.said[said.id] = (said, min(first, at), last, sample)

    def count_said(self, said: Said, day: int, events: int, seen: tuple[int, int, object]) -> None:
        """Count something that was said so often on a day.

        Args:
            said: What.
            day: When.
            events: How often.
            seen: When it was said first and last, and the id of the last event.
        """
        first, last, sample = seen
        self.said_on[day, said.id] += events
        before = self.said.get(said.id)
        if before is not None:
            first = min(first, before[1])
            if before[2] > last:
                last, sample = before[2:]
        self.said[said.id] = (said, first, last, sample)

    @property
    def days(self) -> Counts:
        """The same as `hours`, by the day."""
        days: Counts = Counter()
        for (hour, *rest), events in self.hours.items():
            assert isinstance(hour, int)
            days[hour // DAY_HOURS, *rest] += events
        return days

    @property
    def totals(self) -> Counts:
        """The same as `hours`, of all time, and by nothing but what it means."""
        totals: Counts = Counter()
        for (_, _, kind, bounce_class, reason, _, decision), events in self.hours.items():
            totals["event", kind, bounce_class, reason, decision] += events
        return totals

    def said_rows(self) -> list[Row]:
        """Lay out what was said as rows of `fingerprint`."""
        return [
            said._asdict() | {"first_at": first, "last_at": last, "sample": event_id}
            for _, (said, first, last, event_id) in sorted(self.said.items())
        ]


def said_by(row: Values) -> Said:
    """Find what a failure, by the columns of `COUNTED`, has in common with others."""
    by_rule = said_by_rule(*_verdict(row))
    if by_rule.fault not in _TOLD_APART:
        return by_rule
    diagnostic, prose, recipient, told_besides = row[-4:]
    details = json.loads(str(told_besides)) if told_besides else {}
    words = " ".join(str(diagnostic or prose)[:_LOOKED_AT].split())
    form = masked(words, str(recipient))
    blocklist, ip = str(details.get("blocklist") or ""), str(details.get("blocked_ip") or "")
    _, bounce_class, reason, _, provider = by_rule[3:8]
    return by_rule._replace(
        id=_id(form.lower(), bounce_class, reason, provider, blocklist, ip),
        print=print_of(form),
        form=form[:_FORM_KEPT],
        blocklist=blocklist,
        blocked_ip=ip,
    )


_verdict = itemgetter(*map(COUNTED.index, ("rule", "bounce_class", "reason", "fault", "provider")))


@lru_cache(maxsize=4096)
def said_by_rule(*verdict: object) -> Said:
    """Name what a rule read, by rule, class, reason, fault and provider."""
    rule, bounce_class, reason, fault, provider = (str(each or "") for each in verdict)
    id_ = _id(f"rule {rule}", bounce_class, reason, provider)
    return Said(id_, "", "", rule, bounce_class, reason, fault, provider, "", "")


def _id(*parts: str) -> str:
    octets = "\0".join(parts).encode("utf-8", "surrogatepass")
    return blake2b(octets, digest_size=8).hexdigest()
