"""SendGrid's event webhook: always a list.

Source: Twilio SendGrid documentation, "Event webhook reference" and "Bounce and block
classifications", as of 2026-11.
"""

from collections.abc import Sequence
from datetime import datetime

from dsnwatch.events import Event
from dsnwatch.hooks.payloads import Body, Context, failure, feedback, read
from dsnwatch.records import News
from dsnwatch.rfc.json_text import to_json
from dsnwatch.rules.names import names_of

_OTHERS = {"complaint": "spamreport", "unsubscribe": "unsubscribe"}


def render(news: Sequence[News], context: Context) -> Body:  # noqa: ARG001  the format's signature
    """Say events as SendGrid would."""
    return Body(to_json([_said(read(each)) for each in news]).encode())


def _said(event: Event) -> dict[str, object]:
    data = feedback(event)
    message_id = data["original"]["message_id"]
    said: dict[str, object] = {
        "email": data["recipient"],
        "timestamp": int(datetime.fromisoformat(event["timestamp"]).timestamp()),
        "sg_event_id": event["id"],
    }
    if message_id is not None:
        said |= {"smtp-id": f"<{message_id}>", "sg_message_id": message_id}
    if data["campaign"]:
        said["category"] = [data["campaign"]]
    if other := _OTHERS.get(event["type"]):
        return said | {"event": other}
    failed = failure(event)
    if failed["status"] is not None:
        said["status"] = failed["status"]
    if event["type"] == "bounce.delayed":
        return said | {"event": "deferred", "response": failed["diagnostic"], "attempt": "1"}
    # Whoever gets a "bounce" gives the address up; a "blocked" one he mails again.
    gone = failed["class"] == "hard" or failed["decision"]["action"] == "suppress"
    return said | {
        "event": "bounce",
        "type": "bounce" if gone else "blocked",
        "reason": failed["diagnostic"] or failed["reason"],
        "bounce_classification": names_of(failed["reason"]).sendgrid,
    }
