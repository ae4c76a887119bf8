"""`[policy]`: what it takes to suppress an address; `[[policy.rule]]` is a row of one's own."""

import re
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BeforeValidator,
    PlainSerializer,
    field_validator,
    model_validator,
)

from dsnwatch.config.guards import ComingBackSection, FloodSection, SenderSection
from dsnwatch.config.sections import Section, option
from dsnwatch.config.values import Count, Keep, Length, a_length, duration, duration_text
from dsnwatch.model import BounceClass, Fault, Kind, Trust
from dsnwatch.records import DecisionAction
from dsnwatch.rules import Category
from dsnwatch.rules.policies import categories

Preset = Literal["default", "cold", "newsletter", "transactional", "mailman"]
Then = Literal["ignore", "count", "hold", "suppress"]
Least = Literal["signed", "matched", "vouched", "dkim", "claimed"]

_ID = re.compile(r"[a-z][a-z0-9_]{0,63}")
_STATUS = re.compile(r"[245]\.(?:\d{1,3}\.(?:\d{1,3})?)?")
_NOT_MAILED = (Kind.COMPLAINT, Kind.UNSUBSCRIBE)


def _texts(value: object) -> object:
    """Let one text stand for a list of it."""
    return [value] if isinstance(value, str) else value


def _for_ever(value: object) -> object:
    if isinstance(value, str) and value.strip().lower() in {"ever", "for ever"}:
        return None
    return value if value is None else duration(value)


def _a_status(text: str) -> str:
    if not _STATUS.fullmatch(text):
        raise ValueError(
            f'\'{text}\' is no status code; write it like "5.2.2", or "5.7." for all that begin so'
        )
    return text


Texts = Annotated[tuple[str, ...], BeforeValidator(_texts)]
Statuses = Annotated[tuple[Annotated[str, AfterValidator(_a_status)], ...], BeforeValidator(_texts)]
Kinds = Annotated[tuple[Kind, ...], BeforeValidator(_texts)]
Classes = Annotated[tuple[BounceClass, ...], BeforeValidator(_texts)]
Faults = Annotated[tuple[Fault, ...], BeforeValidator(_texts)]
Trusts = Annotated[tuple[Trust, ...], BeforeValidator(_texts)]
Lasting = Annotated[
    timedelta | None,
    BeforeValidator(_for_ever),
    AfterValidator(lambda value: value if value is None else a_length(value)),
    PlainSerializer(lambda value: "ever" if value is None else duration_text(value)),
]


