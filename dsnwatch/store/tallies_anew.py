"""Counts all that is stored, into tallies that are empty or wrong, and folds days with too much.

The first migration uses it, so each statement names its columns: what a later version adds to a
table changes nothing here.
"""

from sqlalchemy import Connection, text

from dsnwatch.store.tally import DAY_HOURS, DAY_MICROS, HOUR_MICROS, Tally, said_by_rule

PARTS_AT_MOST = 400
"""A day with more domains (or campaigns) than these is folded ..."""
PARTS_KEPT = 200
"""... to its largest."""
WHOLE_SINCE = "tallies whole since day"
"""The cursor that says from which day on all events are there that were counted."""
_EVER = -(1 << 20)  # days; that many microseconds are still a number to SQLite
_PAGE = 2000


def anew(connection: Connection) -> int:
    """Count all events once more, of the days of which none has been let go of.

    Returns:
        How many events these were.
    """
    since = whole_since(connection)
    day = _EVER if since is None else since
    asked = {"day": day, "hour": day * DAY_HOURS, "at": day * DAY_MICROS}
    for gone in _GONE:
        connection.execute(gone, asked)
    for statement in (_HOURS, _DAYS, _DOMAINS, _CAMPAIGNS, _MAIL, _QUARANTINE):
        connection.execute(statement, asked)
    _say(connection, asked["at"])
    connection.execute(_UNSAID)
    fold(connection)
    return connection.scalar(_COUNT, asked) or 0


def sum_up(connection: Connection) -> None:
    """Add up all days that are counted, and find between which ids each day stands."""
    for statement in (_NO_TOTALS, _EVENTS_EVER, _MAIL_EVER, _NO_IDS, _EVENT_IDS, _MESSAGE_IDS):
        connection.execute(statement)


def _say(connection: Connection, since: int) -> None:
    """Find what refusals say alike."""
    by_rule = Tally()
    for day, *verdict, events, first, last, latest in connection.execute(_BY_RULE, {"at": since}):
        # `latest` is the last moment and the id of its event, one after the other.
        sample = latest.removeprefix(str(last))
        by_rule.count_said(said_by_rule(*verdict), day, events, (first, last, sample))
    _write_said(connection, by_rule)
    # Texts have to be looked at, a page of events at a time.
    after = ""
    while True:
        page = connection.execute(_FAILURES, {"at": since, "after": after, "page": _PAGE})
        rows = [tuple(row) for row in page]
        tally = Tally()
        tally.count(rows)
        _write_said(connection, tally)
        if len(rows) < _PAGE:
            return
        after = rows[-1][0]


def _write_said(connection: Connection, tally: Tally) -> None:
    if tally.said:
        connection.execute(_SAID, tally.said_rows())
        connection.execute(
            _SAID_ON,
            [
                {"day": day, "id": said, "events": events}
                for (day, said), events in sorted(tally.said_on.items(), key=str)
            ],
        )


def fold(connection: Connection) -> int:
    """Put the smallest parts of days that have too many together; counts such days."""
    full = connection.execute(FULL, {"most": PARTS_AT_MOST}).all()
    for dimension, day in full:
        asked = {"dimension": dimension, "day": day, "kept": PARTS_KEPT}
        connection.execute(_FOLD, asked)
        connection.execute(_FOLDED, asked)
    return len(full)


def whole_since(connection: Connection) -> int | None:
    """Find the day from which on all counted events are still there; None where all are."""
    asked = text("SELECT position FROM cursor WHERE name = :name")
    position = connection.scalar(asked, {"name": WHOLE_SINCE})
    return None if position is None else int(position)


