"""The store: one database, one writer at a time, any number of readers."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from dsnwatch.errors import StoreSchemaError
from dsnwatch.store import schema
from dsnwatch.store.connections import connect_to, reading, writing
from dsnwatch.store.deliveries import Deliveries
from dsnwatch.store.figures import FigureQueries
from dsnwatch.store.holds import HoldQueries
from dsnwatch.store.location import sqlite_path
from dsnwatch.store.queries import Queries
from dsnwatch.store.replays import ReplayQueries
from dsnwatch.store.signs import SignQueries
from dsnwatch.store.writer import Writer


class Store(Queries, HoldQueries, SignQueries, ReplayQueries, FigureQueries):
    """An open database; threads may share it, forked processes may not.

    Attributes:
        url: As it was given.
        where: The file, for people.
    """

    def __init__(self, url: str, *, node: str, migrate: bool, busy: timedelta) -> None:
        path = sqlite_path(url)
        self.url = url
        self.where = str(path)
        self._node = node
        busy_ms = int(busy.total_seconds() * 1000)
        schema.make_file(path)
        found = schema.revision_of_file(path, busy_ms)
        if found not in (None, schema.HEAD) and not migrate:
            raise StoreSchemaError(
                f"store {path}: written by an older dsnwatch (schema {found}, this one writes "
                f"{schema.HEAD}); run `dsnwatch db upgrade`"
            )
        super().__init__(connect_to(path, busy_ms), self.where)
        if found != schema.HEAD:
            # Alembic costs a fifth of a second: only where there is something to migrate.
            from dsnwatch.store.upgrade import upgrade  # noqa: PLC0415

            try:
                upgrade(self._engine, self.where)
            except BaseException:
                self.close()
                raise

    @contextmanager
    def look(self) -> Iterator[Writer]:
        """Open a reading transaction: what a writer may ask, all of it of one moment.

        Nothing may be written in it.

        Raises:
            StoreError: Or the subclass that fits.
        """
        with reading(self._engine, self.where) as connection:
            yield Writer(connection, self._node)

    @contextmanager
    def write(self) -> Iterator[Writer]:
        """Open a writing transaction: on disk when the block ends, undone if it raises.

        Raises:
            StoreBusyError: Another process wrote for longer than we wait.
            StoreFullError: No space left; nothing of this transaction is stored.
            StoreError: Whatever else keeps the database from taking it.
        """
        with writing(self._engine, self.where) as connection:
            yield Writer(connection, self._node)

    @contextmanager
    def deliveries(self, *, readonly: bool = False) -> Iterator[Deliveries]:
        """Open a transaction over the outbox alone; as short as `write`, and no network in it.

        Args:
            readonly: Only look, and keep nobody from writing.

        Raises:
            StoreError: As `write` does.
        """
        opened = reading if readonly else writing
        with opened(self._engine, self.where) as connection:
            yield Deliveries(connection, self._node)

    def close(self) -> None:
        """Let go of the database; the last one to do so folds the log into the file."""
        self._engine.dispose()
