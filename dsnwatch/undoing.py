"""Takes back what was suppressed by mistake: all that one bad hour did, and nothing else.

Reports are kept, and so is what the list said before. A rollback lets the events that suppressed
count for nothing, and restores for each address exactly what stood there without them. It can be
undone itself.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

from dsnwatch.changes import Changes
from dsnwatch.news import suppression_by
from dsnwatch.policy.guards import fingerprint
from dsnwatch.records import DecisionAction, StoredEvent, Suppression
from dsnwatch.rfc.date import rfc3339
from dsnwatch.store import EventFilter, new_id
from dsnwatch.subscriptions import NOBODY, Subscriptions

if TYPE_CHECKING:
    from dsnwatch.store import Store, Writer

AT_ONCE = 200
"""Addresses in one transaction."""


@dataclass(frozen=True, slots=True)
class Incident:
    """What went wrong: which suppressions are to be taken back.

    Attributes:
        since: From that moment on.
        until: Before that moment.
        rule: Id of the row of the policy that decided, or of the rule that judged; "" is any.
        fingerprint: What the refusal said (`policy.guards.fingerprint`); "" is any.
        stream: The kind of mail; None is any, "" of no known one.
        by_reading: The moments are those at which we read the reports; else those at which they
            arrived at our side.
    """

    since: datetime
    until: datetime
    rule: str = ""
    fingerprint: str = ""
    stream: str | None = None
    by_reading: bool = False

    def fits(self, stored: StoredEvent) -> bool:
        """Whether an event that suppressed is one of them, as far as its text goes."""
        verdict = stored.event.verdict
        rules = {stored.decision.rule, verdict.rule if verdict else ""}
        return (not self.rule or self.rule in rules) and (
            not self.fingerprint or fingerprint(stored.event) == self.fingerprint
        )

    @property
    def filter(self) -> EventFilter:
        """What the store can look for by itself."""
        if self.by_reading:
            return EventFilter(
                stream=self.stream,
                decision=DecisionAction.SUPPRESS,
                void="",
                stored_since=self.since,
                stored_until=self.until,
            )
        return EventFilter(
            stream=self.stream,
            decision=DecisionAction.SUPPRESS,
            void="",
            since=self.since,
            until=self.until,
        )


@dataclass(frozen=True, slots=True)
class Restored:
    """What a rollback does to an address.

    Attributes:
        before: What the list says.
        after: What it said before, or what other events ask for; None: it may be mailed.
    """

    address: str
    stream: str
    before: Suppression
    after: Suppression | None


class Rollback:
    """One incident; close it, for it keeps a file of what it found.

    Args:
        store: Where it happened.
        incident: What is to be taken back.
        wanted: Which hooks want to be told.
        clock: Tells the time.

    Attributes:
        id: It is kept on the events under this one.
        events: How many events suppressed.
    """

    def __init__(
        self,
        store: "Store",
        incident: Incident,
        wanted: Subscriptions = NOBODY,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._incident = incident
        self._wanted = wanted
        self._clock = clock
        self.id = new_id(clock())
        self.events = 0
        # A private file that SQLite makes and removes by itself: memory stays flat.
        self._found = sqlite3.connect("", isolation_level=None)
        self._found.execute(
            "CREATE TABLE found (address TEXT, id TEXT, PRIMARY KEY (address, id)) WITHOUT ROWID"
        )

    def close(self) -> None:
        """Let go of the file."""
        self._found.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def preview(self) -> Iterator[Restored]:
        """Say what would follow, by address, and change nothing."""
        for addresses, ids in self._batches():
            with self._store.look() as writer:
                found = self._changes(writer, "").without(addresses, _after(ids))
            yield from _restored(found)

    def apply(self, who: str, because: str) -> Iterator[Restored]:
        """Do it, some addresses a transaction; what was given is on disk.

        Done again it finds nothing left to do; stopped half-way, it goes on where it stopped.

        Args:
            who: Who has it done, for the audit log.
            because: Why.

        Raises:
            StoreError: What was given before stays; run it again for the rest.
        """
        count = 0
        for addresses, ids in self._batches():
            with self._store.write() as writer:
                writer.void_events([*ids], self.id)
                found = self._changes(writer, who).take_back(
                    addresses, _after(ids), because, verb="suppression.rollback"
                )
            count += len(found)
            yield from _restored(found)
        if self.events:
            said = {name: _plain(value) for name, value in asdict(self._incident).items()}
            detail = {**said, "events": self.events, "addresses": count}
            with self._store.write() as writer:
                writer.audit(self._clock(), who, "rollback", self.id, because, detail)

    def _changes(self, writer: "Writer", who: str) -> Changes:
        return Changes(writer, self._clock(), who, self._wanted)

    def _batches(self) -> Iterator[tuple[Sequence[str], frozenset[str]]]:
        """Give addresses, some at once, with the ids of all their events to be taken back."""
        self._look()
        after = ""
        some = "SELECT DISTINCT address FROM found WHERE address > ? ORDER BY address LIMIT ?"
        while rows := self._found.execute(some, (after, AT_ONCE)).fetchall():
            addresses = [row[0] for row in rows]
            ids = self._found.execute(
                "SELECT id FROM found WHERE address BETWEEN ? AND ?", (addresses[0], addresses[-1])
            )
            yield addresses, frozenset(row[0] for row in ids)
            after = addresses[-1]

    def _look(self) -> None:
        """Go through the store once, and note what is to be taken back."""
        fitting = (
            (stored.event.attribution.recipient, stored.id)
            for stored in self._store.events(self._incident.filter)
            if self._incident.fits(stored)
        )
        self._found.execute("BEGIN")
        self._found.execute("DELETE FROM found")
        self._found.executemany("INSERT INTO found VALUES (?, ?)", fitting)
        self._found.execute("COMMIT")
        self.events = self._found.execute("SELECT count(*) FROM found").fetchone()[0]


def undo(  # noqa: PLR0917  one of each, as `Rollback` has them
    store: "Store",
    id_: str,
    who: str,
    because: str,
    wanted: Subscriptions = NOBODY,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Iterator[Suppression]:
    """Take a rollback back: what it let go of counts again, and suppresses again.

    Whom a person let go of since stays free.

    Args:
        store: Where it was done.
        id_: The rollback's.
        who: For the audit log.
        because: Why.
        wanted: Which hooks want to be told.
        clock: Tells the time.

    Returns:
        What is on the list again; some addresses a transaction, on disk when they are given.
    """
    count, after = 0, ""
    while events := [*store.events(EventFilter(void=id_), AT_ONCE, after)]:
        now, after = clock(), events[-1].id
        with store.write() as writer:
            writer.void_events([stored.id for stored in events], None)
            releases = writer.releases_of({one.event.attribution.recipient for one in events})
            asking = [
                suppression_by(stored)
                for stored in events
                if stored.decision.action is DecisionAction.SUPPRESS
                and not any(
                    one.id > stored.id and one.stream == stored.decision.stream
                    for one in releases.get(stored.event.attribution.recipient, ())
                )
            ]
            written = Changes(writer, now, who, wanted).put(asking)
        count += len(events)
        yield from written
    if count:
        with store.write() as writer:
            writer.audit(clock(), who, "rollback.undo", id_, because, {"events": count})


def _after(ids: frozenset[str]) -> Callable[[Suppression], bool]:
    """Say of a row of the list whether it follows from one of these events."""
    return lambda row: row.event_id in ids


def _restored(
    found: dict[tuple[str, str], tuple[Suppression, Suppression | None]],
) -> Iterator[Restored]:
    for (address, stream), (before, after) in sorted(found.items()):
        yield Restored(address, stream, before, after)


def _plain(value: object) -> object:
    return rfc3339(value) if isinstance(value, datetime) else value
