"""listmonk's bounce webhook: `POST /webhooks/bounce`, as its API user.

What listmonk does with each type is configured there. A block is not told: it is no affair of the
subscriber's. A suppression is told as a hard bounce, so that the policy here may decide.

Source: listmonk documentation, "Bounce processing", as of 2026-11.
"""

import re
from collections.abc import Sequence

from dsnwatch.hooks.payloads import Body, Context, failure, feedback, read, suppression
from dsnwatch.records import News
from dsnwatch.rfc.json_text import to_json

_TYPES = {
    "bounce.hard": "hard",
    "bounce.soft": "soft",
    "complaint": "complaint",
    "suppression.added": "hard",
}
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def render(news: Sequence[News], context: Context) -> Body:  # noqa: ARG001  the format's signature
    """Say one event as listmonk wants to hear it."""
    (only,) = news
    event = read(only)
    type_, campaign = _TYPES[event["type"]], ""
    if event["type"] == "suppression.added":
        listed = suppression(event)
        recipient = listed["recipient"]
        type_ = "complaint" if listed["origin"] == "complaint" else type_
        meta = {"reason": listed["reason"], "because": listed["because"]}
    else:
        data = feedback(event)
        recipient, campaign = data["recipient"], data["campaign"] or ""
        meta = {"stream": data["stream"]}
        if event["type"].startswith("bounce."):
            failed = failure(event)
            meta |= {"reason": failed["reason"], "diagnostic": failed["diagnostic"]}
    said = {
        "email": recipient,
        "source": "dsnwatch",
        "type": type_,
        "meta": to_json(meta | {"event": event["id"]}),
    }
    if _UUID.fullmatch(campaign):
        said["campaign_uuid"] = campaign
    return Body(to_json(said).encode())
