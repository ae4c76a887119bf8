"""Events that never happened, to see whether a hook works."""

from datetime import datetime
from typing import TYPE_CHECKING

from dsnwatch.model import (
    Action,
    BounceClass,
    BounceReport,
    Fault,
    Kind,
    OriginalMessage,
    RawMessage,
    RecipientStatus,
    StatusCode,
    Trust,
    Verdict,
)
from dsnwatch.news import (
    news_of_alert,
    news_of_change,
    news_of_event,
    news_of_mail,
    news_of_pause,
    rfc3339,
    with_octets,
)
from dsnwatch.records import (
    Attribution,
    BounceEvent,
    Decision,
    DecisionAction,
    News,
    StoredEvent,
    Suppression,
)
from dsnwatch.subscriptions import Subscription, Subscriptions

if TYPE_CHECKING:
    from dsnwatch.events import AlertData, PauseData

BECAUSE = "a test by `dsnwatch hooks test`: nothing happened"

_FAILURES = {
    "bounce.hard": (BounceClass.HARD, "user_unknown", Fault.RECIPIENT, "5.1.1"),
    "bounce.soft": (BounceClass.SOFT, "mailbox_full", Fault.RECIPIENT, "4.2.2"),
    "bounce.block": (BounceClass.BLOCK, "reputation", Fault.SENDER, "5.7.1"),
    "bounce.delayed": (BounceClass.SOFT, "network_error", Fault.RECEIVER, "4.4.1"),
}
_KINDS = {
    "bounce.delayed": Kind.DELAY,
    "complaint": Kind.COMPLAINT,
    "unsubscribe": Kind.UNSUBSCRIBE,
    "auto_reply": Kind.AUTO_REPLY,
}


def sample(hook: str, type_: str, id_: str, address: str, now: datetime) -> News:
    """Make up an event.

    Args:
        hook: The hook that is to tell it.
        type_: Which, of `events.EVENTS`.
        id_: To tell it under.
        address: Whom it is about.
        now: When it happens.
    """
    wanted = Subscriptions([Subscription(hook)])
    family = type_.partition(".")[0]
    if family == "alert":
        alert: AlertData = {
            "alert": "test",
            "severity": "warning",
            "summary": BECAUSE,
            "stream": "",
            "since": rfc3339(now),
        }
        (news,) = news_of_alert(wanted, type_, id_, alert, now)
    elif family == "campaign":
        pause: PauseData = {
            "alert": "test",
            "stream": "",
            "campaign": None,
            "failed": 60,
            "sent": 1000,
            "rate": 0.06,
            "summary": BECAUSE,
            "since": rfc3339(now),
        }
        (news,) = news_of_pause(wanted, id_, pause, now)
    elif family == "suppression":
        listed = Suppression(address, "manual", "manual", "hooks test", now, note=BECAUSE)
        (news,) = news_of_change(wanted, type_, id_, listed, now)
    elif family == "mail":
        octets = f"From: {address}\r\nSubject: {BECAUSE}\r\n\r\nA test.\r\n".encode()
        raw = RawMessage(octets, "", "test")
        (news,) = news_of_mail(wanted, id_, raw, Kind.OTHER, now)
        news = with_octets(news, octets)
    else:
        (news,) = news_of_event(wanted, *_event(type_, id_, address, now))
    return news


def _event(type_: str, id_: str, address: str, now: datetime) -> tuple[StoredEvent, BounceReport]:
    kind = _KINDS.get(type_, Kind.BOUNCE)
    verdict, diagnostic = None, ""
    if type_ in _FAILURES:
        class_, reason, fault, status = _FAILURES[type_]
        code = StatusCode.of(status)
        reply = f"{code.klass}50"
        diagnostic = f"{reply} {status} {BECAUSE}"
        verdict = Verdict(code.permanent, class_, reason, fault, code, reply, "hooks test", 1.0)
    action = Action.DELAYED if kind is Kind.DELAY else Action.FAILED
    said = RecipientStatus(address, action, final_recipient=address, diagnostic=diagnostic)
    found = Attribution(address, "final_recipient", Trust.VOUCHED)
    event = BounceEvent(id_, kind, now, said, verdict, found)
    decision = Decision(DecisionAction.IGNORE, "hooks test", BECAUSE)
    original = OriginalMessage("test@dsnwatch.invalid", subject="A test")
    report = BounceReport(kind, message_id="report@dsnwatch.invalid", original=original)
    return StoredEvent(id_, "", event, decision), report
