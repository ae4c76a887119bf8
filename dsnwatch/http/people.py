"""Who is let in to the pages: by a session that was opened with a token, or by a proxy's word.

What changes something wants a CSRF token besides: an HMAC of a secret that only a cookie has, which
no other site can read. Cookies are `SameSite=Strict`, and a browser that says where a request
comes from is believed.
"""

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from http import HTTPStatus
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends, Request
from starlette.responses import Response

from dsnwatch import tokens
from dsnwatch.http.access import Caller, token_of
from dsnwatch.http.desk import Desk, Here
from dsnwatch.http.problems import Refused
from dsnwatch.model import Scope
from dsnwatch.records import Token

SESSION = "dsnwatch_session"
SEED = "dsnwatch_seed"
LASTING = timedelta(hours=12)
FIELDS = 50


class SignInError(Exception):
    """Nobody is signed in; a page says so by asking for a token."""


@dataclass(frozen=True, slots=True)
class Person(Caller):
    """Who looks at a page.

    Attributes:
        name: For the page.
        secret: What his CSRF token is made of; "" where it has to be made yet.
        by_proxy: Whether a proxy named him: then there is nothing to sign out of.
    """

    name: str = ""
    secret: str = ""
    by_proxy: bool = False

    @property
    def csrf(self) -> str:
        """What his forms have to bring."""
        return hmac.new(self.secret.encode(), b"csrf", sha256).hexdigest()

    @property
    def writes(self) -> bool:
        """Whether he may change the list."""
        return self.may(Scope.WRITE)


async def person(request: Request, desk: Here) -> Person:
    """Find who looks at a page.

    Raises:
        SignInError: Nobody is signed in.
        Refused: He may not see anything.
    """
    found = _of_proxy(request, desk) or await _of_session(request, desk)
    if found is None:
        raise SignInError
    if not found.may(Scope.READ):
        raise Refused(HTTPStatus.FORBIDDEN, "your token has not the scope 'read'")
    return found


def _of_proxy(request: Request, desk: Desk) -> Person | None:
    section = desk.section
    if section.proxy_user_header is None:
        return None
    said = request.headers.getlist(section.proxy_user_header)
    client = request.client.host if request.client else None
    if len(said) != 1 or not said[0].strip() or not section.believes(client):
        return None
    name = said[0].strip()[:100]
    scopes = frozenset(map(Scope, section.proxy_scopes))
    seed = request.cookies.get(SEED) or secrets.token_urlsafe(24)
    return Person(f"web:{name}", scopes, name, seed, by_proxy=True)


async def _of_session(request: Request, desk: Desk) -> Person | None:
    text = request.cookies.get(SESSION, "")
    token = await token_of(desk, text) if text else None
    if token is None or token.parent is None:
        return None
    return Person(f"web:{token.name}", token.scopes, token.name, text)


def keep(request: Request, response: Response, desk: Desk, who: Person) -> None:
    """Have the browser keep what the CSRF tokens of somebody named by a proxy are made of."""
    if who.by_proxy and request.cookies.get(SEED) != who.secret:
        _set(response, desk, SEED, who.secret)


def opened(desk: Desk, text: str) -> tuple[Token, str] | None:
    """Open a session with a token; None where it lets nobody in."""
    token = desk.keys.find(text.strip())
    if token is None or token.parent is not None:
        return None
    now = desk.clock()
    until = min(now + LASTING, token.until) if token.until else now + LASTING
    session, secret = tokens.made(
        token.name, token.scopes, now=now, who=f"token:{token.name}", until=until, parent=token.id
    )
    with desk.store.write() as writer:
        writer.sweep_sessions(now)
        writer.add_token(session)
        writer.audit(now, f"web:{token.name}", "session.open", token.name, "", {"id": session.id})
    return session, secret


def signed_in(response: Response, desk: Desk, secret: str) -> None:
    """Have the browser keep a session."""
    _set(response, desk, SESSION, secret)


def closed(request: Request, desk: Desk) -> None:
    """End the session a browser has."""
    text = request.cookies.get(SESSION, "")
    token = desk.keys.find(text)
    if token is not None and token.parent is not None:
        with desk.store.write() as writer:
            writer.remove_token(token.id)
    desk.keys.forget(text)


def _set(response: Response, desk: Desk, name: str, value: str) -> None:
    response.set_cookie(
        name,
        value,
        max_age=int(LASTING.total_seconds()),
        httponly=True,
        samesite="strict",
        secure=desk.section.tls_cert_file is not None,
    )


async def fields(request: Request) -> Mapping[str, str]:
    """Read the fields of a form; a request that says it comes from elsewhere is refused.

    Raises:
        Refused: It comes from another site, or is no form.
    """
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        raise Refused(HTTPStatus.FORBIDDEN, "this form was sent from another site")
    try:
        text = (await request.body()).decode("ascii")
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=FIELDS, errors="strict")
    except ValueError as error:
        raise Refused(HTTPStatus.BAD_REQUEST, "this is no form") from error
    return dict(pairs)


def see_ours(form: Mapping[str, str], who: Person) -> None:
    """See that a form is one of ours, made for this person.

    Raises:
        Refused: It is not.
    """
    if not hmac.compare_digest(form.get("csrf", "").encode(), who.csrf.encode()):
        raise Refused(HTTPStatus.FORBIDDEN, "this form is too old; load the page again")


async def acts(
    who: Annotated[Person, Depends(person)], form: Annotated[Mapping[str, str], Depends(fields)]
) -> Person:
    """Let somebody do something: he may, and the form is one of ours.

    Raises:
        Refused: It is not, or he may not.
    """
    see_ours(form, who)
    if not who.writes:
        raise Refused(HTTPStatus.FORBIDDEN, "your token has not the scope 'write'")
    return who


Looks = Annotated[Person, Depends(person)]
Acts = Annotated[Person, Depends(acts)]
Form = Annotated[Mapping[str, str], Depends(fields)]
