"""`kind = "webhook"`: post each event to a URL, signed, and believe a 2xx only.

Redirects are never followed, an answer's body is read up to a limit and thrown away, and no cookie
is kept. Nothing a receiver says but its status goes into an error: it might repeat our token.

Source: Retry-After: RFC 9110 section 10.2.3.
"""

import base64
import logging
import ssl
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING

import httpcore2
import httpx2

from dsnwatch import __version__
from dsnwatch.config.hook import check_url
from dsnwatch.errors import ConfigError, HookError, HookGone
from dsnwatch.hooks import Delivery, Secrets
from dsnwatch.hooks.guarded import Deadline, GuardedTransport, Resolve, resolve
from dsnwatch.hooks.payloads import FORMATS, Body, Context
from dsnwatch.hooks.signing import Sign, signer
from dsnwatch.hooks.tls import trusting, why

if TYPE_CHECKING:
    from dsnwatch.config.hook import HookSection

# Their INFO and DEBUG lines have URLs and headers, and so secrets.
for _name in ("httpx2", "httpcore2"):
    logging.getLogger(_name).setLevel(logging.WARNING)

ANSWER_AT_MOST = 64 * 1024
"""Octets of an answer that are read, so that the connection can serve again; then it is closed."""

LONGEST_WAIT = timedelta(days=1)
"""A Retry-After is believed up to this."""


class WebhookHook:
    """Posts to one URL over one connection that is kept.

    Args:
        section: Format, batch, timeout, and whether private addresses are allowed.
        url: Where to.
        tls: For https.
        sign: Signs each body; None where the receiver wants no signature.
        headers: Sent each time, as Authorization.
        key: For the formats that sign inside the payload.
        node: The name of this machine.
        find: Looks names up.
    """

    every = timedelta(0)

    def __init__(
        self,
        section: "HookSection",
        url: str,
        *,
        tls: ssl.SSLContext,
        sign: Sign | None = None,
        headers: Sequence[tuple[str, str]] = (),
        key: bytes = b"",
        node: str = "",
        find: Resolve = resolve,
    ) -> None:
        form = FORMATS[section.format]
        self.batch = section.batch if form.lists else 1
        self.timeout = section.timeout
        self._render = form.render
        self._url = httpx2.URL(url)
        self._where = f"{self._url.scheme}://{self._url.netloc.decode()}"
        self._sign = sign
        self._context = Context(node=node, listed=section.batch > 1, topic=section.topic, key=key)
        self._deadline = Deadline()
        self._client = httpx2.Client(
            transport=GuardedTransport(
                self._deadline, tls, allow_private=section.allow_private, find=find
            ),
            headers=[("User-Agent", f"dsnwatch/{__version__}"), ("Accept", "*/*"), *headers],
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            timeout=None,  # the deadline holds for all of it
            follow_redirects=False,
        )

    def deliver(self, delivery: Delivery) -> None:
        """Post the events; see `Hook`."""
        now = delivery.at.astimezone(UTC)
        body = self._render(delivery.news, replace(self._context, id=delivery.id, at=now))
        request = self._client.build_request(
            "POST", self._url, content=body.data, headers=self._headers(delivery, body)
        )
        self._deadline.start(self.timeout.total_seconds())
        try:
            answer = self._client.send(request, stream=True)
            try:
                _drain(answer)
            finally:
                answer.close()
        except (httpcore2.TimeoutException, TimeoutError) as error:
            raise HookError(
                f"{self._where} did not answer within {self.timeout.total_seconds():g} s"
            ) from error
        except (*_TROUBLE, OSError) as error:
            raise HookError(f"{self._where}: {_why(error)}") from error
        if not answer.is_success:
            raise self._refused(answer, delivery.at)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _headers(self, delivery: Delivery, body: Body) -> list[tuple[str, str]]:
        now = delivery.at.astimezone(UTC)
        headers = [
            ("Content-Type", body.content_type),
            ("webhook-id", delivery.id),
            ("webhook-timestamp", str(int(now.timestamp()))),
            *body.headers,
        ]
        if self._sign is not None:
            headers += self._sign(delivery.id, now, body.data)
        return headers

    def _refused(self, answer: httpx2.Response, now: datetime) -> HookError:
        code = answer.status_code
        text = f"{self._where} answered {code} {_phrase(code)}"
        if answer.is_redirect:
            return HookError(f"{text}; redirects are not followed: set url to where it leads")
        if code == HTTPStatus.GONE:
            return HookGone(text)
        busy = code in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.REQUEST_TIMEOUT}
        return HookError(
            text,
            after_seconds=_retry_after(answer.headers.get("Retry-After", ""), now),
            answers=answer.is_client_error and not busy,
        )


