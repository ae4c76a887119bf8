"""Changes to the suppression list that a person makes, each with its news and its audit line."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dsnwatch.changes import Changes, Key
from dsnwatch.lists import as_dict
from dsnwatch.records import Suppression

if TYPE_CHECKING:
    from dsnwatch.store import Store
    from dsnwatch.subscriptions import Subscriptions


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
