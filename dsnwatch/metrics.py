"""What is counted: the figures of each part, and how Prometheus gets them."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from prometheus_client import Metric


@dataclass(frozen=True, slots=True)
class MailboxFigures:
    """How one mailbox fares, since the daemon started.

    Attributes:
        connected: Whether there is a connection to the server.
        seen: Messages fetched.
        stored: New ones among them.
        duplicates: Known ones among them.
        unread: Those in which nothing was found, or that are in quarantine.
        left_behind: Those the server does not give us.
        connects: How often a connection was made.
        failures: How often something went wrong with the server or the store.
        last_error: The last thing that did, since when all is well if `failing` is False.
        current_at: When it was last known that nothing waits; None where it never was.
        waits: Whether something may wait there that is not stored: from then on lag is counted.
        last_message_at: When the last message was fetched.
    """

    name: str
    connected: bool = False
    seen: int = 0
    stored: int = 0
    duplicates: int = 0
    unread: int = 0
    left_behind: int = 0
    connects: int = 0
    failures: int = 0
    failing: bool = False
    last_error: str = ""
    last_error_at: datetime | None = None
    started_at: datetime | None = None
    current_at: datetime | None = None
    waits: bool = True
    last_message_at: datetime | None = None

    def lag(self, now: datetime) -> timedelta:
        """For how long a message may have been waiting there."""
        since = self.current_at or self.started_at
        return max(now - since, timedelta()) if self.waits and since else timedelta()

    def to_json(self) -> str:
        """Write the figures down, for who asks in another process."""
        values = {key: getattr(self, key) for key in self.__slots__}
        return json.dumps(
            {
                key: value.isoformat() if isinstance(value, datetime) else value
                for key, value in values.items()
            }
        )

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read them back; what a newer version has written besides is left out."""
        values = json.loads(text)
        known = {key: values[key] for key in cls.__slots__ if key in values}
        for key in ("last_error_at", "started_at", "current_at", "last_message_at"):
            if known.get(key):
                known[key] = datetime.fromisoformat(known[key])
        return cls(**known)


