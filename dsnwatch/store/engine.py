"""The store: one database, one writer at a time, any number of readers."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial

from dsnwatch.errors import StoreSchemaError
from dsnwatch.store import schema
from dsnwatch.store.aging import AgeQueries
from dsnwatch.store.alerts import AlertQueries
from dsnwatch.store.connections import connect_to, reading, writing
from dsnwatch.store.deliveries import Deliveries
from dsnwatch.store.duties import Duties, OwnDuties
from dsnwatch.store.erasing import EraseQueries
from dsnwatch.store.feed import FeedQueries
from dsnwatch.store.figures import FigureQueries
from dsnwatch.store.forgotten import Forgotten, key_file
from dsnwatch.store.holds import HoldQueries
from dsnwatch.store.location import is_server, sqlite_path, where_of
from dsnwatch.store.postgres import engine_for, need_driver
from dsnwatch.store.postgres_schema import revision_on as revision_on_server
from dsnwatch.store.queries import Queries
from dsnwatch.store.replays import ReplayQueries
from dsnwatch.store.signs import SignQueries
from dsnwatch.store.tokens import TokenQueries
from dsnwatch.store.writer import Writer


class Store(
    Queries,
    HoldQueries,
    SignQueries,
    ReplayQueries,
    TokenQueries,
    FigureQueries,
    AlertQueries,
    EraseQueries,
    FeedQueries,
    AgeQueries,
):
    """An open database; threads may share it, forked processes may not.

    Attributes:
        url: As it was given.
        where: The file or the server, for people.
        shared: Whether other machines may use it too.
        forgotten: Knows the names of those who were forgotten.
        duties: What only one of them may do at a time.
    """

    def __init__(self, url: str, *, node: str, migrate: bool, busy: timedelta) -> None:
        self.url = url
        self.where = where_of(url)
        self.shared = is_server(url)
        self._node = node
        self.forgotten = Forgotten(key_file(url))
        self.duties = _duties(url, node)
        busy_ms = int(busy.total_seconds() * 1000)
        if self.shared:
            super().__init__(engine_for(url, busy_ms), self.where)
        else:
            path = sqlite_path(url)
            schema.make_file(path)
            found = schema.revision_of_file(path, busy_ms)
            super().__init__(connect_to(path, busy_ms), self.where)
        try:
            if self.shared:
                with reading(self._engine, self.where) as connection:
                    found = revision_on_server(connection, self.where)
            self._bring_up_to_date(found, migrate=migrate)
        except BaseException:
            self.close()
            raise

    def _bring_up_to_date(self, found: str | None, *, migrate: bool) -> None:
        if found == schema.HEAD:
            return
        if found is not None and not migrate:
            raise StoreSchemaError(
                f"store {self.where}: written by an older dsnwatch (schema {found}, this one "
                f"writes {schema.HEAD}); run `dsnwatch db upgrade`"
            )
        # Alembic costs a fifth of a second: only where there is something to migrate.
        from dsnwatch.store.upgrade import upgrade  # noqa: PLC0415

        upgrade(self._engine, self.where)

    @contextmanager
    def look(self) -> Iterator[Writer]:
        """Open a reading transaction: what a writer may ask, all of it of one moment.

        Nothing may be written in it.

        Raises:
            StoreError: Or the subclass that fits.
        """
        with reading(self._engine, self.where) as connection:
            yield Writer(connection, self._node, self.forgotten)

    @contextmanager
    def write(self, *, beside: bool = False) -> Iterator[Writer]:
        """Open a writing transaction: on disk when the block ends, undone if it raises.

        Args:
            beside: Others may write meanwhile, where the database lets them; what is decided
                about has to be claimed (`Writer.claim`) before anything is asked.

        Raises:
            StoreBusyError: Another process wrote for longer than we wait.
            StoreConflictError: Another one wrote the same; do it all again.
            StoreFullError: No space left; nothing of this transaction is stored.
            StoreError: Whatever else keeps the database from taking it.
        """
        with writing(self._engine, self.where, beside=beside) as connection:
            writer = Writer(connection, self._node, self.forgotten)
            yield writer
            writer.finish()

    @contextmanager
    def deliveries(self, *, readonly: bool = False) -> Iterator[Deliveries]:
        """Open a transaction over the outbox alone; as short as `write`, and no network in it.

        Args:
            readonly: Only look, and keep nobody from writing.

        Raises:
            StoreError: As `write` does.
        """
        opened = reading if readonly else partial(writing, rows=True)
        with opened(self._engine, self.where) as connection:
            yield Deliveries(connection, self._node)

    def close(self) -> None:
        """Let go of the database; the last one to do so folds the log into the file."""
        self.duties.close()
        self._engine.dispose()


def _duties(url: str, node: str) -> Duties:
    if not is_server(url):
        return OwnDuties()
    need_driver()
    from dsnwatch.store.postgres_duties import ServerDuties  # noqa: PLC0415  an extra

    return ServerDuties(url, node)
