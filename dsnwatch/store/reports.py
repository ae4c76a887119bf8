"""A report as JSON text and back, without loss, so that it can be judged again.

What nobody said is left out. Times are microseconds since 1970 in UTC, codes are text.
"""

import json
from datetime import datetime
from typing import Any

from dsnwatch.model import (
    Action,
    BounceReport,
    Evidence,
    Kind,
    OriginalMessage,
    RecipientStatus,
    StatusCode,
)
from dsnwatch.rfc import json_text
from dsnwatch.store.values import from_micros, to_micros


def to_json(report: BounceReport) -> str:
    """Write a report down; `from_json` gives an equal one."""
    said: dict[str, object] = {"kind": str(report.kind)}
    _put(said, "dialect", report.dialect)
    _put(said, "message_id", report.message_id)
    _put(said, "reporting_mta", report.reporting_mta)
    if report.arrival_date is not None:
        said["arrival_date"] = to_micros(report.arrival_date)
    if report.received_at is not None:
        said["received_at"] = to_micros(report.received_at)
    original = _original_to_dict(report.original)
    if original:
        said["original"] = original
    if report.recipients:
        said["recipients"] = [_recipient_to_dict(recipient) for recipient in report.recipients]
    if report.defects:
        said["defects"] = report.defects
    _put(said, "return_path", report.return_path)
    return json_text.to_json(said)


def from_json(text: str) -> BounceReport:
    """Read back what `to_json` wrote."""
    said: dict[str, Any] = json.loads(text)
    return BounceReport(
        kind=Kind(said["kind"]),
        dialect=said.get("dialect"),
        message_id=said.get("message_id"),
        reporting_mta=said.get("reporting_mta"),
        arrival_date=_moment(said.get("arrival_date")),
        received_at=_moment(said.get("received_at")),
        original=_original(said.get("original", {})),
        recipients=tuple(_recipient(each) for each in said.get("recipients", ())),
        defects=tuple(said.get("defects", ())),
        return_path=said.get("return_path"),
    )


def list_to_json(texts: tuple[str, ...]) -> str:
    """Write a list of texts down."""
    return json_text.to_json(texts) if texts else "[]"


def list_from_json(text: str) -> tuple[str, ...]:
    """Read back what `list_to_json` wrote."""
    return tuple(json.loads(text))


def evidence_to_json(evidence: Evidence) -> str:
    """Write down who handed a message over."""
    said: dict[str, object] = {
        "helo": evidence.helo,
        "sender": evidence.sender,
        "protocol": evidence.protocol,
    }
    _put(said, "client", evidence.client)
    _put(said, "tls", evidence.tls)
    return json_text.to_json(said)


def evidence_from_json(text: str | None) -> Evidence | None:
    """Read back what `evidence_to_json` wrote; None where nothing was written."""
    if text is None:
        return None
    said: dict[str, Any] = json.loads(text)
    return Evidence(
        client=said.get("client"),
        helo=said["helo"],
        sender=said["sender"],
        protocol=said["protocol"],
        tls=said.get("tls"),
    )


def _put(said: dict[str, object], name: str, value: str | None) -> None:
    if value is not None:
        said[name] = value


def _moment(micros: int | None) -> datetime | None:
    return None if micros is None else from_micros(micros)


def _original_to_dict(original: OriginalMessage) -> dict[str, object]:
    said: dict[str, object] = {}
    _put(said, "message_id", original.message_id)
    _put(said, "envelope_id", original.envelope_id)
    _put(said, "from", original.from_)
    _put(said, "subject", original.subject)
    if original.headers:
        said["headers"] = original.headers
    return said


def _original(said: dict[str, Any]) -> OriginalMessage:
    return OriginalMessage(
        message_id=said.get("message_id"),
        envelope_id=said.get("envelope_id"),
        from_=said.get("from"),
        subject=said.get("subject"),
        headers=tuple((name, value) for name, value in said.get("headers", ())),
    )


def _recipient_to_dict(recipient: RecipientStatus) -> dict[str, object]:
    said: dict[str, object] = {
        "recipient": recipient.recipient,
        "action": str(recipient.action),
    }
    _put(said, "original_recipient", recipient.original_recipient)
    _put(said, "final_recipient", recipient.final_recipient)
    if recipient.status is not None:
        said["status"] = str(recipient.status)
    _put(said, "reply_code", recipient.reply_code)
    if recipient.diagnostic:
        said["diagnostic"] = recipient.diagnostic
    if recipient.prose:
        said["prose"] = recipient.prose
    _put(said, "remote_mta", recipient.remote_mta)
    return said


def _recipient(said: dict[str, Any]) -> RecipientStatus:
    status = said.get("status")
    return RecipientStatus(
        recipient=said["recipient"],
        action=Action(said["action"]),
        original_recipient=said.get("original_recipient"),
        final_recipient=said.get("final_recipient"),
        status=None if status is None else StatusCode.of(status),
        reply_code=said.get("reply_code"),
        diagnostic=said.get("diagnostic", ""),
        prose=said.get("prose", ""),
        remote_mta=said.get("remote_mta"),
    )
