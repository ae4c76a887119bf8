"""A file of suppressions, compared with the list, taken in, and taken back again.

A file is gone through twice: once to look, which locks nothing, and once to write, some thousand
rows a transaction. So one of any length keeps nobody from writing, and nothing is written before
all of it has been seen. What an import wrote bears its batch: that undoes it.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING

from dsnwatch.changes import Changes
from dsnwatch.errors import DataError
from dsnwatch.lists import Listed, PassedOver
from dsnwatch.model import (
    Action,
    BounceClass,
    BounceReport,
    Fault,
    Kind,
    Reading,
    RecipientStatus,
    Verdict,
)
from dsnwatch.policy import merge
from dsnwatch.records import Suppression
from dsnwatch.rfc.status_code import codes
from dsnwatch.store import IMPORTED
from dsnwatch.subscriptions import NOBODY, Subscriptions

if TYPE_CHECKING:
    import re

    from dsnwatch.store import Store, Writer

BATCH = 2000
"""Rows asked for, and written, at once."""

SHOWN = 5
"""Examples kept of each kind."""

LEAST = 10
"""So few living addresses are no poisoned file, whatever their share."""

UNDONE = "suppression.undo"
"""The verb in the audit log of an import that was undone, and of each of its addresses."""

Judge = Callable[[BounceReport], Reading]
"""Says what a mail server's answer means: `reading.Reader.judge`."""


@dataclass(slots=True)
class Difference:
    """What a file would change.

    Attributes:
        rows: How many it has.
        new: Addresses that are not on the list, or not any more.
        longer: Those that would be on it for longer.
        same: Those on it for as long already.
        released: Those a person took off the list after the date of the row; left out.
        passed: Rows that are no suppressions, by why.
        refused: Rows that cannot be meant.
        living: Of new and longer those that have shown a sign of life.
        known_living: All that have, in the whole store.
        examples: Some of each, for people.
    """

    rows: int = 0
    new: int = 0
    longer: int = 0
    same: int = 0
    released: int = 0
    passed: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    living: int = 0
    known_living: int = 0
    examples: dict[str, list[str]] = field(default_factory=dict)

    @property
    def changed(self) -> int:
        """How many suppressions would be written."""
        return self.new + self.longer

    @property
    def share(self) -> float:
        """Which share of all that have shown life would be suppressed, from 0 to 1."""
        return self.living / self.known_living if self.known_living else 0.0

    def note(self, kind: str, text: str) -> None:
        """Keep an example."""
        some = self.examples.setdefault(kind, [])
        if len(some) < SHOWN:
            some.append(text)


