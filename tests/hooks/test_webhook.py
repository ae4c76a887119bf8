"""What is posted, how it is signed, and what an answer means."""

import base64
import json
import logging
import ssl
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from dsnwatch.config.hook import HookSection
from dsnwatch.errors import ConfigError, HookError, HookGone
from dsnwatch.hooks import Delivery
from dsnwatch.hooks.webhook import WebhookHook, make
from tests.servers.certificate import a_certificate

from .builders import NOW, Folder, Receiver, a_free_port, a_receiver, a_section, some_news

SECRET, OLD_SECRET = (
    f"whsec_{base64.b64encode(bytes([number]) * 32).decode()}" for number in (1, 2)
)


@pytest.fixture
def opened() -> Iterator[list[WebhookHook]]:
    hooks: list[WebhookHook] = []
    yield hooks
    for hook in hooks:
        hook.close()


class Hooks:
    """Makes hooks of sections, with secrets in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.made: list[WebhookHook] = []

    def __call__(self, receiver: Receiver, **said: Any) -> WebhookHook:  # noqa: ANN401  whatever a section can say
        section = a_section(**{"url": receiver.url, "allow_private": True} | said)
        hook = make(section, Folder(self.folder), "hook.0")
        self.made.append(hook)
        return hook

    def secret(self, name: str, text: str) -> str:
        (self.folder / name).write_text(text)
        return name


@pytest.fixture
def hooks(tmp_path: Path) -> Iterator[Hooks]:
    hooks = Hooks(tmp_path)
    yield hooks
    for hook in hooks.made:
        hook.close()


def a_delivery(at: datetime = NOW) -> Delivery:
    return Delivery((some_news(),), 1, at)


def complaint(hook: WebhookHook) -> HookError:
    with pytest.raises(HookError) as caught:
        hook.deliver(a_delivery())
    assert "\n" not in str(caught.value)
    return caught.value


def test_an_event_is_posted_as_it_is(receiver: Receiver, hooks: Hooks) -> None:
    delivery = a_delivery()
    hooks(receiver).deliver(delivery)
    (request,) = receiver.requests
    assert request.path == "/bounces"
    assert request.body.decode() == delivery.news[0].payload
    assert request.headers["content-type"] == "application/json"
    assert request.headers["webhook-id"] == delivery.id
    assert request.headers["webhook-timestamp"] == str(int(NOW.timestamp()))
    assert "webhook-signature" not in request.headers
    assert "authorization" not in request.headers


def test_one_connection_serves_many(receiver: Receiver, hooks: Hooks) -> None:
    ports = set()

    def respond(handler: BaseHTTPRequestHandler) -> None:
        ports.add(handler.client_address[1])
        handler.send_response(200)
        handler.send_header("Content-Length", "2")
        handler.end_headers()
        handler.wfile.write(b"ok")

    receiver.respond = respond
    hook = hooks(receiver)
    for _ in range(5):
        hook.deliver(a_delivery())
    assert len(ports) == 1


def test_the_signature_is_that_of_standard_webhooks(receiver: Receiver, hooks: Hooks) -> None:
    hook = hooks(receiver, secret_file=hooks.secret("s", f"{SECRET}\n"))
    hook.deliver(a_delivery(datetime.now(timezone(timedelta(hours=5)))))
    (request,) = receiver.requests
    Webhook(SECRET).verify(request.body, request.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(OLD_SECRET).verify(request.body, request.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(request.body + b" ", request.headers)


def test_while_the_key_changes_both_verify(receiver: Receiver, hooks: Hooks) -> None:
    hook = hooks(receiver, secret_file=hooks.secret("s", f"{SECRET}\n{OLD_SECRET}\n"))
    hook.deliver(a_delivery(datetime.now(UTC)))
    (request,) = receiver.requests
    for secret in (SECRET, OLD_SECRET):
        Webhook(secret).verify(request.body, request.headers)


@pytest.mark.parametrize("text", ["hunter2", "whsec_c2hvcnQ=", "whsec_!!!", "a b c"])
def test_a_secret_that_is_none_is_refused_and_not_shown(
    receiver: Receiver, hooks: Hooks, text: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        hooks(receiver, secret_file=hooks.secret("s", text))
    assert "hook.0.secret_file" in str(caught.value)
    assert text not in str(caught.value)


def test_basic_auth(receiver: Receiver, hooks: Hooks) -> None:
    hooks(receiver, user="dsnwatch", password_file=hooks.secret("p", "grüß:gott")).deliver(
        a_delivery()
    )
    sent = receiver.requests[0].headers["authorization"].removeprefix("Basic ")
    assert base64.b64decode(sent).decode() == "dsnwatch:grüß:gott"


def test_bearer_token(receiver: Receiver, hooks: Hooks) -> None:
    hooks(receiver, token_file=hooks.secret("t", "s3cret\n")).deliver(a_delivery())
    assert receiver.requests[0].headers["authorization"] == "Bearer s3cret"


@pytest.mark.parametrize("text", ["a\r\nX-Evil: 1", "a b", "ü"])
def test_a_token_cannot_bring_headers_of_its_own(
    receiver: Receiver, hooks: Hooks, text: str
) -> None:
    with pytest.raises(ConfigError, match="no token"):
        hooks(receiver, token_file=hooks.secret("t", text))


def test_the_url_may_be_a_secret(receiver: Receiver, hooks: Hooks) -> None:
    hook = hooks(receiver, url=None, url_file=hooks.secret("u", f"{receiver.url}?key=s3cret\n"))
    hook.deliver(a_delivery())
    assert receiver.requests[0].path == "/bounces?key=s3cret"
    receiver.status = 500
    assert "s3cret" not in str(complaint(hook))


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_2xx_is_told(receiver: Receiver, hooks: Hooks, status: int) -> None:
    receiver.status = status
    hooks(receiver).deliver(a_delivery())


@pytest.mark.parametrize("status", [300, 400, 401, 403, 404, 409, 422, 500, 502, 503, 504])
def test_everything_else_is_tried_again(receiver: Receiver, hooks: Hooks, status: int) -> None:
    receiver.status = status
    error = complaint(hooks(receiver))
    assert not isinstance(error, HookGone)
    assert f"answered {status}" in str(error)
    assert error.answers is (400 <= status < 500)


def test_gone_is_never_tried_again(receiver: Receiver, hooks: Hooks) -> None:
    receiver.status = 410
    assert isinstance(complaint(hooks(receiver)), HookGone)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120),
        ("0", 0),
        ("Tue, 31 Mar 2026 12:10:00 GMT", 600),
        ("Tue, 31 Mar 2026 11:00:00 GMT", 0),
        ("99999999999999999999", 86400),
        ("soon", None),
        ("-5", None),
        ("1e9", None),
        ("", None),
    ],
)
def test_retry_after_is_believed_up_to_a_day(
    receiver: Receiver, hooks: Hooks, text: str, seconds: float | None
) -> None:
    receiver.status, receiver.headers = 429, [("Retry-After", text)]
    error = complaint(hooks(receiver))
    assert error.after_seconds == seconds
    assert not error.answers


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_never_followed(receiver: Receiver, hooks: Hooks, status: int) -> None:
    with a_receiver() as elsewhere:
        receiver.status, receiver.headers = status, [("Location", elsewhere.url)]
        assert "redirects are not followed" in str(complaint(hooks(receiver)))
        assert elsewhere.requests == []


def test_an_endless_answer_is_cut_off(receiver: Receiver, hooks: Hooks) -> None:
    sent = 0

    def respond(handler: BaseHTTPRequestHandler) -> None:
        nonlocal sent
        handler.send_response(200)
        handler.end_headers()
        while True:
            handler.wfile.write(b"x" * 65536)
            sent += 65536

    receiver.respond = respond
    hooks(receiver, timeout="5s").deliver(a_delivery())
    receiver.respond = None
    hooks(receiver).deliver(a_delivery())
    assert sent < 64 << 20


def test_an_answer_that_unpacks_to_gigabytes_is_not_unpacked(
    receiver: Receiver, hooks: Hooks
) -> None:
    def respond(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Encoding", "gzip")
        handler.send_header("Content-Length", "4")
        handler.end_headers()
        handler.wfile.write(b"none")

    receiver.respond = respond
    hooks(receiver).deliver(a_delivery())


@pytest.mark.parametrize("part", ["nothing", "status line", "headers", "body"])
def test_a_slow_receiver_has_until_the_deadline(
    receiver: Receiver, hooks: Hooks, part: str
) -> None:
    def drip(handler: BaseHTTPRequestHandler, octets: Sequence[bytes]) -> None:
        for each in octets:
            handler.wfile.write(each)
            handler.wfile.flush()
            time.sleep(0.02)

    def respond(handler: BaseHTTPRequestHandler) -> None:
        if part == "nothing":
            time.sleep(2)
        elif part == "status line":
            drip(handler, [b"H", b"T", b"T", b"P"] + [b" "] * 200)
        elif part == "headers":
            drip(handler, [b"HTTP/1.1 200 OK\r\n"] + [b"X-A: b\r\n"] * 200)
        else:
            drip(handler, [b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"] + [b"x"] * 200)

    receiver.respond = respond
    error = complaint(hooks(receiver, timeout="200ms"))
    assert "did not answer within 0.2 s" in str(error)
    assert not error.answers


def test_a_receiver_that_hangs_up_or_talks_nonsense_is_tried_again(
    receiver: Receiver, hooks: Hooks
) -> None:
    for answer in (
        b"",
        b"220 smtp.example.org ESMTP\r\n",
        b"\0" * 100,
        b"HTTP/1.1 200\r\nx" * 9999,
    ):

        def respond(handler: BaseHTTPRequestHandler, answer: bytes = answer) -> None:
            handler.wfile.write(answer)
            handler.close_connection = True

        receiver.respond = respond
        assert not complaint(hooks(receiver)).answers


def test_nobody_there(hooks: Hooks) -> None:
    receiver = Receiver(port=a_free_port())
    assert "Connection refused" in str(complaint(hooks(receiver)))


def test_cookies_are_not_kept(receiver: Receiver, hooks: Hooks) -> None:
    receiver.headers = [("Set-Cookie", "a=b; Path=/")]
    hook = hooks(receiver)
    for _ in range(2):
        hook.deliver(a_delivery())
    assert "cookie" not in receiver.requests[1].headers


def test_the_environment_has_no_say(
    receiver: Receiver, hooks: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    with a_receiver() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        hooks(receiver).deliver(a_delivery())
        assert (len(receiver.requests), len(proxy.requests)) == (1, 0)


class TestTls:
    """What a certificate is worth."""

    def served(self, folder: Path, host: str) -> ssl.SSLContext:
        certificate = a_certificate(folder, host)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.certificate, certificate.key)
        return context

    def hook(self, hooks: Hooks, receiver: Receiver, **said: Any) -> WebhookHook:  # noqa: ANN401  as above
        return hooks(receiver, url=f"https://localhost:{receiver.port}/", **said)

    def test_one_that_is_trusted(self, tmp_path: Path, hooks: Hooks) -> None:
        with a_receiver(self.served(tmp_path, "localhost")) as receiver:
            self.hook(hooks, receiver, ca_file="cert.pem").deliver(a_delivery())
            assert len(receiver.requests) == 1

    def test_one_that_is_not(self, tmp_path: Path, hooks: Hooks) -> None:
        with a_receiver(self.served(tmp_path, "localhost")) as receiver:
            error = complaint(self.hook(hooks, receiver))
            assert "its certificate is not trusted" in str(error)
            assert receiver.requests == []

    def test_one_of_another_host(self, tmp_path: Path, hooks: Hooks) -> None:
        with a_receiver(self.served(tmp_path, "elsewhere.example.org")) as receiver:
            error = complaint(self.hook(hooks, receiver, ca_file="cert.pem"))
            assert "its certificate is not trusted" in str(error)

    def test_none_at_all(self, receiver: Receiver, hooks: Hooks) -> None:
        assert "TLS failed" in str(complaint(self.hook(hooks, receiver)))

    def test_a_ca_file_that_is_none(self, receiver: Receiver, hooks: Hooks) -> None:
        hooks.secret("cert.pem", "no certificate")
        with pytest.raises(ConfigError, match=r"hook\.0\.ca_file"):
            self.hook(hooks, receiver, ca_file="cert.pem")


def test_secrets_are_in_no_log_and_no_error(
    receiver: Receiver, hooks: Hooks, caplog: pytest.LogCaptureFixture
) -> None:
    def respond(handler: BaseHTTPRequestHandler) -> None:
        said = f"you sent {handler.headers['Authorization']}"
        handler.send_response(400, said)
        handler.send_header("X-Echo", said)
        handler.send_header("Content-Length", str(len(said)))
        handler.end_headers()
        handler.wfile.write(said.encode())

    receiver.respond = respond
    with caplog.at_level(logging.DEBUG):
        error = complaint(
            hooks(
                receiver,
                url=f"{receiver.url}?key=t0psecret",
                token_file=hooks.secret("t", "s3cret"),
                secret_file=hooks.secret("s", SECRET),
            )
        )
    for text in (str(error), repr(error), caplog.text):
        assert "s3cret" not in text
        assert "t0psecret" not in text
        assert SECRET not in text


def test_the_body_is_json_whatever_strangers_wrote(receiver: Receiver, hooks: Hooks) -> None:
    news = some_news('"><script>\r\nX: y\u202e\ud800@example.org')
    hooks(receiver).deliver(Delivery((news,), 1, NOW))
    body = json.loads(receiver.requests[0].body)
    assert body["data"]["recipient"].startswith('"><script>')


@pytest.mark.parametrize(
    "said",
    [
        {"url": "https://user:pass@crm.example.org/"},
        {"url": "ftp://crm.example.org/"},
        {"url": "https:///path"},
        {"url": "https://crm.example.org:99999/"},
        {"url": "https://crm.example.org/\r\nX: y"},
        {"url": None},
        {"url": "https://a.test", "url_file": "x"},
        {"user": "a", "url": "https://a.test"},
        {"user": "a", "password_file": "b", "token_file": "c", "url": "https://a.test"},
        {"command": ["a"], "url": "https://a.test"},
        {"timeout": "1h", "url": "https://a.test"},
    ],
    ids=",".join,
)
def test_a_section_that_makes_no_sense_is_refused(said: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\w") as caught:
        HookSection(**{"name": "crm", "kind": "webhook"} | said)
    assert "pass@" not in caught.value.errors()[0]["msg"]  # type: ignore[attr-defined]  # pydantic's ValidationError
