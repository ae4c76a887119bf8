"""Nouns with defaults, and a store to put them in."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from dsnwatch.model import (
    Action,
    BounceClass,
    BounceReport,
    Details,
    Fault,
    Kind,
    OriginalMessage,
    RawMessage,
    RecipientStatus,
    StatusCode,
    Trust,
    Verdict,
)
from dsnwatch.records import (
    Attribution,
    BounceEvent,
    Decision,
    DecisionAction,
    News,
    StoredEvent,
    StoredMessage,
    Suppression,
)
from dsnwatch.store import Store, new_id, open_store

NOW = datetime(2026, 3, 31, 12, 0, 0, 123456, tzinfo=UTC)
DAY = timedelta(days=1)
SOON = timedelta(milliseconds=50)


OPENED: list[Store] = []
"""What `conftest` closes after each test."""


PLACES: dict[Path, str] = {}
"""Where the store of a test's folder lies, where it is not a file in it."""


def url_of(folder: Path) -> str:
    """Give the URL of the store of this folder."""
    return PLACES.get(folder, f"sqlite:///{folder / 'a.db'}")


def a_store(folder: Path) -> Store:
    """Open the store of this folder; a lock is waited for 50 ms."""
    store = open_store(url_of(folder), node="n1", busy=SOON)
    OPENED.append(store)
    return store


def a_recipient(address: str = "anne@example.org") -> RecipientStatus:
    """Say what a report said of one recipient."""
    return RecipientStatus(
        recipient=address,
        action=Action.FAILED,
        original_recipient=None,
        final_recipient=address,
        status=StatusCode(5, 1, 1),
        reply_code="550",
        diagnostic="550 5.1.1 no such user",
        prose="Your message was not delivered.",
        remote_mta="mx.example.org",
    )


def a_raw(data: bytes = b"Subject: one\n\nbody\n", locator: str = "a.mbox#1") -> RawMessage:
    """Give a message as it came."""
    return RawMessage(data, locator, "mbox", NOW, "news", vouched=True, recipients=("b@x.test",))


def a_message(
    data: bytes = b"Subject: one\n\nbody\n",
    *,
    kind: Kind = Kind.BOUNCE,
    original_id: str | None = "1@example.com",
    arrived_at: datetime = NOW,
) -> StoredMessage:
    """Give a message that was read."""
    raw = a_raw(data)
    report = BounceReport(
        kind=kind,
        dialect="postfix",
        message_id="report@mx.example.org",
        reporting_mta="mx.example.org",
        arrival_date=NOW - DAY,
        received_at=NOW,
        original=OriginalMessage(original_id, None, "news@example.com", "News", (("to", "a"),)),
        recipients=(a_recipient(),),
    )
    return StoredMessage(new_id(NOW), raw, raw.fingerprint, report, arrived_at, NOW)


def a_verdict(
    reason: str = "user_unknown", bounce_class: BounceClass = BounceClass.HARD
) -> Verdict:
    """Give a verdict."""
    code = StatusCode(5, 1, 1)
    return Verdict(
        code.permanent, bounce_class, reason, Fault.RECIPIENT, code, "550", "code.5.1.1", 0.98
    )


def an_event(  # noqa: PLR0917 - all of them are given by name
    address: str = "anne@example.org",
    key: str | None = None,
    message_id: str = "",
    occurred_at: datetime = NOW,
    verdict: Verdict | None = None,
    kind: Kind = Kind.BOUNCE,
    stream: str = "news",
    recipient: RecipientStatus | None = None,
    details: Details = Details(),  # noqa: B008  frozen
) -> StoredEvent:
    """Give an event with its decision; without a key of its own its id is its key."""
    id_ = new_id(NOW)
    event = BounceEvent(
        key=key or id_,
        kind=kind,
        occurred_at=occurred_at,
        recipient=recipient or a_recipient(address),
        verdict=verdict or a_verdict(),
        attribution=Attribution(
            address, "final_recipient", Trust.VOUCHED, stream, campaign="spring", list_id=None
        ),
        details=details,
    )
    decision = Decision(DecisionAction.SUPPRESS, "hard", "hard: at once, for ever", NOW + DAY)
    return StoredEvent(id_, message_id, event, decision)


def a_success(address: str = "anne@example.org") -> StoredEvent:
    """Give an event in which nothing failed."""
    stored = an_event(address, kind=Kind.SUCCESS)
    delivered = stored.event.recipient._replace(action=Action.DELIVERED)
    event = stored.event._replace(recipient=delivered, verdict=None)
    return stored._replace(event=event, decision=Decision(DecisionAction.IGNORE, "none", "fine"))


def a_suppression(
    address: str = "anne@example.org",
    *,
    stream: str = "",
    reason: str = "user_unknown",
    until: datetime | None = None,
    note: str = "",
) -> Suppression:
    """Give a suppression that follows from an event."""
    return Suppression(
        address=address,
        reason=reason,
        origin="bounce",
        rule="hard",
        since=NOW,
        until=until,
        event_id="01",
        stream=stream,
        note=note,
    )


def some_news(address: str = "anne@example.org") -> News:
    """Give a row of the outbox."""
    return News(new_id(NOW), "suppression.added", address, '{"a": 1}', ("crm",))
