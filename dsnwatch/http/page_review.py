"""Review: what waits for a person's word."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from dsnwatch.harvest import draft, harvested
from dsnwatch.http.api_backscatter import forged_counts, forgeries
from dsnwatch.http.api_events import attached
from dsnwatch.http.api_list import said
from dsnwatch.http.api_review import drop_item, hold_of, item_of, reread, settle
from dsnwatch.http.desk import Desk, Here
from dsnwatch.http.people import Acts, Form, Looks
from dsnwatch.http.render import page, query
from dsnwatch.model import BounceClass, Kind
from dsnwatch.store import EventFilter, MessageFilter

router = APIRouter(include_in_schema=False)

SHOWN = 20
PAGE = 50
LOOKED_AT = 200
DRAFTS = 10
LETTERS = timedelta(days=3)
"""How far back ordinary mail is shown: nothing finds it but going through all that came in."""

DONE = {
    "release": "What was held is carried out.",
    "drop": "It is dropped.",
    "read": "It could be read, and is where it belongs.",
    "unread": "It still cannot be read.",
}


@dataclass(frozen=True, slots=True)
class _Draft:
    """Texts that no rule decided, and a rule that would."""

    count: int
    said: str
    row: str
    sample: str


@router.get("/review")
def review(
    request: Request, desk: Here, who: Looks, done: Annotated[str, Query(max_length=20)] = ""
) -> HTMLResponse:
    """Show what waits."""
    holds = [*desk.store.holds()]
    letters = MessageFilter(kind=Kind.OTHER, stored_since=desk.clock() - LETTERS)
    return page(
        request,
        desk,
        who,
        "review.html",
        "Review",
        holds=holds,
        first={hold.id: [*desk.store.held_events(hold.id, SHOWN)] for hold in holds},
        quarantine=[*desk.store.quarantined(SHOWN)],
        drafts=[*_drafts(desk)],
        letters=[*desk.store.messages(letters, SHOWN, newest=True)],
        forged=forged_counts(desk),
        done=DONE.get(done, ""),
    )


@router.get("/review/forged")
def forged(
    request: Request, desk: Here, who: Looks, after: Annotated[str, Query(max_length=40)] = ""
) -> HTMLResponse:
    """Show reports about mail that was never ours, newest first."""
    found = [*forgeries(desk, PAGE + 1, after or None)]
    return page(
        request,
        desk,
        who,
        "forged.html",
        "Forged",
        counts=forged_counts(desk),
        found=found[:PAGE],
        first=not after,
        next=found[PAGE - 1].id if len(found) > PAGE else "",
    )


@router.post("/review/hold")
def hold(desk: Here, who: Acts, form: Form) -> Response:
    """Let a hold through, or drop it."""
    through = form.get("do") == "release"
    because = said(form.get("because", ""))
    settle(desk, who, hold_of(desk, form.get("hold", "")), because, through=through)
    return _back("release" if through else "drop")


@router.post("/review/quarantine")
def quarantine(desk: Here, who: Acts, form: Form) -> Response:
    """Read a message again, or drop it."""
    item = item_of(desk, form.get("item", ""))
    if form.get("do") == "retry":
        return _back("read" if reread(desk, item)["read"] else "unread")
    drop_item(desk, who, item, said(form.get("because", "")))
    return _back("drop")


@router.get("/quarantine/{item_id}/raw")
def raw(desk: Here, _: Looks, item_id: str) -> Response:
    """Give the bytes of a message that could not be read."""
    return attached(item_of(desk, item_id[:40]).raw.data, item_id[:40])


def _back(done: str) -> Response:
    return RedirectResponse(f"/review?{query(done=done)}", HTTPStatus.SEE_OTHER)


def _drafts(desk: Desk) -> Iterator[_Draft]:
    """Draft rules for the latest refusals that no rule decided, the most frequent first."""
    wanted = EventFilter(bounce_class=BounceClass.UNDETERMINED)
    counts: Counter[str] = Counter()
    first: dict[str, tuple[str, str, str | None]] = {}
    for stored in islice(desk.store.events(wanted, LOOKED_AT, newest=True), LOOKED_AT):
        text = harvested(stored.event.recipient)
        name = text.phrase or text.example
        counts[name] += 1
        first.setdefault(name, (stored.id, text.example, text.phrase))
    for name, count in counts.most_common(DRAFTS):
        sample, example, phrase = first[name]
        row = draft(phrase, "undetermined", [example], "seen in Review") if phrase else ""
        yield _Draft(count, example, row, sample)
