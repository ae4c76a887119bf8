"""What is worth telling an operator: rates, spikes, mailboxes, hooks, unread mail.

Pure: facts go in, alerts come out. An alert has a lasting name, so that the same trouble is told
once, and told again to be over. What is held for a person raises its alerts by itself
(`guarding`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from math import sqrt

from dsnwatch.config.alerts import AlertsSection


class Severity(StrEnum):
    """How bad it is."""

    WARNING = "warning"
    CRITICAL = "critical"


class AlertKind(StrEnum):
    """What an alert is about."""

    RATE = "rate"
    SPIKE = "spike"
    MAILBOX = "mailbox"
    HOOK = "hook"
    UNREAD = "unread"
    HOLD = "hold"


class State(StrEnum):
    """What a sender should do with a stream."""

    OK = "ok"
    WARN = "warn"
    PAUSE = "pause"


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that is the matter now.

    Attributes:
        name: Lasting: the same as long as it is the same trouble.
        summary: What is the matter, in a line.
        stream: The kind of mail it is about; "" is all, or none in particular.
        pauses: Whether the stream should send no more until it is over.
        campaign: The campaign it is about; "" for none.
        failed: Failures that a rate was taken of; 0 where there is no rate.
        sent: What was sent in that time.
    """

    name: str
    kind: AlertKind
    severity: Severity
    summary: str
    stream: str = ""
    pauses: bool = False
    campaign: str = ""
    failed: int = 0
    sent: int = 0


@dataclass(frozen=True, slots=True)
class Sending:
    """What became of what was sent, of a stream or of one of its campaigns.

    Attributes:
        campaign: "" is the whole stream.
        length: The time it was counted over.
    """

    stream: str
    campaign: str
    sent: int
    hard: int
    failed: int
    complaints: int
    length: timedelta


@dataclass(frozen=True, slots=True)
class Hourly:
    """Failures and delays of one stream, provider and reason, in an hour and usually.

    Attributes:
        hour: When that hour began.
        events: How many there were in it.
        mean: How many an hour has usually.
        deviation: By how much hours differ from it.
    """

    stream: str
    provider: str
    reason: str
    hour: datetime
    events: int
    mean: float
    deviation: float

    @classmethod
    def of(  # noqa: PLR0917  what tells them apart, then the numbers
        cls, stream: str, provider: str, reason: str, hour: datetime, events: int,
        hours: int, total: int, squares: int,
    ) -> "Hourly":  # fmt: skip
        """Work out what is usual.

        Args:
            stream: As the two behind it, what is counted.
            provider: "" where none is known.
            reason: Of the taxonomy.
            hour: The hour that is looked at.
            events: How many it has.
            hours: How many hours there were before, those with nothing too; at least one.
            total: How many there were in all of these.
            squares: The sum of the squares of each hour's number.
        """
        mean = total / hours
        deviation = sqrt(max(squares / hours - mean * mean, 0.0))
        return cls(stream, provider, reason, hour, events, mean, deviation)


@dataclass(frozen=True, slots=True)
class Mailbox:
    """How long messages may have been waiting in a mailbox."""

    name: str
    lag: timedelta
    error: str = ""


@dataclass(frozen=True, slots=True)
class Telling:
    """How a hook fares.

    Attributes:
        failures: How often in a row it has failed.
        waited: How long its oldest event has been waiting; None where none waits.
        error: What went wrong last.
    """

    name: str
    failures: int = 0
    waited: timedelta | None = None
    paused: bool = False
    error: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """All that is looked at.

    Attributes:
        mail: Messages of the last day.
        unread: Those of them in which nothing was found, or that are in quarantine.
    """

    sendings: tuple[Sending, ...] = ()
    hours: tuple[Hourly, ...] = ()
    mailboxes: tuple[Mailbox, ...] = ()
    hooks: tuple[Telling, ...] = ()
    mail: int = 0
    unread: int = 0


def alerts(facts: Facts, section: AlertsSection) -> tuple[Alert, ...]:
    """Find what is the matter, each trouble once."""
    found: dict[str, Alert] = {}
    for alert in (
        *(alert for one in facts.sendings for alert in _rates(one, section)),
        *_spikes(facts.hours, section),
        *_lags(facts.mailboxes, section),
        *_hooks(facts.hooks, section),
        *_unread(facts, section),
    ):
        found.setdefault(alert.name, alert)
    return tuple(found.values())


def _rates(one: Sending, section: AlertsSection) -> Iterator[Alert]:
    if one.sent < section.least_sent:
        return
    limits: tuple[tuple[str, str, int, float, float | None], ...] = (
        ("hard", "bounced hard", one.hard, section.hard_warning, None),
        ("total", "failed", one.failed, section.total_warning, section.total_critical),
        (
            "complaints",
            "were complained about",
            one.complaints,
            section.complaints_warning,
            section.complaints_critical,
        ),
    )
    what = f"campaign {one.campaign}" if one.campaign else f"stream {one.stream or '-'}"
    for name, verb, count, warning, critical in limits:
        rate = count / one.sent
        if count < section.least_failures or rate < warning:
            continue
        grave = critical is not None and rate >= critical
        limit = critical if grave and critical is not None else warning
        yield Alert(
            f"rate {name} {what}",
            AlertKind.RATE,
            Severity.CRITICAL if grave else Severity.WARNING,
            f"{what}: {percent(rate)} of {one.sent:,} messages {verb} within "
            f"{length_text(one.length)} ({count:,}; the limit is {percent(limit)})",
            one.stream,
            pauses=grave and name == "total",
            campaign=one.campaign,
            failed=count,
            sent=one.sent,
        )


