"""What an import found, counted and laid out for people and machines."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

from dsnwatch.cli.output import Column, fold, harmless, line, table
from dsnwatch.model import RawMessage, Reading
from dsnwatch.records import Receipt, ReceiptState
from dsnwatch.rfc.address import domain_of

TOP = 10
"""How many domains are shown."""

UNREAD_SHOWN = 100
"""How many unread messages are named; all of them are in quarantine."""

_DOMAINS_AT_MOST = 50_000
_LEFT, _RIGHT, _GAP = 36, 40, 4


@dataclass(slots=True)
class Tally:
    """Counts over the messages of one import; of bounded size, however many there are.

    Kinds, classes, reasons and domains are of all the mail that was read; a class, a reason and a
    domain is counted for each recipient that failed or is delayed.
    """

    messages: int = 0
    octets: int = 0
    states: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    classes: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    domains: Counter[str] = field(default_factory=Counter)
    events: int = 0
    suppressed: int = 0
    unread: list[tuple[str, str]] = field(default_factory=list)

    def add(self, raw: RawMessage, reading: Reading | None, receipt: Receipt) -> None:
        """Count one message and what became of it."""
        self.messages += 1
        self.octets += len(raw.data)
        self.states[receipt.state] += 1
        self.kinds[receipt.kind] += 1
        self.events += receipt.events
        self.suppressed += len(receipt.suppressed)
        if receipt.state is ReceiptState.QUARANTINED and len(self.unread) < UNREAD_SHOWN:
            self.unread.append((receipt.id, raw.locator))
        if reading is None:
            return
        for recipient, verdict in zip(reading.report.recipients, reading.verdicts, strict=True):
            if verdict is not None:
                self.classes[verdict.bounce_class] += 1
                self.reasons[verdict.reason] += 1
                domain = domain_of(recipient.recipient)
                # Past so many, forged ones most likely, only those known already are counted.
                if domain and (domain in self.domains or len(self.domains) < _DOMAINS_AT_MOST):
                    self.domains[domain] += 1

    def as_dict(self) -> dict[str, object]:
        """Write the counts as JSON takes them, the most frequent first."""
        return {
            "messages": self.messages,
            "octets": self.octets,
            "stored": self.states[ReceiptState.STORED],
            "duplicates": self.states[ReceiptState.DUPLICATE],
            "unread": self.states[ReceiptState.QUARANTINED],
            "events": self.events,
            "newly_suppressed": self.suppressed,
            "kinds": dict(_ranked(self.kinds)),
            "classes": dict(_ranked(self.classes)),
            "reasons": dict(_ranked(self.reasons)),
            "domains": dict(_ranked(self.domains)[:TOP]),
            "unread_messages": [{"id": id_, "source": source} for id_, source in self.unread],
        }

    def show(self, *, dry_run: bool) -> None:
        """Print the counts as a table of 80 columns."""
        would = "would be " if dry_run else ""
        heads = (
            ("messages", self.messages),
            (f"{would}new", self.states[ReceiptState.STORED]),
            ("duplicates", self.states[ReceiptState.DUPLICATE]),
            ("unread", self.states[ReceiptState.QUARANTINED]),
            (f"{would}events", self.events),
            (f"{would}newly suppressed", self.suppressed),
        )
        for name, number in heads:
            line(_counted(name, number, _LEFT))
        left = [
            *_section("by kind", _ranked(self.kinds), _LEFT),
            *_section("by class, per recipient", _ranked(self.classes), _LEFT),
            *_section("top domains", _ranked(self.domains)[:TOP], _LEFT),
        ]
        right = _section("by reason, per recipient", _ranked(self.reasons), _RIGHT)
        for one, other in zip_longest(left, right, fillvalue=""):
            line(f"{one:{_LEFT}}{' ' * _GAP}{other}".rstrip())
        if not self.unread:
            return
        line()
        line("unread, kept with their bytes (`dsnwatch quarantine list` has them all):")
        table((Column("", 26), Column("")), self.unread[:TOP], heading=False)


def _ranked(counts: Counter[str]) -> list[tuple[str, int]]:
    """Sort by count, the same counts by name, so that the answer is always the same."""
    return sorted(((str(name), n) for name, n in counts.items()), key=lambda one: (-one[1], one[0]))


def _section(title: str, counts: Sequence[tuple[str, int]], width: int) -> Iterable[str]:
    if not counts:
        return []
    return ["", title, *(_counted(f"  {name}", number, width) for name, number in counts)]


def _counted(name: str, number: int, width: int) -> str:
    figure = f"{number:,}"
    room = width - len(figure) - 1
    shown = harmless(name)
    if len(shown) > room:
        shown = f"{fold(shown, room - 3)[0]}..."
    return f"{shown:{room}} {figure}"
