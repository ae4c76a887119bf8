"""Duties on a PostgreSQL server: one connection holds their locks, and hears what is told.

A lock ends with its connection, so a duty is free as soon as its daemon dies, whatever its clock
says; of a machine that lost its power the server notices within half a minute. The token in `lease`
grows each time: what a daemon writes that lost a duty and does not know it yet is refused.
"""

import logging
import os
import select
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import psycopg

from dsnwatch.store import postgres
from dsnwatch.store.location import where_of
from dsnwatch.store.postgres_changes import OUTBOX
from dsnwatch.store.postgres_faults import translate

if TYPE_CHECKING:
    from psycopg.rows import TupleRow

log = logging.getLogger(__name__)

BUSY_MS: Final = 2_000
TRY_SECONDS: Final = 1.0
"""How often a duty that another one has is tried for."""

LOOK_SECONDS: Final = 10.0
"""How often the connection is looked at where nothing else is to be done."""

TAKE = b"""
    INSERT INTO lease (name, token, at, node)
    VALUES (%s, 1, (extract(epoch FROM now()) * 1000000)::bigint, %s)
    ON CONFLICT (name) DO UPDATE
    SET token = lease.token + 1, at = excluded.at, node = excluded.node
    RETURNING token
"""


class ServerDuties:
    """See `duties.Duties`.

    Args:
        url: The server.
        node: This machine.
    """

    def __init__(self, url: str, node: str) -> None:
        self._url = url
        self._where = where_of(url)
        self._node = node
        self._wanted: set[str] = set()
        self._tokens: dict[str, int] = {}
        self._heeding: list[Callable[[], None]] = []
        self._connection: psycopg.Connection[TupleRow] | None = None
        self._changed = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._stopping = threading.Event()
        self._failing = False

    @property
    def wakes(self) -> bool:
        """Whether there is a connection that hears."""
        return self._connection is not None

    def want(self, name: str) -> None:
        """Try to get a duty from now on."""
        if name not in self._wanted:
            self._wanted = self._wanted | {name}
            os.eventfd_write(self._changed, 1)

    def give_back(self, name: str) -> None:
        """Let another daemon have it; `run` does so at once."""
        self._wanted = self._wanted - {name}
        os.eventfd_write(self._changed, 1)

    def token(self, name: str) -> int | None:
        """Give the token of a duty we have."""
        return self._tokens.get(name)

    def take(self, name: str) -> int | None:
        """Get a duty now."""
        try:
            self._try(self._connection or self._connect(), name)
        except psycopg.Error as error:
            self._let_go()
            ours = translate(error, self._where)
            if ours is None:
                raise
            raise ours from error
        return self.token(name)

    def heed(self, wake: Callable[[], None]) -> None:
        """Have something called when there is news."""
        self._heeding = [*self._heeding, wake]

    def unheed(self, wake: Callable[[], None]) -> None:
        """Have it called no more."""
        self._heeding = [each for each in self._heeding if each != wake]

    def run(self) -> None:
        """Hold what can be held, and pass on what is told."""
        try:
            while not self._stopping.is_set():
                try:
                    self._turn(self._connection or self._connect())
                except psycopg.Error as error:
                    self._let_go()
                    log_no_duties(translate(error, self._where) or error, again=self._failing)
                    self._failing = True
                    self._stopping.wait(TRY_SECONDS)
        finally:
            self._let_go()

    def stop(self) -> None:
        """Make `run` return; where it was never called, let go of what was taken."""
        self._stopping.set()
        os.eventfd_write(self._changed, 1)

    def close(self) -> None:
        """Give everything back; nobody may be in `run`."""
        self._let_go()
        if self._changed >= 0:
            os.close(self._changed)
            self._changed = -1

    def _connect(self) -> "psycopg.Connection[TupleRow]":
        made = postgres.connect(self._url, BUSY_MS, autocommit=True)
        made.execute(f"LISTEN {OUTBOX}")
        self._connection = made
        self._failing = False
        self._wake()  # something may have been told before we heard
        return made

    def _turn(self, connection: "psycopg.Connection[TupleRow]") -> None:
        """Try for what is wanted, then wait for what comes next."""
        wanted = self._wanted
        for name in sorted(self._tokens.keys() - wanted):
            self._tokens = {other: token for other, token in self._tokens.items() if other != name}
            connection.execute("SELECT pg_advisory_unlock(%s)", (_lock(name),))
        for name in sorted(wanted - self._tokens.keys()):
            self._try(connection, name)
        started = time.monotonic()
        wait = TRY_SECONDS if self._wanted - self._tokens.keys() else LOOK_SECONDS
        heard, _, _ = select.select([connection.fileno(), self._changed], [], [], wait)
        if self._changed in heard:
            with suppress(BlockingIOError):
                os.eventfd_read(self._changed)
        if connection.fileno() in heard and any([*connection.notifies(timeout=0)]):
            self._wake()
        elif time.monotonic() - started >= LOOK_SECONDS:
            connection.execute("SELECT 1")

    def _try(self, connection: "psycopg.Connection[TupleRow]", name: str) -> None:
        row = connection.execute("SELECT pg_try_advisory_lock(%s)", (_lock(name),)).fetchone()
        if row is None or not row[0]:
            return
        taken = connection.execute(TAKE, (name, self._node)).fetchone()
        assert taken is not None
        self._tokens = self._tokens | {name: int(taken[0])}
        log_taken(name)

    def _wake(self) -> None:
        for wake in self._heeding:
            wake()

    def _let_go(self) -> None:
        """Give every duty back: the connection's end ends its locks."""
        connection, self._connection = self._connection, None
        self._tokens = {}
        if connection is not None:
            with suppress(psycopg.Error):
                connection.close()


def _lock(name: str) -> int:
    return postgres.lock_number(f"duty {name}")


def log_taken(name: str) -> None:
    """Say that a duty is ours."""
    log.info("%s is ours to look after", name)


def log_no_duties(error: BaseException, *, again: bool) -> None:
    """Say that nothing is known of duties; others may have taken them. Said once."""
    log.log(logging.DEBUG if again else logging.WARNING, "no duties any more: %s", error)
