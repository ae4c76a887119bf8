"""What may be asked of the store, and what it answers beyond the nouns of `model`."""

from dataclasses import dataclass
from datetime import datetime

from dsnwatch.model import BounceClass, Kind, RawMessage
from dsnwatch.records import DecisionAction, News


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
        decision: What was decided.
        void: "" are those that count; an id those that a rollback or a hold let go of.
        stored_since: Stored at this moment or later.
        stored_until: Stored before this moment.
        backscatter: Whether it is about mail that was never ours.
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
    decision: DecisionAction | None = None
    void: str | None = None
    stored_since: datetime | None = None
    stored_until: datetime | None = None
    provider: str | None = None
    campaign: str | None = None
    backscatter: bool | None = None


@dataclass(frozen=True, slots=True)
class MessageFilter:
    """Which messages are wanted; what is None does not narrow.

    Attributes:
        since: Arrived at this moment or later.
        until: Arrived before this moment.
        stored_since: Stored at this moment or later: what was before is not even looked at.
    """

    kind: Kind | None = None
    dialect: str | None = None
    stream: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    stored_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class SuppressionFilter:
    """Which suppressions are wanted; what is None does not narrow.

    Attributes:
        stream: Those for this very stream; "" is those that hold for every stream.
        active_at: Those that hold at this moment.
        ends_after: Those that hold for a while, and run out later than this; on trial or not.
        since_before: Those that began before this.
        relapsed: Those that came back soon after a release.
    """

    address: str | None = None
    domain: str | None = None
    reason: str | None = None
    origin: str | None = None
    stream: str | None = None
    active_at: datetime | None = None
    ends_after: datetime | None = None
    since_before: datetime | None = None
    relapsed: bool = False


@dataclass(frozen=True, slots=True)
class ImportMade:
    """An import into the suppression list.

    Attributes:
        batch: Its id: what undoes it.
        file: Its name.
        rows: How many rows of the list are still as it made them.
    """

    batch: str
    at: datetime
    who: str
    file: str
    because: str
    rows: int


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
class PartFigures:
    """How a part of a daemon fares, as it said last.

    Attributes:
        name: The part: `mailbox bounces`; or `daemon`, of itself (`metrics.DaemonFigures`).
        node: The machine.
        at: When it said so.
        figures: A JSON object.
    """

    name: str
    node: str
    at: datetime
    figures: str


@dataclass(frozen=True, slots=True)
class Totals:
    """How much there is in the store.

    Attributes:
        messages: Those that could be read.
        events: Those about mail of ours; all there ever were, those too that were let go of.
        backscatter: Those about mail that was never ours; in no other count.
        by_class: Failures and delays of each class, in the order of `BounceClass`.
        suppressions: Those that hold now.
        held: Decisions that wait for a person.
    """

    messages: int
    events: int
    by_class: tuple[tuple[BounceClass, int], ...]
    suppressions: int
    quarantined: int
    backscatter: int = 0
    held: int = 0


@dataclass(frozen=True, slots=True)
class Leased:
    """The queue of one address at one hook, ours to deliver for a while.

    Attributes:
        news: Its first rows, oldest first; `more` says whether there are others.
        attempts: How often the first of them has failed.
        version: As it was when it was taken; another one where rows came since.
    """

    address: str
    news: tuple[News, ...]
    attempts: int
    version: int
    more: bool = False


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Something that could not be told, kept for a person.

    Attributes:
        at: When it was given up.
        attempts: How often it was tried.
        error: Why it failed the last time.
    """

    hook: str
    news: News
    at: datetime
    attempts: int
    error: str


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a queue that was leased.

    Attributes:
        told: How many of its rows were delivered, from the first on.
        due: When it may be taken again; None is at once.
        attempts: How often the row behind those told has failed by now.
        dead: Whether that row is given up.
        error: Why it failed.
    """

    lane: Leased
    told: int
    due: datetime | None = None
    attempts: int = 0
    dead: bool = False
    error: str = ""

    @property
    def gone(self) -> int:
        """How many of its rows leave the outbox, from the first on."""
        return self.told + self.dead

    @property
    def empty(self) -> bool:
        """Whether nothing is left of it, unless rows came since."""
        return not self.lane.more and self.gone == len(self.lane.news)

    def letter(self, hook: str, at: datetime) -> DeadLetter:
        """Give what is given up as a dead letter."""
        return DeadLetter(hook, self.lane.news[self.told], at, self.attempts, self.error)


@dataclass(frozen=True, slots=True)
class HookState:
    """How a hook is doing; all its workers go by it.

    Attributes:
        paused: Whether a person told it to wait.
        not_before: It rests till then; None where it does not.
        failures: How often in a row the other side did not answer as it should.
        delivered: How many events it has told, ever.
        error: What went wrong last; "" where nothing has.
    """

    name: str
    paused: bool = False
    not_before: datetime | None = None
    failures: int = 0
    delivered: int = 0
    delivered_at: datetime | None = None
    failed_at: datetime | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Backlog:
    """What there is for a hook to do, and what it could not.

    Attributes:
        waiting: Events to be told.
        oldest: The id of the oldest of them; None where none waits.
        dead: Events that could not be told.
    """

    waiting: int = 0
    oldest: str | None = None
    dead: int = 0
