"""Changes to the suppression list that a person makes, each with its news and its audit line."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING

from dsnwatch.changes import Changes, Key
from dsnwatch.list_rows import as_dict
from dsnwatch.model import Suppression
from dsnwatch.policy import merge

if TYPE_CHECKING:
    from dsnwatch.store import Store
    from dsnwatch.subscriptions import Subscriptions

BATCH = 1000
"""Rows asked for and written at once; all batches of a file are one transaction."""


def put(
    store: "Store", new: Sequence[Suppression], because: str, who: str, wanted: "Subscriptions"
) -> list[Suppression]:
    """Suppress addresses; one that is suppressed for as long already stays as it is.

    Args:
        store: Where to.
        new: What to say of them.
        because: Why.
        who: For the audit log: `cli:anne`, `web:anne`.
        wanted: Which hooks want to be told.

    Returns:
        Those that were written.
    """
    now = datetime.now(UTC)
    with store.write() as writer:
        written = Changes(writer, now, who, wanted).put(new)
        for each in written:
            writer.audit(now, who, "suppression.add", each.address, because, as_dict(each))
    return written


def release(
    store: "Store",
    keys: Sequence[Key],
    because: str,
    who: str,
    wanted: "Subscriptions",
) -> dict[Key, Suppression]:
    """Let addresses be mailed again, all in one transaction.

    Args:
        store: Where.
        keys: Addresses, normalised, each with the stream it is suppressed for; "" is all.
        because: Why.
        who: For the audit log: `cli:anne`, `web:anne`.
        wanted: Which hooks want to be told.

    Returns:
        What was said of each; those that were not on the list are absent.
    """
    now = datetime.now(UTC)
    with store.write() as writer:
        changes = Changes(writer, now, who, wanted)
        return changes.release(keys, because)


def take_in(
    store: "Store",
    rows: Iterator[Suppression],
    name: str,
    because: str,
    who: str,
    *,
    wanted: "Subscriptions",
    dry_run: bool,
) -> tuple[int, int]:
    """Write the rows of a file in one transaction: all of them, or nothing where one is wrong.

    Args:
        store: Where to.
        rows: As they are read; an error in one undoes those before it.
        name: The file, for the audit log.
        because: Why.
        who: For the audit log: `cli:anne`, `web:anne`.
        wanted: Which hooks want to be told.
        dry_run: Only count, and write nothing.

    Returns:
        How many there were, and how many said more than the list did.
    """
    if dry_run:
        return _count(store, rows)
    now = datetime.now(UTC)
    read = changed = 0
    with store.write() as writer:
        changes = Changes(writer, now, who, wanted)
        while batch := list(islice(rows, BATCH)):
            read += len(batch)
            changed += len(changes.put(batch))
        detail = {"rows": read, "written": changed}
        writer.audit(now, who, "suppression.import", name, because, detail)
    return read, changed


def _count(store: "Store", rows: Iterable[Suppression]) -> tuple[int, int]:
    read = changed = 0
    for read, each in enumerate(rows, start=1):  # noqa: B007  its last value is the count
        changed += merge(store.suppression(each.address, each.stream), each) is not None
    return read, changed
