"""Each format says what its vendor's documentation says, and others read it as we mean it."""

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import pytest
from anymail.signals import AnymailTrackingEvent, tracking
from anymail.webhooks import amazon_ses
from anymail.webhooks.amazon_ses import AmazonSESTrackingWebhookView
from anymail.webhooks.mailgun import MailgunTrackingWebhookView
from anymail.webhooks.postmark import PostmarkTrackingWebhookView
from anymail.webhooks.sendgrid import SendGridTrackingWebhookView
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from django.conf import settings
from django.test import RequestFactory
from hypothesis import example, given
from hypothesis import strategies as st

from dsnwatch.config.hook import Format
from dsnwatch.errors import ConfigError
from dsnwatch.events import BY_NAME_ONLY
from dsnwatch.hooks import Delivery, subscription_of
from dsnwatch.hooks.payloads import FORMATS, Context
from dsnwatch.hooks.webhook import make
from dsnwatch.model import Kind
from dsnwatch.records import DecisionAction, News

from .builders import Folder, Receiver, Request, a_receiver, a_section
from .events import CATEGORIES, NOW, a_change, a_failure, an_answer

SAMPLES = Path(__file__).parents[2] / "fixtures" / "payloads"
SIGNING_KEY = "key-0123456789"
AUTH = ("anymail", "s3cret")
PRIVATE = ec.generate_private_key(ec.SECP256R1())
PUBLIC = base64.b64encode(
    PRIVATE.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
).decode()

if not settings.configured:
    settings.configure(
        ANYMAIL={"WEBHOOK_SECRET": ":".join(AUTH), "MAILGUN_WEBHOOK_SIGNING_KEY": SIGNING_KEY,
                 "SENDGRID_TRACKING_WEBHOOK_VERIFICATION_KEY": PUBLIC},
        ALLOWED_HOSTS=["*"],
    )  # fmt: skip

pytestmark = pytest.mark.filterwarnings(
    "ignore::anymail.exceptions.AnymailNotSupportedWarning", "ignore:.*SendGrid.*"
)
ODD = ["o'brien+tag@example.org", '"a b"@example.org', "grüße@xn--fsq.example", "<x>@example.org"]


def say(form: str, news: News) -> Any:  # noqa: ANN401  JSON
    """Render one event."""
    return json.loads(FORMATS[form].render([news], Context("id", NOW, "mx1", key=b"k")).data)


def sample(name: str) -> Any:  # noqa: ANN401  JSON
    return json.loads((SAMPLES / f"{name}.json").read_text())


def shape(value: object) -> object:
    """Give the keys and kinds of a JSON value; maps with keys of one's own are not looked at."""
    match value:
        case dict():
            free = {"Metadata", "user-variables", "data"}
            return {key: "map" if key in free else shape(value[key]) for key in sorted(value)}
        case list():
            return [shape(each) for each in value[:1]]
        case str() if value.startswith("{") and "notificationType" in value:
            return shape(json.loads(value))
        case _:
            return type(value).__name__


@pytest.mark.parametrize(
    ("name", "news"),
    [
        ("cloudevents", a_failure()),
        ("postmark-bounce", a_failure()),
        ("postmark-subscription-change", a_change()),
        ("sendgrid-bounce", a_failure()),
        ("ses-bounce", a_failure()),
        ("mailgun-failed", a_failure()),
    ],
)
def test_a_payload_has_the_shape_of_its_vendors_sample(name: str, news: News) -> None:
    assert shape(say(name.partition("-")[0], news)) == shape(sample(name))


def test_listmonk_gets_what_it_knows() -> None:
    said = say("listmonk", a_failure())
    assert said.keys() == sample("listmonk-bounce").keys() - {"campaign_uuid"}
    assert (said["email"], said["type"]) == ("anne@example.org", "hard")
    assert json.loads(said["meta"])["reason"] == "user_unknown"


