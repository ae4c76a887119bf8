"""One writing transaction: what is asked while deciding, and the rows that follow from it."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from operator import itemgetter

from sqlalchemy import (
    Connection,
    bindparam,
    delete,
    func,
    select,
)

from dsnwatch.errors import StoreLeaseError
from dsnwatch.model import Action, Kind, RawMessage
from dsnwatch.records import News, PastEvent, StoredEvent, StoredMessage
from dsnwatch.store.aging import AgeWrites
from dsnwatch.store.alerts import AlertWrites
from dsnwatch.store.answers import QuarantineItem
from dsnwatch.store.daemon_tables import CURSOR, DAEMON, FIGURES, LEASE
from dsnwatch.store.deliveries import (
    Deliveries,
    into_lanes,
    into_outbox,
    lane_rows,
    outbox_rows,
)
from dsnwatch.store.delivery_tables import LANE, OUTBOX
from dsnwatch.store.erasing import EraseWrites
from dsnwatch.store.feed import FeedWrites
from dsnwatch.store.forgotten import NOBODY, Forgotten
from dsnwatch.store.holds import HoldWrites
from dsnwatch.store.ids import new_id
from dsnwatch.store.listing import ListWrites
from dsnwatch.store.questions import Question
from dsnwatch.store.rows import (
    EVENT_COLUMNS,
    MESSAGE_COLUMNS,
    Row,
    Values,
    event_values,
    failure_facts,
    message_values,
    quarantine_row,
)
from dsnwatch.store.signs import SignWrites
from dsnwatch.store.tables import AUDIT, EVENT, MESSAGE, QUARANTINE, RAW_MESSAGE
from dsnwatch.store.tally import COUNTED, QUARANTINED
from dsnwatch.store.tokens import TokenWrites
from dsnwatch.store.values import from_micros, storable, to_micros

_BY_FINGERPRINT = {
    table: Question(select(table.c.fingerprint, table.c.id), table.c.fingerprint)
    for table in (QUARANTINE, MESSAGE)
}
_EVENT_COUNTED: Callable[[Values], Values] = itemgetter(*map(EVENT_COLUMNS.index, COUNTED))
_MAIL_COUNTED: Callable[[Values], tuple[object, object, object]] = itemgetter(
    *map(MESSAGE_COLUMNS.index, ("arrived_at", "stream", "kind"))
)
_KEYS = Question(select(EVENT.c.key), EVENT.c.key)
_FAILURES = Question(
    select(
        EVENT.c.address,
        EVENT.c.occurred_at,
        func.coalesce(MESSAGE.c.original_message_id, EVENT.c.key),
        EVENT.c.bounce_class,
        EVENT.c.reason,
        EVENT.c.fault,
        EVENT.c.status,
        EVENT.c.permanent,
        EVENT.c.provider,
        EVENT.c.stream,
        EVENT.c.trust,
    )
    .outerjoin_from(EVENT, MESSAGE, MESSAGE.c.id == EVENT.c.message_id)
    .where(
        EVENT.c.occurred_at >= bindparam("since"),
        EVENT.c.kind == Kind.BOUNCE.value,
        EVENT.c.void.is_(None),
        EVENT.c.action == Action.FAILED.value,
        EVENT.c.bounce_class.is_not(None),
    )
    .order_by(EVENT.c.address, EVENT.c.occurred_at, EVENT.c.id),
    EVENT.c.address,
)


class Writer(
    ListWrites, SignWrites, HoldWrites, EraseWrites, TokenWrites, AlertWrites, FeedWrites, AgeWrites
):
    """The rows of one transaction; all of them are there after it, or none.

    Nothing here commits: `Store.write` does, when its block ends without an exception.
    """

    def __init__(self, connection: Connection, node: str, forgotten: Forgotten = NOBODY) -> None:
        super().__init__(connection, node, forgotten, together=True)
        self._events: list[Values] = []
        self._mail: list[tuple[object, object, object]] = []
        self._left: list[tuple[object, object, object]] = []
        self._arrived: list[tuple[int, str]] = []

    def finish(self) -> None:
        """Number what was added, and count it.

        Last of all: the rows of counts are the same for everybody, and who has changed one keeps
        the others waiting till COMMIT.
        """
        events, self._events = self._events, []
        mail, self._mail = self._mail, []
        if events:
            self.feed([str(row[0]) for row in events])
        left, self._left = self._left, []
        arrived, self._arrived = self._arrived, []
        self.tally_mail(mail, left)
        self.note_messages(arrived)
        if events:
            self.tally(events)
        self._send()

    def stored_fingerprints(self, fingerprints: Iterable[str]) -> dict[str, str]:
        """Find which messages are there already, stored or in quarantine.

        Returns:
            Fingerprint to the ULID it is stored under; the unknown ones are absent.
        """
        found: dict[str, str] = {}
        for table, question in _BY_FINGERPRINT.items():
            if table is MESSAGE or not self._is_empty(table):
                found.update((row[0], row[1]) for row in self._ask(question, fingerprints))
        return found

    def stored_event_keys(self, keys: Iterable[str]) -> set[str]:
        """Find which of these events are there already."""
        asked = {storable(key): key for key in keys}
        return {asked[row[0]] for row in self._ask(_KEYS, asked)}

    def past_events(
        self, recipients: Iterable[str], since: datetime
    ) -> dict[str, tuple[PastEvent, ...]]:
        """Find the stored failures of each recipient, of every class, oldest first.

        Args:
            recipients: Addresses counted against, normalised.
            since: Occurred at this moment or later. There is no upper bound: an old mbox read
                today has events later than its own in the store.

        Returns:
            The events by recipient; those without any are absent.
        """
        asked = {storable(recipient): recipient for recipient in recipients}
        found: defaultdict[str, list[PastEvent]] = defaultdict(list)
        rows = self._ask(_FAILURES, asked, since=to_micros(since))
        for address, occurred_at, message, *facts in rows:
            found[asked[address]].append(
                PastEvent(from_micros(occurred_at), message, failure_facts(*facts))
            )
        return {recipient: tuple(events) for recipient, events in found.items()}

    def add_messages(self, messages: Sequence[StoredMessage]) -> None:
        """Store messages with their octets; none of them may be there already."""
        rows = [message_values(message, self._node) for message in messages]
        self._insert_values(MESSAGE, MESSAGE_COLUMNS, rows)
        self._mail += map(_MAIL_COUNTED, rows)
        self._arrived += [(to_micros(message.arrived_at), message.id) for message in messages]
        self._add(
            RAW_MESSAGE,
            [{"message_id": message.id, "data": message.raw.data} for message in messages],
            octets="data",
        )

    def add_events(self, events: Sequence[StoredEvent]) -> None:
        """Store events; none of their keys may be there already."""
        rows = [event_values(event, self._node) for event in events]
        self._insert_values(EVENT, EVENT_COLUMNS, rows)
        self._events += map(_EVENT_COUNTED, rows)

    def add_news(self, news: Sequence[News], now: datetime) -> None:
        """Put what other systems want to be told into the outbox, for each hook it names."""
        if not (rows := outbox_rows(news, self._node)):
            return
        self._insert(OUTBOX, rows, into_outbox)
        self._insert(LANE, lane_rows(rows, now), into_lanes)

    @property
    def deliveries(self) -> Deliveries:
        """The rest of the outbox, in this transaction."""
        return Deliveries(self._connection, self._node)

    def add_quarantine(
        self, id_: str, raw: RawMessage, fingerprint: str, defects: tuple[str, ...], at: datetime
    ) -> None:
        """Keep a message that cannot be read, with its octets; it may not be there already.

        Args:
            id_: The ULID to keep it under.
            raw: As it came.
            fingerprint: Its fingerprint, so that it is known when it comes again.
            defects: Why it cannot be read.
            at: Now.
        """
        item = QuarantineItem(id_, raw, fingerprint, defects, at)
        row = quarantine_row(item, self._node)
        self._add(QUARANTINE, [row], octets="data")
        self._mail.append((row["at"], row["stream"], QUARANTINED))

    def remove_quarantine(self, id_: str) -> bool:
        """Take a message out of quarantine; tells whether it was there."""
        this = QUARANTINE.c.id == id_
        counted = select(QUARANTINE.c.at, QUARANTINE.c.stream).where(this)
        found = self._connection.execute(counted).first()
        if found is None:
            return False
        self._left.append((found[0], found[1], QUARANTINED))
        return self._connection.execute(delete(QUARANTINE).where(this)).rowcount > 0

    def audit(  # noqa: PLR0917 - one of each, in the order a sentence would have them
        self,
        at: datetime,
        who: str,
        verb: str,
        subject: str,
        because: str,
        detail: Mapping[str, object],
    ) -> None:
        """Write down that somebody did something.

        Args:
            at: Now.
            who: A person or a part of ours (`cli:anne`, `policy`).
            verb: What was done: `suppression.remove`, `quarantine.retry` ...
            subject: What it was done to: an address, an id.
            because: The reason that was given.
            detail: Whatever belongs to it, as JSON takes it.
        """
        row: Row = {
            "id": new_id(at),
            "at": to_micros(at),
            "who": storable(who),
            "verb": verb,
            "subject": storable(subject),
            "because": storable(because),
            "detail": json.dumps(detail),
            "node": self._node,
        }
        self._add(AUDIT, [row])

    def cursor(self, name: str) -> str | None:
        """Find how far a source has been read; None where it never was."""
        asked = select(CURSOR.c.position).where(CURSOR.c.name == storable(name))
        return self._connection.scalar(asked)

    def fence(self, duty: str, token: int) -> None:
        """See that a duty is still ours, and let nobody take it until the transaction ends.

        Args:
            duty: Its name.
            token: What it was begun with.

        Raises:
            StoreLeaseError: Another daemon has it by now.
        """
        if self._dialect.name != "postgresql":
            return
        asked = select(LEASE.c.token).where(LEASE.c.name == duty).with_for_update(read=True)
        if self._connection.scalar(asked) != token:
            raise StoreLeaseError(f"{duty}: another daemon looks after it by now")

    def put_cursor(self, name: str, position: str) -> None:
        """Say how far a source has been read."""
        row: Row = {
            "name": storable(name),
            "position": storable(position),
            "node": self._node,
        }
        self._put(CURSOR, [row])

    def say_figures(
        self, at: datetime, figures: Mapping[str, str], daemon: str | None = None
    ) -> None:
        """Say how this machine's daemon and its parts fare; what it said before is replaced.

        Args:
            at: Now.
            figures: A JSON object a part, by its name.
            daemon: A JSON object of itself; None where it ends.
        """
        self._connection.execute(delete(FIGURES).where(FIGURES.c.node == self._node))
        said = {**figures, DAEMON: daemon} if daemon else figures
        rows: list[Row] = [
            {"name": storable(name), "node": self._node, "at": to_micros(at), "figures": text}
            for name, text in said.items()
        ]
        self._add(FIGURES, rows)

    def sweep_figures(self, before: datetime) -> None:
        """Forget daemons that have said nothing since then."""
        self._connection.execute(delete(FIGURES).where(FIGURES.c.at < to_micros(before)))
