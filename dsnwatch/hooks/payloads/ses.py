"""Amazon SES: bounce and complaint notifications, in the envelope of SNS.

Nobody but Amazon can sign them; a receiver that checks SNS signatures has to be told not to.

Source: Amazon SES developer guide, "Amazon SNS notification contents"; Amazon SNS developer guide,
"HTTP/HTTPS notification JSON format", as of 2026-11.
"""

import uuid
from collections.abc import Sequence

from dsnwatch.events import Event
from dsnwatch.hooks.payloads import Body, Context, failure, feedback, read
from dsnwatch.records import News
from dsnwatch.rfc.json_text import to_json
from dsnwatch.rules.names import names_of

CONTENT_TYPE = "text/plain; charset=UTF-8"
"""What SNS says, though it is JSON."""


def render(news: Sequence[News], context: Context) -> Body:
    """Say one event as SES would through SNS."""
    (only,) = news
    event = read(only)
    id_ = str(uuid.uuid5(uuid.NAMESPACE_OID, event["id"]))
    envelope = {
        "Type": "Notification",
        "MessageId": id_,
        "TopicArn": context.topic,
        "Message": to_json(_message(event)),
        "Timestamp": event["timestamp"],
        "SignatureVersion": "1",
        "Signature": "",
        "SigningCertURL": "",
        "UnsubscribeURL": "",
    }
    headers = (
        ("x-amz-sns-message-type", "Notification"),
        ("x-amz-sns-message-id", id_),
        ("x-amz-sns-topic-arn", context.topic),
    )
    return Body(to_json(envelope).encode(), CONTENT_TYPE, headers)


def _message(event: Event) -> dict[str, object]:
    if event["type"] == "complaint":
        return {
            "notificationType": "Complaint",
            "complaint": {
                "complainedRecipients": [{"emailAddress": feedback(event)["recipient"]}],
                "timestamp": event["timestamp"],
                "feedbackId": event["id"],
                "complaintSubType": None,
                "complaintFeedbackType": "abuse",
            },
            "mail": _mail(event),
        }
    return {"notificationType": "Bounce", "bounce": _bounce(event), "mail": _mail(event)}


def _bounce(event: Event) -> dict[str, object]:
    data = failure(event)
    names = names_of(data["reason"], permanent=data["permanent"]).ses
    recipient = {"emailAddress": data["recipient"], "action": data["action"]}
    if data["status"] is not None:
        recipient["status"] = data["status"]
    if data["diagnostic"]:
        recipient["diagnosticCode"] = f"smtp; {data['diagnostic']}"
    said: dict[str, object] = {
        "bounceType": names.type,
        "bounceSubType": names.subtype,
        "bouncedRecipients": [recipient],
        "timestamp": event["timestamp"],
        "feedbackId": event["id"],
    }
    if data["reporting_mta"]:
        said["reportingMTA"] = f"dns; {data['reporting_mta']}"
    return said


def _mail(event: Event) -> dict[str, object]:
    data = feedback(event)
    original = data["original"]
    headers = {
        "From": original["from"],
        "To": data["recipient"],
        "Subject": original["subject"],
        "Message-ID": None if original["message_id"] is None else f"<{original['message_id']}>",
    }
    return {
        "timestamp": event["timestamp"],
        "source": original["from"] or "",
        "messageId": original["message_id"] or "",
        "destination": [data["recipient"]],
        "headersTruncated": False,
        "headers": [{"name": name, "value": value} for name, value in headers.items() if value],
        "commonHeaders": {
            "from": [original["from"]] if original["from"] else [],
            "to": [data["recipient"]],
            "messageId": original["message_id"] or "",
            "subject": original["subject"] or "",
        },
    }
