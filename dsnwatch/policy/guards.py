"""Two guards before each suppression: against forged floods, and against troubles of our own.

Pure: what was counted goes in, the doubt comes out. They hold back, they never let through.
"""

import hashlib
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from dsnwatch.config.guards import FloodSection, SenderSection
from dsnwatch.harvest import masked
from dsnwatch.model import Kind, Trust
from dsnwatch.records import BounceEvent
from dsnwatch.rfc.address import domain_of
from dsnwatch.rules.literals import Literals

USUAL_DAYS = 14
"""Days whose hours say what is usual."""

PLACES_AT_MOST = 8_192
"""Places a process remembers, 0.3 KB each; what is counted often is never among the forgotten."""

SENDER = "sender"
"""Names of counts of the sender's own troubles begin with this word."""

SENDER_HOURS = 48
"""How long these counts are kept: an hour is soon over, but a backlog is read at once."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR = timedelta(hours=1)
_DAY_HOURS = 24
_BUSY_DAYS = 2
_BOUNCE = Kind.BOUNCE
_CLAIMED, _BACKSCATTER = Trust.CLAIMED, Trust.BACKSCATTER
_LOOKED_AT = 600
_SHOWN = 120
_SIGNS = (
    "blocked", "blacklist", "black list", "blocklist", "block list", "blackhole", "dnsbl", "spam",
    "reputation", "spf", "dkim", "dmarc", "reverse dns", "rdns", "ptr record",
)  # fmt: skip
"""Words by which a refusal speaks of the sender, whatever code stands before it."""


def hour_of(moment: datetime) -> int:
    """Number the hour a moment lies in, since 1970."""
    return (moment - _EPOCH) // _HOUR


@lru_cache(maxsize=64)
def hour_text(hour: int) -> str:
    """Write an hour: `2026-03-01T12`."""
    return (_EPOCH + hour * _HOUR).strftime("%Y-%m-%dT%H")


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why a suppression is held back.

    Attributes:
        name: What makes all held for the same cause one batch.
        kind: `flood`, `sender`, `trust` or `policy`.
        summary: What is the matter, in a line.
    """

    name: str
    kind: str
    summary: str


@dataclass(slots=True)
class Flood:
    """How many suppressions claimed reports have made by the hour, and how many they may.

    Attributes:
        hours: What was made in each hour, as far back as matters, those of this batch too.
        known: How many addresses ever showed life; 0 where nobody told.
        new: What this batch made.
    """

    section: FloodSection
    hours: dict[int, int]
    known: int = 0
    new: Counter[int] = field(default_factory=Counter)

    def admits(self, event: BounceEvent) -> Doubt | None:
        """Count a suppression that a claimed report would make; says why it is one too many."""
        hour = hour_of(event.occurred_at)
        made = self.hours.get(hour, 0)
        limit = max(self.section.at_least, self.section.times_usual * self._usual(hour))
        if made >= limit:
            return Doubt(
                f"flood {hour_text(hour)}",
                "flood",
                f"more than {limit} unproven reports in the hour {hour_text(hour)} UTC would "
                "suppress; perhaps somebody forges bounces",
            )
        day = self._day(hour)
        if self.known and self.section.share < 1:
            most = max(self.section.at_least, int(self.section.share * self.known))
            if day >= most:
                date = hour_text(hour)[:10]
                return Doubt(
                    f"flood {date}",
                    "flood",
                    f"unproven reports would suppress more than {most} of {self.known} known "
                    f"addresses on {date}; perhaps somebody forges bounces",
                )
        self.hours[hour] = made + 1
        self.new[hour] += 1
        return None

    def _usual(self, hour: int) -> int:
        """Say what the busiest hour of the second busiest of the last days had.

        One busy day, and today, say nothing of what is usual: so a flood cannot make room for the
        next one within hours, and a newsletter that goes out once a week has room from its third
        issue on.
        """
        today = hour // _DAY_HOURS
        busiest: dict[int, int] = {}
        for at, made in self.hours.items():
            day = at // _DAY_HOURS
            if today - USUAL_DAYS <= day < today:
                busiest[day] = max(made, busiest.get(day, 0))
        days = sorted(busiest.values(), reverse=True)
        return days[_BUSY_DAYS - 1] if len(days) >= _BUSY_DAYS else 0

    def _day(self, hour: int) -> int:
        midnight = hour - hour % _DAY_HOURS
        return sum(self.hours.get(at, 0) for at in range(midnight, midnight + _DAY_HOURS))


def unproven(event: BounceEvent) -> bool:
    """Whether nothing shows that a report is about mail of ours."""
    return event.attribution.trust is _CLAIMED


Place = tuple[str, str, int, str]
"""`message` and its id, or `at` and who refused; an hour; a fingerprint, "" for all failures."""


Told = Callable[[Sequence[Place]], Mapping[Place, int]]
"""Says how often each place was counted, by all who share the store; unknown ones are absent."""


