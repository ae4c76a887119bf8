"""`/v1/suppressions`: whom not to mail."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Literal

from anyio.to_thread import run_sync
from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse

from dsnwatch.cli.output import json_text
from dsnwatch.errors import DataError, UsageError
from dsnwatch.http import cursors
from dsnwatch.http.access import Caller, Reads, Writes
from dsnwatch.http.api_check import address_of
from dsnwatch.http.cursors import After, Limit
from dsnwatch.http.desk import Desk, Here
from dsnwatch.http.problems import Refused
from dsnwatch.http.shapes import Because, moment
from dsnwatch.http.shapes.lists import Added, Imported, Removed, Suppressions, ToAdd, ToRemove
from dsnwatch.intake import Intake, too_many
from dsnwatch.list_changes import put, release
from dsnwatch.lists import HEADING, as_cells, as_dict
from dsnwatch.lists.reading import Asked, read
from dsnwatch.records import Suppression
from dsnwatch.rfc.address import key, like
from dsnwatch.rfc.csv_text import csv_lines
from dsnwatch.store import SuppressionFilter, new_id

router = APIRouter(tags=["suppressions"])
NAME = "import over the API"
ALLOWED = 0.1
PIECE = 200
"""Rows of an export that go out together."""


@dataclass(frozen=True, slots=True)
class _Import:
    """How a file is to be taken in."""

    because: str
    allow: float
    dry_run: bool


Name = Annotated[str | None, Query(max_length=998)]
EVERYTHING = Annotated[bool, Query(alias="all", description="Those that have run out as well.")]


@router.get("/suppressions", response_model=Suppressions, summary="List whom not to mail")
def list_suppressions(
    desk: Here,
    _: Reads,
    *,
    address: Name = None,
    domain: Name = None,
    reason: Name = None,
    origin: Name = None,
    stream: Annotated[
        str | None, Query(max_length=200, description='Only this very stream; "" is all streams.')
    ] = None,
    everything: EVERYTHING = False,
    limit: Limit = 100,
    cursor: After = None,
) -> dict[str, object]:
    """List suppressions in the order of address and stream."""
    wanted = SuppressionFilter(
        address=None if address is None else address_of(address),
        domain=domain_of(domain),
        reason=reason,
        origin=origin,
        stream=stream,
        active_at=None if everything else desk.clock(),
    )
    after = cursors.read(cursor, 2)
    behind = None if after is None else (after[0], after[1])
    found = desk.store.suppressions(wanted, limit + 1, behind)
    return cursors.paged(found, limit, as_dict, lambda each: (each.address, each.stream))


@router.post("/suppressions", response_model=Added, summary="Suppress addresses by hand")
def add(desk: Here, caller: Writes, body: ToAdd) -> dict[str, object]:
    """Suppress addresses; one that is suppressed for as long already stays as it is."""
    now, until = desk.clock(), moment(body.until)
    if until is not None and until <= now:
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "until: is past; give a later moment")
    new = {
        address: Suppression(
            address=address,
            reason="manual",
            origin="manual",
            rule="suppressions add",
            since=now,
            until=until,
            stream=body.stream,
            note=body.because,
        )
        for address in map(address_of, body.addresses)
    }
    subscriptions = desk.loaded().subscriptions
    written = put(desk.store, [*new.values()], body.because, caller.who, subscriptions)
    return {"added": [each.address for each in written], "unchanged": len(new) - len(written)}


@router.post("/suppressions/remove", response_model=Removed, summary="Let addresses be mailed")
def remove(desk: Here, caller: Writes, body: ToRemove) -> dict[str, object]:
    """Take addresses off the list, all in one transaction; what was told of them counts no more."""
    wanted = list(dict.fromkeys(map(address_of, body.addresses)))
    keys = [(address, body.stream) for address in wanted]
    subscriptions = desk.loaded().subscriptions
    gone = release(desk.store, keys, said(body.because), caller.who, subscriptions)
    removed = [address for address, _ in gone]
    return {"removed": removed, "absent": len(wanted) - len(removed)}


@router.post(
    "/suppressions/import",
    response_model=Imported,
    summary="Take in a file",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"text/csv": {"schema": {"type": "string"}}},
        }
    },
)
async def import_suppressions(
    request: Request,
    desk: Here,
    caller: Writes,
    *,
    because: Annotated[Because, Query()] = "",
    dry_run: Annotated[bool, Query(description="Count, and write nothing.")] = False,
    allow: Annotated[
        float,
        Query(
            ge=0,
            le=1,
            description="Which share of the addresses that have shown life it may suppress.",
        ),
    ] = ALLOWED,
) -> dict[str, object]:
    """Take in CSV with a column `address`, or JSON lines; where a row is wrong, nothing of it.

    `dsnwatch suppressions undo` takes the batch back.
    """
    body = await request.body()
    asked = _Import(because, allow, dry_run=dry_run)
    return await run_sync(_taken_in, desk, caller, body, asked)


def _taken_in(desk: Desk, caller: Caller, body: bytes, asked: _Import) -> dict[str, object]:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError("the body is not UTF-8; convert it") from error
    loaded, now = desk.loaded(), desk.clock()
    source = read(text.splitlines(keepends=True), Asked("body", now))
    rows = [*source.rows] if source else []
    for row in rows:
        if isinstance(row, DataError):
            raise row
    never = like(loaded.configuration.settings.policy.never_suppress)
    intake = Intake(desk.store, None, now, caller.who, loaded.subscriptions, never=never)
    found = intake.compare(rows)
    if too_many(found, asked.allow):
        raise Refused(
            HTTPStatus.CONFLICT,
            f"nothing is written: it would suppress {found.living} of {found.known_living} "
            f"addresses that have shown life ({found.share:.1%}); look at it, and give "
            f"allow={found.share:.2f} if that is right",
        )
    batch = new_id(now) if found.changed and not asked.dry_run else None
    if batch is not None:
        for done in intake.write(rows, batch, NAME, asked.because):
            found.new, found.longer = done.new, done.longer
    written = found.changed
    return {"rows": found.rows, "written": written, "batch": batch, "dry_run": asked.dry_run}


@router.get(
    "/suppressions/export",
    summary="Take the whole list out",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/csv": {}, "application/x-ndjson": {}}}},
)
def export(
    desk: Here,
    _: Reads,
    *,
    form: Annotated[Literal["csv", "json"], Query(alias="format")] = "csv",
    everything: EVERYTHING = False,
) -> StreamingResponse:
    """Give every suppression that holds, as CSV that no spreadsheet runs, or as JSON lines."""
    wanted = SuppressionFilter(active_at=None if everything else desk.clock())
    found = desk.store.suppressions(wanted)
    if form == "csv":
        texts, media = csv_lines(HEADING, map(as_cells, found)), "text/csv; charset=utf-8"
    else:
        texts, media = (json_text(as_dict(each)) for each in found), "application/x-ndjson"
    name = f"suppressions.{'csv' if form == 'csv' else 'jsonl'}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(_pieces(texts), media_type=media, headers=headers)


async def _pieces(texts: Iterator[str]) -> AsyncIterator[str]:
    """Give texts some at a time, each time from a thread."""
    while piece := await run_sync(lambda: "".join(_some(texts))):
        yield piece


def _some(texts: Iterator[str]) -> Iterator[str]:
    for _, text in zip(range(PIECE), texts, strict=False):
        yield text


def domain_of(text: str | None) -> str | None:
    """Normalise a domain to look for."""
    return None if text is None else key(f"@{text}").removeprefix("@")


def said(because: str) -> str:
    """See that a reason says something.

    Raises:
        Refused: It is blank.
    """
    if not because.strip():
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "because: say why; it is kept")
    return because