@pytest.mark.parametrize(
    ("news", "type_"),
    [
        (a_failure(), "hard"),
        (a_failure("mailbox_full", status="5.2.2"), "soft"),
        (an_answer(Kind.COMPLAINT), "complaint"),
        (a_change(), "hard"),
        (a_change(origin="complaint"), "complaint"),
    ],
    ids=["hard", "soft", "complaint", "suppressed", "suppressed for a complaint"],
)
def test_listmonk_is_told_the_type(news: News, type_: str) -> None:
    assert say("listmonk", news)["type"] == type_


def test_every_format_can_be_configured_and_every_one_configured_is_there() -> None:
    assert set(get_args(Format)) == set(FORMATS)


@pytest.mark.parametrize("form", FORMATS)
def test_a_format_wants_what_it_has_words_for(form: str) -> None:
    section = a_section(url="https://a.test", format=form)
    assert subscription_of(section).types == FORMATS[form].says - BY_NAME_ONLY


def test_a_format_without_a_word_for_an_event_is_a_mistake() -> None:
    section = a_section(url="https://a.test", format="ses", events=["bounce.*", "alert.*"])
    with pytest.raises(ConfigError, match=r"format ses has no word for alert\.\*"):
        subscription_of(section)


def test_an_event_there_is_none_of_is_a_mistake() -> None:
    section = a_section(url="https://a.test", events=["bounced"])
    with pytest.raises(ConfigError, match="'bounced' is no event; known are bounce"):
        subscription_of(section)


def examples() -> Iterator[tuple[str, News]]:
    """Give each event that each format has words for."""
    events = {
        "bounce.hard": a_failure(),
        "bounce.soft": a_failure("mailbox_full"),
        "bounce.block": a_failure("policy"),
        "bounce.delayed": a_failure("network_error", kind=Kind.DELAY),
        "complaint": an_answer(Kind.COMPLAINT),
        "unsubscribe": an_answer(Kind.UNSUBSCRIBE),
        "auto_reply": an_answer(Kind.AUTO_REPLY),
        "suppression.added": a_change(),
        "suppression.removed": a_change("suppression.removed"),
    }
    for form, row in FORMATS.items():
        for type_ in sorted(row.says & events.keys()):
            yield form, events[type_]


@pytest.mark.parametrize(
    ("form", "news"),
    [pytest.param(form, news, id=f"{form} {news.type}") for form, news in examples()],
)
def test_a_format_says_every_event_it_has_words_for_and_says_it_alike_each_time(
    form: str, news: News
) -> None:
    said = FORMATS[form].render([news], Context("id", NOW, "mx1"))
    assert b"anne@example.org" in said.data
    assert said == FORMATS[form].render([news], Context("id", NOW, "mx1"))


@pytest.mark.parametrize("reason", CATEGORIES)
def test_no_format_calls_a_block_or_a_soft_failure_one_for_ever(reason: str) -> None:
    if CATEGORIES[reason].bounce_class == "hard":
        return
    news = a_failure(reason, status="5.7.1")
    (sendgrid,) = say("sendgrid", news)
    assert sendgrid["type"] == "blocked"
    assert say("mailgun", news)["event-data"]["severity"] == "temporary"
    assert json.loads(say("ses", news)["Message"])["bounce"]["bounceType"] != "Permanent"
    assert not say("postmark", news)["Inactive"]


def test_what_the_policy_suppressed_is_a_bounce_to_those_who_ask_no_more() -> None:
    news = a_failure("mailbox_full", action=DecisionAction.SUPPRESS)
    (sendgrid,) = say("sendgrid", news)
    assert sendgrid["type"] == "bounce"
    assert say("postmark", news)["Inactive"]


