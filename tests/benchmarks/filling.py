"""Fills a throw-away store with years of mail in minutes: some days by the writer, the rest by SQL.

What ingest writes of ten days is written by ingest's own writer, figures and all. Each further ten
days are those once more, later, with other ids and addresses; the seldom values that lists are
asked for stand in the oldest of them alone.

It says where it is: the full size takes minutes.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from dsnwatch.model import (
    Action,
    BounceReport,
    Kind,
    OriginalMessage,
    RawMessage,
    RecipientStatus,
    StatusCode,
    Trust,
    Verdict,
)
from dsnwatch.records import (
    Attribution,
    BounceEvent,
    Decision,
    DecisionAction,
    StoredEvent,
    StoredMessage,
)
from dsnwatch.rules import load
from dsnwatch.store import new_id, open_store
from dsnwatch.store.connections import writing
from dsnwatch.store.tallies_anew import sum_up
from dsnwatch.store.values import to_micros

DAYS = 10
"""How long a block is."""
BATCH = 2000
PROVIDERS = ("google", "outlook", "yahoo", "gmx", None, None)
STREAMS = ("newsletter", "invoices", "notices")
SELDOM = "seldom"
"""A provider, campaign, stream and domain that some of the oldest events have."""
_SPELLED = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_READ = str.maketrans(_SPELLED, "0123456789abcdefghijklmnopqrstuv")
_PAIRS = [high + low for high in _SPELLED for low in _SPELLED]
_MILLISECONDS = DAYS * 86_400_000
_HOURS = DAYS * 24
_PRAGMAS = ("synchronous=OFF", "journal_mode=OFF", "cache_size=-1000000", "threads=2")
"""Nobody needs the store should this be cut off; sorting takes two threads."""


def days_of(count: int, start: datetime) -> Iterator[tuple[StoredMessage, StoredEvent]]:
    """Make what comes in a block: messages, each with its event, the oldest first."""
    rows = [*load().categories.values()]
    step = timedelta(days=DAYS) / count
    for number in range(count):
        row = rows[number * 7 % len(rows)]
        at = start + number * step
        seldom = number % 1000 == 999
        domain = f"{SELDOM}.example.com" if seldom else f"d{number % 997}.example.com"
        address = f"u{number}@{domain}"
        text = f"550 5.1.1 {row.says}, as provider {number % 40} says to {address}"
        provider = SELDOM if seldom else PROVIDERS[number % len(PROVIDERS)]
        verdict = Verdict(
            None, row.bounce_class, row.id, row.fault, StatusCode(5, 1, 1), "550", row.id, 0.9,
            provider,
        )  # fmt: skip
        said = RecipientStatus(
            address, Action.FAILED, final_recipient=address, status=StatusCode(5, 1, 1),
            diagnostic=text,
        )  # fmt: skip
        forged = number % 50 == 49
        found = Attribution(
            address,
            "final_recipient",
            Trust.BACKSCATTER if forged else Trust.VOUCHED,
            SELDOM if seldom else STREAMS[number % 3],
            SELDOM if seldom else f"letter-{number * 3 // count}",
        )
        kind = Kind.OTHER if number % 100 == 98 else Kind.BOUNCE
        report = BounceReport(
            kind, original=OriginalMessage(f"{number}@example.com"), recipients=(said,)
        )
        id_ = new_id(at)
        raw = RawMessage(b"", f"INBOX/{number}", "imap", stream=found.stream)
        message = StoredMessage(id_, raw, f"fingerprint {number}", report, at, at)
        event = BounceEvent(f"key {number}", kind, at, said, verdict, found)
        decided = Decision(DecisionAction.COUNT, "soft", "counted")
        yield message, StoredEvent(new_id(at), id_, event, decided)


def fill(path: Path, count: int, blocks: int, now: datetime) -> None:
    """Make a store and fill it: blocks of ten days, each with so many events."""
    store = open_store(str(path))
    start = now - timedelta(days=DAYS * blocks)
    made = days_of(count, start)
    with _step(f"{count:,} events by the writer"):
        for _ in range(0, count, BATCH):
            pairs = [pair for pair, _ in zip(made, range(BATCH), strict=False)]
            with store.write() as writer:
                writer.add_messages([message for message, _ in pairs])
                writer.add_events([event for _, event in pairs])
                writer.fold_tallies()  # as the daemon does once an hour
        store.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}").fetchall()
        _multiply(connection, blocks)
        hour = int(now.timestamp()) // 3600
        connection.execute("DELETE FROM tally_hour WHERE hour < ?", (hour - 90 * 24,))
        connection.execute(_SENT, (hour - _HOURS * blocks, hour, _HOURS))
        connection.execute("PRAGMA journal_mode=WAL").fetchall()
    store = open_store(str(path))
    with _step("totals"), writing(store.engine, store.where) as whole:
        sum_up(whole)
    store.close()


@contextmanager
def _step(what: str) -> Iterator[None]:
    """Say what is done, and how long it took."""
    start = time.perf_counter()
    yield
    print(f"  {what}: {time.perf_counter() - start:.0f} s", flush=True)


def suppress(path: Path, count: int, now: datetime) -> None:
    """Put addresses on the list; a few for a seldom reason, and a few of a seldom domain."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        with _step(f"{count:,} suppressions"):
            connection.execute(_LISTED, (count - 1, SELDOM, to_micros(now)))


