"""What may be asked of the store, and what it answers beyond the nouns of `model`."""

from dataclasses import dataclass
from datetime import datetime

from dsnwatch.model import BounceClass, Kind, RawMessage


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events are wanted; what is None does not narrow.

    Attributes:
        address: The address counted against, normalised.
        domain: Its domain, in lower case.
        stream: "" is mail of no known stream.
        since: Occurred at this moment or later.
        until: Occurred before this moment.
        message_id: The ULID of the message that told of it.
    """

    address: str | None = None
    domain: str | None = None
    reason: str | None = None
    bounce_class: BounceClass | None = None
    kind: Kind | None = None
    stream: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    message_id: str | None = None


@dataclass(frozen=True, slots=True)
class MessageFilter:
    """Which messages are wanted; what is None does not narrow.

    Attributes:
        since: Arrived at this moment or later.
        until: Arrived before this moment.
    """

    kind: Kind | None = None
    dialect: str | None = None
    stream: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class SuppressionFilter:
    """Which suppressions are wanted; what is None does not narrow.

    Attributes:
        stream: Those for this very stream; "" is those that hold for every stream.
        active_at: Those that hold at this moment.
    """

    address: str | None = None
    domain: str | None = None
    reason: str | None = None
    origin: str | None = None
    stream: str | None = None
    active_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class QuarantineItem:
    """A message nobody could read, kept for a person.

    Attributes:
        raw: As it came; its data is empty in lists.
        defects: Why it could not be read.
        at: When it was put there.
    """

    id: str
    raw: RawMessage
    fingerprint: str
    defects: tuple[str, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class Totals:
    """How much there is in the store.

    Attributes:
        by_class: Failures and delays of each class, in the order of `BounceClass`.
        suppressions: Those that hold now.
    """

    messages: int
    events: int
    by_class: tuple[tuple[BounceClass, int], ...]
    suppressions: int
    quarantined: int
