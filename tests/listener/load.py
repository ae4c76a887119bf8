"""Many clients at once, in one loop, each of which remembers what it was answered."""

import asyncio
import resource
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from tests.listener.builders import RECIPIENT, a_bounce, stuffed


@dataclass(slots=True)
class Load:
    """Messages to deliver, by number, and what became of each.

    Attributes:
        left: Those that have not been answered 250.
        answered: Those that have.
        seconds: From the lone dot to the answer, for each that was answered.
        connections: How many there are at once.
    """

    left: set[int]
    octets: int = 0
    connections: int = 100
    answered: set[int] = field(default_factory=set)
    seconds: list[float] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)

    def deliver(self, port: int) -> None:
        """Deliver what is left; a client that is cut off stops."""
        asyncio.run(self._deliver(port))

    async def _deliver(self, port: int) -> None:
        numbers = iter(sorted(self.left))
        async with asyncio.TaskGroup() as group:
            for _ in range(self.connections):
                group.create_task(self._client(port, numbers))

    async def _client(self, port: int, numbers: Iterator[int]) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                await self._talk(reader, writer, numbers)
            finally:
                writer.close()

    async def _talk(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, numbers: Iterable[int]
    ) -> None:
        async def say(octets: bytes) -> bytes:
            writer.write(octets)
            return await reader.readuntil(b"\r\n")

        await say(b"")
        await say(b"HELO mx.example.net\r\n")
        loop = asyncio.get_running_loop()
        for number in numbers:
            await say(b"MAIL FROM:<>\r\n")
            await say(b"RCPT TO:<%s>\r\n" % RECIPIENT.encode())
            if not (await say(b"DATA\r\n")).startswith(b"354"):
                return
            start = loop.time()
            reply = await say(stuffed(a_bounce(number, octets=self.octets)))
            if reply.startswith(b"250 "):
                self.seconds.append(loop.time() - start)
                self.answered.add(number)
                self.left.discard(number)
            else:
                self.refusals.append(reply.decode().strip())


def may_open_many(files: int) -> None:
    """Raise this process's own limit of open files as far as it may be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < files:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(files, hard), hard))