_TROUBLE = (
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    httpcore2.UnsupportedProtocol,
    httpx2.HTTPError,
)


def _drain(answer: httpx2.Response) -> None:
    """Read the answer to its end, or up to the limit; more of it closes the connection."""
    size = 0
    for chunk in answer.iter_raw():
        size += len(chunk)
        if size > ANSWER_AT_MOST:
            return


def _why(error: BaseException) -> str:
    """Say in a line what kept us from posting."""
    # httpcore2 (2.16.2) makes one of its own of the system's error, which stays its argument.
    inner = error.args[0] if error.args else None
    cause = inner if isinstance(inner, OSError) else error
    if isinstance(cause, OSError):
        return why(cause)
    if isinstance(error, httpcore2.RemoteProtocolError):
        return "it hung up, or does not speak HTTP"
    return type(error).__name__


def _phrase(code: int) -> str:
    try:
        return HTTPStatus(code).phrase
    except ValueError:
        return "(no such status)"


def _retry_after(text: str, now: datetime) -> float | None:
    """Read a Retry-After: seconds, or a date; None where there is none that makes sense."""
    if text.isdecimal() and text.isascii():
        seconds = float(text[:9])
    else:
        try:
            moment = parsedate_to_datetime(text)
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        seconds = (moment - now).total_seconds()
    return min(max(seconds, 0.0), LONGEST_WAIT.total_seconds())


def make(section: "HookSection", secrets: Secrets, key: str) -> WebhookHook:
    """Make the hook of its section; see `Make`.

    Raises:
        ConfigError: A secret cannot be read, or is none.
    """
    if section.url_file is not None:
        url = secrets.secret(section.url_file, f"{key}.url_file").strip()
        try:
            check_url(url)
        except ValueError as error:
            raise ConfigError(f"{key}.url_file: what stands in the file {error}") from error
    else:
        assert section.url is not None
        url = section.url
    headers = []
    if section.user is not None and section.password_file is not None:
        password = secrets.secret(section.password_file, f"{key}.password_file")
        pair = base64.b64encode(f"{section.user}:{password}".encode()).decode()
        headers.append(("Authorization", f"Basic {pair}"))
    elif section.token_file is not None:
        token = secrets.secret(section.token_file, f"{key}.token_file").strip()
        if not token.isascii() or not token.isprintable() or " " in token:
            raise ConfigError(f"{key}.token_file: what stands in the file is no token")
        headers.append(("Authorization", f"Bearer {token}"))
    signed_inside = section.format == "mailgun"
    if signed_inside and section.secret_file is None:
        raise ConfigError(f"{key}: format mailgun needs secret_file, the key its payloads sign by")
    return WebhookHook(
        section,
        url,
        tls=trusting(section, secrets, key),
        sign=None if signed_inside else signer(section, secrets, key),
        headers=headers,
        key=_octets(section, secrets, key) if signed_inside else b"",
        node=secrets.node,
    )


def _octets(section: "HookSection", secrets: Secrets, key: str) -> bytes:
    assert section.secret_file is not None
    return secrets.secret(section.secret_file, f"{key}.secret_file").strip().encode()