class SenderGuard:
    """Remembers the failures of the last while, by message and by who refused.

    What is counted in a transaction is told with `keep` when that is on disk. Where somebody spoke
    of the sender, what is counted goes into the store besides: so several daemons count together,
    and each of them only what it saw of all the rest.
    """

    def __init__(self) -> None:
        self._counts: OrderedDict[Place, int] = OrderedDict()
        self._shared: set[Place] = set()

    def watch(self, section: SenderSection, told: Told | None = None) -> "SenderWatch":
        """Begin to count for a transaction; alone, where nobody tells what others count."""
        return SenderWatch(section, self._counts, self._shared, told)

    def keep(self, watch: "SenderWatch") -> None:
        """Remember what a transaction counted."""
        counts = self._counts
        self._shared |= watch.shared.keys()
        for place, count in watch.new.items():
            counts[place] = counts.pop(place, 0) + count  # and so it is the last to be forgotten
        while len(counts) > PLACES_AT_MOST:
            forgotten, _ = counts.popitem(last=False)
            self._shared.discard(forgotten)


@dataclass(slots=True)
class SenderWatch:
    """What one transaction adds to a `SenderGuard`.

    Attributes:
        before: What this process counted.
        given: Places whose counts this process has put into the store.
        told: Asks the store; None where there is nobody else.
        new: What this transaction adds.
        all: What the store said, of places it was asked about.
    """

    section: SenderSection
    before: Mapping[Place, int]
    given: AbstractSet[Place]
    told: Told | None
    new: dict[Place, int] = field(default_factory=dict)
    all: dict[Place, int] = field(default_factory=dict)

    @property
    def shared(self) -> dict[Place, int]:
        """What the store is to add, by place."""
        return {
            place: new + self._kept_back(place)
            for place, new in self.new.items()
            if place in self.all or place in self.given
        }

    def _kept_back(self, place: Place) -> int:
        """Count what this process has seen there and the store does not know."""
        return 0 if place in self.given else self.before.get(place, 0)

    def count(self, event: BounceEvent, original: str | None, *, suppresses: bool) -> Doubt | None:
        """Count a failure; says why its suppression may be for a trouble of the sender's own.

        Args:
            event: Whatever happened; only failures are counted.
            original: Message-ID of the message it is about.
            suppresses: Whether it would suppress; what would not is only counted.
        """
        verdict, found = event.verdict, event.attribution
        if (
            verdict is None
            or event.kind is not _BOUNCE
            or self.section.share >= 1
            or found.trust is _BACKSCATTER
        ):
            return None
        who = verdict.provider or event.recipient.remote_mta or domain_of(found.recipient)
        hour = hour_of(event.occurred_at)
        if not (suppresses and speaks_of_sender(event)):
            self._one_more(("at", who, hour, ""))
            if original:
                self._one_more(("message", original, hour, ""))
            return None
        print_ = fingerprint(event)
        scopes = [(how, name) for how, name in (("at", who), ("message", original)) if name]
        self._ask([(how, name, hour, each) for how, name in scopes for each in (print_, "")])
        for how, name in scopes:
            said = self._one_more((how, name, hour, print_))
            most = self.section.share * self._one_more((how, name, hour, ""))
            if said >= self.section.at_least and said > most:
                return _own_trouble(f"{how} {name}", hour, print_, event)
        return None

    def _ask(self, places: Sequence[Place]) -> None:
        """Learn what others counted, of places that nobody asked about yet."""
        unknown = [place for place in places if place not in self.all]
        if self.told is not None and unknown:
            told = self.told(unknown)
            self.all |= {place: told.get(place, 0) for place in unknown}

    def _one_more(self, place: Place) -> int:
        self.new[place] = new = self.new.get(place, 0) + 1
        if place in self.all:
            return self.all[place] + self._kept_back(place) + new
        return self.before.get(place, 0) + new


def place_name(place: Place) -> str:
    """Name a place of the store's counts, whatever its hour; it tells nobody whom it is about."""
    how, name, _, print_ = place
    octets = f"{how}\0{name}\0{print_}".encode("utf-8", "surrogatepass")
    return f"{SENDER} {hashlib.blake2b(octets, digest_size=10).hexdigest()}"


def _own_trouble(scope: str, hour: int, print_: str, event: BounceEvent) -> Doubt:
    text = " ".join(event.recipient.diagnostic[:_SHOWN].split())
    return Doubt(
        f"sender {scope} {hour_text(hour)} {print_}",
        "sender",
        f"{scope}: many failures of the hour {hour_text(hour)} UTC say one thing, and it speaks of "
        f"the sender: '{text}' (fingerprint {print_})",
    )


def fingerprint(event: BounceEvent) -> str:
    """Name what a refusal says without what differs from one to the next: 12 hex digits."""
    said = event.recipient
    text = " ".join((said.diagnostic or said.prose)[:_LOOKED_AT].split())
    return print_of(masked(text, said.recipient))


def print_of(form: str) -> str:
    """Name a masked text."""
    octets = form.lower().encode("utf-8", "surrogatepass")
    return hashlib.blake2b(octets, digest_size=6).hexdigest()


def speaks_of_sender(event: BounceEvent) -> bool:
    """Whether the words of a refusal speak of the sender, whatever code stands before them."""
    return _WORDS.stand_in(event.recipient.diagnostic[:_LOOKED_AT].lower())


_WORDS = Literals(_SIGNS)
