"""May this address be mailed? One kept connection, plain SQL, nothing heavy loaded."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Protocol, Self

from dsnwatch.rfc.date import rfc3339
from dsnwatch.store.faults import translate
from dsnwatch.store.forgotten import Forgotten, key_file
from dsnwatch.store.location import is_server, sqlite_path
from dsnwatch.store.schema import revision
from dsnwatch.store.values import from_micros, storable, to_micros

BUSY_MS = 10_000

Rows = list[tuple[Any, ...]]

_COLUMNS = "stream, reason, since, until, event_id, rule, lifted_until"
QUERY = f"SELECT {_COLUMNS} FROM suppression WHERE address = ?"  # noqa: S608  our own columns
MANY = 100
"""Addresses that are asked for at once; the question is the same for fewer, and so is kept."""
QUERY_MANY = (
    f"SELECT {_COLUMNS}, address FROM suppression "  # noqa: S608  likewise
    f"WHERE address IN ({', '.join('?' * MANY)})"
)
FOR_EVER = float("inf")

HOLDING = """
    SELECT since FROM suppression
    WHERE address = ? AND (+stream = '' OR +stream = ?) AND (until IS NULL OR until > ?)
    AND (lifted_until IS NULL OR lifted_until <= ?)
"""
"""The plus signs keep SQLite from making a table of the two streams, at twice the price."""

_MICROS_A_DAY = 86_400_000_000
_DAY_ZERO = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class Found:
    """An address that is not to be mailed now, and why.

    Attributes:
        stream: The stream it holds for; "" is every stream.
        until: None is for ever.
        event_id: None for manual and imported ones.
    """

    address: str
    stream: str
    reason: str
    since: datetime
    until: datetime | None
    event_id: str | None
    rule: str


def said(address: str, found: Found | None) -> dict[str, object]:
    """Say as JSON takes it whether an address may be mailed; the words of `check --json`."""
    if found is None:
        return {"address": address, "suppressed": False}
    return {
        "address": address,
        "suppressed": True,
        "stream": found.stream,
        "reason": found.reason,
        "since": rfc3339(found.since),
        "until": rfc3339(found.until),
        "event_id": found.event_id,
        "rule": found.rule,
    }


class Asked(Protocol):
    """A database with one kept connection, made at the first question; for one thread."""

    def rows(self, query: str, values: Sequence[str | int]) -> Rows:
        """Ask; a database that is not there yet has no rows.

        Args:
            query: With a `?` for each value.
            values: In their order.

        Raises:
            StoreError: Or the subclass that fits.
        """

    def hold(self) -> None:
        """Answer from the state of this moment until `release`, where that is cheaper."""

    def release(self) -> None:
        """Let go of the state."""

    def close(self) -> None:
        """Let go of the database."""


def asked_at(url: str) -> Asked:
    """Find the database to ask.

    Raises:
        UsageError: The URL names none.
    """
    if is_server(url):
        from dsnwatch.store.postgres import need_driver  # noqa: PLC0415  only for a server

        need_driver()
        from dsnwatch.store.postgres_lookup import AskedServer  # noqa: PLC0415  an extra

        return AskedServer(url)
    return AskedFile(url)


class AskedFile:
    """A SQLite file."""

    def __init__(self, url: str) -> None:
        self._path = sqlite_path(url)
        self._connection: sqlite3.Connection | None = None
        self._cursor: sqlite3.Cursor | None = None

    def rows(self, query: str, values: Sequence[str | int]) -> Rows:
        """Ask, by one kept cursor."""
        try:
            if self._cursor is None:
                connection = self._connection or self._connect()
                if connection is None:
                    return []
                self._cursor = connection.cursor()
            return self._cursor.execute(query, values).fetchall()
        except sqlite3.Error as error:
            ours = translate(error, str(self._path))
            if ours is None:
                raise
            raise ours from error

    def hold(self) -> None:
        """Open a transaction; SQLite cannot fold its log back into the file meanwhile.

        A question of its own moment costs two file locks more, which is half of it.
        """
        if self._connection is not None and not self._connection.in_transaction:
            with suppress(sqlite3.Error):  # the next question says what is the matter
                self._connection.execute("BEGIN")

    def release(self) -> None:
        """End it."""
        if self._connection is not None and self._connection.in_transaction:
            with suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")

    def close(self) -> None:
        """Let go of the file."""
        self._cursor = None
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connect(self) -> sqlite3.Connection | None:
        """Open the database for reading; None where it is not there, or still without tables."""
        if not self._path.exists():
            return None
        connection = sqlite3.connect(
            f"{self._path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None
        )
        try:
            connection.execute(f"PRAGMA busy_timeout={BUSY_MS}")
            if revision(connection, str(self._path)) is None:
                connection.close()
                return None
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return connection


class SuppressionLookup:
    """Looks addresses up; for one thread, and as long as one likes.

    A store that is not there yet suppresses nobody; it is looked for again at each question.
    """

    def __init__(self, url: str) -> None:
        """Take note of where the store lies.

        Args:
            url: As for `open_store`.

        Raises:
            UsageError: The URL names no store.
        """
        self._asked = asked_at(url)
        self._forgotten = Forgotten(key_file(url))

    def find(self, address: str, now: datetime, stream: str = "") -> Found | None:
        """Find what keeps this address from being mailed.

        Args:
            address: Normalised.
            now: Suppressions that ended by then no longer hold.
            stream: The kind of mail that is to be sent; what holds for every stream counts too.
                "" asks for that alone.

        Returns:
            The suppression that holds longest; None where there is none.

        Raises:
            StoreSchemaError: It is not a store of ours, or a newer version's.
            StoreError: It cannot be read.
        """
        rows = self._asked.rows(QUERY, (storable(address),))
        if name := self._forgotten.name(address):
            rows = [*rows, *self._asked.rows(QUERY, (name,))]
        return _longest(address, rows, now, stream) if rows else None

    def find_many(
        self, addresses: Sequence[str], now: datetime, stream: str = ""
    ) -> dict[str, Found]:
        """Find what keeps any of these addresses from being mailed; see `find`.

        Returns:
            What was found, by address; the others may be mailed.
        """
        found: dict[str, Found] = {}
        for start in range(0, len(addresses), MANY):
            some = addresses[start : start + MANY]
            names = {storable(each): each for each in some}
            names |= {name: each for each in some if (name := self._forgotten.name(each))}
            rows: dict[str, Rows] = {}
            for row in self._among([*names]):
                rows.setdefault(names[row[-1]], []).append(row[:-1])
            for address, of_him in rows.items():
                if longest := _longest(address, of_him, now, stream):
                    found[address] = longest
        return found

    def _among(self, names: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        for start in range(0, len(names), MANY):
            some = names[start : start + MANY]
            yield from self._asked.rows(QUERY_MANY, [*some, *[some[0]] * (MANY - len(some))])

    def close(self) -> None:
        """Let go of the database."""
        self._asked.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _longest(address: str, rows: Rows, now: datetime, stream: str) -> Found | None:
    """Say which of an address's suppressions holds longest; None where none holds."""
    streams, moment = ("", storable(stream)), to_micros(now)
    holding = [
        row
        for row in rows
        if row[0] in streams
        and (row[3] is None or row[3] > moment)
        and (row[6] is None or row[6] <= moment)
    ]
    if not holding:
        return None
    row = max(holding, key=lambda row: FOR_EVER if row[3] is None else row[3])
    for_stream, reason, since, until, event_id, rule, _ = row
    return Found(
        address=address,
        stream=for_stream,
        reason=reason,
        since=from_micros(since),
        until=None if until is None else from_micros(until),
        event_id=event_id,
        rule=rule,
    )


class HeldLookup(SuppressionLookup):
    """Looks addresses up in the state of one moment, many a second; for one thread."""

    def __init__(self, url: str, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """Take note of where the store lies, as `SuppressionLookup`."""
        super().__init__(url)
        self._clock = clock
        self._moment = 0

    def hold(self) -> None:
        """Answer from the state of this moment until `release`, which may not be far."""
        self._moment = to_micros(self._clock())
        self._asked.hold()

    def release(self) -> None:
        """Let go of the state."""
        self._asked.release()

    def since(self, address: str, stream: str) -> date | None:
        """Say since which day (UTC) an address is suppressed; None where it is not.

        Args:
            address: Normalised.
            stream: As for `find`.

        Raises:
            StoreError: As `find` does.
        """
        if not (address.isascii() and stream.isascii()) or "\0" in address:
            address, stream = storable(address), storable(stream)
        moment = self._moment
        rows = self._asked.rows(HOLDING, (address, stream, moment, moment))
        if not rows and (name := self._forgotten.name(address)):
            rows = self._asked.rows(HOLDING, (name, stream, moment, moment))
        return date.fromordinal(_DAY_ZERO + rows[0][0] // _MICROS_A_DAY) if rows else None
