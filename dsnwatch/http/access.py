"""Who is let in to the API, and to what."""

from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, SecurityScopes

from dsnwatch.http.desk import Desk, Here
from dsnwatch.http.problems import Refused
from dsnwatch.model import Scope
from dsnwatch.records import Token

BEARER = HTTPBearer(
    scheme_name="token",
    description="A token that `dsnwatch token create` made.",
    auto_error=False,
)
_ASK = {"WWW-Authenticate": 'Bearer realm="dsnwatch"'}
_INCLUDED = {Scope.READ: frozenset({Scope.READ, Scope.CHECK}), Scope.ADMIN: frozenset(Scope)}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks.

    Attributes:
        who: For the audit log: `token:newsletter`, `web:anne`.
        scopes: What he may do.
    """

    who: str
    scopes: frozenset[Scope]

    def may(self, scope: Scope) -> bool:
        """Say whether he may."""
        return any(scope in _INCLUDED.get(each, {each}) for each in self.scopes)


async def token_of(desk: Desk, text: str) -> Token | None:
    """Find a token; the store is asked in a thread, and seldom."""
    return desk.keys.remembered(text) or await run_sync(desk.keys.find, text)


async def admitted(
    desk: Here,
    needed: SecurityScopes,
    given: Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)],
) -> Caller:
    """Let a program in by its token.

    Raises:
        Refused: It has none, or may not do this.
    """
    return await let_in(desk, given.credentials if given else "", map(Scope, needed.scopes))


async def let_in(desk: Desk, text: str, needed: Iterable[Scope]) -> Caller:
    """Let a program in by the text of its token; "" is none.

    Raises:
        Refused: It has none, or may not do this.
    """
    if not text:
        raise Refused(
            HTTPStatus.UNAUTHORIZED,
            "say who you are: `Authorization: Bearer TOKEN`; `dsnwatch token create` makes one",
            _ASK,
        )
    token = await token_of(desk, text)
    if token is None or token.parent is not None:  # a session is a person's, and not for programs
        raise Refused(
            HTTPStatus.UNAUTHORIZED,
            "this token lets nobody in; `dsnwatch token list` has those that do",
            {"WWW-Authenticate": f'{_ASK["WWW-Authenticate"]}, error="invalid_token"'},
        )
    caller = Caller(f"token:{token.name}", token.scopes)
    for scope in needed:
        if not caller.may(scope):
            raise Refused(HTTPStatus.FORBIDDEN, f"this token has not the scope '{scope}'")
    return caller


Checks = Annotated[Caller, Security(admitted, scopes=[Scope.CHECK.value])]
Reads = Annotated[Caller, Security(admitted, scopes=[Scope.READ.value])]
Writes = Annotated[Caller, Security(admitted, scopes=[Scope.WRITE.value])]
Rules = Annotated[Caller, Security(admitted, scopes=[Scope.ADMIN.value])]


async def admitted_to_metrics(
    request: Request,
    desk: Here,
    given: Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)],
) -> None:
    """Let a monitor in: by a token with `read`, or anyone where `[web]` says so."""
    del request
    if not desk.section.open_metrics:
        await admitted(desk, SecurityScopes([Scope.READ.value]), given)