@dataclass(slots=True)
class Intake:
    """Takes suppressions in from files.

    Args:
        store: Where to.
        judge: Says what it means what mail servers said; None believes the list whatever it was.
        now: This moment.
        who: For the audit log.
        wanted: Which hooks want to be told.
        never: Addresses that are never suppressed, as the policy has them (`rfc.address.like`).
        again: Whether those are taken too whom a person took off the list since.
        complain: Is told of each row that cannot be meant.
    """

    store: "Store"
    judge: Judge | None
    now: datetime
    who: str
    wanted: Subscriptions = NOBODY
    again: bool = False
    never: "re.Pattern[str] | None" = None
    complain: Callable[[DataError], None] = lambda _: None

    def compare(self, rows: Iterable[Listed | PassedOver | DataError]) -> Difference:
        """Say what a file would change; nothing is written.

        Raises:
            DataError: The file cannot be read on.
            StoreError: The store cannot be read.
        """
        found = Difference()
        rest = iter(rows)
        with self.store.look() as writer:
            found.known_living = writer.addresses_alive()
        while some := [*islice(rest, BATCH)]:
            with self.store.look() as writer:
                new = self._sorted(writer, self._wanted(some, found), found)
                found.living += len(writer.life_of({one.address for one in new}))
        return found

    def write(
        self, rows: Iterable[Listed | PassedOver | DataError], batch: str, name: str, because: str
    ) -> Iterator[Difference]:
        """Write what a file says that the list does not, some a transaction.

        Args:
            rows: Those that cannot be meant are left out.
            batch: Its id, which stands on each row that is written.
            name: The file, for the audit log.
            because: Why.

        Yields:
            How far it is, all of it on disk.

        Raises:
            DataError: The file cannot be read on.
            StoreError: What was given before stays, and can be undone.
        """
        done = Difference()
        rest = iter(rows)
        begun = False
        while True:
            some = [*islice(rest, BATCH)]
            if not some and begun:
                return
            with self.store.write() as writer:
                if not begun:
                    detail = {"file": name}
                    writer.audit(self.now, self.who, IMPORTED, batch, because, detail)
                    begun = True
                new = self._sorted(writer, self._wanted(some, done), done)
                changes = Changes(writer, self.now, self.who, self.wanted)
                changes.put([one._replace(batch=batch) for one in new])
            yield done

    def undo(self, batch: str, because: str) -> Iterator[tuple[int, int]]:
        """Put the list back to what it was before an import, as far as that still stands.

        Yields:
            How many rows are gone, and how many of those addresses may be mailed again, by now.

        Raises:
            StoreError: What was undone before stays so; say it again, and it goes on.
        """
        gone = free = 0
        more = True
        while more:
            with self.store.write() as writer:
                addresses = writer.addresses_of_batch(batch, BATCH)
                more = len(addresses) == BATCH
                changes = Changes(writer, self.now, self.who, self.wanted)
                undone = changes.take_back(
                    addresses, lambda row: row.batch == batch, because, verb=UNDONE
                )
                gone += len(undone)
                free += sum(after is None for _, after in undone.values())
                if not more:
                    detail = {"rows": gone, "free": free}
                    writer.audit(self.now, self.who, UNDONE, batch, because, detail)
            yield gone, free

    def _wanted(
        self, rows: Iterable[Listed | PassedOver | DataError], found: Difference
    ) -> list[Suppression]:
        """Sort out what is no suppression."""
        kept: list[Suppression] = []
        for row in rows:
            found.rows += 1
            if isinstance(row, DataError):
                found.refused += 1
                self.complain(row)
            elif isinstance(row, PassedOver):
                found.passed[row.why] += 1
            elif why := self._harmless(row, kept):
                found.passed[why] += 1
        return kept

    def _harmless(self, row: Listed, kept: list[Suppression]) -> str:
        """Say why a row is no suppression after all; "" where it is, and is kept."""
        one = row.suppression
        if self.never and self.never.fullmatch(one.address):
            return "policy.never_suppress names it"
        verdict = _judged(self.judge, row) if self.judge and row.text else None
        if verdict is None or verdict.bounce_class is BounceClass.UNDETERMINED:
            kept.append(one)
            return ""
        if verdict.bounce_class is BounceClass.HARD and verdict.fault is Fault.RECIPIENT:
            kept.append(one._replace(reason=verdict.reason))
            return ""
        return f"{verdict.reason} ({verdict.bounce_class}): no reason to suppress"

    def _sorted(
        self, writer: "Writer", rows: Sequence[Suppression], found: Difference
    ) -> list[Suppression]:
        """Say of rows what they change; gives those that change anything."""
        addresses = {row.address for row in rows}
        standing = {
            (one.address, one.stream): one
            for some in writer.suppressions_of(addresses).values()
            for one in some
        }
        releases = {} if self.again else writer.releases_of(addresses)
        new: list[Suppression] = []
        for row in rows:
            this = (row.address, row.stream)
            before = standing.get(this)
            let_go = [one for one in releases.get(row.address, ()) if one.stream == row.stream]
            if any(row.since <= one.at for one in let_go):
                found.released += 1
                found.note("released", f"{row.address}, on {let_go[0].at:%Y-%m-%d}")
            elif merge(before, row) is None:
                found.same += 1
            else:
                if before is None:
                    found.new += 1
                    found.note("new", f"{row.address}, {row.reason}")
                else:
                    found.longer += 1
                    found.note("longer", f"{row.address}, {before.reason} until {before.until}")
                standing[this] = row
                new.append(row)
        return new


def too_many(found: Difference, allowed: float) -> bool:
    """Say whether a file would suppress more of the living than is allowed.

    Args:
        found: What it would change.
        allowed: The largest share, from 0 to 1.
    """
    return found.living > LEAST and found.share > allowed


def _judged(judge: Judge, row: Listed) -> Verdict | None:
    """Read what a mail server said of the address of a row."""
    reply, status = codes(row.text)
    given_reply, given_status = codes(row.code)
    said = RecipientStatus(
        row.suppression.address,
        Action.FAILED,
        status=status or given_status,
        reply_code=reply or given_reply,
        diagnostic=row.text[:998],
    )
    return judge(BounceReport(Kind.BOUNCE, recipients=(said,))).verdicts[0]
