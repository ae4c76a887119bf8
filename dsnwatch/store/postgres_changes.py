"""What a PostgreSQL server tells us unasked: NOTIFY, sent by triggers at each COMMIT."""

from typing import TYPE_CHECKING

import psycopg

from dsnwatch.store import postgres
from dsnwatch.store.location import where_of
from dsnwatch.store.postgres_faults import translate

if TYPE_CHECKING:
    from psycopg.rows import TupleRow

LIST = "dsnwatch_list"
"""The channel that tells of changes to the suppression list."""

OUTBOX = "dsnwatch_outbox"
"""The channel that tells of rows in the outbox."""

BUSY_MS = 2_000


class ServerChanges:
    """Notices changes to the suppression list; see `changes.Changes`."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._where = where_of(url)
        self._connection: psycopg.Connection[TupleRow] | None = None
        self._seen = 0

    def seen(self) -> int:
        """Count what was told; a connection made anew counts, for it may have missed some."""
        try:
            if self._connection is None:
                self._connection = postgres.connect(self._url, BUSY_MS, autocommit=True)
                self._connection.execute(f"LISTEN {LIST}")
                self._seen += 1
            told = sum(1 for _ in self._connection.notifies(timeout=0))
        except psycopg.Error as error:
            self.close()
            ours = translate(error, self._where)
            if ours is None:
                raise
            raise ours from error
        self._seen += told
        return self._seen

    def close(self) -> None:
        """Let go of the server."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
