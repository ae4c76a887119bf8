"""`/v1/backscatter`: reports about mail that was never ours, because somebody used our name."""

from collections.abc import Iterator
from datetime import timedelta

from fastapi import APIRouter

from dsnwatch.http import cursors
from dsnwatch.http.access import Reads
from dsnwatch.http.cursors import After, Limit
from dsnwatch.http.desk import Desk, Here
from dsnwatch.http.shapes.review import Backscatter
from dsnwatch.records import StoredEvent
from dsnwatch.shown import event_dict
from dsnwatch.store import EventFilter, Span
from dsnwatch.store.tally import BACKSCATTER

router = APIRouter(tags=["review"])
SPANS = (
    ("day", timedelta(days=1)),
    ("week", timedelta(days=7)),
    ("month", timedelta(days=30)),
)


@router.get("/backscatter", response_model=Backscatter, summary="List forged mail's reports")
def list_backscatter(
    desk: Here, _: Reads, limit: Limit = 100, cursor: After = None
) -> dict[str, object]:
    """List reports about mail that was never ours, newest first, and count them.

    They count for nothing: nobody is suppressed, no rate knows them, no hook is told.
    """
    found = forgeries(desk, limit + 1, cursors.behind(cursor))
    told = cursors.paged(found, limit, event_dict, lambda each: (each.id,))
    return {"counts": forged_counts(desk)} | told


def forgeries(desk: Desk, limit: int, after: str | None) -> Iterator[StoredEvent]:
    """Give them, newest first, behind an id."""
    return desk.store.events(EventFilter(backscatter=True), limit, after, newest=True)


def forged_counts(desk: Desk) -> dict[str, int]:
    """Count them: of the last day, week and month, and all there ever were."""
    now = desk.clock()
    counts = {
        name: desk.store.counted(Span.last(length, now)).backscatter for name, length in SPANS
    }
    ever = (count for kind, _, _, _, count in desk.store.event_totals() if kind == BACKSCATTER)
    return counts | {"ever": sum(ever)}
