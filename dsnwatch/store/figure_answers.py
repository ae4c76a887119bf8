"""What may be asked of the figures, and what they answer."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Self

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
HOURLY_AT_MOST = timedelta(days=8)
"""A longer span is told by the day."""
HOURS_KEPT = timedelta(days=90)
"""Hours are let go of after that; days stay."""


class Dimension(StrEnum):
    """What events can be told apart by."""

    STREAM = "stream"
    KIND = "kind"
    CLASS = "class"
    REASON = "reason"
    PROVIDER = "provider"
    DOMAIN = "domain"
    CAMPAIGN = "campaign"


Only = Mapping[Dimension, str]
"""Which events are wanted: those with these values. "" is what an event does not say."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time in whole steps, hours or days (in UTC); the last one may go on still.

    Attributes:
        first: Its first step, counted since 1970.
        end: The step behind its last one.
        step: An hour or a day.
    """

    first: int
    end: int
    step: timedelta

    @classmethod
    def last(cls, length: timedelta, now: datetime) -> Self:
        """Give the time up to now: by the hour up to eight days, else by the day."""
        return cls.between(now - length, now, now)

    @classmethod
    def between(cls, since: datetime, until: datetime, now: datetime) -> Self:
        """Give the steps that begin in a stretch of time, and the one that is under way at its end.

        Args:
            since: Steps that ended before it, or at it, are left out, and so is the one it cuts
                where it is an hour; a day that it cuts is in.
            until: Its end; later than `since`.
            now: This moment; hours of long ago are not kept.
        """
        hourly = until - since <= HOURLY_AT_MOST and now - since <= HOURS_KEPT - DAY
        step = HOUR if hourly else DAY
        first = -((_EPOCH - since) // step) if hourly else (since - _EPOCH) // step
        end = -((_EPOCH - until) // step)
        return cls(min(first, end - 1), end, step)

    @property
    def hourly(self) -> bool:
        """Whether its steps are hours."""
        return self.step == HOUR

    @property
    def since(self) -> datetime:
        """When its first step begins."""
        return _EPOCH + self.first * self.step

    @property
    def until(self) -> datetime:
        """When its last step ends."""
        return _EPOCH + self.end * self.step

    @property
    def starts(self) -> tuple[datetime, ...]:
        """When each of its steps begins."""
        return tuple(_EPOCH + number * self.step for number in range(self.first, self.end))

    @property
    def before(self) -> "Span":
        """The span of the same length before it, to compare with."""
        return Span(2 * self.first - self.end, self.first, self.step)

    @property
    def days(self) -> "Span":
        """The same by the day; a day of which it has a part is in it whole."""
        if not self.hourly:
            return self
        return Span(self.first // 24, -(-self.end // 24), DAY)

    @property
    def hours(self) -> tuple[int, int]:
        """Its first hour and the one behind its last, since 1970."""
        size = self.step // HOUR
        return self.first * size, self.end * size


@dataclass(frozen=True, slots=True)
class Counted:
    """How many events there were of each sort.

    Backscatter (reports about mail that was never ours) is in none of the others.

    Attributes:
        sent: Messages sent, as far as that was told; 0 where nobody told.
        hard: Failures by class, as the three behind it.
        delayed: Notices that mail waits.
        suppressed: Events that suppressed an address; not counted by domain and campaign.
        held: Events whose suppression waits for a person, or waited when it was given up.
    """

    sent: int = 0
    hard: int = 0
    soft: int = 0
    block: int = 0
    undetermined: int = 0
    delayed: int = 0
    complaints: int = 0
    unsubscribes: int = 0
    auto_replies: int = 0
    delivered: int = 0
    others: int = 0
    backscatter: int = 0
    suppressed: int = 0
    held: int = 0

    @property
    def failed(self) -> int:
        """Failures of every class."""
        return self.hard + self.soft + self.block + self.undetermined

    @property
    def hard_rate(self) -> float | None:
        """Hard failures for each message sent, 0 to 1; None where nobody told what was sent."""
        return self._rate(self.hard)

    @property
    def total_rate(self) -> float | None:
        """Failures for each message sent."""
        return self._rate(self.failed)

    @property
    def complaint_rate(self) -> float | None:
        """Complaints for each message sent."""
        return self._rate(self.complaints)

    def _rate(self, some: int) -> float | None:
        return some / self.sent if self.sent else None

    def __add__(self, other: "Counted") -> "Counted":
        """Put two together."""
        names = [each.name for each in fields(self)]
        return Counted(**{name: getattr(self, name) + getattr(other, name) for name in names})


@dataclass(frozen=True, slots=True)
class Series:
    """Counts by step, for a chart.

    Attributes:
        span: Has the steps.
        lines: Each by its name, the largest first; one number a step.
    """

    span: Span
    lines: tuple[tuple[str, tuple[int, ...]], ...]

    @property
    def total(self) -> tuple[int, ...]:
        """The sum of all lines, a number a step."""
        rows = [values for _, values in self.lines]
        return tuple(map(sum, zip(*rows, strict=True))) or (0,) * (self.span.end - self.span.first)

    def __iter__(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        """Give the lines."""
        return iter(self.lines)


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What many refusals say alike, and how many did in a span.

    Attributes:
        id: Its lasting name.
        print: As the guards name it; "" where the rule stands for the text.
        form: The text, with addresses, hosts and numbers masked; "" where the rule stands for it.
        rule: The rule that read it.
        blocklist: The block list it names; "" for none.
        blocked_ip: The sending address it names; "" for none.
        sample: The id of the latest event that says so; that event may be gone.
        events: How many in the span that was asked for.
    """

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
    first_at: datetime
    last_at: datetime
    sample: str
    events: int