def _multiply(connection: sqlite3.Connection, blocks: int) -> None:
    """Write the first block again for each later one; indexes are made when all is there."""
    indexes = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL "
        "AND tbl_name IN ('event', 'message')"
    ).fetchall()
    for name, _ in indexes:
        connection.execute(f"DROP INDEX {name}")
    connection.create_function("later", 2, _later, deterministic=True)
    connection.execute("CREATE TEMP TABLE block (n INTEGER PRIMARY KEY)")
    connection.executemany("INSERT INTO block VALUES (?)", [(n,) for n in range(1, blocks)])
    for table, changed in _CHANGED.items():
        connection.execute(f"CREATE TEMP TABLE base AS SELECT * FROM {table}")  # noqa: S608  ours
        names = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        values = ", ".join(changed.get(name, f"base.{name}") for name in names)
        # A block begins in the midst of an hour, in which the one before it ends.
        count = names[-1]
        added = f"ON CONFLICT DO UPDATE SET {count} = {count} + excluded.{count}"
        with _step(f"{table}, {blocks} times"):
            connection.execute(
                f"INSERT INTO {table} ({', '.join(names)}) SELECT {values} "  # noqa: S608
                f"FROM block CROSS JOIN base WHERE {_OFTEN.get(table, '1')} "
                f"{added if count in {'events', 'messages'} else ''}"
            )
        connection.execute("DROP TABLE base")
    connection.execute(_SEEN, {"n": blocks - 1, "micros": _MILLISECONDS * 1000})
    for name, text in indexes:
        with _step(f"index {name}"):
            connection.execute(text)


def _later(id_: str, blocks: int) -> str:
    """Give the id of the same thing some blocks later."""
    at = int(id_[:10].translate(_READ), 32) + blocks * _MILLISECONDS
    return "".join([_PAIRS[at >> shift & 1023] for shift in (40, 30, 20, 10, 0)]) + id_[10:]


_MICROS = f"+ n * {_MILLISECONDS * 1000}"
_CHANGED = {
    "message": {
        "id": "later(id, n)",
        "fingerprint": "fingerprint || ' ' || n",
        "arrived_at": f"arrived_at {_MICROS}",
        "stored_at": f"stored_at {_MICROS}",
    },
    "event": {
        "id": "later(id, n)",
        "message_id": "later(message_id, n)",
        "key": "key || ' ' || n",
        "occurred_at": f"occurred_at {_MICROS}",
        "address": "'b' || n || address",
        "campaign": "campaign || '-' || n",
    },
    "tally_hour": {"hour": f"hour + n * {_HOURS}"},
    "tally_day": {"day": f"day + n * {DAYS}"},
    "tally_part": {
        "day": f"day + n * {DAYS}",
        "part": "CASE dimension WHEN 'campaign' THEN part || '-' || n ELSE part END",
    },
    "tally_mail": {"hour": f"hour + n * {_HOURS}"},
    "fingerprint_day": {"day": f"day + n * {DAYS}"},
}
"""What is different a block later, by table and column."""

_OFTEN = {
    "event": f"provider IS NOT '{SELDOM}'",
    "tally_hour": f"provider <> '{SELDOM}'",
    "tally_day": f"provider <> '{SELDOM}'",
    "tally_part": f"stream <> '{SELDOM}'",
    "fingerprint_day": f"id NOT IN (SELECT id FROM fingerprint WHERE provider = '{SELDOM}')",  # noqa: S608
}
_SEEN = (
    "UPDATE fingerprint SET last_at = last_at + :n * :micros, sample = later(sample, :n) "  # noqa: S608
    f"WHERE provider <> '{SELDOM}'"
)
_SENT = """
    INSERT INTO sent_count (hour, stream, campaign, messages)
    WITH RECURSIVE h(hour) AS (SELECT ? UNION ALL SELECT hour + 1 FROM h WHERE hour < ?)
    SELECT hour, stream, 'letter-' || (hour % 3) || '-' || (hour / ?), 4000 FROM h CROSS
    JOIN (SELECT 'newsletter' AS stream UNION SELECT 'invoices' UNION SELECT 'notices')
"""
_LISTED = """
    INSERT INTO suppression (address, stream, domain, reason, origin, rule, since, note, node)
    WITH RECURSIVE n(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < ?),
    d(n, domain) AS (
        SELECT n, CASE n % 10000 WHEN 9999 THEN ? ELSE 'd' || (n % 997) END || '.example.com' FROM n
    )
    SELECT 'u' || n || '@' || domain, '', domain, CASE n % 10000 WHEN 4999 THEN 'complaint' ELSE
    'user_unknown' END, 'bounce', 'hard', ?, '', 'n1' FROM d ORDER BY 1
"""
