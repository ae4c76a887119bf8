"""Answers about how many there were of what, and when: totals, charts, the most frequent.

All of it comes from the tables of counts, so that an answer costs what its span has of days, and
not what the store has of events.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, Engine, RowMapping, Table, func, select

from dsnwatch.model import BounceClass, Kind
from dsnwatch.records import DecisionAction
from dsnwatch.store.answers import Totals
from dsnwatch.store.connections import reading
from dsnwatch.store.figure_answers import Counted, Dimension, Fingerprint, Only, Series, Span
from dsnwatch.store.figure_tables import (
    FINGERPRINT,
    FINGERPRINT_DAY,
    TALLY_DAY,
    TALLY_HOUR,
    TALLY_MAIL,
    TALLY_PART,
    TALLY_TOTAL,
)
from dsnwatch.store.hold_tables import HELD
from dsnwatch.store.sign_tables import SENT_COUNT
from dsnwatch.store.tables import SUPPRESSION
from dsnwatch.store.tallies_anew import FULL, PARTS_AT_MOST
from dsnwatch.store.tally import BACKSCATTER, QUARANTINED
from dsnwatch.store.values import from_micros, storable
from dsnwatch.store.wanted import active

OTHERS = "(others)"
"""What is not shown by name in a chart."""

_COLUMNS = {
    Dimension.STREAM: "stream",
    Dimension.KIND: "kind",
    Dimension.CLASS: "bounce_class",
    Dimension.REASON: "reason",
    Dimension.PROVIDER: "provider",
}
_PARTS = (Dimension.DOMAIN, Dimension.CAMPAIGN)
_SENT_BY = {Dimension.STREAM: SENT_COUNT.c.stream, Dimension.CAMPAIGN: SENT_COUNT.c.campaign}
_OF_KIND = {
    Kind.DELAY.value: "delayed",
    Kind.COMPLAINT.value: "complaints",
    Kind.UNSUBSCRIBE.value: "unsubscribes",
    Kind.AUTO_REPLY.value: "auto_replies",
    Kind.SUCCESS.value: "delivered",
    BACKSCATTER: "backscatter",
}
_OF_DECISION = {DecisionAction.SUPPRESS.value: "suppressed", DecisionAction.HOLD.value: "held"}
_EVERYTHING: Only = {}


class FigureQueries:
    """The reading half of the figures; a part of `Store`."""

    _engine: Engine
    _where: str

    def counted(self, span: Span, only: Only = _EVERYTHING) -> Counted:
        """Count what happened in a span.

        Args:
            span: When; where `only` has a domain or a campaign, by whole days.
            only: Which events. Domain or campaign go together with stream, kind and class.
        """
        found = self.counted_by(_first(only), span, only)
        return sum((each for _, each in found), Counted())

    def counted_by(
        self,
        dimension: Dimension,
        span: Span,
        only: Only = _EVERYTHING,
        limit: int | None = None,
    ) -> list[tuple[str, Counted]]:
        """Count what happened by stream, reason, domain ...; those with most failures first.

        Args:
            dimension: Told apart by that. Of domains and campaigns the smallest of a day are
                together as "*".
            span: When; where domain or campaign are asked for, by whole days.
            only: Which events.
            limit: How many at most; the rest is left out.

        Returns:
            The value ("" is what was not said), and what there was of it. What was sent is known
            by stream and campaign only, and 0 elsewhere.
        """
        table = _table(dimension, span, only)
        part = table is TALLY_PART
        span = span.days if part else span
        wanted = _column(table, dimension)
        decision = [] if part else [table.c.decision]
        statement = (
            select(wanted, table.c.kind, table.c.bounce_class, func.sum(table.c.events), *decision)
            .where(*_within(table, span), *_conditions(table, dimension, only))
            .group_by(wanted, table.c.kind, table.c.bounce_class, *decision)
        )
        found: defaultdict[str, Counter[str]] = defaultdict(Counter)
        with reading(self._engine, self._where) as connection:
            for value, kind, bounce_class, events, *rest in connection.execute(statement):
                counts = found[value]
                counts[_sort(kind, bounce_class)] += int(events)
                if rest and kind != BACKSCATTER and (name := _OF_DECISION.get(rest[0])):
                    counts[name] += int(events)
            for value, sent in self._sent_by(dimension, span, only):
                found[value]["sent"] += sent
        ordered = sorted(
            ((value, Counted(**counts)) for value, counts in found.items()),
            key=lambda each: (-each[1].failed, -each[1].complaints, -each[1].sent, each[0]),
        )
        return ordered[:limit]

    def series(
        self,
        dimension: Dimension,
        span: Span,
        only: Only = _EVERYTHING,
        limit: int | None = None,
        names: Iterable[str] | None = None,
    ) -> Series:
        """Count events by the step, a line each value; for charts.

        Args:
            dimension: Told apart by that. By kind everything is counted; by anything else
                failures alone, unless `only` says another kind.
            span: When; where domain or campaign are asked for, by whole days.
            only: Which events.
            limit: How many lines at most; the others together are a last line, `OTHERS`.
            names: The lines that are wanted, where it is known; None is all.
        """
        if dimension is not Dimension.KIND:
            only = {Dimension.KIND: Kind.BOUNCE.value, **only}
        table = _table(dimension, span, only)
        span = span.days if table is TALLY_PART else span
        wanted, step = _column(table, dimension), _step(table)
        statement = (
            select(wanted, step, func.sum(table.c.events))
            .where(*_within(table, span), *_conditions(table, dimension, only))
            .group_by(wanted, step)
        )
        if names is not None:
            statement = statement.where(wanted.in_([*names]))
        with reading(self._engine, self._where) as connection:
            rows = [(row[0], row[1], int(row[2])) for row in connection.execute(statement)]
        return _series(span, rows, limit)

    def mail_counted(self, span: Span) -> dict[str, int]:
        """Count the messages that came in, by kind; `quarantined` is one of the kinds."""
        first, end = span.hours
        statement = (
            select(TALLY_MAIL.c.kind, func.sum(TALLY_MAIL.c.messages))
            .where(TALLY_MAIL.c.hour >= first, TALLY_MAIL.c.hour < end)
            .group_by(TALLY_MAIL.c.kind)
        )
        with reading(self._engine, self._where) as connection:
            return {row[0]: int(row[1]) for row in connection.execute(statement) if row[1]}

    def event_totals(self) -> list[tuple[str, str, str, str, int]]:
        """Count all events there ever were: kind, class, reason, decision, how many."""
        tally = TALLY_TOTAL.c
        keys = (tally.kind, tally.bounce_class, tally.reason, tally.decision)
        statement = select(*keys, tally.events).where(tally.what == "event").order_by(*keys)
        with reading(self._engine, self._where) as connection:
            return [(*row[:4], int(row[4])) for row in connection.execute(statement)]

    def mail_totals(self) -> dict[str, int]:
        """Count all messages there ever were, by kind; `quarantined` are those that wait now."""
        tally = TALLY_TOTAL.c
        statement = select(tally.kind, tally.events).where(tally.what == "mail")
        with reading(self._engine, self._where) as connection:
            return {row[0]: int(row[1]) for row in connection.execute(statement)}

    def counts(self, now: datetime | None = None) -> Totals:
        """Count what is there, all at one moment.

        Args:
            now: Suppressions that hold at this moment are counted; None asks the clock.
        """
        moment = active(now or datetime.now(UTC))
        total = TALLY_TOTAL.c
        statement = select(total.what, total.kind, total.bounce_class, func.sum(total.events))
        events: Counter[str] = Counter()
        mail: Counter[str] = Counter()
        backscatter = 0
        with reading(self._engine, self._where) as connection:
            for what, kind, bounce_class, count in connection.execute(
                statement.group_by(total.what, total.kind, total.bounce_class)
            ):
                if what == "mail":
                    mail[kind] += int(count)
                elif kind == BACKSCATTER:
                    backscatter += int(count)
                else:
                    events[bounce_class] += int(count)
            held = connection.scalar(select(func.count()).select_from(HELD))
            listed = connection.scalar(select(func.count()).select_from(SUPPRESSION).where(moment))
        quarantined = mail.pop(QUARANTINED, 0)
        return Totals(
            messages=mail.total(),
            events=events.total(),
            by_class=tuple((each, events[each.value]) for each in BounceClass),
            suppressions=listed or 0,
            quarantined=quarantined,
            backscatter=backscatter,
            held=held or 0,
        )

    def last_sent_hours(self, since: int) -> dict[str, int]:
        """Find the last hour of which is known what was sent, by stream.

        Args:
            since: The first hour to look at (since 1970); streams that fell silent before are left
                out, so that years of them cost nothing.
        """
        statement = (
            select(SENT_COUNT.c.stream, func.max(SENT_COUNT.c.hour))
            .where(SENT_COUNT.c.hour >= since)
            .group_by(SENT_COUNT.c.stream)
        )
        with reading(self._engine, self._where) as connection:
            return {row[0]: row[1] for row in connection.execute(statement)}

    def too_many_parts(self) -> bool:
        """Say whether some day has more domains or campaigns than are kept by name."""
        with reading(self._engine, self._where) as connection:
            return connection.execute(FULL, {"most": PARTS_AT_MOST}).first() is not None

    def fingerprints(
        self,
        span: Span,
        *,
        classes: Iterable[BounceClass] = (),
        faults: Iterable[str] = (),
        limit: int | None = None,
    ) -> list[Fingerprint]:
        """List what refusals of a span said alike, the most frequent first.

        Args:
            span: When, by whole days.
            classes: Which classes; none is all.
            faults: Whose affair; none is all.
            limit: How many at most.
        """
        days, events = span.days, func.sum(FINGERPRINT_DAY.c.events).label("events")
        counted = (
            select(FINGERPRINT_DAY.c.id, events)
            .where(FINGERPRINT_DAY.c.day >= days.first, FINGERPRINT_DAY.c.day < days.end)
            .group_by(FINGERPRINT_DAY.c.id)
            .subquery()
        )
        statement = (
            select(FINGERPRINT, counted.c.events)
            .join_from(counted, FINGERPRINT, FINGERPRINT.c.id == counted.c.id)
            .order_by(counted.c.events.desc(), FINGERPRINT.c.last_at.desc(), FINGERPRINT.c.id)
            .limit(limit)
        )
        if chosen := [each.value for each in classes]:
            statement = statement.where(FINGERPRINT.c.bounce_class.in_(chosen))
        if among := [str(each) for each in faults]:
            statement = statement.where(FINGERPRINT.c.fault.in_(among))
        with reading(self._engine, self._where) as connection:
            return [_fingerprint(row) for row in connection.execute(statement).mappings()]

    def fingerprint_series(self, ids: Iterable[str], span: Span) -> Series:
        """Count how often some fingerprints were said, by the day; a line each."""
        days = span.days
        statement = select(
            FINGERPRINT_DAY.c.id, FINGERPRINT_DAY.c.day, FINGERPRINT_DAY.c.events
        ).where(
            FINGERPRINT_DAY.c.day >= days.first,
            FINGERPRINT_DAY.c.day < days.end,
            FINGERPRINT_DAY.c.id.in_([*ids]),
        )
        with reading(self._engine, self._where) as connection:
            rows = [(row[0], row[1], int(row[2])) for row in connection.execute(statement)]
        return _series(days, rows, None)

    def _sent_by(self, dimension: Dimension, span: Span, only: Only) -> list[tuple[str, int]]:
        """Count what was sent, where that is known of what is asked for."""
        if dimension not in _SENT_BY or not only.keys() <= _SENT_BY.keys():
            return []
        first, end = span.hours
        wanted = _SENT_BY[dimension]
        statement = (
            select(wanted, func.sum(SENT_COUNT.c.messages))
            .where(SENT_COUNT.c.hour >= first, SENT_COUNT.c.hour < end)
            .where(*(_SENT_BY[by] == storable(value) for by, value in only.items()))
            .group_by(wanted)
        )
        if dimension is Dimension.CAMPAIGN:
            statement = statement.where(wanted != "")
        with reading(self._engine, self._where) as connection:
            return [(row[0], int(row[1])) for row in connection.execute(statement)]


def _first(only: Only) -> Dimension:
    """Choose what to count a whole by: a domain or campaign that is asked for, else streams."""
    return next((each for each in _PARTS if each in only), Dimension.STREAM)


def _table(dimension: Dimension, span: Span, only: Only) -> Table:
    asked = {dimension, *only}
    if not asked.intersection(_PARTS):
        return TALLY_HOUR if span.hourly else TALLY_DAY
    beside = asked.difference(_PARTS)
    if len(asked.intersection(_PARTS)) > 1 or beside & {Dimension.REASON, Dimension.PROVIDER}:
        names = " and ".join(sorted(asked))
        raise ValueError(f"events are not counted by {names} at once; ask for one of them")
    return TALLY_PART


def _column(table: Table, dimension: Dimension) -> ColumnElement[str]:
    if table is TALLY_PART and dimension in _PARTS:
        return table.c.part
    return table.c[_COLUMNS[dimension]]


def _step(table: Table) -> ColumnElement[int]:
    return table.c.hour if table is TALLY_HOUR else table.c.day


def _within(table: Table, span: Span) -> tuple[ColumnElement[bool], ...]:
    step = _step(table)
    return (step >= span.first, step < span.end)


def _conditions(table: Table, dimension: Dimension, only: Only) -> list[ColumnElement[bool]]:
    found = [_column(table, by) == storable(value) for by, value in only.items()]
    if table is TALLY_PART:
        part = next(each for each in _PARTS if each == dimension or each in only)
        found.append(table.c.dimension == part.value)
    return found


def _sort(kind: str, bounce_class: str) -> str:
    """Name the number of `Counted` that an event belongs to."""
    if kind == Kind.BOUNCE.value and bounce_class:
        return bounce_class
    return _OF_KIND.get(kind, "others")


def _series(span: Span, rows: Iterable[tuple[str, int, int]], limit: int | None) -> Series:
    """Lay counts out by their steps, the largest line first."""
    lines: defaultdict[str, list[int]] = defaultdict(lambda: [0] * (span.end - span.first))
    for name, step, events in rows:
        lines[name][step - span.first] += events
    ordered = sorted(lines.items(), key=lambda line: (-sum(line[1]), line[0]))
    if limit is not None and len(ordered) > limit:
        rest = [values for _, values in ordered[limit - 1 :]]
        together = [sum(values) for values in zip(*rest, strict=True)]
        ordered = [*ordered[: limit - 1], (OTHERS, together)]
    return Series(span, tuple((name, tuple(values)) for name, values in ordered))


def _fingerprint(row: RowMapping) -> Fingerprint:
    values: dict[str, object] = {str(name): value for name, value in row.items()}
    for name in ("first_at", "last_at"):
        micros = values[name]
        assert isinstance(micros, int)
        values[name] = from_micros(micros)
    return Fingerprint(**values | {"events": int(str(values["events"]))})  # type: ignore[arg-type]  # the columns of its own table
