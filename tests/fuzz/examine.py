"""One input through everything that reads strangers' octets, and what may not come of it."""

import json
import resource
import time
from collections.abc import Callable
from datetime import UTC, datetime
from io import BytesIO

from dsnwatch.attribute import Attributor
from dsnwatch.model import RawMessage
from dsnwatch.reading.details import as_dict
from dsnwatch.reading.reader import Reader, contract
from dsnwatch.sources.mbox import cut, from_line, is_dated, next_start

MOST_SECONDS = 1.0
MOST_BYTES = 200 << 20
NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)


class FoundError(Exception):
    """An input that takes too long, takes too much, or is not read as it should be."""


def examine(reader: Reader, data: bytes) -> None:
    """Put some octets through the reader and what stands behind it.

    Raises:
        FoundError: It took more than a second twice, or more than 200 MB, or its reading is not
            fit to be printed or differs from one time to the next.
        Exception: Whatever else a mistake of ours raises.
    """
    before = _peak_bytes()
    for step in (_message, _mailbox):
        seconds = _timed(step, reader, data)
        if seconds > MOST_SECONDS:  # once more: another program may have had the processor
            seconds = min(seconds, _timed(step, reader, data))
        if seconds > MOST_SECONDS:
            raise FoundError(f"{step.__name__}: {seconds:.1f} s for {len(data)} octets")
    if (more := _peak_bytes() - before) > MOST_BYTES:
        raise FoundError(f"{more >> 20} MB for {len(data)} octets")


def _timed(step: Callable[[Reader, bytes], None], reader: Reader, data: bytes) -> float:
    began = time.process_time()
    step(reader, data)
    return time.process_time() - began


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def _message(reader: Reader, data: bytes) -> None:
    """Read it as a message, as often as the command line would."""
    explanation = reader.explain(data)
    reading = explanation.reading
    if reader.read(data) != reading:
        raise FoundError("the same octets were read in two ways")
    if len(reading.verdicts) != len(reading.report.recipients):
        raise FoundError("not one verdict a recipient")
    line = json.dumps(contract("a", reading), ensure_ascii=False)
    line.encode()
    raw = RawMessage(data, "a", "eml", NOW)
    for event in Attributor().events_of(raw, reading, raw.fingerprint, NOW):
        json.dumps(as_dict(event.details))
        if not event.recipient.recipient:
            raise FoundError("an event about nobody")


def _mailbox(_: Reader, data: bytes) -> None:
    """Read it as an mbox; its pieces hold no more than it did."""
    line = from_line(data)
    dated = bool(line) and is_dated(data[:line])
    stream = BytesIO(data)
    octets = sum(len(piece.data) for piece in cut(stream.readinto, dated=dated))
    if octets > len(data):
        raise FoundError("an mbox gave more than it had")
    stream.seek(0)
    next_start(stream.readinto, dated=dated)
