"""What other systems are told: the names of the news and what stands in them.

Pure. `ingest` puts them into the outbox in the transaction that makes them true, where a hook
wants them (`subscriptions`). The shapes stand in `events`; docs/events/ publishes them.
"""

import json
from base64 import b64encode
from datetime import UTC, datetime

from dsnwatch.events import (
    VERSION,
    AlertData,
    Data,
    FailureData,
    FeedbackData,
    MailData,
    PauseData,
    SuppressionData,
)
from dsnwatch.model import BounceClass, BounceReport, Kind, RawMessage
from dsnwatch.reading.details import as_dict
from dsnwatch.records import BounceEvent, DecisionAction, News, StoredEvent, Suppression
from dsnwatch.rfc.address import key
from dsnwatch.rfc.headers import head_of
from dsnwatch.rfc.json_text import to_json
from dsnwatch.subscriptions import Subscriptions

_NEWS_OF_CLASS = {
    BounceClass.HARD: "bounce.hard",
    BounceClass.SOFT: "bounce.soft",
    BounceClass.UNDETERMINED: "bounce.soft",  # weighs like one; the payload has the class
    BounceClass.BLOCK: "bounce.block",
}
MAIL = "mail.received"
_FOR_PEOPLE = frozenset({Kind.OTHER, Kind.CHALLENGE})
_HEADER_AT_MOST = 1000
_NEWS_OF_KIND = {
    Kind.DELAY: "bounce.delayed",
    Kind.COMPLAINT: "complaint",
    Kind.UNSUBSCRIBE: "unsubscribe",
    Kind.AUTO_REPLY: "auto_reply",
}


def news_of_event(
    wanted: Subscriptions, stored: StoredEvent, report: BounceReport
) -> tuple[News, ...]:
    """Tell of an event, and of a suppression it would have made but for a person's look.

    Args:
        wanted: What hooks want to be told.
        stored: The event.
        report: What the message said that told of it.

    Returns:
        Nothing where no hook wants it, which is the usual case.
    """
    event = stored.event
    type_ = _type_of(event)
    if type_ is None or not wanted.types:
        return ()
    told: tuple[News, ...] = ()
    if hooks := wanted.of_event(type_, event):
        payload = event_payload(type_, stored, report)
        told = (News(stored.id, type_, event.attribution.recipient, payload, hooks),)
    if stored.decision.action is DecisionAction.HOLD:
        told += _follows("suppression.held", wanted, stored)
    return told


def news_of_suppression_by(wanted: Subscriptions, stored: StoredEvent) -> tuple[News, ...]:
    """Tell of the suppression that an event makes."""
    return _follows("suppression.added", wanted, stored)


def news_of_change(
    wanted: Subscriptions, type_: str, id_: str, suppression: Suppression, at: datetime
) -> tuple[News, ...]:
    """Tell of a suppression that a person made or took away.

    Args:
        wanted: What hooks want to be told.
        type_: `suppression.added` or `suppression.removed`.
        id_: A new id.
        suppression: What the list says, or said; its note says why.
        at: When it was done.
    """
    hooks = wanted.of_suppression(type_, suppression)
    if not hooks:
        return ()
    payload = suppression_payload(type_, id_, suppression, at, suppression.note)
    return (News(id_, type_, suppression.address, payload, hooks),)


def news_of_alert(
    wanted: Subscriptions, type_: str, id_: str, alert: AlertData, at: datetime
) -> tuple[News, ...]:
    """Tell of something an operator should look at, or need not any more.

    Args:
        wanted: What hooks want to be told.
        type_: `alert.raised` or `alert.cleared`.
        id_: A new id.
        alert: What is the matter; what is told of one alert keeps its order.
        at: When it came about.
    """
    hooks = wanted.of_stream(type_, alert["stream"])
    if not hooks:
        return ()
    return (News(id_, type_, alert["alert"], _envelope(type_, id_, at, alert), hooks),)


def news_of_mail(
    wanted: Subscriptions, id_: str, raw: RawMessage, kind: Kind, at: datetime
) -> tuple[News, ...]:
    """Tell of mail that is no report, but for what a program sent.

    Args:
        wanted: What hooks want to be told.
        id_: The id the message is stored under.
        raw: The message. Of one that an operator took in himself nobody is told.
        kind: What it is.
        at: When it came.
    """
    if MAIL not in wanted.types or raw.vouched or kind not in _FOR_PEOPLE:
        return ()
    hooks = wanted.of_stream(MAIL, raw.stream)
    head = head_of(raw.data)
    # A notice of ours that comes back here must not make another one: RFC 3834 section 5.
    if not hooks or (head.get("auto-submitted") or "no").strip().lower() != "no":
        return ()
    sender = head.text("from")[:_HEADER_AT_MOST]
    mail: MailData = {
        "from": sender or None,
        "kind": kind,
        "to": list(raw.recipients),
        "subject": head.text("subject")[:_HEADER_AT_MOST],
        "message_id": (head.get("message-id") or "").strip("<> \t")[:_HEADER_AT_MOST] or None,
        "stream": raw.stream,
        "size": len(raw.data),
        "octets": None,
    }
    return (News(id_, MAIL, key(sender), _envelope(MAIL, id_, at, mail), hooks),)


