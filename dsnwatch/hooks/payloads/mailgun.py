"""Mailgun's webhooks, signed as theirs are.

Source: Mailgun documentation, "Webhooks", "Securing webhooks" and "Event structure", as of 2026-11.
"""

import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime

from dsnwatch.events import Event
from dsnwatch.hooks.payloads import Body, Context, failure, feedback, read
from dsnwatch.records import News
from dsnwatch.rfc.address import domain_of
from dsnwatch.rfc.json_text import to_json
from dsnwatch.rules.names import Mailgun, kind_names, names_of

_TOKEN = 50
_KINDS = {"complaint": "complaint", "unsubscribe": "unsubscribe", "bounce.delayed": "delay"}


def render(news: Sequence[News], context: Context) -> Body:
    """Say one event as Mailgun would."""
    (only,) = news
    event = read(only)
    # The same each time the same is told: receivers refuse a token only where they have kept it.
    token = hashlib.sha256(event["id"].encode()).hexdigest()[:_TOKEN]
    timestamp = str(int(context.at.timestamp()))
    signature = hmac.new(context.key, f"{timestamp}{token}".encode(), hashlib.sha256)
    said = {
        "signature": {
            "timestamp": timestamp,
            "token": token,
            "signature": signature.hexdigest(),
        },
        "event-data": _said(event),
    }
    return Body(to_json(said).encode())


def _said(event: Event) -> dict[str, object]:
    data = feedback(event)
    original = data["original"]
    name = _name(event)
    said: dict[str, object] = {
        "id": event["id"],
        "timestamp": datetime.fromisoformat(event["timestamp"]).timestamp(),
        "event": "failed" if name.severity else name.reason,
        "recipient": data["recipient"],
        "recipient-domain": domain_of(data["recipient"]),
        "tags": [data["campaign"]] if data["campaign"] else [],
        "campaigns": [],
        "user-variables": {},
        "message": {
            "headers": {
                "to": data["recipient"],
                "message-id": original["message_id"] or "",
                "from": original["from"] or "",
                "subject": original["subject"] or "",
            },
            "attachments": [],
            "size": 0,
        },
    }
    if not name.severity:
        return said | {"log-level": "warn"}
    failed = failure(event)
    reply = failed["reply_code"]
    return said | {
        "log-level": "error" if name.severity == "permanent" else "warn",
        "severity": name.severity,
        "reason": name.reason,
        "delivery-status": {
            "attempt-no": 1,
            "code": int(reply) if reply and reply.isdecimal() else 0,
            "enhanced-code": failed["status"] or "",
            "message": failed["diagnostic"],
            "description": failed["reason"],
        },
        "envelope": {
            "sender": original["from"] or "",
            "targets": data["recipient"],
            "transport": "smtp",
        },
    }


def _name(event: Event) -> Mailgun:
    if kind := _KINDS.get(event["type"]):
        names = kind_names(kind)
        assert names is not None
        assert names.mailgun is not None
        return names.mailgun
    data = failure(event)
    return names_of(data["reason"], permanent=data["permanent"]).mailgun
