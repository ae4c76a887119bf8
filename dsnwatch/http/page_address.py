"""Address, event and search: everything about one of them, and the way out of the list."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from dsnwatch.http.api_check import address_of, is_address
from dsnwatch.http.api_events import attached, message_of
from dsnwatch.http.api_list import domain_of, said
from dsnwatch.http.desk import Desk, Here
from dsnwatch.http.people import Acts, Form, Looks
from dsnwatch.http.problems import Refused
from dsnwatch.http.render import environment, page, query
from dsnwatch.list_changes import put, release
from dsnwatch.reading import details
from dsnwatch.reading.reader import Explained
from dsnwatch.records import StoredEvent, Suppression
from dsnwatch.rfc.address import key
from dsnwatch.store import EventFilter, SuppressionFilter

router = APIRouter(include_in_schema=False)

PAGE = 50
LISTED = 20
NEAR = 8
RAW_SHOWN = 64 << 10
DONE = {"released": "It may be mailed again.", "suppressed": "It is suppressed from now on."}

Text = Annotated[str, Query(max_length=998)]
Piece = tuple[str, bool]
"""A piece of a text, and whether it is marked."""


@router.get("/address")
def address(
    request: Request, desk: Here, who: Looks, *, a: Text, after: Text = "", done: Text = ""
) -> HTMLResponse:
    """Show all that is known of an address."""
    wanted, now = address_of(a), desk.clock()
    rows = [*desk.store.suppressions(SuppressionFilter(address=wanted))]
    events = desk.store.events(EventFilter(address=wanted), PAGE + 1, after or None, newest=True)
    found = [*events]
    with desk.store.look() as looked:
        life = looked.life_of([wanted]).get(wanted)
    return page(
        request,
        desk,
        who,
        "address.html",
        wanted,
        address=wanted,
        rows=rows,
        holding=any(_holds(row, desk) for row in rows),
        events_found=found[:PAGE],
        next=found[PAGE - 1].id if len(found) > PAGE else "",
        life=life.at if life else None,
        done=DONE.get(done, ""),
        moment=now,
    )


def _holds(row: Suppression, desk: Desk) -> bool:
    now = desk.clock()
    lifted = row.lifted_until is not None and row.lifted_until > now
    return not lifted and (row.until is None or row.until > now)


@router.post("/address/release")
def let_go(desk: Here, who: Acts, form: Form) -> Response:
    """Take an address off the list."""
    wanted = address_of(form.get("a", ""))
    keys = [(wanted, form.get("stream", ""))]
    release(desk.store, keys, said(form.get("because", "")), who.who, desk.loaded().subscriptions)
    return _back(wanted, "released")


@router.post("/address/suppress")
def suppress(desk: Here, who: Acts, form: Form) -> Response:
    """Put an address on the list."""
    wanted, because = address_of(form.get("a", "")), said(form.get("because", ""))
    row = Suppression(wanted, "manual", "manual", "suppressions add", desk.clock(), note=because)
    put(desk.store, [row], because, who.who, desk.loaded().subscriptions)
    return _back(wanted, "suppressed")


def _back(wanted: str, done: str) -> Response:
    return RedirectResponse(f"/address?{query(a=wanted, done=done)}", HTTPStatus.SEE_OTHER)


@router.get("/event/{event_id}")
def event(request: Request, desk: Here, who: Looks, event_id: str) -> HTMLResponse:
    """Show one event, what was said with what was heard marked, and the message."""
    stored = desk.store.event(event_id[:40])
    if stored is None:
        raise Refused(HTTPStatus.NOT_FOUND, "This event is not kept any more (keep.events).")
    message = desk.store.message(stored.message_id)
    raw = desk.store.raw(stored.message_id)
    why = _explained(desk, stored, raw)
    shown = raw[:RAW_SHOWN].decode("utf-8", "replace") if raw is not None else ""
    words = [step.match.text for step in why.steps if step.match.span[1]] if why else []
    told = details.as_dict(stored.event.details)
    return page(
        request,
        desk,
        who,
        "event.html",
        "Event",
        event=stored.event,
        decision=stored.decision,
        said=_marked(stored.event.recipient.diagnostic, words),
        prose=_marked(stored.event.recipient.prose, words),
        details=[(name.replace("_", " "), value) for name, value in told.items() if value],
        steps=[*{(s.match.rule, s.match.text): s for s in why.steps}.values()] if why else [],
        source=message.raw.locator if message else "",
        raw=_marked(shown, words),
        cut=raw is not None and len(raw) > RAW_SHOWN,
        message_id=stored.message_id,
    )


def _explained(desk: Desk, stored: StoredEvent, raw: bytes | None) -> Explained | None:
    """Tell which rules spoke, by the rules of today."""
    if raw is None:
        return None
    found = desk.loaded().reader.explain(raw).recipients
    same = (each for each in found if each.recipient.recipient == stored.event.recipient.recipient)
    return next(same, None)


def _marked(text: str, words: Sequence[str]) -> list[Piece]:
    """Cut a text into pieces, with the words that were heard marked; white space may differ."""
    pieces: list[Piece] = []
    rest = text.replace("\r\n", "\n")
    wanted = [word for word in dict.fromkeys(words) if word.strip()]
    while rest:
        lower = rest.lower()
        spots = [(at, len(word)) for word in wanted if (at := lower.find(word.lower())) >= 0]
        if not spots or len(lower) != len(rest):
            break
        at, size = min(spots, key=lambda spot: (spot[0], -spot[1]))
        pieces += [(rest[:at], False), (rest[at : at + size], True)]
        rest = rest[at + size :]
    return [piece for piece in [*pieces, (rest, False)] if piece[0]]


@router.get("/message/{message_id}/raw")
def raw(desk: Here, _: Looks, message_id: str) -> Response:
    """Give the bytes of a message."""
    data = desk.store.raw(message_of(desk, message_id[:40]).id)
    if data is None:
        raise Refused(HTTPStatus.NOT_FOUND, "Its bytes are gone (keep.raw_messages).")
    return attached(data, message_id[:40])


@router.get("/search")
def search(request: Request, desk: Here, who: Looks, q: Text = "") -> Response:
    """Find an address, a domain or an id."""
    wanted = q.strip()
    if is_address(key(wanted)):
        return RedirectResponse(f"/address?{query(a=wanted)}", HTTPStatus.SEE_OTHER)
    if wanted and desk.store.event(wanted.upper()[:40]):
        return RedirectResponse(f"/event/{wanted.upper()}", HTTPStatus.SEE_OTHER)
    domain = domain_of(wanted.lstrip("@")) or ""
    rows: list[Suppression] = []
    found: list[StoredEvent] = []
    if wanted and desk.store.message(wanted.upper()[:40]):
        found = [*desk.store.events(EventFilter(message_id=wanted.upper()), PAGE)]
        with desk.store.look() as looked:
            told = looked.suppressions_of({each.event.attribution.recipient for each in found})
        rows = [row for some in told.values() for row in some if _holds(row, desk)]
    elif wanted:
        found = [*desk.store.events(EventFilter(domain=domain), PAGE, newest=True)]
        listed = SuppressionFilter(domain=domain, active_at=desk.clock())
        rows = [*desk.store.suppressions(listed, LISTED)]
    return page(
        request, desk, who, "search.html", "Search", q=wanted, rows=rows, found=found, listed=LISTED
    )


@router.get("/search/near")
def near(desk: Here, _: Looks, q: Text = "") -> HTMLResponse:
    """Suggest addresses that begin so."""
    begun = key(q.strip())
    found = desk.store.addresses_from(begun, NEAR) if len(begun) > 1 else []
    text = environment().get_template("near.html").render(found=found)
    return HTMLResponse(text)