def with_octets(news: News, octets: bytes) -> News:
    """Put a message into the news of it; see `MailData`."""
    event = json.loads(news.payload)
    event["data"]["octets"] = b64encode(octets).decode()
    return news._replace(payload=to_json(event))


def news_of_pause(
    wanted: Subscriptions, id_: str, pause: PauseData, at: datetime
) -> tuple[News, ...]:
    """Tell that a stream, or a campaign of it, should be sent no more for now.

    Args:
        wanted: What hooks want to be told.
        id_: A new id.
        pause: Which, and why.
        at: When it came about.
    """
    hooks = wanted.of_stream("campaign.pause", pause["stream"])
    if not hooks:
        return ()
    payload = _envelope("campaign.pause", id_, at, pause)
    return (News(id_, "campaign.pause", pause["alert"], payload, hooks),)


def suppression_by(stored: StoredEvent, note: str = "") -> Suppression:
    """Give what an event puts on the list."""
    id_, _, event, decision = stored
    origin, reason = str(event.kind), event.verdict and event.verdict.reason
    return Suppression(
        event.attribution.recipient,
        reason or origin,
        origin,
        decision.rule,
        event.occurred_at,
        decision.until,
        id_,
        decision.stream,
        note,
    )


def _type_of(event: BounceEvent) -> str | None:
    """Name the news an event is to other systems; None where it is none."""
    if event.kind is Kind.BOUNCE:
        return _NEWS_OF_CLASS[event.verdict.bounce_class] if event.verdict else None
    return _NEWS_OF_KIND.get(event.kind)


def _follows(type_: str, wanted: Subscriptions, stored: StoredEvent) -> tuple[News, ...]:
    """Tell of a suppression under an id that follows from its event's.

    So it is the same whenever it is told, today or from the events of last year, and a receiver
    knows it again. It sorts behind the event's own.
    """
    event = stored.event
    hooks = wanted.of_event(type_, event)
    if not hooks:
        return ()
    id_ = f"{stored.id}-{type_.rpartition('.')[2]}"
    payload = suppression_payload(
        type_, id_, suppression_by(stored), event.occurred_at, stored.decision.because
    )
    return (News(id_, type_, event.attribution.recipient, payload, hooks),)


def event_payload(type_: str, stored: StoredEvent, report: BounceReport) -> str:
    """Write what other systems are told of an event, in the words of `parse --json`."""
    event, decision = stored.event, stored.decision
    said, verdict, found = event.recipient, event.verdict, event.attribution
    original = report.original
    feedback: FeedbackData = {
        "recipient": found.recipient,
        "original_recipient": said.original_recipient,
        "final_recipient": said.final_recipient,
        "trust": found.trust,
        "stream": found.stream,
        "campaign": found.campaign,
        "list_id": found.list_id,
        "message_id": report.message_id,
        "original": {
            "message_id": original.message_id,
            "envelope_id": original.envelope_id,
            "from": original.from_,
            "subject": original.subject,
        },
        "decision": {
            "action": decision.action,
            "rule": decision.rule,
            "because": decision.because,
            "until": None if decision.until is None else rfc3339(decision.until),
        },
    }
    if verdict is None:
        return _envelope(type_, stored.id, event.occurred_at, feedback)
    failure: FailureData = {
        **feedback,
        "action": said.action,
        "permanent": verdict.permanent,
        "class": verdict.bounce_class,
        "reason": verdict.reason,
        "fault": verdict.fault,
        "status": None if verdict.status is None else str(verdict.status),
        "reply_code": verdict.reply_code,
        "diagnostic": said.diagnostic,
        "remote_mta": said.remote_mta,
        "reporting_mta": report.reporting_mta,
        "rule": verdict.rule,
        "confidence": verdict.confidence,
        "provider": verdict.provider,
        **as_dict(event.details),
    }
    return _envelope(type_, stored.id, event.occurred_at, failure)


def suppression_payload(
    type_: str, id_: str, suppression: Suppression, at: datetime, because: str
) -> str:
    """Write what other systems are told when an address goes on the list, or leaves it.

    Args:
        type_: `suppression.added`, `suppression.removed` or `suppression.held`.
        id_: The id it is told under.
        suppression: What the list says, said, or would have said.
        at: When that came about.
        because: Why, in words; "" where nobody said.
    """
    data: SuppressionData = {
        "recipient": suppression.address,
        "stream": suppression.stream,
        "reason": suppression.reason,
        "origin": suppression.origin,
        "rule": suppression.rule,
        "since": rfc3339(suppression.since),
        "until": None if suppression.until is None else rfc3339(suppression.until),
        "event_id": suppression.event_id,
        "because": because,
    }
    return _envelope(type_, id_, at, data)


def rfc3339(moment: datetime) -> str:
    """Write a moment for machines: `2026-03-01T12:00:00Z`."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _envelope(type_: str, id_: str, at: datetime, data: Data) -> str:
    return to_json(
        {"type": type_, "version": VERSION, "id": id_, "timestamp": rfc3339(at), "data": data}
    )
