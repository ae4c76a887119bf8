"""What deciding again needs: events with the reports they were read from, and both rewritten."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy import Engine, bindparam, delete, func, select, update

from dsnwatch.model import BounceReport
from dsnwatch.records import StoredEvent
from dsnwatch.store import reports
from dsnwatch.store.connections import reading
from dsnwatch.store.questions import Question
from dsnwatch.store.rows import event_of, event_row
from dsnwatch.store.tables import AUDIT, EVENT, MESSAGE, SUPPRESSION
from dsnwatch.store.tallies import TallyWrites
from dsnwatch.store.values import storable

PAGE = 500
REWRITTEN = (
    "permanent", "bounce_class", "reason", "fault", "status", "reply_code", "rule", "confidence",
    "provider", "details", "decision", "decision_rule", "because", "until", "decision_stream",
)  # fmt: skip
"""The columns of an event that hang on rules and policy; all others stay as they are."""

Reported = tuple[StoredEvent, BounceReport]
"""An event, and the report that told of it."""

_REPORTED = Question(
    select(EVENT, MESSAGE.c.report)
    .join_from(EVENT, MESSAGE, MESSAGE.c.id == EVENT.c.message_id)
    .where(EVENT.c.void.is_(None))
    .order_by(EVENT.c.id),
    EVENT.c.address,
)


class ReplayQueries:
    """The reading half; a part of `Store`."""

    _engine: Engine
    _where: str

    def events_with_reports(self) -> Iterator[Reported]:
        """List all events that count and have a verdict, in the order stored, page by page."""
        after = ""
        statement = (
            select(EVENT, MESSAGE.c.report)
            .join_from(EVENT, MESSAGE, MESSAGE.c.id == EVENT.c.message_id)
            .where(EVENT.c.bounce_class.is_not(None), EVENT.c.void.is_(None))
            .order_by(EVENT.c.id)
            .limit(PAGE)
        )
        while True:
            with reading(self._engine, self._where) as connection:
                page = connection.execute(statement.where(EVENT.c.id > after)).mappings().all()
            for row in page:
                yield event_of(row), reports.from_json(row["report"])
            if len(page) < PAGE:
                return
            after = page[-1]["id"]

    def releases(self) -> Iterator[tuple[str, str]]:
        """List each address that somebody took off the list, with the id of the last time.

        Ids are in the order of time, those of the audit log and those of events alike.
        """
        statement = (
            select(AUDIT.c.subject, func.max(AUDIT.c.id))
            .where(AUDIT.c.verb == "suppression.remove")
            .group_by(AUDIT.c.subject)
        )
        with reading(self._engine, self._where) as connection:
            rows = connection.execute(statement).all()
        return ((address, id_) for address, id_ in rows)


class ReplayWrites(TallyWrites):
    """The writing half; a part of `Writer`."""

    def events_of_addresses(self, addresses: Iterable[str]) -> dict[str, list[Reported]]:
        """Find the events of each address that count, with their reports, in the order stored.

        Returns:
            The events by address; those without any are absent.
        """
        asked = {storable(address): address for address in addresses}
        found: defaultdict[str, list[Reported]] = defaultdict(list)
        for row in self._ask(_REPORTED, asked).mappings():
            told = (event_of(row), reports.from_json(row["report"]))
            found[asked[row["address"]]].append(told)
        return dict(found)

    def release_for_all(self, addresses: Sequence[str]) -> None:
        """Take addresses off the list for every stream; what is for one stream alone stays."""
        gone = SUPPRESSION.c.address.in_([*map(storable, addresses)])
        self._connection.execute(delete(SUPPRESSION).where(gone, SUPPRESSION.c.stream == ""))

    def rewrite_events(self, events: Sequence[StoredEvent]) -> None:
        """Put another verdict and decision in the place of what is stored; the rest stays."""
        if not events:
            return
        statement = (
            update(EVENT)
            .where(EVENT.c.id == bindparam("this"))
            .values({name: bindparam(f"new_{name}") for name in REWRITTEN})
        )
        rows = [event_row(event, self._node) for event in events]
        self.tally_again(rows)
        self._connection.execute(
            statement,
            [
                {"this": row["id"]} | {f"new_{name}": row[name] for name in REWRITTEN}
                for row in rows
            ],
        )
