"""Signing in with a token, and out; files of the pages."""

from http import HTTPStatus
from math import ceil
from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from dsnwatch.http.attempts import TRIES, client_of
from dsnwatch.http.desk import Desk, Here
from dsnwatch.http.people import SESSION, Form, Person, closed, opened, person, see_ours, signed_in
from dsnwatch.http.problems import Refused
from dsnwatch.http.render import HERE, bare, length

router = APIRouter(include_in_schema=False)

FILES = {
    "style.css": "text/css; charset=utf-8",
    "htmx.min.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


@router.get("/sign-in")
async def sign_in(to: Annotated[str, Query(alias="next", max_length=2000)] = "/") -> HTMLResponse:
    """Ask for a token."""
    return bare("sign_in.html", "Sign in", next=_here(to), wrong="")


@router.post("/sign-in")
async def let_in(request: Request, desk: Here, form: Form) -> Response:
    """Open a session with a token.

    Raises:
        Refused: This client tried too often.
    """
    to, client = _here(form.get("next", "/")), _client(request, desk)
    if wait := desk.attempts.wait(client):
        seconds = ceil(wait.total_seconds())
        raise Refused(
            HTTPStatus.TOO_MANY_REQUESTS,
            f"{TRIES} tries to sign in failed; wait {length(wait)}; is the token whole?",
            {"Retry-After": str(seconds)},
        )
    session = await run_sync(opened, desk, form.get("token", ""))
    if session is None:
        desk.attempts.failed(client)
        wrong = "This token lets nobody in. Is it whole, and not revoked?"
        return bare("sign_in.html", "Sign in", HTTPStatus.FORBIDDEN, next=to, wrong=wrong)
    desk.attempts.passed(client)
    response = RedirectResponse(to, HTTPStatus.SEE_OTHER)
    signed_in(response, desk, session[1])
    return response


@router.post("/sign-out")
async def sign_out(
    request: Request, desk: Here, who: Annotated[Person, Depends(person)], form: Form
) -> Response:
    """End the session."""
    see_ours(form, who)
    await run_sync(closed, request, desk)
    response = RedirectResponse("/sign-in", HTTPStatus.SEE_OTHER)
    response.delete_cookie(SESSION)
    return response


@router.get("/static/{name}")
def static(name: str) -> Response:
    """Give a file of the pages."""
    if name not in FILES:
        raise Refused(HTTPStatus.NOT_FOUND, "there is no such file")
    data = (HERE / "static" / name).read_bytes()
    headers = {"Cache-Control": "max-age=3600"}
    return Response(data, media_type=FILES[name], headers=headers)


def _client(request: Request, desk: Desk) -> str:
    peer = request.client.host if request.client else None
    forwarded = ",".join(request.headers.getlist("x-forwarded-for"))
    return client_of(peer, forwarded, believed=desk.section.believes(peer))


def _here(to: str) -> str:
    """Give a place of ours to go to; never one outside."""
    inside = to.startswith("/") and not to.startswith(("//", "/\\"))
    return to if inside and to.isprintable() else "/"
