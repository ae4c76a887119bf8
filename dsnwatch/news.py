"""What other systems are told: the names of the news and what stands in them.

Pure. `ingest` puts them into the outbox in the transaction that makes them true.
"""

from datetime import UTC, datetime

from dsnwatch.details import as_dict
from dsnwatch.model import (
    BounceClass,
    BounceEvent,
    BounceReport,
    Kind,
    StoredEvent,
    Suppression,
)
from dsnwatch.rfc.json_text import to_json

_NEWS_OF_CLASS = {
    BounceClass.HARD: "bounce.hard",
    BounceClass.SOFT: "bounce.soft",
    BounceClass.UNDETERMINED: "bounce.soft",  # weighs like one; the payload has the class
    BounceClass.BLOCK: "bounce.block",
}
_NEWS_OF_KIND = {
    Kind.DELAY: "bounce.delayed",
    Kind.COMPLAINT: "complaint",
    Kind.UNSUBSCRIBE: "unsubscribe",
    Kind.AUTO_REPLY: "auto_reply",
}


def news_of(event: BounceEvent) -> str | None:
    """Name the news an event is to other systems; None where it is none."""
    if event.kind is Kind.BOUNCE:
        return _NEWS_OF_CLASS[event.verdict.bounce_class] if event.verdict else None
    return _NEWS_OF_KIND.get(event.kind)


def event_payload(stored: StoredEvent, report: BounceReport) -> str:
    """Write what other systems are told of an event, in the words of `parse --json`."""
    event = stored.event
    said, verdict, found = event.recipient, event.verdict, event.attribution
    payload: dict[str, object] = {
        "event": stored.id,
        "time": _rfc3339(event.occurred_at),
        "kind": event.kind,
        "recipient": found.recipient,
        "action": said.action,
        "diagnostic": said.diagnostic,
        "remote_mta": said.remote_mta,
        "trust": found.trust,
        "stream": found.stream,
        "message_id": report.message_id,
        "original": {"message_id": report.original.message_id},
    }
    if verdict is not None:
        payload |= {
            "permanent": verdict.permanent,
            "class": verdict.bounce_class,
            "reason": verdict.reason,
            "fault": verdict.fault,
            "status": None if verdict.status is None else str(verdict.status),
            "reply_code": verdict.reply_code,
            "rule": verdict.rule,
            "confidence": verdict.confidence,
            "provider": verdict.provider,
            **as_dict(event.details),
        }
    return to_json(payload)


def suppression_payload(suppression: Suppression) -> str:
    """Write what other systems are told of a new or longer suppression."""
    return to_json(
        {
            "event": suppression.event_id,
            "time": _rfc3339(suppression.since),
            "recipient": suppression.address,
            "reason": suppression.reason,
            "rule": suppression.rule,
            "until": None if suppression.until is None else _rfc3339(suppression.until),
            "stream": suppression.stream,
        }
    )


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
