"""The wall between the loop and the thread that stores: messages go over, receipts come back."""

import asyncio
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from dsnwatch.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from dsnwatch.model import RawMessage
    from dsnwatch.records import Receipt

    Waiting = asyncio.Future[Receipt | BaseException]


class Wall:
    """Brings receipts into the loop, all of a commit at one wake-up.

    `asyncio.wrap_future` wakes the loop for each receipt: a system call, at which the storing
    thread lets the interpreter go and must win it back, a hundred times a group.

    Args:
        submit: Leaves a message for the store (`Inbox.submit`).
        loop: Where receipts are waited for.
    """

    def __init__(
        self, submit: "Callable[[RawMessage], Future[Receipt]]", loop: asyncio.AbstractEventLoop
    ) -> None:
        self._submit = submit
        self._loop = loop
        self._given: deque[tuple[Waiting, Future[Receipt]]] = deque()
        self._wakes = False

    async def over(self, raw: "RawMessage") -> "Receipt | BaseException":
        """Hand a message over, and wait.

        Returns:
            Its receipt, or what kept it from being stored: no room, a full disk, whatever. Who
            stops waiting changes nothing: the message is stored, and known when it comes again.
        """
        waiting: Waiting = self._loop.create_future()
        try:
            self._submit(raw).add_done_callback(lambda given: self._give(waiting, given))
        except UnavailableError as full:
            return full
        return await waiting

    def _give(self, waiting: "Waiting", given: "Future[Receipt]") -> None:
        """Bring a receipt; called in the thread that stores."""
        self._given.append((waiting, given))
        if not self._wakes:
            self._wakes = True
            with suppress(RuntimeError):  # the loop has gone, and with it who waited
                self._loop.call_soon_threadsafe(self._take)

    def _take(self) -> None:
        """Hand out what has come; called in the loop."""
        self._wakes = False  # before looking: what comes from here on wakes us again
        while self._given:
            waiting, given = self._given.popleft()
            if not waiting.cancelled():
                waiting.set_result(given.exception() or given.result())
