"""`/v1/quarantine` and `/v1/holds`: what waits for a person."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from dsnwatch.holding import Holding
from dsnwatch.http import cursors
from dsnwatch.http.access import Caller, Reads, Writes
from dsnwatch.http.api_events import attached
from dsnwatch.http.api_list import said
from dsnwatch.http.cursors import After, Limit
from dsnwatch.http.desk import Desk, Here
from dsnwatch.http.problems import Refused
from dsnwatch.http.shapes import Settled, WithReason
from dsnwatch.http.shapes.review import HeldEvents, Holds, Quarantined, QuarantinedShape, Reread
from dsnwatch.records import ReceiptState
from dsnwatch.shown import held_dict, hold_dict, quarantine_dict
from dsnwatch.store import Hold, QuarantineItem

router = APIRouter(tags=["review"])
Key = Annotated[str, Path(max_length=200)]


@router.get("/quarantine", response_model=Quarantined, summary="List what could not be read")
def list_quarantined(
    desk: Here, _: Reads, limit: Limit = 100, cursor: After = None
) -> dict[str, object]:
    """List messages that could not be read, oldest first."""
    found = desk.store.quarantined(limit + 1, cursors.behind(cursor))
    return cursors.paged(found, limit, quarantine_dict, lambda each: (each.id,))


@router.get("/quarantine/{key}", response_model=QuarantinedShape, summary="Show one")
def quarantined(desk: Here, _: Reads, key: Key) -> object:
    """Show a message that could not be read, and why."""
    return quarantine_dict(item_of(desk, key))


@router.get(
    "/quarantine/{key}/raw",
    summary="Give its bytes",
    response_class=Response,
    responses={200: {"content": {"message/rfc822": {}}}},
)
def quarantined_raw(desk: Here, _: Reads, key: Key) -> Response:
    """Give a message that could not be read, as it came."""
    return attached(item_of(desk, key).raw.data, key)


@router.post("/quarantine/{key}/retry", response_model=Reread, summary="Read it again")
def retry(desk: Here, _: Writes, key: Key) -> dict[str, object]:
    """Read a message again by the rules of today; where that works, it leaves the quarantine."""
    return reread(desk, item_of(desk, key))


def reread(desk: Desk, item: QuarantineItem) -> dict[str, object]:
    """Hand a quarantined message to the reader once more."""
    (receipt,) = desk.loaded().ingest(desk.store).retry([item])
    return {
        "id": receipt.id,
        "read": receipt.state is not ReceiptState.QUARANTINED,
        "kind": receipt.kind,
        "events": receipt.events,
    }


@router.post("/quarantine/{key}/drop", response_model=Settled, summary="Let it go")
def drop_quarantined(desk: Here, caller: Writes, key: Key, body: WithReason) -> dict[str, object]:
    """Let go of a message that nobody can read, with its bytes, for good."""
    drop_item(desk, caller, item_of(desk, key), said(body.because))
    return {"done": 1}


def drop_item(desk: Desk, caller: Caller, item: QuarantineItem, because: str) -> None:
    """Take a message out of quarantine for good, with a line in the audit log."""
    with desk.store.write() as writer:
        if writer.remove_quarantine(item.id):
            detail = {"fingerprint": item.fingerprint, "defects": list(item.defects)}
            writer.audit(desk.clock(), caller.who, "quarantine.drop", item.id, because, detail)


@router.get("/holds", response_model=Holds, summary="List suppressions that wait")
def list_holds(desk: Here, _: Reads) -> dict[str, object]:
    """List what waits for a person, oldest first."""
    return {"items": [hold_dict(each) for each in desk.store.holds()]}


@router.get("/holds/{key}/events", response_model=HeldEvents, summary="Show whom one is about")
def held(
    desk: Here, _: Reads, key: Key, limit: Annotated[int, Query(ge=1, le=10_000)] = 100
) -> dict[str, object]:
    """Show the first decisions of a hold, in the order the reports came."""
    hold = hold_of(desk, key)
    return {"items": [held_dict(each) for each in desk.store.held_events(hold.id, limit)]}


@router.post("/holds/{key}/release", response_model=Settled, summary="Suppress them after all")
def release(desk: Here, caller: Writes, key: Key, body: WithReason) -> dict[str, object]:
    """Carry out what was held: everybody it is about is suppressed."""
    return {"done": settle(desk, caller, hold_of(desk, key), said(body.because), through=True)}


@router.post("/holds/{key}/drop", response_model=Settled, summary="Suppress nobody by it")
def drop(desk: Here, caller: Writes, key: Key, body: WithReason) -> dict[str, object]:
    """Forget what was held: nobody is suppressed, and the reports count for nothing."""
    return {"done": settle(desk, caller, hold_of(desk, key), said(body.because), through=False)}


def settle(desk: Desk, caller: Caller, hold: Hold, because: str, *, through: bool) -> int:
    """Let a hold through or drop it; counts its decisions."""
    loaded = desk.loaded()
    holding = Holding(
        desk.store, caller.who, loaded.subscriptions, desk.clock, spares=loaded.policy.spares
    )
    return max((holding.release if through else holding.drop)(hold, because), default=0)


def hold_of(desk: Desk, name: str) -> Hold:
    """Find a hold by its id or its name.

    Raises:
        Refused: There is none.
    """
    found = Holding(desk.store, "").find(name)
    if found is None:
        raise Refused(HTTPStatus.NOT_FOUND, "no such hold; it may have been settled already")
    return found


def item_of(desk: Desk, key: str) -> QuarantineItem:
    """Find a message in quarantine, with its octets.

    Raises:
        Refused: There is none.
    """
    found = desk.store.quarantine_item(key)
    if found is None:
        raise Refused(HTTPStatus.NOT_FOUND, "no such message in quarantine; it may have been read")
    return found
