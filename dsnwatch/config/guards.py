"""`[policy.flood]`, `[policy.sender]`, `[policy.coming_back]`: when a person has to look first."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from dsnwatch.config.sections import Section, option
from dsnwatch.config.values import Count, Length

Share = Annotated[float, Field(ge=0, le=1)]


class FloodSection(Section):
    """`[policy.flood]`: what nobody proved to be about mail of ours suppresses only so many."""

    at_least: Annotated[int, Field(strict=True, ge=0, le=1_000_000)] = option(
        50,
        "How many suppressions claimed reports alone may make in an hour, however quiet it "
        "usually is; what goes beyond is held for a person.",
        unit="number",
    )
    times_usual: Annotated[int, Field(strict=True, ge=1, le=1000)] = option(
        5, "How many times a usual hour they may make, where that is more.", unit="number"
    )
    share: Share = option(
        0.05,
        "Which share of the addresses that ever showed life they may suppress in a day; 1 is any.",
        unit="number from 0 to 1",
    )


class SenderSection(Section):
    """`[policy.sender]`: when many are refused for one cause of ours, it is not the people."""

    at_least: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] = option(
        10,
        "How many failures of one message, or at one provider, within an hour must say the same "
        "and speak of the sender.",
        unit="number",
    )
    share: Share = option(
        0.2,
        "Which share of all of them those must be; then what they would suppress is held for a "
        "person. 1 switches it off.",
        unit="number from 0 to 1",
    )


class ComingBackSection(Section):
    """`[policy.coming_back]`: when somebody who was suppressed for a while may be tried again."""

    rest: Length = option(
        timedelta(days=14),
        "How long he is left alone after his last failure.",
        unit="length of time",
    )
    trials: Count = option(2, "How often he may be tried.", unit="number")
    within: Length = option(timedelta(days=30), "Within which time.", unit="length of time")
    trial: Length = option(
        timedelta(days=3),
        "How long a trial lifts the suppression (`dsnwatch suppressions try`).",
        unit="length of time",
    )
    relapse: Length = option(
        timedelta(days=30),
        "A hard bounce so soon after a release is put down as a relapse, for a person to look at.",
        unit="length of time",
    )
