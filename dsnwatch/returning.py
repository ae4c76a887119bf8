"""Who was suppressed for a while and may be tried again: rest, trial, and then active or review.

A sign of life frees at once (`revival`). Where none comes by itself, somebody tries: after a rest
the suppression is lifted for some days, and what bounces then puts it back. Two trials without a
sign of life, or a relapse after a release, are for a person to look at.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from itertools import chain, islice
from typing import TYPE_CHECKING

from dsnwatch.changes import Changes, Key
from dsnwatch.model import Kind
from dsnwatch.records import Suppression
from dsnwatch.rfc.keyed_hash import MARK
from dsnwatch.store import SuppressionFilter
from dsnwatch.subscriptions import NOBODY, Subscriptions

if TYPE_CHECKING:
    from dsnwatch.config.guards import ComingBackSection
    from dsnwatch.store import Store, Writer

AT_ONCE = 500


class Rest(StrEnum):
    """How far somebody is on the way back."""

    RESTING = "resting"
    DUE = "due"
    TRIAL = "trial"
    REVIEW = "review"


@dataclass(frozen=True, slots=True)
class Returning:
    """Somebody on the way back.

    Attributes:
        row: What the list says of him.
        state: `resting` until `at`; `due` since `at`; on `trial` until `at`; for `review` since
            `at`.
        last_failure: When he failed last.
        trials: How often he was tried lately.
    """

    row: Suppression
    state: Rest
    at: datetime
    last_failure: datetime
    trials: int


def returning(store: "Store", section: "ComingBackSection", now: datetime) -> Iterator[Returning]:
    """List everybody who is on the way back, by address: whom soft failures suppressed for a while.

    Behind them those who relapsed: whom a hard bounce put on the list again soon after a release.
    """
    for_a_while = store.suppressions(SuppressionFilter(origin=Kind.BOUNCE.value, ends_after=now))
    relapsed = store.suppressions(
        SuppressionFilter(origin=Kind.BOUNCE.value, relapsed=True, active_at=now)
    )
    everybody = chain(for_a_while, (row for row in relapsed if row.until is None))
    # Whoever was forgotten is tried no more: nobody knows where to send.
    for row in _pieces(row for row in everybody if not row.address.startswith(MARK)):
        with store.look() as writer:
            found = [*_states(writer, row, section, now)]
        yield from found


def _pieces(rows: Iterable[Suppression]) -> Iterator[list[Suppression]]:
    rest = iter(rows)
    while piece := list(islice(rest, AT_ONCE)):
        yield piece


def _states(
    writer: "Writer", rows: Sequence[Suppression], section: "ComingBackSection", now: datetime
) -> Iterator[Returning]:
    addresses = {row.address for row in rows}
    failures = writer.last_failures_of(addresses)
    trials = writer.trials_of(addresses, now - section.within)
    for row in rows:
        last = max(failures.get(row.address, row.since), row.since)
        tried = trials.get((row.address, row.stream), [])
        yield Returning(row, *_state(row, last, tried, section, now), last, len(tried))


def _state(
    row: Suppression,
    last: datetime,
    tried: Sequence[datetime],
    section: "ComingBackSection",
    now: datetime,
) -> tuple[Rest, datetime]:
    if row.until is None:
        return Rest.REVIEW, row.since
    if row.lifted_until is not None and row.lifted_until > now:
        return Rest.TRIAL, row.lifted_until
    if len(tried) >= section.trials:
        return Rest.REVIEW, tried[-1]
    rested = last + section.rest
    return (Rest.RESTING if now < rested else Rest.DUE), rested


def try_again(
    store: "Store",
    section: "ComingBackSection",
    keys: Iterable[Key] | None,
    who: str,
    wanted: Subscriptions = NOBODY,
    *,
    limit: int | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Iterator[Key]:
    """Lift the suppressions of those who are due, for as long as a trial lasts.

    Args:
        store: Where they are.
        section: How long a trial lasts, and who is due.
        keys: Addresses with their streams; None is everybody who is due.
        who: For the audit log.
        wanted: Which hooks want to be told.
        limit: How many at most.
        clock: Tells the time.

    Returns:
        Who is tried; some a transaction, on disk when they are given.
    """
    now = clock()
    asked = None if keys is None else frozenset(keys)
    due = (
        (each.row.address, each.row.stream)
        for each in returning(store, section, now)
        if each.state is Rest.DUE
        and (asked is None or (each.row.address, each.row.stream) in asked)
    )
    rest = islice(due, limit)
    while piece := list(islice(rest, AT_ONCE)):
        until = now + section.trial
        with store.write() as writer:
            tried = Changes(writer, now, who, wanted).lift(
                piece, until, f"on trial until {until:%Y-%m-%d %H:%M} UTC"
            )
        yield from tried
