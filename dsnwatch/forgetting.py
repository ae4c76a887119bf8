"""A person is forgotten: the clear text of the address goes, the block stays."""

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from dsnwatch.policy import merge
from dsnwatch.records import Suppression
from dsnwatch.rfc.keyed_hash import MARK
from dsnwatch.store.erasing import Spellings

if TYPE_CHECKING:
    from dsnwatch.store import Store, Writer

RULE = "forget"


@dataclass(frozen=True, slots=True)
class Erased:
    """What became of an address.

    Attributes:
        name: What stands in its place.
        rows: How many rows of each table went or changed.
        blocked: Whether it is suppressed, under that name.
    """

    name: str
    rows: Counter[str]
    blocked: bool


class _Undone(Exception):  # noqa: N818  nothing went wrong
    """It was only to be looked at."""


def forget_one(
    store: "Store",
    address: str,
    now: datetime,
    who: str,
    because: str,
    *,
    block: bool = False,
    dry_run: bool = False,
) -> Erased:
    """Erase an address in one transaction; what it leaves in free pages, `Store.compact` takes.

    Args:
        store: Where.
        address: Normalised.
        now: This moment.
        who: For the audit log.
        because: Why; where it names the address, the name stands there.
        block: Whether it is suppressed for ever, whatever the list says.
        dry_run: Only count.

    Raises:
        StoreError: Nothing is erased.
    """
    if not dry_run:
        store.forgotten.make_key()
    name = store.forgotten.name(address) or f"{MARK}{'0' * 64}"
    found = Erased(name, Counter(), blocked=False)
    with suppress(_Undone), store.write() as writer:
        if block:
            _block(writer, address, now)
        rows = writer.erase(address, name)
        found = Erased(name, rows, bool(writer.suppressions_of([name])))
        if rows:
            told = Spellings(address).without(because, name)
            writer.audit(now, who, RULE, name, told, {"rows": dict(rows)})
        _undo_if(dry_run)
    return found


def _block(writer: "Writer", address: str, now: datetime) -> None:
    new = Suppression(address, "manual", "manual", RULE, now)
    standing = writer.suppressions_of([address]).get(address, ())
    if merge(next((one for one in standing if not one.stream), None), new):
        writer.put_suppressions([new])


def _undo_if(dry_run: bool) -> None:  # noqa: FBT001  it says so itself
    if dry_run:
        raise _Undone
