"""Stands before everything: how large a body may be, what every answer says to browsers, HEAD."""

from http import HTTPStatus

import anyio
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dsnwatch.http.problems import problem

KIB = 1 << 10
MIB = 1 << 20

SIZES: tuple[tuple[str, int], ...] = (
    ("/v1/suppressions/import", 256 * MIB),
    ("/v1/explain", 32 * MIB),
    ("/v1/sent", 16 * MIB),
    ("/v1/", 4 * MIB),
    ("/", 64 * KIB),
)
"""Octets that a body may have, by how the path begins; the first that fits holds."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_NO_STORE = (b"cache-control", b"no-store")


class Guard:
    """Refuses what is too large, and has browsers be careful with all that is answered.

    Source: https://www.w3.org/TR/CSP3/ for the policy; RFC 9110 section 15.5.14 for 413.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        most = next(octets for start, octets in SIZES if path.startswith(start) or start == "/")

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message.setdefault("headers", [])
                headers.extend(_HEADERS)
                if not any(name == b"cache-control" for name, _ in headers):
                    headers.append(_NO_STORE)
            await send(message)

        if _told_length(scope) > most:
            answer = problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _too_large(most))
            await answer(scope, receive, send_safely)
            return
        if scope["method"] == "HEAD":
            await _headed(self._app, scope, send_safely)
            return
        read = 0

        async def receive_so_much() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > most:
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _too_large(most))
            return message

        await self._app(scope, receive_so_much, send_safely)


async def _headed(app: ASGIApp, scope: Scope, send: Send) -> None:
    """Answer HEAD as GET without the body; what makes a long one is told that nobody listens.

    Source: RFC 9110 section 9.3.2.
    """
    begun = anyio.Event()
    asked = False

    async def receive_nothing() -> Message:
        nonlocal asked
        if not asked:
            asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await begun.wait()
        return {"type": "http.disconnect"}

    async def send_head(message: Message) -> None:
        if message["type"] == "http.response.start":
            await send(message)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            begun.set()

    await app({**scope, "method": "GET"}, receive_nothing, send_head)


def _told_length(scope: Scope) -> int:
    told = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    return int(told) if told.isdigit() else 0


def _too_large(most: int) -> str:
    size = f"{most // MIB} MiB" if most >= MIB else f"{most // KIB} KiB"
    return f"a body here has {size} at most; send it in pieces"
