"""Reading messages in several processes: octets go out, readings come back, in order.

The parent, which alone stores, reads too whenever nothing is there to be stored. The others are
forked before the store is opened, so that they hold the rules and little else; they end by
themselves when the parent is gone.
"""

import gc
import multiprocessing
import signal
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Self

from dsnwatch.assistant import COLLECT_AFTER, READ_OCTETS, Readings, answer, read_all
from dsnwatch.errors import DsnwatchError
from dsnwatch.model import RawMessage

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

    from dsnwatch.reading.reader import Reader

BATCH_MESSAGES = 250
BATCH_OCTETS = 1 << 20
"""A batch is a transaction, and what one process reads at a time."""

LEAVE_SECONDS = 2.0

Batch = list[RawMessage]
Work = tuple[Batch, Readings]


def batches(messages: Iterable[RawMessage]) -> Iterator[Batch]:
    """Gather messages, so many that each batch is worth its transaction and fits in memory."""
    batch: Batch = []
    octets = 0
    for raw in messages:
        if batch and octets + len(raw.data) > BATCH_OCTETS:
            yield batch
            batch, octets = [], 0
        batch.append(raw)
        octets += len(raw.data)
        if len(batch) == BATCH_MESSAGES:
            yield batch
            batch, octets = [], 0
    if batch:
        yield batch


@dataclass(slots=True)
class _UnderWay:
    """A batch that is being read by the process behind `connection`, or has been read here."""

    batch: Batch
    connection: Connection | None
    readings: Readings = field(default_factory=list)

    @property
    def ready(self) -> bool:
        return self.connection is None or self.connection.poll()


class Readers:
    """Reads batches by itself and with processes of its own; `close` ends those.

    Args:
        reader: What reads one message; the processes share it as it is now.
        jobs: How many processes read, this one among them.
    """

    def __init__(self, reader: "Reader", jobs: int) -> None:
        self._reader = reader
        self._workers: list[tuple[BaseProcess, Connection]] = []
        # What the collector never looks at stays shared between the processes; and it looks more
        # seldom, since what a message makes has no circles in it.
        self._collected = gc.get_threshold()
        gc.freeze()
        gc.set_threshold(COLLECT_AFTER)
        if jobs > 1:
            for _ in range(jobs - 1):
                self._start()

    def read(self, messages: Iterable[Batch]) -> Iterator[tuple[Batch, Readings]]:
        """Give each batch with its readings, in order; two a process are under way at most.

        A message without a reading is one our reader failed on: whoever stores it tries again and
        puts it into quarantine.

        Raises:
            DsnwatchError: A process has gone, for instance killed for want of memory.
        """
        idle = [connection for _, connection in self._workers]
        under_way: deque[_UnderWay] = deque()
        for batch in messages:
            done = []
            while under_way and (under_way[0].ready or len(under_way) > 2 * len(self._workers)):
                done.append(self._finish(under_way.popleft(), idle))
            # The next batch goes out before the last one is stored, so that nobody waits.
            if idle:
                connection = idle.pop()
                _send(connection, [raw.data[:READ_OCTETS] for raw in batch])
                under_way.append(_UnderWay(batch, connection))
            else:
                under_way.append(_UnderWay(batch, None, self._read(batch)))
            yield from done
        while under_way:
            yield self._finish(under_way.popleft(), idle)

    def _read(self, batch: Batch) -> Readings:
        return read_all(self._reader, [raw.data for raw in batch])

    def _finish(self, one: _UnderWay, idle: list[Connection]) -> tuple[Batch, Readings]:
        if one.connection is None:
            return one.batch, one.readings
        # Whoever is written to has nothing left to say, so neither side ever waits for the other.
        readings = _receive(one.connection)
        idle.append(one.connection)
        return one.batch, readings

    def close(self) -> None:
        """End the processes; one that is busy with a message gets a moment."""
        gc.unfreeze()
        gc.set_threshold(*self._collected)
        for _, connection in self._workers:
            connection.close()
        for process, _ in self._workers:
            process.join(LEAVE_SECONDS)
            if process.is_alive():
                process.kill()
                process.join()
        self._workers.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self) -> None:
        context = multiprocessing.get_context("fork")
        ours, theirs = context.Pipe()
        inherited = [*(connection for _, connection in self._workers), ours]
        process = context.Process(
            target=_serve, args=(self._reader, theirs, inherited), daemon=True
        )
        process.start()
        theirs.close()
        self._workers.append((process, ours))


def _serve(reader: "Reader", connection: Connection, inherited: Sequence[Connection]) -> None:
    """Read what comes until the other side has closed or died."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's affair
    for other in inherited:
        other.close()  # else nobody would see the parent's end of the pipe close
    answer(reader, connection)


def _send(connection: Connection, messages: Sequence[bytes]) -> None:
    try:
        connection.send(messages)
    except (BrokenPipeError, ConnectionResetError) as error:
        raise _gone() from error


def _receive(connection: Connection) -> Readings:
    try:
        readings: Readings = connection.recv()
    except (EOFError, ConnectionResetError) as error:
        raise _gone() from error
    return readings


def _gone() -> DsnwatchError:
    return DsnwatchError(
        "a reading process was killed, perhaps for want of memory; what is stored stays: run the "
        "same command again with --jobs 1"
    )
