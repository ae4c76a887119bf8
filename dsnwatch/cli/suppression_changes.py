"""Changes to the suppression list that a person makes, each with its news and its audit line."""

import os
import pwd
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING

from dsnwatch.cli.suppression_rows import as_dict
from dsnwatch.model import Suppression
from dsnwatch.news import news_of_change
from dsnwatch.policy import merge, running
from dsnwatch.store import new_id

if TYPE_CHECKING:
    from dsnwatch.store import Store, Writer
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
        written = _changes(writer, new)
        _write(writer, written, now, wanted)
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
    gone = {}
    with store.write() as writer:
        for address in dict.fromkeys(addresses):
            if (said := writer.remove_suppression(address, stream)) is None:
                continue
            gone[address] = said
            writer.audit(now, who(), "suppression.remove", address, because, as_dict(said))
            if running(said, now):
                change = said._replace(note=because)
                type_ = "suppression.removed"
                writer.add_news(news_of_change(wanted, type_, new_id(now), change, now), now)
    return gone


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
        while batch := list(islice(rows, BATCH)):
            written = _changes(writer, batch)
            _write(writer, written, now, wanted)
            read += len(batch)
            changed += len(written)
        detail = {"rows": read, "written": changed}
        writer.audit(now, who(), "suppression.import", name, because, detail)
    return read, changed


def _count(store: "Store", rows: Iterable[Suppression]) -> tuple[int, int]:
    read = changed = 0
    for read, each in enumerate(rows, start=1):  # noqa: B007  its last value is the count
        changed += merge(store.suppression(each.address, each.stream), each) is not None
    return read, changed


def _changes(writer: "Writer", new: Sequence[Suppression]) -> list[Suppression]:
    """Leave out what the list says already, and what a later one of these says better."""
    rows = writer.suppressions_of({each.address for each in new})
    standing = {(row.address, row.stream): row for some in rows.values() for row in some}
    changed = {}
    for each in new:
        key = (each.address, each.stream)
        if merge(standing.get(key), each) is not None:
            standing[key] = changed[key] = each
    return list(changed.values())


def _write(
    writer: "Writer", written: Sequence[Suppression], now: datetime, wanted: "Subscriptions"
) -> None:
    writer.put_suppressions(written)
    news = [
        told
        for each in written
        if running(each, now)
        for told in news_of_change(wanted, "suppression.added", new_id(now), each, now)
    ]
    writer.add_news(news, now)