@dataclass(frozen=True, slots=True)
class DaemonFigures:
    """What a daemon says of itself.

    Attributes:
        version: Of the program.
        started_at: When it began.
        parts: What it runs, by name: `mailbox bounces`.
    """

    version: str
    started_at: datetime
    parts: tuple[str, ...] = ()

    def to_json(self) -> str:
        """Write it down, for who asks in another process."""
        started = self.started_at.isoformat()
        return json.dumps(
            {"version": self.version, "started_at": started, "parts": list(self.parts)}
        )

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read it back; what a newer version has written besides is left out."""
        values = json.loads(text)
        started = datetime.fromisoformat(values["started_at"])
        return cls(values["version"], started, tuple(values["parts"]))


_COUNTERS = {
    "seen": "Messages fetched from the mailbox.",
    "stored": "Messages of the mailbox that were new.",
    "duplicates": "Messages of the mailbox that were stored already.",
    "unread": "Messages of the mailbox in which nothing was found.",
    "connects": "Connections made to the mailbox's server.",
    "failures": "Times something went wrong with the mailbox.",
}


_GAUGES: tuple[tuple[str, str, Callable[[MailboxFigures, datetime], float]], ...] = (
    (
        "lag_seconds",
        "For how long a message may have been waiting in the mailbox.",
        lambda figures, now: figures.lag(now).total_seconds(),
    ),
    (
        "connected",
        "Whether there is a connection to the mailbox's server.",
        lambda figures, _: figures.connected,
    ),
    (
        "left_behind",
        "Messages that the mailbox's server does not give.",
        lambda figures, _: figures.left_behind,
    ),
)


class MailboxCollector:
    """Gives the figures of all mailboxes to Prometheus when it asks.

    Args:
        figures: Gets the present ones.
        clock: Tells the time.
    """

    def __init__(
        self, figures: Callable[[], Iterable[MailboxFigures]], clock: Callable[[], datetime]
    ) -> None:
        self._figures = figures
        self._clock = clock

    def collect(self) -> "Iterator[Metric]":
        """Give one family a counter, with the mailbox as its label."""
        from prometheus_client.core import (  # noqa: PLC0415  commands do without it
            CounterMetricFamily,
            GaugeMetricFamily,
        )

        present = list(self._figures())
        now = self._clock()
        for key, help_ in _COUNTERS.items():
            counter = CounterMetricFamily(f"dsnwatch_mailbox_{key}", help_, labels=["mailbox"])
            for each in present:
                counter.add_metric([each.name], getattr(each, key))
            yield counter
        for key, help_, value in _GAUGES:
            gauge = GaugeMetricFamily(f"dsnwatch_mailbox_{key}", help_, labels=["mailbox"])
            for each in present:
                gauge.add_metric([each.name], value(each, now))
            yield gauge


HAPPENED = (
    "connection", "connection turned away", "message stored", "message duplicate",
    "message quarantined", "message refused", "message deferred", "recipient refused", "too slow",
    "TLS failed", "error",
)  # fmt: skip
"""What a listener counts."""


@dataclass(frozen=True, slots=True)
class ListenerFigures:
    """How one listener fares, since it was started.

    Attributes:
        name: `listener 1`, by its place in the configuration.
        places: Where it listens: `192.0.2.1:25`, or the path of a Unix socket.
        connections: Clients at this moment.
        counts: How often each of `HAPPENED` did; what never did may be missing.
    """

    name: str
    places: tuple[str, ...]
    connections: int
    counts: Mapping[str, int]


class ListenerCollector:
    """Gives the figures of all listeners to Prometheus when it asks.

    Args:
        figures: Gets the present ones.
    """

    def __init__(self, figures: Callable[[], Iterable[ListenerFigures]]) -> None:
        self._figures = figures

    def collect(self) -> "Iterator[Metric]":
        """Give a family of what happened, and one of clients."""
        from prometheus_client.core import (  # noqa: PLC0415  commands do without it
            CounterMetricFamily,
            GaugeMetricFamily,
        )

        happened = CounterMetricFamily(
            "dsnwatch_listener_happened",
            "What happened at a listener: messages by their answer, clients turned away ...",
            labels=["listener", "what"],
        )
        clients = GaugeMetricFamily(
            "dsnwatch_listener_connections", "Clients at this moment.", labels=["listener"]
        )
        for each in self._figures():
            for what in HAPPENED:
                happened.add_metric([each.name, what], each.counts.get(what, 0))
            clients.add_metric([each.name], each.connections)
        yield happened
        yield clients


@dataclass(frozen=True, slots=True)
class StoreFigures:
    """What the store has counted, ever, and what is the matter now.

    Attributes:
        events: Events by kind, class and reason; "" is what an event does not say.
        decisions: Events by what was decided on them.
        messages: Messages by kind.
        quarantined: Messages that nobody could read, and that wait.
        alerts: Open alerts by what they are about and how bad they are.
    """

    events: Mapping[tuple[str, str, str], int]
    decisions: Mapping[str, int]
    messages: Mapping[str, int]
    quarantined: int
    alerts: Mapping[tuple[str, str], int]


class StoreCollector:
    """Gives what the store has counted to Prometheus when it asks.

    Every label is one of a closed set: kinds, classes, reasons, decisions; never an address.

    Args:
        figures: Gets them.
    """

    def __init__(self, figures: Callable[[], StoreFigures]) -> None:
        self._figures = figures

    def collect(self) -> "Iterator[Metric]":
        """Give a family each."""
        from prometheus_client.core import (  # noqa: PLC0415  commands do without it
            CounterMetricFamily,
            GaugeMetricFamily,
        )

        found = self._figures()
        events = CounterMetricFamily(
            "dsnwatch_events",
            "Events by kind, class and reason; backscatter is a kind of its own.",
            labels=["kind", "class", "reason"],
        )
        for labels, count in found.events.items():
            events.add_metric(labels, count)
        yield events
        decisions = CounterMetricFamily(
            "dsnwatch_decisions",
            "Events by what was decided: suppress, hold, count, ignore.",
            labels=["decision"],
        )
        for decision, count in found.decisions.items():
            decisions.add_metric([decision], count)
        yield decisions
        messages = CounterMetricFamily(
            "dsnwatch_messages", "Messages taken in, by what they are.", labels=["kind"]
        )
        for kind, count in found.messages.items():
            messages.add_metric([kind], count)
        yield messages
        yield GaugeMetricFamily(
            "dsnwatch_quarantined", "Messages nobody could read, which wait.", found.quarantined
        )
        alerts = GaugeMetricFamily(
            "dsnwatch_alerts",
            "Open alerts by what they are about and how bad they are.",
            labels=["about", "severity"],
        )
        for about, count in found.alerts.items():
            alerts.add_metric(about, count)
        yield alerts
