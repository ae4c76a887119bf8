"""Changes to the suppression list that a person makes, each with its news and its audit line."""

import os
import pwd
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING

from dsnwatch.changes import Changes
from dsnwatch.cli.suppression_rows import as_dict
from dsnwatch.model import Suppression
from dsnwatch.policy import merge

if TYPE_CHECKING:
    from dsnwatch.store import Store
    from dsnwatch.subscriptions import Subscriptions

BATCH = 1000
"""Rows asked for and written at once; all batches of a file are one transaction."""


def who() -> str:
    """Name the person at the keyboard for the audit log: `cli:anne`."""
    if behind := os.environ.get("SUDO_USER"):
        return f"cli:{behind}"
    try:
        return f"cli:{pwd.getpwuid(os.getuid()).pw_name}"
    except KeyError:
        return f"cli:{os.getuid()}"


def put(
    store: "Store", new: Sequence[Suppression], because: str, wanted: "Subscriptions"
) -> list[Suppression]:
    """Suppress addresses; one that is suppressed for as long already stays as it is.

    Args:
        store: Where to.
        new: What to say of them.
        because: Why.
        wanted: Which hooks want to be told.

    Returns:
        Those that were written.
    """
    now = datetime.now(UTC)
    with store.write() as writer:
        written = Changes(writer, now, who(), wanted).put(new)
        for each in written:
            writer.audit(now, who(), "suppression.add", each.address, because, as_dict(each))
    return written


def release(
    store: "Store",
    addresses: Sequence[str],
    stream: str,
    because: str,
    wanted: "Subscriptions",
) -> dict[str, Suppression]:
    """Let addresses be mailed again, all in one transaction.

    Args:
        store: Where.
        addresses: Whose, normalised.
        stream: The stream they are suppressed for; "" is all.
        because: Why.
        wanted: Which hooks want to be told.

    Returns:
        What was said of each; addresses that were not on the list are absent.
    """
    now = datetime.now(UTC)
    with store.write() as writer:
        changes = Changes(writer, now, who(), wanted)
        gone = changes.release([(address, stream) for address in addresses], because)
    return {address: said for (address, _), said in gone.items()}


def take_in(
    store: "Store",
    rows: Iterator[Suppression],
    name: str,
    because: str,
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
        changes = Changes(writer, now, who(), wanted)
        while batch := list(islice(rows, BATCH)):
            read += len(batch)
            changed += len(changes.put(batch))
        detail = {"rows": read, "written": changed}
        writer.audit(now, who(), "suppression.import", name, because, detail)
    return read, changed


def _count(store: "Store", rows: Iterable[Suppression]) -> tuple[int, int]:
    read = changed = 0
    for read, each in enumerate(rows, start=1):  # noqa: B007  its last value is the count
        changed += merge(store.suppression(each.address, each.stream), each) is not None
    return read, changed
