"""The shapes of what other systems are told, and the table of what there is to tell.

`docs/events/` has a JSON Schema for each, made from these. A field may be added within a version;
one that goes, or means something else, makes a new one.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from typing_extensions import TypedDict  # pydantic wants it before Python 3.12

from dsnwatch.model import Action, BounceClass, Fault, Kind, Trust
from dsnwatch.records import DecisionAction

VERSION: Final = 1


_From = TypedDict("_From", {"from": str | None})
_Class = TypedDict("_Class", {"class": BounceClass})


class OriginalData(_From):
    """What came back of the mail of ours that this is about; each null where it is not told."""

    message_id: str | None
    """Its Message-ID, without angle brackets."""
    envelope_id: str | None
    """The ENVID it was sent with."""
    subject: str | None
    """Its subject."""


class DecisionData(TypedDict):
    """What the policy made of it."""

    action: DecisionAction
    """What it does."""
    rule: str
    """The row of the policy that decided."""
    because: str
    """Why, in words."""
    until: str | None
    """The end of the suppression; null where it is for ever, and where there is none."""


class FeedbackData(TypedDict):
    """Somebody at an address said something: what, and about which mail."""

    recipient: str
    """The address this is about, as it is counted and suppressed: all in lower case."""
    original_recipient: str | None
    """The address as it was mailed to, where the report says."""
    final_recipient: str | None
    """The address it was delivered to at the end, where the report says."""
    trust: Trust
    """How sure it is that this is about mail of yours; the strongest stands first."""
    stream: str
    """The kind of mail; empty where it is not known."""
    campaign: str | None
    """The campaign, where it is known."""
    list_id: str | None
    """The mailing list, where it is known."""
    message_id: str | None
    """The Message-ID of the report itself."""
    original: OriginalData
    """The mail of yours."""
    decision: DecisionData
    """What the policy made of it."""


class DetailsData(TypedDict):
    """What a refusal says besides its reason; each null where it is not told."""

    blocklist: str | None
    """The block list named: `spamhaus-zen`."""
    blocked_ip: str | None
    """The address of yours that is blocked."""
    retry_after_seconds: int | None
    """How long the server asks to wait."""
    queue_id: str | None
    """The server's own name for the mail, which its postmaster can look up."""
    forwarded_to: str | None
    """The address that mail to this one was sent on to, or that is to be used instead."""
    help_url: str | None
    """The page that explains the refusal."""


class FailureData(FeedbackData, DetailsData, _Class):
    """Mail to an address failed or waits: what was said of it, and what it means."""

    action: Action
    """What became of the mail, as the report has it."""
    permanent: bool | None
    """What the report said: true for 5.x.x, false for 4.x.x, null where it said neither."""
    reason: str
    """Why, in the words of docs/reasons.md: `user_unknown`, `mailbox_full` ..."""
    fault: Fault
    """Whose affair it is."""
    status: str | None
    """The enhanced status code: `5.1.1`."""
    reply_code: str | None
    """The SMTP reply code: `550`."""
    diagnostic: str
    """What the other server said, in its own words; a stranger wrote them."""
    remote_mta: str | None
    """The server that said so."""
    reporting_mta: str | None
    """The server that wrote the report."""
    rule: str
    """The rule that read it."""
    confidence: float
    """How sure the reading is, from 0 to 1."""
    provider: str | None
    """Who runs the server that said no, where it is known: `gmail`."""


class SuppressionData(TypedDict):
    """An address goes on the list of those not to be mailed, or leaves it."""

    recipient: str
    """The address, all in lower case."""
    stream: str
    """The kind of mail it holds for; empty is all."""
    reason: str
    """A reason of docs/reasons.md, or `complaint`, `unsubscribe`, `manual`."""
    origin: str
    """`bounce`, `complaint`, `unsubscribe`, `manual` or `import`."""
    rule: str
    """The row of the policy, or the command, that made it."""
    since: str
    """When it began."""
    until: str | None
    """When it ends; null is never."""
    event_id: str | None
    """The event it follows from; null where a person made it."""
    because: str
    """Why, in words; empty where nobody said."""


class AlertData(TypedDict):
    """Something an operator should look at, or need not look at any more."""

    alert: str
    """Its lasting name: the same when it is raised again, and when it is cleared."""
    severity: str
    """`warning` or `critical`."""
    summary: str
    """What is the matter, in a line."""
    stream: str
    """The kind of mail it is about; empty is all."""
    since: str
    """When it was raised."""


class MailData(_From):
    """Somebody wrote to an address where bounces come in; a person may want to read it."""

    kind: Kind
    """`other`, or `challenge`: a program that wants to know whether a person sent the mail."""
    to: list[str]
    """The addresses it was sent to, where the source knows."""
    subject: str
    """Its subject; a stranger wrote it."""
    message_id: str | None
    """Its Message-ID, without angle brackets."""
    stream: str
    """The kind of mail its source is set up for; empty where none is."""
    size: int
    """Its octets."""
    octets: str | None
    """The message as it came, in base64; null where it is too large, or is kept no more:
    `dsnwatch messages show` has it, under the id of the event."""


class PauseData(TypedDict):
    """So much of what was sent fails that sending should stop until somebody has looked."""

    alert: str
    """The lasting name of the alert; `alert.cleared` with this name says that it is over."""
    stream: str
    """The kind of mail to stop; empty is mail of no known kind."""
    campaign: str | None
    """The campaign to stop; null where it is the whole stream."""
    failed: int
    """How many messages failed."""
    sent: int
    """Of how many sent."""
    rate: float
    """The share of these, from 0 to 1."""
    summary: str
    """The same in a line."""
    since: str
    """When it was raised."""


Data = FailureData | FeedbackData | SuppressionData | AlertData | PauseData | MailData


class Event(TypedDict):
    """What stands around the data of every event."""

    type: str
    version: int
    id: str
    timestamp: str
    data: Data


EVENTS: Final[Mapping[str, tuple[type, str]]] = MappingProxyType(
    {
        "bounce.hard": (FailureData, "Mail failed, and the address is dead."),
        "bounce.soft": (FailureData, "Mail failed, and the address may live."),
        "bounce.block": (FailureData, "Mail was refused for its sender's or its content's sake."),
        "bounce.delayed": (FailureData, "Mail waits, and will be tried again."),
        "complaint": (FeedbackData, "The recipient called the mail unwanted."),
        "unsubscribe": (FeedbackData, "The recipient wants no more of it."),
        "auto_reply": (FeedbackData, "A machine answered: on holiday, moved ..."),
        "suppression.added": (SuppressionData, "An address is not to be mailed, from now on."),
        "suppression.removed": (SuppressionData, "An address may be mailed again."),
        "suppression.held": (SuppressionData, "A suppression waits for a person to look at it."),
        "mail.received": (MailData, "Mail came that is no report: a person may have written."),
        "alert.raised": (AlertData, "Something needs an operator."),
        "alert.cleared": (AlertData, "It is over."),
        "campaign.pause": (PauseData, "So much of it fails that sending should stop."),
    }
)
"""Each event by its name: the shape of its data, and what it says."""

BY_NAME_ONLY: Final = frozenset({"mail.received"})
"""What `*` does not mean: what people write goes where the configuration names it."""
