"""`/v1/check`: may this address be mailed?"""

from http import HTTPStatus

import orjson
from anyio.to_thread import run_sync
from fastapi import APIRouter, Request, Response

from dsnwatch.http.access import Checks, let_in
from dsnwatch.http.desk import Desk, Here
from dsnwatch.http.problems import Refused
from dsnwatch.http.shapes.lists import Asked, Checked, CheckedAll
from dsnwatch.model import Scope
from dsnwatch.rfc.address import key
from dsnwatch.store.lookup import said

router = APIRouter(tags=["check"])


_LONGEST = {"address": 998, "stream": 200}
_PARAMETERS = [
    {
        "name": name,
        "in": "query",
        "required": name == "address",
        "description": says,
        "schema": {"type": "string", "maxLength": _LONGEST[name]},
    }
    for name, says in (
        ("address", "name@domain"),
        ("stream", "The kind of mail that is to be sent."),
    )
]


@router.get(
    "/check",
    response_model=Checked,
    summary="Ask about one address",
    openapi_extra={"parameters": _PARAMETERS, "security": [{"token": [Scope.CHECK.value]}]},
)
async def check(request: Request) -> Response:
    """Say whether an address may be mailed, and if not, why."""
    # A mail program asks this for each message. What FastAPI takes to find out what a route needs
    # is half of the whole, so it is read here by hand; and the question itself takes some
    # microseconds, so it is asked in the loop.
    desk: Desk = request.app.state.desk
    kind, _, text = request.headers.get("authorization", "").partition(" ")
    await let_in(desk, text.strip() if kind.lower() == "bearer" else "", (Scope.CHECK,))
    given = request.query_params
    for name, most in _LONGEST.items():
        if len(given.get(name, "")) > most:
            raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, f"{name}: has {most} letters at most")
    wanted, stream = address_of(given.get("address", "")), given.get("stream", "")
    if desk.quick:
        found = desk.lookups.here().find(wanted, desk.clock(), stream)
        return _json(said(wanted, found))
    return _json((await run_sync(_look_up, desk, [wanted], stream))[0])


@router.post("/check", response_model=CheckedAll, summary="Ask about up to 10,000 addresses")
def check_all(desk: Here, _: Checks, asked: Asked) -> Response:
    """Say which of many addresses may be mailed, all at one moment or nearly so."""
    wanted = [(each, key(each)) for each in asked.addresses]
    invalid = [each for each, address in wanted if not is_address(address)]
    good = [address for _, address in wanted if is_address(address)]
    results = _look_up(desk, good, asked.stream)
    return _json(
        {
            "results": results,
            "suppressed": sum(bool(each["suppressed"]) for each in results),
            "invalid": invalid,
        }
    )


def _look_up(desk: Desk, addresses: list[str], stream: str) -> list[dict[str, object]]:
    """Look addresses up in this thread, over a connection of its own."""
    found = desk.lookups.here().find_many(addresses, desk.clock(), stream)
    return [said(address, found.get(address)) for address in addresses]


def is_address(text: str) -> bool:
    """Say whether a normalised text has both halves of an address."""
    return all(text.rpartition("@")[::2])


def address_of(text: str) -> str:
    """Normalise an address.

    Raises:
        Refused: It is none.
    """
    address = key(text)
    if not is_address(address):
        raise Refused(
            HTTPStatus.UNPROCESSABLE_ENTITY, f"'{text[:80]}' is no address; write name@domain"
        )
    return address


def _json(value: object) -> Response:
    return Response(orjson.dumps(value), media_type="application/json")
