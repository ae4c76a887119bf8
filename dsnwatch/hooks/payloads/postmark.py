"""Postmark's bounce, spam complaint and subscription change webhooks.

Source: Postmark developer documentation, "Bounce webhook", "Spam complaint webhook" and
"Subscription change webhook", as of 2026-11.
"""

from collections.abc import Sequence

from dsnwatch.events import Event, FeedbackData
from dsnwatch.hooks.payloads import Body, Context, failure, feedback, number, read, suppression
from dsnwatch.records import News
from dsnwatch.rfc.json_text import to_json
from dsnwatch.rules.names import Postmark, kind_names, names_of

STREAM = "outbound"
"""Their name of the stream that everybody has."""

_WHY = {"complaint": "SpamComplaint", "bounce": "HardBounce"}
_KINDS = {"complaint": "complaint", "auto_reply": "auto_reply", "bounce.delayed": "delay"}


def render(news: Sequence[News], context: Context) -> Body:  # noqa: ARG001  the format's signature
    """Say one event as Postmark would."""
    (only,) = news
    event = read(only)
    if event["type"].startswith("suppression."):
        said = _list_changed(event)
    elif event["type"] == "unsubscribe":
        said = _unsubscribed(event)
    else:
        said = _bounced(event)
    return Body(to_json(said).encode())


def _bounced(event: Event) -> dict[str, object]:
    name = _name(event)
    data = feedback(event)
    bounce = event["type"].startswith("bounce.")
    details = failure(event)["diagnostic"] if bounce else ""
    gone = data["decision"]["action"] == "suppress"
    return {
        "RecordType": "SpamComplaint" if event["type"] == "complaint" else "Bounce",
        "MessageStream": data["stream"] or STREAM,
        "ID": number(event["id"]),
        "Type": name.type,
        "TypeCode": name.code,
        "Name": name.name,
        "Tag": data["campaign"] or "",
        "MessageID": data["original"]["message_id"] or "",
        "Metadata": {"dsnwatch_event": event["id"]}
        | ({"dsnwatch_reason": failure(event)["reason"]} if bounce else {}),
        "ServerID": 0,
        "Description": data["decision"]["because"],
        "Details": details,
        "Email": data["recipient"],
        "From": data["original"]["from"] or "",
        "BouncedAt": event["timestamp"],
        "DumpAvailable": False,
        "Inactive": gone,
        "CanActivate": gone,
        "Subject": data["original"]["subject"] or "",
        "Content": "",
    }


def _name(event: Event) -> Postmark:
    if kind := _KINDS.get(event["type"]):
        names = kind_names(kind)
        assert names is not None
        assert names.postmark is not None
        return names.postmark
    data = failure(event)
    return names_of(data["reason"], permanent=data["permanent"]).postmark


def _unsubscribed(event: Event) -> dict[str, object]:
    data = feedback(event)
    why = "ManualSuppression"
    return _changed(event, data["recipient"], data["stream"], why, "Recipient") | _mail(data)


def _list_changed(event: Event) -> dict[str, object]:
    data = suppression(event)
    why = None
    if event["type"] == "suppression.added":
        why = _WHY.get(data["origin"], "ManualSuppression")
    origin = "Customer" if data["origin"] in {"manual", "import"} else "Recipient"
    return _changed(event, data["recipient"], data["stream"], why, origin)


def _mail(data: FeedbackData) -> dict[str, object]:
    return {"MessageID": data["original"]["message_id"] or "", "Tag": data["campaign"] or ""}


def _changed(
    event: Event, recipient: str, stream: str, why: str | None, origin: str
) -> dict[str, object]:
    return {
        "RecordType": "SubscriptionChange",
        "MessageID": "",
        "ServerID": 0,
        "MessageStream": stream or STREAM,
        "ChangedAt": event["timestamp"],
        "Recipient": recipient,
        "Origin": origin,
        "SuppressSending": why is not None,
        "SuppressionReason": why,
        "Tag": "",
        "Metadata": {"dsnwatch_event": event["id"]},
    }
