"""`[alerts]`: when an operator is told that something is wrong."""

from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, Field

from dsnwatch.config.sections import Section, option
from dsnwatch.config.values import Duration


def _at_least_a_second(value: timedelta) -> timedelta:
    if value < timedelta(seconds=1):
        raise ValueError('must be "1s" at least')
    return value


def _hours(value: timedelta) -> timedelta:
    if not timedelta(hours=1) <= value <= timedelta(days=60):
        raise ValueError('must lie between "1h" and "60d"')
    return value


Share = Annotated[float, Field(ge=0, le=1)]
Number = Annotated[int, Field(strict=True, ge=1, le=1_000_000_000)]
Pace = Annotated[Duration, AfterValidator(_at_least_a_second)]
Window = Annotated[Duration, AfterValidator(_hours)]
_SHARE = "number from 0 to 1"
_LENGTH = "length of time"


class AlertsSection(Section):
    """`[alerts]`: what is looked at, and from which number on it is worth an alert."""

    enabled: bool = option(
        default=True,
        description="Whether the daemon looks for anything worth an alert.",
        unit="true or false",
    )
    every: Pace = option(timedelta(minutes=1), "How often it looks.", unit=_LENGTH)
    cool_down: Duration = option(
        timedelta(hours=6),
        "An alert that is over and comes again within this time is listed, but nobody is told.",
        unit=_LENGTH,
    )
    window: Window = option(
        timedelta(hours=24),
        "The time over which rates of a stream are taken; it ends with the last hour of which is "
        "known what was sent.",
        unit='length of time ("1h" to "60d")',
    )
    campaign_window: Window = option(
        timedelta(days=7),
        "The time over which rates of a campaign are taken, by whole days.",
        unit='length of time ("1h" to "60d")',
    )
    least_sent: Number = option(
        200, "How many messages must have been sent before a rate says anything.", unit="number"
    )
    least_failures: Number = option(
        10,
        "How many failures (or complaints) there must be before a rate says anything.",
        unit="number",
    )
    hard_warning: Share = option(0.01, "Hard bounces for each message sent that warn.", unit=_SHARE)
    total_warning: Share = option(
        0.02, "Failures of every class for each message sent that warn.", unit=_SHARE
    )
    total_critical: Share = option(
        0.05,
        "The same that are critical; hooks are told `campaign.pause`, and the stream's state is "
        "`pause`.",
        unit=_SHARE,
    )
    complaints_warning: Share = option(
        0.001, "Complaints for each message sent that warn.", unit=_SHARE
    )
    complaints_critical: Share = option(0.003, "The same that are critical.", unit=_SHARE)
    spike_least: Number = option(
        20,
        "How many failures and delays of one stream, provider and reason an hour must have to be "
        "a spike.",
        unit="number",
    )
    spike_times: Annotated[float, Field(ge=1, le=1000)] = option(
        2.0, "How many times the usual hour that must be at least.", unit="number"
    )
    spike_sigma: Annotated[float, Field(ge=0, le=100)] = option(
        3.0, "How many standard deviations above the usual hour it must lie.", unit="number"
    )
    spike_days: Annotated[int, Field(strict=True, ge=1, le=60)] = option(
        14, "The days whose hours say what is usual.", unit="number of days"
    )
    lag: Pace = option(
        timedelta(minutes=30),
        "How long messages may wait in a mailbox; four times that is critical.",
        unit=_LENGTH,
    )
    hook_failures: Number = option(
        5, "How often in a row a hook may fail; ten times that is critical.", unit="number"
    )
    hook_waiting: Pace = option(
        timedelta(hours=1), "How long events may wait for a hook that is not paused.", unit=_LENGTH
    )
    unread_share: Share = option(
        0.5,
        "Which share of a day's messages may be ones in which nothing was found; 1 never alerts.",
        unit=_SHARE,
    )
    unread_least: Number = option(20, "How many of them there must be at least.", unit="number")
