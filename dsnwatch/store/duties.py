"""What only one of several daemons may do at a time, and how they wake each other.

A store in a file is one machine's, and one daemon's: it has every duty. On a server a duty is a
lease with a token that grows each time another daemon takes it, see `postgres_duties`.
"""

from collections.abc import Callable
from typing import Protocol


class Duties(Protocol):
    """The duties of one daemon; from any thread."""

    @property
    def wakes(self) -> bool:
        """Whether whoever heeds is told of news at once, and need not look often."""

    def want(self, name: str) -> None:
        """Try to get a duty from now on, and to keep it."""

    def give_back(self, name: str) -> None:
        """Let another daemon have it, from now on."""

    def token(self, name: str) -> int | None:
        """Give the token of a duty we have, as far as is known; None where another one has it."""

    def take(self, name: str) -> int | None:
        """Get a duty now, in this thread, without `run`; None where another one has it.

        Raises:
            StoreError: The store cannot be asked.
        """

    def heed(self, wake: Callable[[], None]) -> None:
        """Have something called when there is news in the outbox."""

    def unheed(self, wake: Callable[[], None]) -> None:
        """Have it called no more."""

    def run(self) -> None:
        """Look after all this until `stop` is called; only where the store is shared."""

    def stop(self) -> None:
        """Make `run` return, and give every duty back."""

    def close(self) -> None:
        """Let go of the store; nobody may be in `run`."""


class OwnDuties:
    """Of the only daemon there is."""

    wakes = False

    def want(self, name: str) -> None:
        """Do nothing: it is ours."""

    give_back = want

    def token(self, name: str) -> int | None:  # noqa: ARG002  as the protocol has it
        """Give the one token there is."""
        return 0

    take = token

    def heed(self, wake: Callable[[], None]) -> None:
        """Do nothing: who waits looks often enough."""

    unheed = heed

    def run(self) -> None:
        """Do nothing."""

    stop = close = run


class Duty:
    """One duty, in the hands of the thread that does it.

    Attributes:
        name: `mailbox bounces`.
        token: What `begin` found; what is written goes by it (`Writer.fence`).
    """

    def __init__(self, duties: Duties, name: str) -> None:
        self._duties = duties
        self.name = name
        self.token: int | None = None
        duties.want(name)

    def begin(self) -> bool:
        """Find out whether it is ours; says whether it was ours without a break till now."""
        before, self.token = self.token, self._duties.token(self.name)
        return self.token is not None and self.token == before

    @property
    def fence(self) -> tuple[str, int]:
        """What `Writer.fence` is given: the name and what it was begun with."""
        return self.name, -1 if self.token is None else self.token

    @property
    def is_ours(self) -> bool:
        """Whether it is still what `begin` found, as far as is known; from any thread."""
        return self.token is not None and self._duties.token(self.name) == self.token

    def end(self) -> None:
        """Do it no more; another daemon may."""
        self._duties.give_back(self.name)

    def take(self) -> bool:
        """Get it now, for a command; says whether that was possible."""
        self.token = self._duties.take(self.name)
        return self.token is not None
