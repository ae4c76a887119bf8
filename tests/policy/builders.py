"""Events, policies and what was before, with defaults."""

from datetime import UTC, datetime, timedelta

from dsnwatch.config.policy import PolicySection
from dsnwatch.model import (
    Action,
    BounceClass,
    Fault,
    Kind,
    RecipientStatus,
    StatusCode,
    Trust,
    Verdict,
)
from dsnwatch.policy import Policy
from dsnwatch.records import Attribution, BounceEvent, DecisionAction, PastEvent

TODAY = datetime(2026, 3, 31, 12, tzinfo=UTC)
DAY = timedelta(days=1)
DEFAULT = Policy.preset("default")
IGNORE, COUNT, HOLD, SUPPRESS = (
    DecisionAction.IGNORE,
    DecisionAction.COUNT,
    DecisionAction.HOLD,
    DecisionAction.SUPPRESS,
)

HARD = (
    "user_unknown", "mailbox_disabled", "mailbox_moved", "owner_changed", "bad_address",
    "domain_unknown", "domain_accepts_no_mail", "suppressed_upstream",
)  # fmt: skip
SOFT_OF_RECIPIENT = ("mailbox_full", "mailbox_unavailable", "recipient_refused")
SOFT_OF_RECEIVER = (
    "expired", "network_error", "routing_loop", "system_error", "system_full", "mailer_error",
    "protocol_error", "tls_failure",
)  # fmt: skip
BLOCK_OF_SENDER = (
    "auth_failure", "no_reverse_dns", "reputation", "policy", "sender_rejected", "relay_denied",
)  # fmt: skip
BLOCK_OF_MESSAGE = ("spam_content", "virus", "content_rejected", "not_compliant")
MEANING = {
    **dict.fromkeys(HARD, (BounceClass.HARD, Fault.RECIPIENT)),
    **dict.fromkeys(SOFT_OF_RECIPIENT, (BounceClass.SOFT, Fault.RECIPIENT)),
    **dict.fromkeys((*SOFT_OF_RECEIVER, "greylisted"), (BounceClass.SOFT, Fault.RECEIVER)),
    "rate_limited": (BounceClass.SOFT, Fault.SENDER),
    **dict.fromkeys(BLOCK_OF_SENDER, (BounceClass.BLOCK, Fault.SENDER)),
    **dict.fromkeys(BLOCK_OF_MESSAGE, (BounceClass.BLOCK, Fault.MESSAGE)),
    "message_too_big": (BounceClass.SOFT, Fault.MESSAGE),
    "undetermined": (BounceClass.UNDETERMINED, Fault.UNKNOWN),
}
WEIGHTLESS = (
    "greylisted", "rate_limited", "message_too_big", *BLOCK_OF_SENDER, *BLOCK_OF_MESSAGE,
)  # fmt: skip
WEIGHING = ("mailbox_unavailable", "recipient_refused", *SOFT_OF_RECEIVER, "undetermined")


def an_event(
    reason: str = "user_unknown",
    *,
    days_ago: float = 0,
    kind: Kind = Kind.BOUNCE,
    action: Action = Action.FAILED,
    status: str | None = None,
    permanent: bool | None = None,
    provider: str | None = None,
    stream: str = "",
    trust: Trust = Trust.CLAIMED,
    recipient: str = "anne@example.org",
    key: str = "the new one",
) -> BounceEvent:
    bounce_class, fault = MEANING[reason]
    code = None if status is None else StatusCode.of(status)
    verdict = Verdict(permanent, bounce_class, reason, fault, code, None, "a rule", 1.0, provider)
    return BounceEvent(
        key=key,
        kind=kind,
        occurred_at=TODAY - days_ago * DAY,
        recipient=RecipientStatus(recipient, action),
        verdict=verdict if action in {Action.FAILED, Action.DELAYED} else None,
        attribution=Attribution(recipient, "final_recipient", trust, stream),
    )


def past(
    *days_ago: float,
    reason: str = "mailbox_unavailable",
    stream: str = "",
    trust: Trust = Trust.CLAIMED,
) -> tuple[PastEvent, ...]:
    """Earlier failures, each of a message of its own."""
    return tuple(
        as_past(
            an_event(reason, days_ago=days, stream=stream, trust=trust, key=f"{reason} {number}")
        )
        for number, days in enumerate(days_ago)
    )


def as_past(event: BounceEvent) -> PastEvent:
    """Give an event as those after it find it in the store."""
    return PastEvent(event.occurred_at, event.key, event.facts)


def a_policy(**section: object) -> Policy:
    """Make a policy of what `[policy]` may say."""
    return Policy.of(PolicySection(**section), lambda key: f"here {key}")  # type: ignore[arg-type]  # as the file gives it
