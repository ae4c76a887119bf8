"""What is published of the events is what the shapes say, and what is sent."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker

from dsnwatch.events import EVENTS, AlertData, PauseData
from dsnwatch.hooks.schemas import files, schema_of
from dsnwatch.model import Kind
from dsnwatch.news import news_of_alert, news_of_pause
from dsnwatch.records import DecisionAction, News

from .events import (
    ALL,
    CATEGORIES,
    NOW,
    a_change,
    a_failure,
    an_answer,
    news_of_failure,
    some_mail,
)

PUBLISHED = Path(__file__).parents[2] / "docs" / "events"
ALERT: AlertData = {
    "alert": "mailbox bounces is silent",
    "severity": "warning",
    "summary": "No mail for a day.",
    "stream": "",
    "since": "2026-03-31T12:00:00Z",
}

PAUSE: PauseData = {
    "alert": "rate total stream news",
    "stream": "news",
    "campaign": None,
    "failed": 60,
    "sent": 1000,
    "rate": 0.06,
    "summary": "stream news: 6 % of 1,000 messages failed",
    "since": "2026-03-31T12:00:00Z",
}


@pytest.mark.parametrize(("name", "text"), [*files()], ids=lambda value: value[:30])
def test_what_is_published_is_what_the_shapes_say(name: str, text: str) -> None:
    again = "python -m dsnwatch.hooks.schemas docs/events"
    assert (PUBLISHED / name).read_text(encoding="utf-8") == text, f"run {again}"


def test_every_event_is_published_and_listed() -> None:
    published = {path.name for path in PUBLISHED.glob("*.json")}
    assert published == {name for name, _ in files()}
    listed = (PUBLISHED / "README.md").read_text(encoding="utf-8")
    for type_, (_, says) in EVENTS.items():
        assert f"| [`{type_}`]({type_}.v1.json) | {says} |" in listed


@pytest.mark.parametrize("type_", EVENTS)
def test_a_schema_is_one_and_every_field_says_what_it_means(type_: str) -> None:
    schema = schema_of(type_)
    Draft202012Validator.check_schema(schema)
    for part in (schema["properties"]["data"], *schema.get("$defs", {}).values()):
        for name, field in part.get("properties", {}).items():
            assert "description" in field or "$ref" in field, name


def told() -> Iterator[News]:
    """Give one of each event."""
    for reason in ("user_unknown", "mailbox_full", "policy", "undetermined"):
        yield a_failure(reason)
    yield a_failure("network_error", kind=Kind.DELAY)
    for kind in (Kind.COMPLAINT, Kind.UNSUBSCRIBE, Kind.AUTO_REPLY):
        yield an_answer(kind)
    yield from (a_change(), a_change("suppression.removed", origin="manual"))
    yield some_mail()
    for type_ in ("alert.raised", "alert.cleared"):
        yield from news_of_alert(ALL, type_, "01", ALERT, NOW)
    yield from news_of_pause(ALL, "01", PAUSE, NOW)


def check(news: News) -> None:
    event = json.loads(news.payload)
    Draft202012Validator(schema_of(news.type), format_checker=FormatChecker()).validate(event)
    assert (event["id"], event["type"]) == (news.id, news.type)
    assert datetime.fromisoformat(event["timestamp"]).tzinfo == UTC


@pytest.mark.parametrize("news", [*told()], ids=lambda news: news.type)
def test_what_is_sent_is_what_is_published(news: News) -> None:
    check(news)


def test_one_of_each_event_is_tried() -> None:
    held = {"suppression.held"}
    assert {news.type for news in told()} == EVENTS.keys() - held


def test_a_suppression_that_is_held_is_told_behind_its_event() -> None:
    event, held = news_of_failure(action=DecisionAction.HOLD)
    check(held)
    assert held.type == "suppression.held"
    assert held.id == f"{event.id}-held" > event.id


@given(
    reason=st.sampled_from([*CATEGORIES]),
    recipient=st.text(),
    diagnostic=st.text(),
    status=st.sampled_from([None, "4.2.2", "5.1.1", "2.0.0"]),
)
def test_whatever_strangers_wrote_is_as_published(
    reason: str, recipient: str, diagnostic: str, status: str | None
) -> None:
    check(a_failure(reason, recipient, status, diagnostic))
