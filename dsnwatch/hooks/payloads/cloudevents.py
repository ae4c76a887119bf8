"""CloudEvents 1.0, structured as JSON, one or a batch.

Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
"""

from collections.abc import Sequence
from urllib.parse import quote

from dsnwatch.hooks.payloads import Body, Context, read
from dsnwatch.records import News
from dsnwatch.rfc.json_text import to_json


def render(news: Sequence[News], context: Context) -> Body:
    """Put our event into their envelope."""
    events = [_envelope(each, context) for each in news]
    if context.listed:
        return Body(to_json(events).encode(), "application/cloudevents-batch+json; charset=utf-8")
    (only,) = events
    return Body(to_json(only).encode(), "application/cloudevents+json; charset=utf-8")


def _envelope(news: News, context: Context) -> dict[str, object]:
    event = read(news)
    type_, version = event["type"], event["version"]
    return {
        "specversion": "1.0",
        "id": event["id"],
        "source": f"urn:dsnwatch:{quote(context.node, safe='')}",
        "type": f"org.dsnwatch.{type_}.v{version}",
        "time": event["timestamp"],
        "subject": news.address,
        "datacontenttype": "application/json",
        "dataschema": f"urn:dsnwatch:event:{type_}:{version}",
        "data": event["data"],
    }