class PolicyRuleSection(Section):
    """`[[policy.rule]]`: which events a row describes, how many it takes, and what follows."""

    id: str = option(
        ...,
        "Its name, kept on every decision: small letters, digits, _. A row with the id of one of "
        "the preset takes its place; any other is asked before them.",
        unit="text",
    )
    then: Then = option(
        ...,
        "What follows: ignore; count (note it, no more); hold (a person decides); suppress.",
        unit="name",
    )
    kind: Kinds = option((), "The kinds of event it describes: bounce, complaint ...", unit="names")
    bounce_class: Classes = option(
        (), "The classes of failure: hard, soft, undetermined, block.", unit="names", alias="class"
    )
    reason: Texts = option((), "The reasons of failure (docs/reasons.md).", unit="names")
    not_reason: Texts = option(
        (), "Reasons it does not describe, though all else fits.", unit="names"
    )
    fault: Faults = option(
        (), "Whose affair: recipient, receiver, sender, message, unknown.", unit="names"
    )
    status: Statuses = option(
        (), 'Enhanced status codes: "5.2.2", or "5.7." for all that begin so.', unit="codes"
    )
    not_status: Statuses = option(
        (), "Codes it does not describe, though they begin so.", unit="codes"
    )
    provider: Texts = option(
        (), "The providers that refused: google, outlook ... as `rules` names them.", unit="names"
    )
    stream: Texts = option((), "The kinds of mail.", unit="names")
    trust: Trusts = option(
        (), "How far the report is believed: signed, matched, vouched, dkim, claimed.", unit="names"
    )
    count: Count = option(1, "Distinct messages it takes.", unit="number")
    days: Count = option(1, "Distinct UTC days they must have come on.", unit="number")
    span: Length = option(
        timedelta(), "Least time from the first to the last of them.", unit="length of time"
    )
    within: Length = option(
        timedelta(),
        "Most time from the first to the last; must be said where it takes more than one.",
        unit="length of time",
    )
    gap: Length | None = option(
        None, "Longest pause after which the count does not start afresh.", unit="length of time"
    )
    lasts: Lasting = option(
        None,
        'How long a suppression lasts, from the last event counted: "90d", or "ever".',
        unit="length of time",
        alias="for",
    )
    scope: Literal["all", "stream"] = option(
        "all", "Whether it suppresses for every kind of mail, or for the event's own.", unit="name"
    )
    require_trust: Least | None = option(
        None,
        "The least trust at which it acts; below, the event is held for a person. Without it, "
        "policy.require_trust.",
        unit="name",
    )
    go_on: bool = option(
        default=False,
        description="Whether rows below are asked too about what it describes; where several have "
        "enough, the one that suppresses longest decides.",
        unit="true or false",
    )
    why: str = option("", "A clause for the explanation of each decision.", unit="text")

    @model_validator(mode="after")
    def _makes_sense(self) -> "PolicyRuleSection":
        for wrong, reason in _CONTRADICTIONS:
            if wrong(self):
                raise ValueError(f"row '{self.id}' {reason}")
        unknown = [one for one in (*self.reason, *self.not_reason) if one not in categories()]
        if unknown:
            raise ValueError(
                f"row '{self.id}': '{unknown[0]}' is no reason; see `dsnwatch docs reasons`"
            )
        if self.of_failures and not self.reasons_described():
            raise ValueError(
                f"row '{self.id}' describes nothing: no reason has its class, fault and reason at "
                "once (`dsnwatch docs reasons` lists all three)"
            )
        return self

    @property
    def of_failures(self) -> bool:
        """Whether it describes failures alone."""
        return bool(self.bounce_class or self.reason or self.fault or self.status or self.provider)

    @property
    def weighty(self) -> bool:
        """Whether it can put somebody on the list, now or when a person agrees."""
        return self.then in {DecisionAction.SUPPRESS, DecisionAction.HOLD}

    def reasons_described(self) -> frozenset[str]:
        """List the reasons of failure it can ever describe, by what the taxonomy says of each."""
        return frozenset(
            one.id for one in categories().values() if self._fits(one) and self._may(one)
        )

    def _fits(self, one: Category) -> bool:
        passing = one.bounce_class is BounceClass.HARD and BounceClass.SOFT in self.bounce_class
        return (
            (not self.bounce_class or one.bounce_class in self.bounce_class or passing)
            and (not self.reason or one.id in self.reason)
            and one.id not in self.not_reason
            and (not self.fault or one.fault in self.fault)
        )

    def _may(self, one: Category) -> bool:
        """Whether failures of that reason may ever weigh as much as the row makes of them."""
        if not self.weighty:
            return True
        if one.bounce_class is BounceClass.BLOCK or one.fault in {Fault.SENDER, Fault.MESSAGE}:
            return False
        return self.count > 1 or one.bounce_class is BounceClass.HARD


_CONTRADICTIONS: tuple[tuple[Callable[[PolicyRuleSection], bool], str], ...] = (
    (
        lambda row: not _ID.fullmatch(row.id),
        "needs an id of small letters, digits and _ that begins with a letter",
    ),
    (lambda row: row.count > 1 and not row.within, "takes more than one message: say within"),
    (lambda row: row.count == 1 and bool(row.within), "has a window and takes one message only"),
    (
        lambda row: row.days > row.count,
        "asks for more days than messages, and no message comes on two days",
    ),
    (lambda row: row.span > row.within, "asks for a longer span than lies within"),
    (
        lambda row: row.within > timedelta() and row.days > row.within / timedelta(days=1) + 1,
        "asks for more days than lie within",
    ),
    (
        lambda row: row.gap is not None and not row.within,
        "has a gap and takes one message only",
    ),
    (
        lambda row: row.lasts is not None and not row.weighty,
        "says how long it lasts, and suppresses nobody",
    ),
    (
        lambda row: row.lasts is not None and not row.lasts,
        "must last longer than nothing",
    ),
    (
        lambda row: row.scope == "stream" and not row.weighty,
        "has a scope, and suppresses nobody",
    ),
    (
        lambda row: row.require_trust is not None and not row.weighty,
        "requires trust, and suppresses nobody",
    ),
    (
        lambda row: row.go_on and row.count == 1,
        "takes one message, which always is enough: rows below never speak; leave go_on out",
    ),
    (
        lambda row: row.of_failures and bool(row.kind) and Kind.BOUNCE not in row.kind,
        "describes failures, by class, reason, fault, status or provider: only bounces have them",
    ),
    (
        lambda row: (
            row.weighty and bool(row.kind) and not {Kind.BOUNCE, *_NOT_MAILED} & {*row.kind}
        ),
        "would suppress after what says nothing against the address, and never does",
    ),
    (
        lambda row: row.weighty and row.count > 1 and not {*row.kind} <= {Kind.BOUNCE},
        "counts what is no failure; only the kind bounce is counted",
    ),
    (
        lambda row: row.weighty and bool(row.bounce_class) and {*row.bounce_class} <= {"block"},
        "would suppress after a block, which says nothing of the address",
    ),
    (
        lambda row: row.weighty and bool(row.fault) and {*row.fault} <= {"sender", "message"},
        "would suppress for what is the sender's or the message's own affair",
    ),
    (
        lambda row: (
            row.weighty
            and row.count == 1
            and bool(row.bounce_class)
            and BounceClass.HARD not in row.bounce_class
        ),
        "would suppress after one soft failure; one alone never does: say count and within",
    ),
    (
        lambda row: row.weighty and bool(row.status) and all(map(_security, row.status)),
        "would suppress after a 5.7.x refusal; only 5.7.13, 5.7.17 and 5.7.18 speak of the mailbox",
    ),
    (
        lambda row: row.weighty and bool(row.trust) and {*row.trust} <= {Trust.BACKSCATTER},
        "would suppress for mail that was never ours",
    ),
)
"""What a row may not say, and what is said then."""

