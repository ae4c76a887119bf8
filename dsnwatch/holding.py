"""What waits for a person: let it through, or let it go."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dsnwatch.changes import Changes
from dsnwatch.guarding import alert_of
from dsnwatch.news import suppression_by
from dsnwatch.records import DecisionAction, StoredEvent
from dsnwatch.subscriptions import NOBODY, Subscriptions

if TYPE_CHECKING:
    from dsnwatch.store import Hold, Store, Writer

BATCH = 500
"""Decisions carried out in one transaction."""


class Holding:
    """Settles holds, some decisions a transaction; stopped half-way, the rest still waits.

    Args:
        store: Where they are.
        who: For the audit log.
        wanted: Which hooks want to be told.
        clock: Tells the time.
        spares: Says who is never suppressed: it may have been configured since.
    """

    def __init__(
        self,
        store: "Store",
        who: str,
        wanted: Subscriptions = NOBODY,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        spares: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._store = store
        self._who = who
        self._wanted = wanted
        self._clock = clock
        self._spares = spares

    def find(self, name: str) -> "Hold | None":
        """Find a hold by its id or its name."""
        return next((hold for hold in self._store.holds() if name in {hold.id, hold.name}), None)

    def release(self, hold: "Hold", because: str) -> Iterator[int]:
        """Carry out what was held: suppress, but for whom the policy has come to spare.

        Gives how many decisions are done, by and by.
        """
        return self._settle(hold, because, "hold.release", self._let_through)

    def drop(self, hold: "Hold", because: str) -> Iterator[int]:
        """Forget what was held: nobody is suppressed, and the reports count for nothing."""
        return self._settle(hold, because, "hold.drop", self._let_go)

    def _settle(
        self,
        hold: "Hold",
        because: str,
        verb: str,
        settle: "Callable[[Writer, Hold, list[StoredEvent], datetime], None]",
    ) -> Iterator[int]:
        done, left = 0, True
        while left:
            now = self._clock()
            with self._store.write() as writer:
                events = writer.some_held(hold.id, BATCH)
                settle(writer, hold, events, now)
                writer.remove_held([stored.id for stored in events])
                done += len(events)
                left = len(events) == BATCH
                if not left:
                    writer.close_hold(hold.id)
                    writer.audit(now, self._who, verb, hold.name, because, {"events": done})
                    writer.add_news(alert_of(self._wanted, "alert.cleared", hold, now), now)
            yield done

    def _let_through(
        self, writer: "Writer", hold: "Hold", events: list[StoredEvent], now: datetime
    ) -> None:
        through = [
            _decided(stored, DecisionAction.IGNORE, self._who, _SPARED)
            if self._spares(stored.event.attribution.recipient)
            else _decided(stored, DecisionAction.SUPPRESS, self._who)
            for stored in events
        ]
        writer.rewrite_events(through)
        rows = [
            suppression_by(stored)._replace(batch=hold.id)
            for stored in through
            if stored.decision.action is DecisionAction.SUPPRESS
        ]
        Changes(writer, now, self._who, self._wanted).put(rows)

    def _let_go(
        self,
        writer: "Writer",
        hold: "Hold",
        events: list[StoredEvent],
        now: datetime,  # noqa: ARG002  as `_let_through` has it
    ) -> None:
        writer.rewrite_events(
            [_decided(stored, DecisionAction.IGNORE, self._who, "dropped") for stored in events]
        )
        writer.void_events([stored.id for stored in events], hold.id)


_SPARED = "policy.never_suppress names this address, when let through"


def _decided(
    stored: StoredEvent, action: DecisionAction, who: str, done: str = "let through"
) -> StoredEvent:
    decision = stored.decision
    return stored._replace(
        decision=decision._replace(action=action, because=f"{decision.because}; {done} by {who}")
    )
