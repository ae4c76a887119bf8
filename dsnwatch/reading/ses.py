"""Amazon SES notifications that SNS sends by mail: JSON where others write prose.

Source: the SES developer guide, "Amazon SNS notification contents"; the SNS envelope around it.
"""

import json
from typing import Any

from dsnwatch.model import Action, Kind, RecipientStatus
from dsnwatch.rfc.address import normalise
from dsnwatch.rfc.status_code import from_field, told

_KINDS = {
    "Bounce": (Kind.BOUNCE, "bouncedRecipients"),
    "Complaint": (Kind.COMPLAINT, "complainedRecipients"),
    "Delivery": (Kind.SUCCESS, "recipients"),
}
_MAX_RECIPIENTS = 2000


def notification(text: str) -> tuple[Kind, tuple[RecipientStatus, ...]] | None:
    """Read the notification in a mail's text.

    Returns:
        What kind of message it is, and its recipients; None where the text holds none.
    """
    at = text.find("{")
    if at < 0 or "otificationType" not in text:
        return None
    content = _object(text[at:])
    if isinstance(content.get("Message"), str):
        content = _object(content["Message"])
    event = str(content.get("notificationType") or content.get("eventType") or "")
    if event not in _KINDS:
        return None
    kind, key = _KINDS[event]
    body = content.get(event.lower())
    listed = body.get(key) if isinstance(body, dict) else None
    if not isinstance(listed, list) or not isinstance(body, dict):
        return None
    found = tuple(_recipient(one, kind, body) for one in listed[:_MAX_RECIPIENTS])
    return kind, tuple(one for one in found if one.recipient)


def _object(text: str) -> dict[str, Any]:
    """Decode the JSON object a text begins with; {} where it begins with none."""
    try:
        value, _ = json.JSONDecoder(strict=False).raw_decode(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _whole(value: object) -> str:
    """A text without halves of characters, which JSON can hold and nothing else."""
    return str(value or "").encode("utf-8", "replace").decode()


def _recipient(one: object, kind: Kind, body: dict[str, Any]) -> RecipientStatus:
    given = one if isinstance(one, dict) else {"emailAddress": one}
    address = normalise(_whole(given.get("emailAddress")))
    diagnostic = _whole(given.get("diagnosticCode") or body.get("smtpResponse"))
    diagnostic = (
        diagnostic.partition(";")[2].strip() if diagnostic.startswith("smtp;") else diagnostic
    )
    prose = " ".join(str(body.get(name) or "") for name in ("bounceType", "bounceSubType"))
    reply_code, status = told(from_field(str(given.get("status") or "")), diagnostic, prose)
    return RecipientStatus(
        recipient=address,
        action=Action.FAILED if kind is Kind.BOUNCE else Action.DELIVERED,
        final_recipient=address,
        status=status,
        reply_code=reply_code,
        diagnostic=diagnostic,
        prose=prose,
        remote_mta=str(body.get("reportingMTA") or "").rpartition(";")[2].strip() or None,
    )
