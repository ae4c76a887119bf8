"""`/v1/events` and `/v1/messages`: what happened to whom, and what came in."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Response

from dsnwatch.http import cursors
from dsnwatch.http.access import Reads
from dsnwatch.http.api_check import address_of
from dsnwatch.http.api_list import Name, domain_of
from dsnwatch.http.cursors import After, Limit
from dsnwatch.http.desk import Desk, Here
from dsnwatch.http.problems import Refused
from dsnwatch.http.shapes import moment
from dsnwatch.http.shapes.events import Events, EventShape, Messages, MessageShape
from dsnwatch.model import BounceClass, Kind
from dsnwatch.records import StoredMessage
from dsnwatch.shown import event_dict, message_dict
from dsnwatch.store import EventFilter, MessageFilter

router = APIRouter(tags=["events and messages"])

Key = Annotated[str, Path(max_length=40)]
Moment = Annotated[datetime | None, Query(description="RFC 3339; without a zone it is UTC.")]
Order = Annotated[Literal["oldest", "newest"], Query(description="Which comes first.")]
EventOrder = Annotated[
    Literal["oldest", "newest", "stored"],
    Query(
        description="Which comes first. `stored`: only what is stored from now on, as it comes; "
        "`next` is always given, and asking with it again goes on there, whenever."
    ),
]


@router.get("/events", response_model=Events, summary="List what happened")
def list_events(
    desk: Here,
    _: Reads,
    *,
    address: Name = None,
    domain: Name = None,
    provider: Name = None,
    reason: Name = None,
    bounce_class: Annotated[BounceClass | None, Query(alias="class")] = None,
    kind: Kind | None = None,
    stream: Name = None,
    campaign: Name = None,
    message: Annotated[str | None, Query(max_length=40, description="Id of a message.")] = None,
    since: Moment = None,
    until: Moment = None,
    order: EventOrder = "oldest",
    limit: Limit = 100,
    cursor: After = None,
) -> dict[str, object]:
    """List events in the order of their ids, all that the parameters do not rule out.

    Pages of a list show what was there. A program that wants to hear of each new event asks for
    `order=stored`: what another daemon stores late comes too, and each event once.
    """
    wanted = EventFilter(
        address=None if address is None else address_of(address),
        domain=domain_of(domain),
        reason=reason,
        bounce_class=bounce_class,
        kind=kind,
        stream=stream,
        since=moment(since),
        until=moment(until),
        message_id=message,
        provider=provider,
        campaign=campaign,
    )
    if order == "stored":
        return _followed(desk, wanted, limit, cursor)
    after = cursors.behind(cursor)
    found = desk.store.events(wanted, limit + 1, after, newest=order == "newest")
    return cursors.paged(found, limit, event_dict, lambda each: (each.id,))


def _followed(desk: Desk, wanted: EventFilter, limit: int, cursor: str | None) -> dict[str, object]:
    """Give what came since the last time; the first time nothing, but where to go on."""
    end = desk.store.feed_end()
    place = end if cursor is None else cursors.place(cursor)
    if place.transaction > end.transaction:
        raise Refused(
            HTTPStatus.CONFLICT,
            "cursor: the store was restored from before that; list what there is, and begin anew",
        )
    found = desk.store.follow(place, wanted, limit)
    return {
        "items": [event_dict(each) for each in found.events],
        "next": cursors.written((str(found.place.transaction), found.place.event)),
    }


@router.get("/events/{key}", response_model=EventShape, summary="Show one event")
def event(desk: Here, _: Reads, key: Key) -> object:
    """Show one event: what was said, what it means, what was decided and why."""
    stored = desk.store.event(key)
    if stored is None:
        raise Refused(HTTPStatus.NOT_FOUND, "no such event; it may have been swept (keep.events)")
    return event_dict(stored)


@router.get("/messages", response_model=Messages, summary="List what came in")
def list_messages(
    desk: Here,
    _: Reads,
    *,
    kind: Kind | None = None,
    stream: Name = None,
    since: Moment = None,
    until: Moment = None,
    order: Order = "oldest",
    limit: Limit = 100,
    cursor: After = None,
) -> dict[str, object]:
    """List messages in the order they were stored, all that the parameters do not rule out."""
    wanted = MessageFilter(kind=kind, stream=stream, since=moment(since), until=moment(until))
    after = cursors.behind(cursor)
    found = desk.store.messages(wanted, limit + 1, after, newest=order == "newest")
    return cursors.paged(found, limit, message_dict, lambda each: (each.id,))


@router.get("/messages/{key}", response_model=MessageShape, summary="Show one message")
def message(desk: Here, _: Reads, key: Key) -> object:
    """Show one message and who handed it over."""
    return message_dict(message_of(desk, key))


@router.get(
    "/messages/{key}/raw",
    summary="Give the bytes of a message",
    response_class=Response,
    responses={200: {"content": {"message/rfc822": {}}}},
)
def raw(desk: Here, _: Reads, key: Key) -> Response:
    """Give a message as it came; its bytes are kept as long as keep.raw_messages says."""
    message_of(desk, key)
    data = desk.store.raw(key)
    if data is None:
        raise Refused(HTTPStatus.NOT_FOUND, "its bytes are gone; keep.raw_messages says how long")
    return attached(data, key)


def attached(data: bytes, name: str) -> Response:
    """Give a stranger's octets so that no browser opens them."""
    safe = "".join(one for one in name if one.isalnum())
    headers = {"Content-Disposition": f'attachment; filename="{safe}.eml"'}
    return Response(data, media_type="message/rfc822", headers=headers)


def message_of(desk: Desk, key: str) -> StoredMessage:
    """Find a message.

    Raises:
        Refused: There is none.
    """
    found = desk.store.message(key)
    if found is None:
        raise Refused(HTTPStatus.NOT_FOUND, "no such message; it may have been swept")
    return found
