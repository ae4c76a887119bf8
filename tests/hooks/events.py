"""Events as ingest makes them, for the formats to say."""

from datetime import UTC, datetime, timedelta

from dsnwatch.model import (
    Action,
    BounceClass,
    BounceReport,
    Kind,
    OriginalMessage,
    RawMessage,
    RecipientStatus,
    StatusCode,
    Trust,
    Verdict,
)
from dsnwatch.news import news_of_change, news_of_event, news_of_mail, with_octets
from dsnwatch.records import (
    Attribution,
    BounceEvent,
    Decision,
    DecisionAction,
    News,
    StoredEvent,
    Suppression,
)
from dsnwatch.rules import load
from dsnwatch.subscriptions import Subscription, Subscriptions

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)
ALL = Subscriptions([Subscription("crm")])
ID = "01KN6NBV4G0000000000000001"
CATEGORIES = load().categories


def a_failure(  # noqa: PLR0917  most of them are given by name
    reason: str = "user_unknown",
    recipient: str = "anne@example.org",
    status: str | None = "5.1.1",
    diagnostic: str = "550 5.1.1 no such user",
    kind: Kind = Kind.BOUNCE,
    action: DecisionAction | None = None,
    id_: str = ID,
) -> News:
    """Give a failure, read and decided on as its reason says."""
    return news_of_failure(reason, recipient, status, diagnostic, kind, action, id_)[0]


def news_of_failure(  # noqa: PLR0917  likewise
    reason: str = "user_unknown",
    recipient: str = "anne@example.org",
    status: str | None = "5.1.1",
    diagnostic: str = "550 5.1.1 no such user",
    kind: Kind = Kind.BOUNCE,
    action: DecisionAction | None = None,
    id_: str = ID,
) -> tuple[News, ...]:
    """Give all that is told of a failure."""
    category = CATEGORIES[reason]
    code = None if status is None else StatusCode.of(status)
    verdict = Verdict(
        None if code is None else code.permanent,
        BounceClass(category.bounce_class),
        reason,
        category.fault,
        code,
        "550",
        "a.rule",
        0.98,
    )
    hard = category.bounce_class == "hard" and kind is Kind.BOUNCE
    decided = action or (DecisionAction.SUPPRESS if hard else DecisionAction.COUNT)
    said = RecipientStatus(recipient, Action.FAILED, diagnostic=diagnostic, status=code)
    return told(kind, said, verdict, decided, id_)


def some_mail(octets: bytes = b"From: anne@example.org\r\n\r\nHello\r\n") -> News:
    """Give mail that a person wrote."""
    raw = RawMessage(octets, "", "smtp", recipients=("bounces@example.net",))
    (news,) = news_of_mail(ALL, ID, raw, Kind.OTHER, NOW)
    return with_octets(news, octets)


def an_answer(kind: Kind, recipient: str = "anne@example.org") -> News:
    """Give a message that is no failure."""
    said = RecipientStatus(recipient, Action.DELIVERED)
    return told(kind, said, None, DecisionAction.SUPPRESS, ID)[0]


def told(
    kind: Kind,
    said: RecipientStatus,
    verdict: Verdict | None,
    action: DecisionAction,
    id_: str,
) -> tuple[News, ...]:
    """Give what is told of an event."""
    found = Attribution(said.recipient, "final_recipient", Trust.CLAIMED, "letters", "spring")
    event = BounceEvent("key", kind, NOW, said, verdict, found)
    stored = StoredEvent(id_, "M", event, Decision(action, "hard", "hard: at once, for ever"))
    original = OriginalMessage(
        "1@sender.example.com", None, "news@sender.example.com", "Our letter"
    )
    report = BounceReport(kind, None, "2@mx.example.net", "mx.example.net", original=original)
    return news_of_event(ALL, stored, report)


def a_change(
    type_: str = "suppression.added", origin: str = "bounce", recipient: str = "anne@example.org"
) -> News:
    """Give a suppression that came or went."""
    suppression = Suppression(
        recipient, "user_unknown", origin, "hard", NOW - timedelta(days=1), note="phoned"
    )
    (news,) = news_of_change(ALL, type_, ID, suppression, NOW)
    return news