def test_cloudevents_come_in_lists_where_lists_are_wanted() -> None:
    news = [a_failure(), an_answer(Kind.COMPLAINT)]
    body = FORMATS["cloudevents"].render(news, Context("id", NOW, "mx1", listed=True))
    assert body.content_type.startswith("application/cloudevents-batch+json")
    assert [each["type"] for each in json.loads(body.data)] == [
        "org.dsnwatch.bounce.hard.v1",
        "org.dsnwatch.complaint.v1",
    ]


class Anymail:
    """Hands what a receiver got to django-anymail, as Django would."""

    def __init__(self, receiver: Receiver, folder: Path) -> None:
        self.receiver = receiver
        self.folder = folder
        (folder / "password").write_text(AUTH[1])
        (folder / "mailgun").write_text(SIGNING_KEY)
        (folder / "sendgrid").write_bytes(
            PRIVATE.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        )

    def read(self, form: str, *news: News) -> list[AnymailTrackingEvent]:
        """Post events in a format, and read what came."""
        secret = {"secret_file": form} if form in {"mailgun", "sendgrid"} else {}
        section = a_section(
            url=self.receiver.url, allow_private=True, format=form, batch=len(news),
            user=AUTH[0], password_file="password", **secret,
        )  # fmt: skip
        hook = make(section, Folder(self.folder), "hook.0")
        try:
            hook.deliver(Delivery(news, 1, datetime.now(UTC)))
        finally:
            hook.close()
        return as_read(form, self.receiver.requests[-1])


def as_read(form: str, request: Request) -> list[AnymailTrackingEvent]:
    """Give the events that anymail's view makes of a request."""
    found: list[AnymailTrackingEvent] = []

    def note(event: AnymailTrackingEvent, **_: object) -> None:
        found.append(event)

    headers = {
        f"HTTP_{name.upper().replace('-', '_')}": value
        for name, value in request.headers.items()
        if name not in {"content-type", "content-length", "host"}
    }
    posted = RequestFactory().post(
        "/", request.body, content_type=request.headers["content-type"], **headers
    )
    tracking.connect(note, weak=False)
    try:
        response = VIEWS[form].as_view()(posted)
    finally:
        tracking.disconnect(note)
    assert response.status_code == 200
    return found


VIEWS: Mapping[str, Any] = {
    "postmark": PostmarkTrackingWebhookView,
    "sendgrid": SendGridTrackingWebhookView,
    "ses": AmazonSESTrackingWebhookView,
    "mailgun": MailgunTrackingWebhookView,
}


@pytest.fixture
def anymail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Anymail]:
    # Amazon's own library is asked for credentials only, which reading needs none of.
    monkeypatch.setattr(amazon_ses, "_get_anymail_boto3_params", lambda **_: ({}, {}))
    with a_receiver() as receiver:
        yield Anymail(receiver, tmp_path)


BLOCKED, FULL = a_failure("reputation", status="5.7.1"), a_failure("mailbox_full", status="4.2.2")
HARD, VIRUS = a_failure(), a_failure("virus", status="5.7.1")
DELAYED = a_failure("network_error", status="4.4.1", kind=Kind.DELAY)
COMPLAINT, UNSUBSCRIBE = an_answer(Kind.COMPLAINT), an_answer(Kind.UNSUBSCRIBE)


