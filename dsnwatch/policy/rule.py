"""One row of the policy: which events it describes, how many it takes, and what follows."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Self

from dsnwatch.config.policy import SPEAKING, PolicyRuleSection
from dsnwatch.model import Action, BounceClass, Fault, Kind, StatusCode, Trust
from dsnwatch.records import DecisionAction, Facts

TRUSTS = {trust: rank for rank, trust in enumerate(Trust)}
"""How strong each trust is; 0 is the strongest."""

_SAYING_NO = frozenset({Kind.COMPLAINT, Kind.UNSUBSCRIBE})
_OTHERS_AFFAIR = frozenset({Fault.SENDER, Fault.MESSAGE})
_REFUSED = (5, 7)


@dataclass(frozen=True, slots=True, eq=False)
class PolicyRule:
    """One row.

    Empty tuples describe everything. A row with classes, reasons, faults, statuses or providers
    describes failures only. Whatever a row says, one that suppresses or holds never describes a
    block, a refusal for security (5.7.x), what is the sender's or the message's affair, a delay, a
    success, an automatic reply or backscatter; and one that takes a single message describes of
    the failures only those that are hard and said for ever.

    Attributes:
        id: Its name, kept on every decision and suppression it makes.
        then: What follows once there are enough.
        why: A clause for `Decision.because`.
        statuses: Enhanced status codes gone by, `5.2.2`, and how some begin, `5.7.`.
        not_statuses: Codes it does not describe, though all else fits.
        count: Distinct messages it takes.
        days: Distinct UTC days they must have come on.
        span: Least time from the first to the last of them.
        within: Most time from the first to the last of them.
        gap: Longest pause after which the count does not start afresh; None is any.
        lasts: How long a suppression holds, from the last event counted; None is for ever.
        for_stream: Whether it suppresses for the event's stream alone.
        go_on: Whether the rows below are asked too about what it describes.
        require_trust: The least trust at which it acts; below it, the event is held.
    """

    id: str
    then: DecisionAction
    why: str = ""
    kinds: tuple[Kind, ...] = ()
    classes: tuple[BounceClass, ...] = ()
    reasons: tuple[str, ...] = ()
    not_reasons: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()
    statuses: tuple[str, ...] = ()
    not_statuses: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    streams: tuple[str, ...] = ()
    trusts: tuple[Trust, ...] = ()
    count: int = 1
    days: int = 1
    span: timedelta = timedelta()
    within: timedelta = timedelta()
    gap: timedelta | None = None
    lasts: timedelta | None = None
    for_stream: bool = False
    go_on: bool = False
    require_trust: Trust = Trust.CLAIMED
    weighty: bool = field(init=False)
    """Whether it can put somebody on the list, now or when a person agrees."""

    def __post_init__(self) -> None:
        weighty = self.then in {DecisionAction.SUPPRESS, DecisionAction.HOLD}
        object.__setattr__(self, "weighty", weighty)

    @classmethod
    def of(cls, row: PolicyRuleSection, require_trust: Trust) -> Self:
        """Make one of a row of the configuration, which has been checked.

        Args:
            row: The row.
            require_trust: What is required where the row says nothing of it.
        """
        return cls(
            id=row.id,
            then=DecisionAction(row.then),
            why=row.why,
            kinds=row.kind,
            classes=row.bounce_class,
            reasons=row.reason,
            not_reasons=row.not_reason,
            faults=row.fault,
            statuses=row.status,
            not_statuses=row.not_status,
            providers=row.provider,
            streams=row.stream,
            trusts=row.trust,
            count=row.count,
            days=row.days,
            span=row.span,
            within=row.within,
            gap=row.gap,
            lasts=row.lasts,
            for_stream=row.scope == "stream",
            go_on=row.go_on,
            require_trust=Trust(row.require_trust) if row.require_trust else require_trust,
        )

    def trusted(self, trust: Trust) -> bool:
        """Whether a report of that trust is enough to act on."""
        return TRUSTS[trust] <= TRUSTS[self.require_trust]

    def describes(self, facts: Facts) -> bool:
        """Whether an event is this row's affair."""
        if (
            (self.kinds and facts.kind not in self.kinds)
            or (self.streams and facts.stream not in self.streams)
            or (self.trusts and facts.trust not in self.trusts)
            or (self.weighty and facts.trust is Trust.BACKSCATTER)
        ):
            return False
        failed = facts.bounce_class is not None and (
            facts.kind is Kind.BOUNCE and facts.action is Action.FAILED
        )
        if not (self.classes or self.reasons or self.faults or self.statuses or self.providers):
            return not self.weighty or (self._may(facts) if failed else facts.kind in _SAYING_NO)
        return failed and self._fits(facts) and (not self.weighty or self._may(facts))

    def _fits(self, facts: Facts) -> bool:
        code = str(facts.status or "")
        return (
            (not self.classes or _weight(facts) in self.classes)
            and (not self.reasons or facts.reason in self.reasons)
            and facts.reason not in self.not_reasons
            and (not self.faults or facts.fault in self.faults)
            and (not self.statuses or _among(code, self.statuses))
            and not _among(code, self.not_statuses)
            and (not self.providers or facts.provider in self.providers)
        )

    def _may(self, facts: Facts) -> bool:
        """Whether a failure may put anybody on the list, whatever the row says."""
        weight = _weight(facts)
        return (
            weight is not BounceClass.BLOCK
            and facts.fault not in _OTHERS_AFFAIR
            and not _is_refusal(facts.status)
            and (self.count > 1 or weight is BounceClass.HARD)
        )


def _among(code: str, texts: tuple[str, ...]) -> bool:
    return any(code.startswith(text) if text.endswith(".") else code == text for text in texts)


def _weight(facts: Facts) -> BounceClass | None:
    """What a class weighs: a "no such user" said for now (450 4.1.1) is no more than soft."""
    passing = facts.permanent is False and facts.bounce_class is BounceClass.HARD
    return BounceClass.SOFT if passing else facts.bounce_class


def _is_refusal(status: StatusCode | None) -> bool:
    """Whether a code says 5.7.x, which speaks of us and not of the address.

    RFC 3463 section 3.8: x.7.x is about security and policy; three of them speak of the mailbox.
    """
    return status is not None and status[:2] == _REFUSED and str(status) not in SPEAKING
