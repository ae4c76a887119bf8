"""Which hooks want to be told of what; asked of every event, so an answer is given once.

Pure. `ingest` asks it before it writes: where no hook wants an event, nothing is written for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache

from dsnwatch.events import BY_NAME_ONLY, EVENTS
from dsnwatch.model import Trust
from dsnwatch.records import BounceEvent, Suppression

_STRONGEST_FIRST = tuple(Trust)


@dataclass(frozen=True, slots=True)
class Subscription:
    """What one hook wants to be told.

    An empty tuple wants all there is. What an event does not say cannot be held against it: a
    complaint has no class, and a suppression made by hand no trust.

    Attributes:
        hook: Its name.
        types: Names of events, of those that its format can say.
        classes: Classes of verdict.
        reasons: Reasons of the taxonomy, and those of suppressions.
        streams: Kinds of mail.
        least_trust: The weakest that is told.
    """

    hook: str
    types: frozenset[str] = frozenset(EVENTS)
    classes: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    streams: tuple[str, ...] = ()
    least_trust: Trust = Trust.CLAIMED

    def wants(
        self, type_: str, bounce_class: str | None, reason: str | None, stream: str, trust: str
    ) -> bool:
        """Say whether the hook is to be told.

        Args:
            type_: The name of the event.
            bounce_class: None where it has none.
            reason: None where it has none.
            stream: "" is mail of no known stream.
            trust: "" where the question does not arise.
        """
        return (
            type_ in self.types
            and (not self.classes or bounce_class is None or bounce_class in self.classes)
            and (not self.reasons or reason is None or reason in self.reasons)
            and (not self.streams or stream in self.streams)
            and (
                not trust
                or _STRONGEST_FIRST.index(Trust(trust)) <= _STRONGEST_FIRST.index(self.least_trust)
            )
        )


class Subscriptions:
    """What all the hooks want to be told.

    Attributes:
        types: The events that anybody wants at all; nothing else needs to be asked.
    """

    def __init__(self, wanted: Sequence[Subscription] = ()) -> None:
        self._wanted = tuple(wanted)
        self.types = frozenset().union(*(each.types for each in self._wanted))
        # Few answers serve all events; a stranger who invents streams cannot make it grow.
        self._hooks = lru_cache(maxsize=4096)(self._ask)

    def of_event(self, type_: str, event: BounceEvent) -> tuple[str, ...]:
        """Name the hooks to be told of an event, or of a suppression that follows from it."""
        if type_ not in self.types:
            return ()
        verdict, found = event.verdict, event.attribution
        if verdict is None:
            return self._hooks(type_, None, None, found.stream, found.trust)
        return self._hooks(type_, verdict.bounce_class, verdict.reason, found.stream, found.trust)

    def of_suppression(self, type_: str, suppression: Suppression) -> tuple[str, ...]:
        """Name the hooks to be told of a suppression that a person made or took away."""
        if type_ not in self.types:
            return ()
        return self._hooks(type_, None, suppression.reason, suppression.stream, "")

    def of_stream(self, type_: str, stream: str) -> tuple[str, ...]:
        """Name the hooks to be told of what has a stream and no verdict: alerts, ordinary mail."""
        return self._hooks(type_, None, None, stream, "") if type_ in self.types else ()

    def _ask(
        self, type_: str, bounce_class: str | None, reason: str | None, stream: str, trust: str
    ) -> tuple[str, ...]:
        return tuple(
            each.hook
            for each in self._wanted
            if each.wants(type_, bounce_class, reason, stream, trust)
        )


NOBODY = Subscriptions()
"""No hook wants anything."""


def types_named(patterns: Sequence[str]) -> frozenset[str]:
    """Find the events that a list of names means; `suppression.*` means all of that family.

    `*` means all of them but those that have to be named.

    Raises:
        ValueError: One of them means none.
    """
    found: set[str] = set()
    for pattern in patterns:
        meant = {name for name in EVENTS if fnmatchcase(name, pattern)}
        if pattern == "*":
            meant -= BY_NAME_ONLY
        if not meant:
            raise ValueError(f"'{pattern}' is no event; known are {', '.join(EVENTS)}")
        found |= meant
    return frozenset(found)
