"""Looks at the figures now and then, and tells what is the matter, once, and when it is over."""

import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import TYPE_CHECKING

from dsnwatch.alerts import (
    Alert,
    AlertKind,
    Entry,
    Facts,
    Mailbox,
    Sending,
    Severity,
    Step,
    Telling,
    alerts,
    step,
)
from dsnwatch.errors import StoreError
from dsnwatch.guarding import severity_of
from dsnwatch.hooks import subscriptions_of
from dsnwatch.metrics import MailboxFigures
from dsnwatch.model import Kind
from dsnwatch.news import news_of_alert, news_of_pause, rfc3339
from dsnwatch.records import News
from dsnwatch.store import Counted, Dimension, Span, new_id
from dsnwatch.store.duties import Duty
from dsnwatch.store.figure_answers import HOUR
from dsnwatch.store.tally import QUARANTINED
from dsnwatch.subscriptions import NOBODY, Subscriptions

if TYPE_CHECKING:
    from dsnwatch.config.alerts import AlertsSection
    from dsnwatch.config.settings import Configuration
    from dsnwatch.events import AlertData, PauseData
    from dsnwatch.store import Store

log = logging.getLogger(__name__)

FRESH = timedelta(minutes=10)
"""What a part said of itself longer ago says nothing of now: its daemon has gone, or its name."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Alerting:
    """Looks at everything there is to alert of; one turn is one look.

    Args:
        store: Has the figures.
        section: Has the limits.
        hooks: Names of the configured hooks.
        node: This machine; where the store is its own, other names are those it had before.
        wanted: Which hooks want to be told of alerts.
    """

    def __init__(
        self,
        store: "Store",
        section: "AlertsSection",
        hooks: Sequence[str] = (),
        node: str = "",
        wanted: Subscriptions = NOBODY,
    ) -> None:
        self._store = store
        self._section = section
        self._hooks = tuple(hooks)
        self._node = node
        self._wanted = wanted

    def facts(self, now: datetime) -> Facts:
        """Gather what there is to look at.

        Raises:
            StoreError: It cannot be read.
        """
        section = self._section
        mail = self._store.mail_counted(Span.last(timedelta(days=1), now))
        return Facts(
            tuple(sendings(self._store, section, now)),
            tuple(self._store.unusual_hours(now, section.spike_days, section.spike_least)),
            tuple(self._mailboxes(now)),
            tuple(self._tellings(now)),
            sum(mail.values()),
            mail.get(QUARANTINED, 0) + mail.get(Kind.OTHER.value, 0),
        )

    def turn(self, now: datetime, duty: Duty | None = None) -> Step:
        """Look once: write down what changed, and tell of it, in one transaction.

        Args:
            now: This moment.
            duty: Of several daemons, says that it is this one's to look; nothing is written where
                another one took it while this one was looking.

        Returns:
            What changed.

        Raises:
            StoreError: Nothing is written; the next look sees it anew.
        """
        found = alerts(self.facts(now), self._section)
        if not found and not self._store.alerts():
            return Step()
        with self._store.write() as writer:
            if duty is not None:
                writer.fence(*duty.fence)
            changed = step(writer.listed_alerts(), found, now, self._section.cool_down)
            writer.put_alerts(changed.entries)
            news = [one for entry in changed.raised for one in self._raised(entry, now)]
            for entry in changed.cleared:
                told = _alert_data(entry)
                news += news_of_alert(self._wanted, "alert.cleared", new_id(now), told, now)
            writer.add_news(news, now)
        log_changed(changed)
        return changed

    def _raised(self, entry: Entry, now: datetime) -> Iterator[News]:
        data = _alert_data(entry)
        yield from news_of_alert(self._wanted, "alert.raised", new_id(now), data, now)
        if entry.alert.pauses:
            yield from news_of_pause(self._wanted, new_id(now), _pause_data(entry), now)

    def _mailboxes(self, now: datetime) -> Iterator[Mailbox]:
        for said in self._store.figures():
            if (said.node == self._node or self._store.shared) and now - said.at < FRESH:
                figures = MailboxFigures.from_json(said.figures)
                error = figures.last_error if figures.failing else ""
                yield Mailbox(figures.name, figures.lag(now), error)

    def _tellings(self, now: datetime) -> Iterator[Telling]:
        if not self._hooks:
            return
        with self._store.deliveries(readonly=True) as looked:
            found = [(looked.state(name), looked.backlog(name)) for name in self._hooks]
        for state, backlog in found:
            oldest = None if backlog.oldest is None else now - time_of(backlog.oldest)
            yield Telling(state.name, state.failures, oldest, state.paused, state.error)


def sendings(store: "Store", section: "AlertsSection", now: datetime) -> Iterator[Sending]:
    """Say what became of what was sent, by stream and by campaign.

    The window of a stream ends with the last hour of which is known what was sent: where that is
    told once a night, the failures of today are not held against the mail of yesterday.

    Raises:
        StoreError: The figures cannot be read.
    """
    length = section.window // HOUR
    this_hour = (now - _EPOCH) // HOUR
    days = Span.last(section.campaign_window, now).days
    first = min(this_hour - length, days.hours[0])
    for stream, last in sorted(store.last_sent_hours(first).items()):
        only = {Dimension.STREAM: stream}
        if this_hour - last <= length:
            end = min(last, this_hour) + 1
            counted = store.counted(Span(end - length, end, HOUR), only)
            yield _sending(stream, "", counted, section.window)
        for campaign, counted in store.counted_by(Dimension.CAMPAIGN, days, only):
            if counted.sent >= section.least_sent:
                yield _sending(stream, campaign, counted, section.campaign_window)


def _sending(stream: str, campaign: str, counted: Counted, length: timedelta) -> Sending:
    failed, complaints = counted.failed, counted.complaints
    return Sending(stream, campaign, counted.sent, counted.hard, failed, complaints, length)


def alerts_and_holds(store: "Store", since: datetime | None = None) -> list[Entry]:
    """List what is the matter: what the daemon found, and what is held for a person.

    Args:
        store: Has both.
        since: What was over at this moment or later is listed as well, behind.
    """
    holds = [
        Entry(
            Alert(f"hold {hold.name}", AlertKind.HOLD, severity_of(hold), hold.summary),
            hold.opened_at,
            None,
            hold.opened_at,
            told=True,
        )
        for hold in store.holds()
    ]
    listed = store.alerts(since)
    opened = [entry for entry in listed if entry.cleared_at is None]
    over = [entry for entry in listed if entry.cleared_at is not None]
    return [*sorted([*opened, *holds], key=_gravest), *over]


def _gravest(entry: Entry) -> tuple[bool, datetime]:
    return (entry.alert.severity is Severity.WARNING, entry.raised_at)


def time_of(id_: str) -> datetime:
    """Read the moment an id was given at: the first ten letters of a ULID are milliseconds."""
    value = 0
    for letter in id_[:10]:
        value = value * 32 + "0123456789ABCDEFGHJKMNPQRSTVWXYZ".index(letter)
    return _EPOCH + timedelta(milliseconds=value)


def _alert_data(entry: Entry) -> "AlertData":
    alert = entry.alert
    return {
        "alert": alert.name,
        "severity": alert.severity,
        "summary": alert.summary,
        "stream": alert.stream,
        "since": rfc3339(entry.raised_at),
    }


def _pause_data(entry: Entry) -> "PauseData":
    alert = entry.alert
    return {
        "alert": alert.name,
        "stream": alert.stream,
        "campaign": alert.campaign or None,
        "failed": alert.failed,
        "sent": alert.sent,
        "rate": alert.failed / alert.sent,
        "summary": alert.summary,
        "since": rfc3339(entry.raised_at),
    }


class AlertingPart:
    """The part of the daemon that looks every minute; for a thread of its own.

    Args:
        alerting: Looks.
        fold: Puts old figures together, once an hour.
        every: How often.
        clock: Tells the time.
        duty: Says whether it is ours to look; of several daemons one does.
    """

    def __init__(
        self,
        alerting: Alerting,
        fold: Callable[[], None],
        every: timedelta,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        duty: Duty | None = None,
    ) -> None:
        self._alerting = alerting
        self._fold = fold
        self._every = every.total_seconds()
        self._duty = duty
        self._clock = clock
        self._over = Event()
        self._folded = 0

    def run(self) -> None:
        """Look until `stop`."""
        while not self._over.wait(self._every):
            self.look()
        if self._duty is not None:
            self._duty.end()

    def look(self) -> None:
        """Look once; a store that cannot be read is whoever stores mail's to complain of."""
        if self._duty is not None:
            self._duty.begin()
            if self._duty.token is None:
                return
        now = self._clock()
        try:
            self._alerting.turn(now, self._duty)
            if (hour := (now - _EPOCH) // HOUR) != self._folded:
                self._fold()
                self._folded = hour
        except StoreError as error:
            log.warning("could not look for anything worth an alert: %s", error)

    def stop(self) -> None:
        """Make `run` return."""
        self._over.set()


def part_of(configuration: "Configuration", store: "Store") -> AlertingPart:
    """Make the part that the configuration asks for.

    Raises:
        ConfigError: A hook's section says something that cannot be done.
    """

    def fold() -> None:
        if store.too_many_parts():  # read first: nobody has to wait while all days are looked at
            with store.write() as writer:
                writer.fold_tallies()

    settings = configuration.settings
    alerting = Alerting(
        store,
        settings.alerts,
        [hook.name for hook in settings.hook],
        configuration.node,
        subscriptions_of(settings.hook),
    )
    return AlertingPart(alerting, fold, settings.alerts.every, duty=Duty(store.duties, "alerts"))


def log_changed(changed: Step) -> None:
    """Say what is the matter, and what is over."""
    for entry in changed.raised:
        log.warning("%s: %s", entry.alert.severity, entry.alert.summary)
    for entry in changed.cleared:
        log.warning("over: %s", entry.alert.name)