SPEAKING = ("5.7.13", "5.7.17", "5.7.18")
"""The codes of security (5.7.x) that speak of the mailbox itself (RFC 3463, RFC 7293)."""


def _security(status: str) -> bool:
    return status.startswith("5.7.") and status not in {"5.7.", *SPEAKING}


class PolicyStreamSection(Section):
    """`[[policy.stream]]`: another policy for one kind of mail."""

    name: str = option(..., "The kind of mail.", unit="text")
    preset: Preset = option(..., "Its preset.", unit="name")
    require_trust: Least | None = option(
        None,
        "The least trust at which its events may suppress at once. Without it, "
        "policy.require_trust.",
        unit="name",
    )


@cache
def _known_reasons() -> frozenset[str]:
    return frozenset({*categories(), "complaint", "unsubscribe", "manual"})


class PolicySection(Section):
    """`[policy]`: what it takes to suppress an address."""

    preset: Preset = option(
        "default",
        "The set of numbers to decide by: "
        + ", ".join(get_args(Preset)[:-1])
        + f" or {get_args(Preset)[-1]}; `dsnwatch explain` shows what each makes of a message.",
        unit="name",
    )
    require_trust: Least = option(
        "claimed",
        "The least trust at which an event may suppress at once: signed, matched, vouched, dkim "
        "or claimed; below it the event is held for a person.",
        unit="name",
    )
    never_suppress: Texts = option(
        (),
        'Addresses that are never suppressed: "anne@example.org", "@example.org", '
        '"@*.example.org", "test+*@example.org"; * stands for any text.',
        unit="list of addresses",
    )
    disable: Texts = option(
        (), "Rows of the preset to leave out, by their ids.", unit="list of names"
    )
    keep: dict[str, Keep] = option(
        {},
        "How long suppressions stay on the list, by their reason; after that they are swept away. "
        'What is not named stays. Reasons as in docs/reasons.md, and "complaint", "unsubscribe", '
        '"manual".',
        unit='table of lengths of time ("1d" to "3650d", or "never")',
    )
    flood: FloodSection = option(FloodSection(), "The flood guard.", unit="section")
    sender: SenderSection = option(
        SenderSection(), "The guard for troubles of one's own.", unit="section"
    )
    coming_back: ComingBackSection = option(
        ComingBackSection(), "Who may be tried again.", unit="section"
    )
    stream: tuple[PolicyStreamSection, ...] = option(
        (), "Other policies for some kinds of mail.", unit="sections"
    )
    rule: tuple[PolicyRuleSection, ...] = option((), "Rows of your own.", unit="sections")

    @field_validator("keep")
    @classmethod
    def _reasons_are_known(cls, value: dict[str, Any]) -> dict[str, Any]:
        for reason in value:
            if reason not in _known_reasons():
                raise ValueError(f"'{reason}' is no reason; see `dsnwatch docs reasons`")
        return value

    @field_validator("never_suppress")
    @classmethod
    def _are_addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            if not text.rpartition("@")[2] or "@" not in text:
                raise ValueError(
                    f'\'{text}\' is no address; write "anne@example.org" or "@example.org"'
                )
        return value

    @field_validator("stream", "rule")
    @classmethod
    def _names_differ(cls, value: tuple[Any, ...]) -> tuple[Any, ...]:
        names = [getattr(each, "name", None) or each.id for each in value]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"two are called '{twice}'; give each a name of its own")
        return value