_GONE = tuple(
    text(statement)
    for statement in (
        "DELETE FROM tally_hour WHERE hour >= :hour",
        "DELETE FROM tally_day WHERE day >= :day",
        "DELETE FROM tally_part WHERE day >= :day",
        "DELETE FROM fingerprint_day WHERE day >= :day",
        "DELETE FROM tally_mail",
    )
)
_KIND = "CASE WHEN trust = 'backscatter' THEN trust ELSE kind END"
_BUCKET = (
    f"SELECT occurred_at / {{size}}, stream, {_KIND}, coalesce(bounce_class, ''), "  # noqa: S608
    "coalesce(reason, ''), coalesce(provider, ''), decision, count(*) "
    "FROM event WHERE occurred_at >= :at GROUP BY 1, 2, 3, 4, 5, 6, 7"
)
_COLUMNS = "stream, kind, bounce_class, reason, provider, decision, events"
_HOURS = text(f"INSERT INTO tally_hour (hour, {_COLUMNS}) " + _BUCKET.format(size=HOUR_MICROS))
_DAYS = text(f"INSERT INTO tally_day (day, {_COLUMNS}) " + _BUCKET.format(size=DAY_MICROS))
_PART = (
    "INSERT INTO tally_part (dimension, day, part, stream, kind, bounce_class, events) "  # noqa: S608
    f"SELECT '{{part}}', occurred_at / {DAY_MICROS}, {{part}}, stream, {_KIND}, "
    "coalesce(bounce_class, ''), count(*) FROM event "
    "WHERE occurred_at >= :at AND {part} <> '' GROUP BY 2, 3, 4, 5, 6"
)
_DOMAINS = text(_PART.format(part="domain"))
_CAMPAIGNS = text(_PART.format(part="campaign"))
_MAIL = text(
    "INSERT INTO tally_mail (hour, stream, kind, messages) "  # noqa: S608
    f"SELECT arrived_at / {HOUR_MICROS}, stream, kind, count(*) FROM message GROUP BY 1, 2, 3"
)
_QUARANTINE = text(
    "INSERT INTO tally_mail (hour, stream, kind, messages) "  # noqa: S608
    f"SELECT at / {HOUR_MICROS}, stream, 'quarantined', count(*) FROM quarantine GROUP BY 1, 2"
)
_TOLD_APART = "('sender', 'message', 'unknown')"
_BY_RULE = text(
    f"SELECT occurred_at / {DAY_MICROS}, rule, bounce_class, reason, fault, provider, "  # noqa: S608
    "count(*), min(occurred_at), max(occurred_at), max(CAST(occurred_at AS TEXT) || id) "
    "FROM event WHERE occurred_at >= :at AND bounce_class IS NOT NULL "
    f"AND fault NOT IN {_TOLD_APART} AND trust <> 'backscatter' GROUP BY 1, 2, 3, 4, 5, 6"
)
_FAILURES = text(
    "SELECT id, occurred_at, stream, kind, trust, bounce_class, reason, fault, provider, "  # noqa: S608
    "decision, domain, campaign, rule, diagnostic, prose, recipient, details FROM event "
    f"WHERE id > :after AND occurred_at >= :at AND fault IN {_TOLD_APART} "
    "ORDER BY id LIMIT :page"
)
_SAID = text(
    "INSERT INTO fingerprint (id, print, form, rule, bounce_class, reason, fault, provider, "
    "blocklist, blocked_ip, first_at, last_at, sample) VALUES (:id, :print, :form, :rule, "
    ":bounce_class, :reason, :fault, :provider, :blocklist, :blocked_ip, :first_at, :last_at, "
    ":sample) ON CONFLICT (id) DO UPDATE SET "
    "first_at = CASE WHEN excluded.first_at < fingerprint.first_at THEN excluded.first_at "
    "ELSE fingerprint.first_at END, "
    "sample = CASE WHEN excluded.last_at >= fingerprint.last_at THEN excluded.sample "
    "ELSE fingerprint.sample END, "
    "last_at = CASE WHEN excluded.last_at >= fingerprint.last_at THEN excluded.last_at "
    "ELSE fingerprint.last_at END"
)
_SAID_ON = text(
    "INSERT INTO fingerprint_day (day, id, events) VALUES (:day, :id, :events) "
    "ON CONFLICT (day, id) DO UPDATE SET events = fingerprint_day.events + excluded.events"
)
_UNSAID = text(
    "DELETE FROM fingerprint WHERE NOT EXISTS "
    "(SELECT 1 FROM fingerprint_day WHERE fingerprint_day.id = fingerprint.id)"
)
_COUNT = text("SELECT count(*) FROM event WHERE occurred_at >= :at")
FULL = text(
    "SELECT dimension, day FROM tally_part GROUP BY dimension, day "
    "HAVING count(*) > :most AND count(DISTINCT part) > :most"
)
"""The days with more parts than `most`; looks at all there are, a second in years of them."""
_SMALL = (
    "dimension = :dimension AND day = :day AND part <> '*' AND part NOT IN ("
    "SELECT part FROM tally_part WHERE dimension = :dimension AND day = :day AND part <> '*' "
    "GROUP BY part ORDER BY sum(events) DESC, part LIMIT :kept)"
)
_FOLD = text(
    "INSERT INTO tally_part (dimension, day, part, stream, kind, bounce_class, events) "  # noqa: S608
    "SELECT dimension, day, '*', stream, kind, bounce_class, sum(events) FROM tally_part "
    f"WHERE {_SMALL} GROUP BY dimension, day, stream, kind, bounce_class "
    "ON CONFLICT (dimension, day, part, stream, kind, bounce_class) "
    "DO UPDATE SET events = tally_part.events + excluded.events"
)
_FOLDED = text(f"DELETE FROM tally_part WHERE {_SMALL}")  # noqa: S608
_NO_TOTALS = text("DELETE FROM tally_total")
_EVER_SO_MANY = "INSERT INTO tally_total (what, kind, bounce_class, reason, decision, events)"
_EVENTS_EVER = text(
    f"{_EVER_SO_MANY} SELECT 'event', kind, bounce_class, reason, decision, sum(events) "  # noqa: S608
    "FROM tally_day GROUP BY 2, 3, 4, 5"
)
_MAIL_EVER = text(
    f"{_EVER_SO_MANY} SELECT 'mail', kind, '', '', '', sum(messages) FROM tally_mail GROUP BY 2"  # noqa: S608
)
_NO_IDS = text("DELETE FROM stored_day")
_IDS = (
    "INSERT INTO stored_day (what, day, first, last) "  # noqa: S608
    f"SELECT '{{table}}', {{at}} / {DAY_MICROS}, min(id), max(id) FROM {{table}} GROUP BY 2"
)
_EVENT_IDS = text(_IDS.format(table="event", at="occurred_at"))
_MESSAGE_IDS = text(_IDS.format(table="message", at="arrived_at"))
