"""Has anybody written to the store? One kept connection, plain SQLite."""

import sqlite3
from contextlib import closing

from dsnwatch.store.faults import told
from dsnwatch.store.location import sqlite_path


class Changes:
    """Notices writes of others; for one thread, and as long as one likes."""

    def __init__(self, url: str) -> None:
        """Take note of where the store lies.

        Args:
            url: As for `open_store`; the store must be there when it is first asked.
        """
        self._path = sqlite_path(url)
        self._connection: sqlite3.Connection | None = None

    def seen(self) -> int:
        """Give a number that is another one when anything was written since the last time.

        Raises:
            StoreError: The store cannot be read.

        Source: https://www.sqlite.org/pragma.html#pragma_data_version
        """
        with told(str(self._path)):
            if self._connection is None:
                self._connection = sqlite3.connect(
                    f"{self._path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None
                )
            with closing(self._connection.execute("PRAGMA data_version")) as answer:
                return int(answer.fetchone()[0])

    def close(self) -> None:
        """Let go of the database."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
