"""What is the matter, as it was found last, and what was."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Engine, RowMapping, delete, func, or_, select

from dsnwatch.alerts import Alert, AlertKind, Entry, Hourly, Severity
from dsnwatch.model import Kind
from dsnwatch.store.connections import reading
from dsnwatch.store.figure_tables import ALERT, TALLY_HOUR
from dsnwatch.store.rows import Row
from dsnwatch.store.statements import Statements
from dsnwatch.store.values import from_micros, storable, to_micros

_HOUR = timedelta(hours=1)
_LEAST_HISTORY = 24
"""Hours of figures there must be before one can say what is usual."""


class AlertQueries:
    """The reading half; a part of `Store`."""

    _engine: Engine
    _where: str

    def alerts(self, since: datetime | None = None) -> list[Entry]:
        """List the alerts that are open, the gravest and oldest first.

        Args:
            since: Those that were over at this moment or later are listed as well, behind.
        """
        wanted: ColumnElement[bool] = ALERT.c.cleared_at.is_(None)
        if since is not None:
            wanted = or_(wanted, ALERT.c.cleared_at >= to_micros(since))
        with reading(self._engine, self._where) as connection:
            rows = connection.execute(select(ALERT).where(wanted)).mappings()
            return sorted(map(_entry, rows), key=_order)

    def unusual_hours(self, now: datetime, days: int, least: int) -> list[Hourly]:
        """Find where this hour, or the one before it, has many failures and delays.

        Args:
            now: This moment.
            days: How far back hours say what is usual.
            least: How many there must be in the hour.

        Returns:
            One for each stream, provider and reason, the fuller one of its two hours; none where
            there are figures of less than a day.
        """
        hour = to_micros(now) // (3600 * 10**6)
        tally = TALLY_HOUR.c
        failures = tally.kind.in_([Kind.BOUNCE.value, Kind.DELAY.value])
        by_hour = (
            select(
                tally.stream, tally.provider, tally.reason, tally.hour,
                func.sum(tally.events).label("events"),
            )
            .where(failures)
            .group_by(tally.stream, tally.provider, tally.reason, tally.hour)
        )  # fmt: skip
        recent = by_hour.where(tally.hour >= hour - 1, tally.hour <= hour).having(
            func.sum(tally.events) >= least
        )
        with reading(self._engine, self._where) as connection:
            found = connection.execute(recent.order_by("events")).all()
            first = connection.scalar(select(func.min(tally.hour)))
            if not found or first is None:
                return []
            start = max(first, hour - 24 * days)
            hours = hour - 1 - start
            if hours < _LEAST_HISTORY:
                return []
            fullest = {tuple(row[:3]): row for row in found}
            unusual = []
            for (stream, provider, reason), row in sorted(fullest.items()):
                before = by_hour.where(
                    tally.hour >= start, tally.hour < hour - 1, tally.stream == stream,
                    tally.provider == provider, tally.reason == reason,
                ).subquery()  # fmt: skip
                events = before.c.events
                total, squares = connection.execute(
                    select(func.sum(events), func.sum(events * events))
                ).one()
                began = from_micros(int(row[3]) * 3600 * 10**6)
                unusual.append(
                    Hourly.of(
                        stream, provider, reason, began, int(row[4]),
                        hours, int(total or 0), int(squares or 0),
                    )
                )  # fmt: skip
        return unusual


class AlertWrites(Statements):
    """The writing half; a part of `Writer`."""

    def listed_alerts(self) -> dict[str, Entry]:
        """Find every alert that is listed, open or over, by its name."""
        rows = self._connection.execute(select(ALERT)).mappings()
        return {row["name"]: _entry(row) for row in rows}

    def put_alerts(self, entries: Sequence[Entry]) -> None:
        """Write alerts down as they are now."""
        self._put(ALERT, [_row(entry, self._node) for entry in entries])

    def sweep_alerts(self, before: datetime) -> None:
        """Forget alerts that were over long ago."""
        self._connection.execute(delete(ALERT).where(ALERT.c.cleared_at < to_micros(before)))


def _order(entry: Entry) -> tuple[bool, bool, float]:
    over = entry.cleared_at is not None
    moment = entry.raised_at.timestamp()
    return (over, entry.alert.severity is Severity.WARNING, -moment if over else moment)


def _row(entry: Entry, node: str) -> Row:
    alert = entry.alert
    return {
        "name": storable(alert.name),
        "kind": alert.kind.value,
        "severity": alert.severity.value,
        "summary": storable(alert.summary),
        "stream": storable(alert.stream),
        "campaign": storable(alert.campaign),
        "pauses": alert.pauses,
        "failed": alert.failed,
        "sent": alert.sent,
        "raised_at": to_micros(entry.raised_at),
        "cleared_at": None if entry.cleared_at is None else to_micros(entry.cleared_at),
        "told_at": to_micros(entry.told_at),
        "told": entry.told,
        "node": node,
    }


def _entry(row: RowMapping) -> Entry:
    alert = Alert(
        row["name"],
        AlertKind(row["kind"]),
        Severity(row["severity"]),
        row["summary"],
        row["stream"],
        pauses=bool(row["pauses"]),
        campaign=row["campaign"],
        failed=row["failed"],
        sent=row["sent"],
    )
    cleared = row["cleared_at"]
    return Entry(
        alert,
        from_micros(row["raised_at"]),
        None if cleared is None else from_micros(cleared),
        from_micros(row["told_at"]),
        bool(row["told"]),
    )