@pytest.mark.parametrize(
    ("form", "news", "said"),
    [
        ("postmark", HARD, ("bounced", "bounced", "hard: at once, for ever")),
        ("postmark", FULL, ("bounced", "bounced", "hard: at once, for ever")),
        ("postmark", BLOCKED, ("rejected", "blocked", "hard: at once, for ever")),
        ("postmark", VIRUS, ("bounced", "other", "hard: at once, for ever")),
        ("postmark", DELAYED, ("deferred", None, "hard: at once, for ever")),
        ("postmark", COMPLAINT, ("complained", "spam", "hard: at once, for ever")),
        ("postmark", UNSUBSCRIBE, ("unsubscribed", "unsubscribed", None)),
        ("postmark", a_change(), ("bounced", "bounced", None)),
        ("postmark", a_change(origin="complaint"), ("complained", "spam", None)),
        ("postmark", a_change(origin="manual"), ("unsubscribed", "unsubscribed", None)),
        ("postmark", a_change("suppression.removed"), ("subscribed", None, None)),
        (
            "postmark",
            an_answer(Kind.AUTO_REPLY),
            ("autoresponded", None, "hard: at once, for ever"),
        ),
        ("sendgrid", HARD, ("bounced", None, None)),
        ("sendgrid", FULL, ("bounced", None, None)),
        ("sendgrid", BLOCKED, ("bounced", None, None)),
        ("sendgrid", DELAYED, ("deferred", None, None)),
        ("sendgrid", COMPLAINT, ("complained", None, None)),
        ("sendgrid", UNSUBSCRIBE, ("unsubscribed", None, None)),
        ("ses", HARD, ("bounced", "bounced", "Permanent: NoEmail")),
        ("ses", FULL, ("bounced", "bounced", "Transient: MailboxFull")),
        ("ses", BLOCKED, ("bounced", "bounced", "Transient: General")),
        ("ses", VIRUS, ("bounced", "bounced", "Transient: AttachmentRejected")),
        ("ses", COMPLAINT, ("complained", "spam", "abuse")),
        ("mailgun", HARD, ("bounced", "bounced", "user_unknown")),
        ("mailgun", FULL, ("deferred", "other", "mailbox_full")),
        ("mailgun", BLOCKED, ("deferred", "other", "reputation")),
        ("mailgun", DELAYED, ("deferred", "other", "network_error")),
        ("mailgun", COMPLAINT, ("complained", None, None)),
        ("mailgun", UNSUBSCRIBE, ("unsubscribed", None, None)),
    ],
    ids=lambda value: value.type if isinstance(value, News) else None,
)
def test_anymail_reads_the_same_address_type_and_reason(
    anymail: Anymail, form: str, news: News, said: tuple[str | None, ...]
) -> None:
    (event,) = anymail.read(form, news)
    assert event.recipient == "anne@example.org"
    assert (event.event_type, event.reject_reason, event.description) == said
    assert event.timestamp == NOW
    if news.type.startswith("bounce."):
        assert event.mta_response.removeprefix("smtp; ") == "550 5.1.1 no such user"
        assert event.message_id.strip("<>") == "1@sender.example.com"


@pytest.mark.parametrize("form", VIEWS)
@pytest.mark.parametrize("address", ODD)
def test_anymail_reads_odd_addresses(anymail: Anymail, form: str, address: str) -> None:
    (event,) = anymail.read(form, a_failure(recipient=address))
    assert event.recipient == address


def test_anymail_reads_a_list(anymail: Anymail) -> None:
    news: Sequence[News] = [a_failure(recipient=address) for address in ODD]
    assert [event.recipient for event in anymail.read("sendgrid", *news)] == ODD


@pytest.mark.parametrize("form", ["postmark", "ses", "mailgun"])
def test_an_event_told_again_has_the_id_it_had(anymail: Anymail, form: str) -> None:
    (first,), (again,) = anymail.read(form, HARD), anymail.read(form, HARD)
    (other,) = anymail.read(form, a_failure(id_="01KN6NBV4G0000000000000002"))
    assert first.event_id == again.event_id != other.event_id


@given(address=st.text(min_size=1), diagnostic=st.text(), form=st.sampled_from([*FORMATS]))
@example(address="\ud800@\0", diagnostic="\r\nX: y\x1b", form="ses")
def test_whatever_strangers_wrote_is_json(address: str, diagnostic: str, form: str) -> None:
    body = FORMATS[form].render(
        [a_failure(recipient=address, diagnostic=diagnostic)], Context("id", NOW, "mx1")
    )
    json.loads(body.data)
    for name, value in body.headers:
        assert (name + value).isprintable()
