"""What answering a request takes: the store, what the daemon has loaded, the clock."""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import local
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request

from dsnwatch.config.web import WebSection
from dsnwatch.http.attempts import Attempts
from dsnwatch.http.keys import Keys
from dsnwatch.metrics import ListenerFigures, MailboxFigures
from dsnwatch.store.lookup import SuppressionLookup

if TYPE_CHECKING:
    from dsnwatch.service.parts import Loaded
    from dsnwatch.store import Store


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Lookups:
    """Answers whether addresses may be mailed, over one kept connection a thread.

    Args:
        url: Of the store.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._mine = local()
        self._all: list[SuppressionLookup] = []

    def here(self) -> SuppressionLookup:
        """Get this thread's own."""
        found: SuppressionLookup | None = getattr(self._mine, "lookup", None)
        if found is None:
            found = self._mine.lookup = SuppressionLookup(self._url)
            self._all.append(found)
        return found

    def close(self) -> None:
        """Let go of all of them, when nobody asks any more."""
        for each in self._all:
            with suppress(sqlite3.ProgrammingError):  # SQLite's go with their own threads
                each.close()


@dataclass(frozen=True)
class Desk:
    """What every request may use.

    Attributes:
        store: Read and written in threads of the pool.
        section: `[web]`.
        loaded: Gets the configuration, rules and policy in force.
        figures: Gets how the mailboxes fare.
        keys: Knows tokens.
        lookups: Answer single questions in the loop itself: some microseconds each.
        clock: Tells the time.
        listeners: Gets how the listeners fare.
        attempts: Counts who tries to sign in with what is no token.
    """

    store: "Store"
    section: WebSection
    loaded: "Callable[[], Loaded]"
    figures: Callable[[], Mapping[str, MailboxFigures]]
    keys: Keys
    lookups: Lookups
    clock: Callable[[], datetime] = _utc_now
    listeners: Callable[[], Sequence[ListenerFigures]] = tuple
    attempts: Attempts = field(init=False)

    def __post_init__(self) -> None:
        """Count by the same clock."""
        object.__setattr__(self, "attempts", Attempts(self.clock))

    @property
    def quick(self) -> bool:
        """Whether a look-up goes over no network, and may be done in the loop."""
        return not self.store.url.startswith("postgres")


async def _desk(request: Request) -> Desk:
    desk = request.app.state.desk
    assert isinstance(desk, Desk)
    return desk


Here = Annotated[Desk, Depends(_desk)]
"""The desk, as a parameter of a route."""
