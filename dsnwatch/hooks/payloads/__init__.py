"""The words other systems are told in: one file a format, and the table of them.

Pure functions: events in, octets out. A new format is a file in this folder, a sample of the
vendor's documented shape under `fixtures/payloads/`, and a line in `FORMATS`.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from types import MappingProxyType
from typing import Final, cast

from dsnwatch.events import EVENTS, Event, FailureData, FeedbackData, MailData, SuppressionData
from dsnwatch.records import News

_NEVER = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class Context:
    """What a payload may need beside the events.

    Attributes:
        id: What it is told under.
        at: Now, in UTC.
        node: The name of this machine.
        listed: Whether the receiver wants a list, even of one.
        topic: For SES: the TopicArn.
        key: For Mailgun: the key to sign with.
    """

    id: str = ""
    at: datetime = _NEVER
    node: str = ""
    listed: bool = False
    topic: str = ""
    key: bytes = b""


@dataclass(frozen=True, slots=True)
class Body:
    """What is sent.

    Attributes:
        headers: That the format wants beside Content-Type.
    """

    data: bytes
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


Render = Callable[[Sequence[News], Context], Body]


@dataclass(frozen=True, slots=True)
class Format:
    """How to say events in the words of one system.

    Attributes:
        module: The file in this folder; its function `render` writes the payload.
        says: The events it has words for.
        lists: Whether one payload can hold several events.
    """

    module: str
    says: frozenset[str]
    lists: bool = False

    @property
    def render(self) -> Render:
        """Load the function that writes the payload."""
        return cast("Render", import_module(f"{__name__}.{self.module}").render)


_ALL = frozenset(EVENTS)
_FAILURES = frozenset({"bounce.hard", "bounce.soft", "bounce.block"})

FORMATS: Final[Mapping[str, Format]] = MappingProxyType(
    {
        "dsnwatch": Format("dsnwatch", _ALL),
        "cloudevents": Format("cloudevents", _ALL, lists=True),
        "postmark": Format(
            "postmark",
            _FAILURES
            | {"bounce.delayed", "complaint", "unsubscribe", "auto_reply"}
            | {"suppression.added", "suppression.removed"},
        ),
        "sendgrid": Format(
            "sendgrid", _FAILURES | {"bounce.delayed", "complaint", "unsubscribe"}, lists=True
        ),
        "ses": Format("ses", _FAILURES | {"complaint"}),
        "mailgun": Format("mailgun", _FAILURES | {"bounce.delayed", "complaint", "unsubscribe"}),
        "listmonk": Format(
            "listmonk", frozenset({"bounce.hard", "bounce.soft", "complaint", "suppression.added"})
        ),
    }
)
"""Each format by its name in the configuration."""


def read(news: News) -> Event:
    """Read an event as `news` wrote it."""
    return cast("Event", json.loads(news.payload))


def failure(event: Event) -> FailureData:
    """Take an event of the family `bounce.*` for one."""
    return cast("FailureData", event["data"])


def feedback(event: Event) -> FeedbackData:
    """Take a complaint, an unsubscribe request or an automatic reply for one."""
    return cast("FeedbackData", event["data"])


def suppression(event: Event) -> SuppressionData:
    """Take an event of the family `suppression.*` for one."""
    return cast("SuppressionData", event["data"])


def mail(event: Event) -> MailData:
    """Take mail that is no report for one."""
    return cast("MailData", event["data"])


def number(id_: str) -> int:
    """Make a lasting number of an id, where a format has numbers; JavaScript can hold it."""
    return int.from_bytes(hashlib.sha256(id_.encode()).digest()[:8], "big") >> 11
