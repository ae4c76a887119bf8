"""Has anybody written to the store? One kept connection, plain SQL."""

import sqlite3
from contextlib import closing
from typing import Protocol

from dsnwatch.store.faults import told
from dsnwatch.store.location import is_server, sqlite_path


class Changes(Protocol):
    """Notices writes of others; for one thread, and as long as one likes."""

    def seen(self) -> int:
        """Give a number that is another one when anything was written since the last time.

        Raises:
            StoreError: The store cannot be read.
        """

    def close(self) -> None:
        """Let go of the database."""


def changes_at(url: str) -> Changes:
    """Notice what is written to a store, which must be there when it is first asked.

    Raises:
        UsageError: The URL names none.
    """
    if is_server(url):
        from dsnwatch.store.postgres import need_driver  # noqa: PLC0415  only for a server

        need_driver()
        from dsnwatch.store.postgres_changes import ServerChanges  # noqa: PLC0415  an extra

        return ServerChanges(url)
    return FileChanges(url)


class FileChanges:
    """Notices writes to a SQLite file."""

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
