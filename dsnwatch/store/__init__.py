"""Keeps messages, events and suppressions in a database, and moves them in one transaction.

SQLAlchemy and SQLModel take 0.4 s to load, and `lookup` does without them: most names here are
loaded when first asked for.
"""

from datetime import timedelta
from importlib import import_module
from typing import TYPE_CHECKING

from dsnwatch.store.location import default_url

if TYPE_CHECKING:
    from dsnwatch.store.answers import (
        Backlog,
        DeadLetter,
        EventFilter,
        HookState,
        ImportMade,
        Leased,
        MessageFilter,
        PartFigures,
        QuarantineItem,
        Settled,
        SuppressionFilter,
        Totals,
    )
    from dsnwatch.store.deliveries import Deliveries
    from dsnwatch.store.engine import Store
    from dsnwatch.store.feed import Place
    from dsnwatch.store.figure_answers import Counted, Dimension, Fingerprint, Series, Span
    from dsnwatch.store.holds import Hold
    from dsnwatch.store.ids import new_id
    from dsnwatch.store.queries import IMPORTED
    from dsnwatch.store.writer import Writer

__all__ = [
    "IMPORTED",
    "Backlog",
    "Counted",
    "DeadLetter",
    "Deliveries",
    "Dimension",
    "EventFilter",
    "Fingerprint",
    "Hold",
    "HookState",
    "ImportMade",
    "Leased",
    "MessageFilter",
    "PartFigures",
    "Place",
    "QuarantineItem",
    "Series",
    "Settled",
    "Span",
    "Store",
    "SuppressionFilter",
    "Totals",
    "Writer",
    "default_url",
    "new_id",
    "open_store",
]

FILES = {
    "IMPORTED": "queries",
    "Backlog": "answers",
    "Counted": "figure_answers",
    "DeadLetter": "answers",
    "Deliveries": "deliveries",
    "Dimension": "figure_answers",
    "EventFilter": "answers",
    "Fingerprint": "figure_answers",
    "Hold": "holds",
    "HookState": "answers",
    "ImportMade": "answers",
    "Leased": "answers",
    "MessageFilter": "answers",
    "PartFigures": "answers",
    "Place": "feed",
    "QuarantineItem": "answers",
    "Series": "figure_answers",
    "Settled": "answers",
    "Span": "figure_answers",
    "Store": "engine",
    "SuppressionFilter": "answers",
    "Totals": "answers",
    "Writer": "writer",
    "new_id": "ids",
}
"""The file each late name comes from."""

BUSY = timedelta(seconds=10)
"""How long a writer waits for another one; a group commit takes milliseconds."""


def open_store(
    url: str, *, node: str = "", migrate: bool = True, busy: timedelta = BUSY
) -> "Store":
    """Open the store, making it where there is none and migrating it where it is old.

    Args:
        url: `sqlite:///PATH`, a path, or `postgresql+psycopg://USER@HOST/DATABASE`.
        node: Which machine writes; kept on every row.
        migrate: Whether an older store is brought up to date; else it is refused.
        busy: How long to wait for another writer.

    Raises:
        UsageError: The URL names no store, or an extra is not installed.
        StoreSchemaError: The file is not ours, is newer, or is older and `migrate` is off.
        StoreError: It cannot be opened, made or migrated.
    """
    from dsnwatch.store.engine import Store  # noqa: PLC0415 - see FILES

    return Store(url, node=node, migrate=migrate, busy=busy)


def __getattr__(name: str) -> object:
    """Load a name of `FILES` when it is first asked for."""
    if name not in FILES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{FILES[name]}"), name)
    globals()[name] = value
    return value
