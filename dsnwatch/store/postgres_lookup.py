"""What is asked of a PostgreSQL server over one kept connection, without SQLAlchemy."""

import time
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import psycopg

from dsnwatch.store import postgres
from dsnwatch.store.location import where_of
from dsnwatch.store.postgres_faults import translate
from dsnwatch.store.postgres_schema import FOUND, REVISION, revision_of

if TYPE_CHECKING:
    from psycopg.rows import TupleRow

    from dsnwatch.errors import StoreError

BUSY_MS = 2_000
AGAIN_SECONDS = 1.0
"""A server that did not answer is left alone for so long, and who asks hears so at once."""


@lru_cache
def in_words(query: str) -> bytes:
    """Write a query for SQLite as PostgreSQL takes it."""
    return query.replace("?", "%s").replace("+stream", "stream").encode()


class AskedServer:
    """See `lookup.Asked`. Each question sees what was committed by then."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._where = where_of(url)
        self._connection: psycopg.Connection[TupleRow] | None = None
        self._failed: StoreError | None = None
        self._failed_at = 0.0

    def rows(self, query: str, values: Sequence[str | int]) -> list[tuple[Any, ...]]:
        """Ask; once more where the connection turns out to be over."""
        again = self._connection is not None
        try:
            connection = self._connection or self._connect()
            if connection is None:
                return []
            return connection.execute(in_words(query), values, prepare=True).fetchall()
        except psycopg.Error as error:
            if self._connection is not None and self._connection.closed:
                self.close()
                if again:
                    return self.rows(query, values)
            ours = translate(error, self._where)
            if ours is None:
                raise
            raise ours from error

    def _connect(self) -> "psycopg.Connection[TupleRow] | None":
        """Connect; None where there are no tables yet.

        Raises:
            StoreError: It failed a moment ago.
        """
        if self._failed is not None and time.monotonic() - self._failed_at < AGAIN_SECONDS:
            raise self._failed
        try:
            connection = postgres.connect(self._url, BUSY_MS, autocommit=True)
        except psycopg.Error as error:
            self._failed, self._failed_at = translate(error, self._where), time.monotonic()
            raise
        self._failed = None
        try:
            there, ours, names = connection.execute(FOUND.encode()).fetchone() or (False,) * 3
            row = connection.execute(REVISION).fetchone() if there and ours else None
            version = None if row is None else str(row[0])
            found = revision_of((there, ours, names), version, self._where)
        except BaseException:
            connection.close()
            raise
        if found is None:
            connection.close()
            return None
        self._connection = connection
        return connection

    def hold(self) -> None:
        """Do nothing: a question of its own costs no more."""

    def release(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Let go of the server."""
        if self._connection is not None:
            with suppress(psycopg.Error):
                self._connection.close()
            self._connection = None