def _spikes(hours: Iterable[Hourly], section: AlertsSection) -> Iterator[Alert]:
    for one in hours:
        least = max(
            section.spike_least,
            section.spike_times * one.mean,
            one.mean + section.spike_sigma * one.deviation,
        )
        if one.events < least:
            continue
        where = f" at {one.provider}" if one.provider else ""
        of = f" of stream {one.stream}" if one.stream else ""
        yield Alert(
            f"spike {one.stream or '-'} {one.provider or '-'} {one.reason}",
            AlertKind.SPIKE,
            Severity.WARNING,
            f"{one.events:,} times {one.reason}{where}{of} in the hour from "
            f"{one.hour:%Y-%m-%dT%H} UTC; usual are {one.mean:.1f}",
            one.stream,
        )


def _lags(mailboxes: Iterable[Mailbox], section: AlertsSection) -> Iterator[Alert]:
    for one in mailboxes:
        if one.lag > section.lag:
            grave = one.lag > 4 * section.lag
            why = f": {one.error}" if one.error else ""
            yield Alert(
                f"mailbox {one.name}",
                AlertKind.MAILBOX,
                Severity.CRITICAL if grave else Severity.WARNING,
                f"messages may wait in mailbox '{one.name}' for {length_text(one.lag)}{why}",
            )


def _hooks(hooks: Iterable[Telling], section: AlertsSection) -> Iterator[Alert]:
    for one in hooks:
        fails = one.failures >= section.hook_failures
        late = one.waited is not None and one.waited > section.hook_waiting and not one.paused
        if not fails and not late:
            continue
        told = []
        if fails:
            told.append(f"failed {one.failures:,} times in a row")
        if late and one.waited is not None:
            told.append(f"has not told what happened {length_text(one.waited)} ago")
        why = f": {one.error}" if one.error else ""
        grave = one.failures >= 10 * section.hook_failures
        yield Alert(
            f"hook {one.name}",
            AlertKind.HOOK,
            Severity.CRITICAL if grave else Severity.WARNING,
            f"hook '{one.name}' {' and '.join(told)}{why}",
        )


def _unread(facts: Facts, section: AlertsSection) -> Iterator[Alert]:
    if facts.unread < section.unread_least or not section.unread_share < 1:
        return
    share = facts.unread / facts.mail
    if share > section.unread_share:
        yield Alert(
            "unread",
            AlertKind.UNREAD,
            Severity.WARNING,
            f"nothing was found in {facts.unread:,} of the {facts.mail:,} messages of the last day "
            f"({percent(share)}); `dsnwatch rules harvest` and `quarantine list` show them",
        )


@dataclass(frozen=True, slots=True)
class Entry:
    """An alert as it is listed: open, or over.

    Attributes:
        raised_at: Since when it is so, or was.
        cleared_at: When it was over; None while it is open.
        told_at: When it was last told of.
        told: Whether hooks were told of it since it was raised; one that comes back soon is quiet.
    """

    alert: Alert
    raised_at: datetime
    cleared_at: datetime | None
    told_at: datetime
    told: bool


@dataclass(frozen=True, slots=True)
class Step:
    """What follows from looking once.

    Attributes:
        entries: What is to be written down.
        raised: Of these, what is to be told.
        cleared: What is to be told that it is over.
    """

    entries: tuple[Entry, ...] = ()
    raised: tuple[Entry, ...] = ()
    cleared: tuple[Entry, ...] = ()


def step(
    listed: Mapping[str, Entry], found: Sequence[Alert], now: datetime, cool_down: timedelta
) -> Step:
    """Compare what is the matter with what was.

    Args:
        listed: Every alert that is listed, by name, the open ones and those that are over.
        found: What is the matter now.
        now: This moment.
        cool_down: How long one that was told of and comes back is quiet, unless it is worse.
    """
    entries, raised, cleared = [], [], []
    for alert in found:
        before = listed.get(alert.name)
        after = _seen(before, alert, now, cool_down)
        if after != before:
            entries.append(after)
        if after.told and (before is None or after.told_at != before.told_at):
            raised.append(after)
    names = {alert.name for alert in found}
    for name, entry in listed.items():
        if entry.cleared_at is None and name not in names:
            over = replace(entry, cleared_at=now)
            entries.append(over)
            if entry.told:
                cleared.append(over)
    return Step(tuple(entries), tuple(raised), tuple(cleared))


def _seen(before: Entry | None, alert: Alert, now: datetime, cool_down: timedelta) -> Entry:
    """Say how an alert is listed that is found now."""
    if before is None:
        return Entry(alert, now, None, now, told=True)
    worse = alert.severity is Severity.CRITICAL and before.alert.severity is Severity.WARNING
    rested = now - before.told_at >= cool_down
    if before.cleared_at is not None:
        told = worse or rested
        return Entry(alert, now, None, now if told else before.told_at, told)
    tell = worse or (not before.told and rested)
    if tell:
        return replace(before, alert=alert, told_at=now, told=True)
    return replace(before, alert=alert)


def state_of(stream: str, opened: Iterable[Alert]) -> State:
    """Say what a sender should do with a stream, by the alerts that are open.

    A campaign that fails is a warning for its stream; the stream is to pause when it fails as a
    whole.
    """
    about = [alert for alert in opened if alert.kind is AlertKind.RATE and alert.stream == stream]
    if any(alert.pauses and not alert.campaign for alert in about):
        return State.PAUSE
    return State.WARN if about else State.OK


def percent(share: float) -> str:
    """Write a share for people: `1.25 %`, `16,000 %`."""
    return f"{100 * share:.3g} %" if share < 1 else f"{100 * share:,.0f} %"


def length_text(length: timedelta) -> str:
    """Write a length of time in one unit: `12 s`, `3 min`, `5 h`, `2 d`."""
    seconds = int(length.total_seconds())
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
