"""Counts of events, kept in the transaction that writes the events: charts, rates, alerts.

Counted once and never asked again, so that what a page costs hangs on the days it shows and not
on the events there are. A batch is counted in memory, and each table gets one statement.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import Insert, Table, case, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from dsnwatch.store.daemon_tables import CURSOR
from dsnwatch.store.figure_tables import (
    FINGERPRINT,
    FINGERPRINT_DAY,
    STORED_DAY,
    TALLY_DAY,
    TALLY_HOUR,
    TALLY_MAIL,
    TALLY_PART,
    TALLY_TOTAL,
)
from dsnwatch.store.inserts import adding
from dsnwatch.store.questions import Question
from dsnwatch.store.rows import Row, Values
from dsnwatch.store.statements import Statements, row_getter
from dsnwatch.store.tables import EVENT
from dsnwatch.store.tallies_anew import WHOLE_SINCE, anew, fold, sum_up, whole_since
from dsnwatch.store.tally import (
    COUNTED,
    DAY_MICROS,
    HOUR_MICROS,
    REST,
    Between,
    Counts,
    Tally,
    widen,
)
from dsnwatch.store.values import to_micros

_AS_COUNTED = Question(select(*(EVENT.c[name] for name in COUNTED)), EVENT.c.id)
Mail = tuple[object, object, object]


def _seen(table: Table, dialect: str) -> Insert:
    """Insert a fingerprint, or say of it that it was seen before or since."""
    statement: postgresql.Insert | sqlite.Insert = (
        postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
    )
    new, old = statement.excluded, table.c
    later, earlier = new.last_at >= old.last_at, new.first_at < old.first_at
    changed = {
        "first_at": case((earlier, new.first_at), else_=old.first_at),
        "last_at": case((later, new.last_at), else_=old.last_at),
        "sample": case((later, new.sample), else_=old.sample),
    }
    return statement.on_conflict_do_update(index_elements=[old.id], set_=changed)


def _widening(table: Table, dialect: str) -> Insert:
    """Insert the ids of a day, or let those that are known go from the first to the last."""
    statement: postgresql.Insert | sqlite.Insert = (
        postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
    )
    new, old = statement.excluded, table.c
    changed = {
        "first": case((new.first < old.first, new.first), else_=old.first),
        "last": case((new.last > old.last, new.last), else_=old.last),
    }
    return statement.on_conflict_do_update(index_elements=[old.what, old.day], set_=changed)


class TallyWrites(Statements):
    """The writing half of the figures; a part of `Writer`."""

    def tally(self, rows: Sequence[Values]) -> None:
        """Count events that are new, by the columns of `COUNTED`."""
        if rows:
            tally = Tally()
            tally.count(rows)
            self._add_tally(tally)

    def _add_tally(self, tally: Tally) -> None:
        """Add what was counted, but for what is less than nothing."""
        for table, counted in _by_table(tally):
            self._add_counts(table, counted)
        self._insert(FINGERPRINT, tally.said_rows(), _seen)
        self._note_ids("event", tally.ids)

    def note_messages(self, arrived: Iterable[tuple[int, str]]) -> None:
        """Note when messages arrived, each with its id: who asks for a time finds them."""
        ids: Between = {}
        for at, id_ in arrived:
            widen(ids, at // DAY_MICROS, id_)
        self._note_ids("message", ids)

    def _note_ids(self, what: str, ids: Between) -> None:
        rows: list[Row] = [
            {"what": what, "day": day, "first": first, "last": last}
            for day, (first, last) in sorted(ids.items())
        ]
        self._insert(STORED_DAY, rows, _widening)

    def _add_counts(self, table: Table, counted: Counts) -> None:
        """Add numbers to their rows, in the order of their keys: two writers never cross."""
        names = tuple(column.name for column in table.c)
        rows = [(*key, events) for key, events in sorted(counted.items()) if events > 0]
        self._insert_values(table, names, rows, adding)

    def tally_again(self, rows: Sequence[Row]) -> None:
        """Count events otherwise that are about to be rewritten; the old ones still stand.

        Args:
            rows: As they will be, whole.
        """
        old = self._ask(_AS_COUNTED, [str(row["id"]) for row in rows])
        before = [tuple(row) for row in old]
        change = Tally()
        change.count(map(row_getter(*COUNTED), rows))
        change.count(before, -1)
        self._add_tally(change)
        for table, counted in _by_table(change):
            self._take(table, counted)
        left = select(FINGERPRINT_DAY.c.id).where(FINGERPRINT_DAY.c.id == FINGERPRINT.c.id).exists()
        for said in {key[1] for key, events in change.said_on.items() if events < 0}:
            self._connection.execute(delete(FINGERPRINT).where(FINGERPRINT.c.id == said, ~left))

    def _take(self, table: Table, counted: Counts) -> None:
        """Count some less; what was folded with others is taken from them."""
        for key, fewer in sorted((-counted).items()):
            row: Row = dict(zip([each.name for each in table.primary_key], key, strict=True))
            this = [table.c[name] == value for name, value in row.items()]
            left = table.c.events - fewer
            taken = self._connection.execute(
                update(table).where(*this, left >= 0).values(events=left)
            )
            if taken.rowcount:
                self._connection.execute(delete(table).where(*this, table.c.events == 0))
            elif table is TALLY_PART:
                rest: Row = row | {"part": REST, "events": -fewer}
                self._insert(table, [rest], adding)

    def tally_mail(self, came: Sequence[Mail], left: Sequence[Mail] = ()) -> None:
        """Count messages.

        Args:
            came: When each arrived, as it is stored; its stream; its kind, or `quarantined`.
            left: Those that are so no more.
        """
        found: Counts = Counter()
        ever: Counts = Counter()
        for mail, times in ((came, 1), (left, -1)):
            for at, stream, kind in mail:
                assert isinstance(at, int)
                found[at // HOUR_MICROS, stream, kind] += times
                ever["mail", kind, "", "", ""] += times
        rows: list[Row] = [
            {"hour": hour, "stream": stream, "kind": kind, "messages": messages}
            for (hour, stream, kind), messages in sorted(found.items())
        ]
        self._insert(TALLY_MAIL, rows, adding)
        names = tuple(column.name for column in TALLY_TOTAL.c)
        total = [dict(zip(names, (*key, n), strict=True)) for key, n in sorted(ever.items())]
        self._insert(TALLY_TOTAL, total, adding)

    def fold_tallies(self) -> int:
        """Put the smallest domains and campaigns of days that have too many together.

        Returns:
            How many days it was.
        """
        return fold(self._connection)

    def sweep_tallies(self, hours_before: datetime, fingerprints_before: datetime) -> None:
        """Let go of hours, and of fingerprints not seen for long; days stay."""
        hour = to_micros(hours_before) // HOUR_MICROS
        self._connection.execute(delete(TALLY_HOUR).where(TALLY_HOUR.c.hour < hour))
        moment = to_micros(fingerprints_before)
        self._connection.execute(delete(FINGERPRINT).where(FINGERPRINT.c.last_at < moment))
        day = moment // DAY_MICROS
        self._connection.execute(delete(FINGERPRINT_DAY).where(FINGERPRINT_DAY.c.day < day))

    def tally_anew(self) -> int:
        """Count all that is stored once more, as far back as all of it is there.

        Returns:
            How many events that were.
        """
        counted = anew(self._connection)
        sum_up(self._connection)
        return counted

    def note_sweep(self, first_kept: str) -> None:
        """Note before events go which days can no more be counted anew.

        Args:
            first_kept: The id before which events go.
        """
        newest = select(func.max(EVENT.c.occurred_at)).where(EVENT.c.id < first_kept)
        last = self._connection.scalar(newest)
        if last is not None:
            day = last // DAY_MICROS + 1
            since = whole_since(self._connection)
            if since is None or day > since:
                row: Row = {"name": WHOLE_SINCE, "position": str(day), "node": self._node}
                self._put(CURSOR, [row])


def _by_table(tally: Tally) -> tuple[tuple[Table, Counts], ...]:
    return (
        (TALLY_HOUR, tally.hours),
        (TALLY_DAY, tally.days),
        (TALLY_PART, tally.parts),
        (FINGERPRINT_DAY, tally.said_on),
        (TALLY_TOTAL, tally.totals),
    )
