"""All that is known of an address, taken out of the store, table by table.

What counts and blocks stays under a name that only the key's owner can tell (`forgotten`); what is
clear text goes: rows about nobody else whole, in others each place that names him.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import product

from sqlalchemy import (
    Column,
    ColumnElement,
    Engine,
    LargeBinary,
    RowMapping,
    Table,
    Text,
    and_,
    cast,
    delete,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlmodel import SQLModel

from dsnwatch.model import BounceReport
from dsnwatch.rfc.address import key
from dsnwatch.store import reports
from dsnwatch.store.connections import outside
from dsnwatch.store.delivery_tables import DEAD_LETTER, LANE, OUTBOX
from dsnwatch.store.hold_tables import HELD
from dsnwatch.store.inserts import over
from dsnwatch.store.questions import Question
from dsnwatch.store.replays import ReplayWrites
from dsnwatch.store.rows import Row
from dsnwatch.store.sign_tables import LIFE
from dsnwatch.store.tables import (
    EVENT,
    FORMER_SUPPRESSION,
    MESSAGE,
    QUARANTINE,
    RAW_MESSAGE,
    RELEASE,
    SUPPRESSION,
    TRIAL,
)
from dsnwatch.store.values import storable

FORGOTTEN = "forgotten"
"""Why events of somebody who was forgotten count for nothing any more."""

PAGE = 500
_AT = ("@", "=", "%40", "+40")
_STILL_NAMING = Question(
    select(EVENT.c.message_id).where(EVENT.c.void.is_distinct_from(FORGOTTEN)), EVENT.c.message_id
)
_MESSAGES = Question(select(MESSAGE), MESSAGE.c.id)
"""What stands between local part and domain: in addresses, in return paths, in links, in xtext."""


class Spellings:
    """The ways an address is written in texts: in any case, in return paths, in JSON, in Unicode.

    Args:
        address: As `rfc.address.key` gives it.
    """

    def __init__(self, address: str) -> None:
        local, _, domain = address.rpartition("@")
        domains = dict.fromkeys((domain, _in_unicode(domain)))
        locals_ = dict.fromkeys((local, json.dumps(local)[1:-1], local.replace("+", "+2b")))
        self.all = tuple(
            f"{one}{at}{host}".lower() for one, at, host in product(locals_, _AT, domains)
        )
        # Behind a return path's recipient stands its tag, with a dot before it.
        words = "|".join(re.escape(one) + (r"(?!\.\w)" if "@" in one else "") for one in self.all)
        # A letter before it makes another address, but for that of an escape in JSON.
        begin = r"(?:(?<![\w.\-])|(?<=\\n)|(?<=\\t)|(?<=\\r))"
        self._found = re.compile(rf"{begin}(?:{words})(?![\w\-])", re.IGNORECASE)

    def without(self, text: str, name: str) -> str:
        """Put a name in the place of the address."""
        return self._found.sub(name, text)

    def inside(self, column: ColumnElement[str]) -> ColumnElement[bool]:
        """Say which rows may have it in a column; more than do."""
        lower = func.lower(column)
        return or_(*(lower.contains(one, autoescape=True) for one in self.all))


def _in_unicode(domain: str) -> str:
    try:
        return domain.encode("ascii").decode("idna")
    except UnicodeError:
        return domain


class EraseQueries:
    """What is done outside of a transaction; a part of `Store`."""

    _engine: Engine
    _where: str

    def compact(self) -> bool:
        """Write the database anew, so that nothing of what was deleted is left in its file.

        Returns:
            Whether its log is emptied too; not while somebody reads what was before.

        Raises:
            StoreError: Or the subclass that fits.
        """
        with outside(self._engine, self._where) as run:
            run("VACUUM")
            if self._engine.dialect.name != "sqlite":
                return True
            busy, *_ = run("PRAGMA wal_checkpoint(TRUNCATE)")
            return busy == 0


class EraseWrites(ReplayWrites):
    """The writing half; a part of `Writer`."""

    def erase(self, address: str, name: str) -> Counter[str]:
        """Take all clear text about an address out of the store.

        Args:
            address: Normalised.
            name: What stands for it where a row stays (`forgotten.keyed_hash`).

        Returns:
            How many rows of each table went or changed.
        """
        if self._dialect.name == "sqlite":
            self._connection.exec_driver_sql("PRAGMA secure_delete=ON")
        self._spelt = Spellings(address)
        self._changed: Counter[str] = Counter()
        own = self._erase_events(storable(address), name)
        self._erase_messages(address, {str(row["message_id"]) for row in own})
        self._erase_octets(name)
        self._erase_lists(storable(address), name)
        for table in SQLModel.metadata.sorted_tables:
            self._erase_texts(table, name)
        return self._changed

    def _erase_events(self, address: str, name: str) -> Sequence[RowMapping]:
        """Leave of events what they count; they are never decided on again."""
        rows = self._connection.execute(select(EVENT).where(EVENT.c.address == address))
        own = rows.mappings().all()
        bare: Row = {
            "address": name, "domain": "", "recipient": name, "original_recipient": None,
            "final_recipient": None, "diagnostic": "", "prose": "", "details": None,
            "void": FORGOTTEN,
        }  # fmt: skip
        for start in range(0, len(own), PAGE):
            some = own[start : start + PAGE]
            self.tally_again([self._without(row, name) | bare for row in some])
        self._connection.execute(update(EVENT).where(EVENT.c.address == address).values(bare))
        self._count(EVENT, len(own))
        return own

    def _without(self, row: RowMapping, name: str) -> Row:
        return {
            column: self._spelt.without(value, name) if isinstance(value, str) else value
            for column, value in row.items()
        }

    def _erase_messages(self, address: str, ids: set[str]) -> None:
        """Leave of messages about nobody else that they came; so they are known if told again."""
        others = {row[0] for row in self._ask(_STILL_NAMING, ids)}
        for row in self._ask(_MESSAGES, ids).mappings().all():
            report = reports.from_json(row["report"])
            if row["id"] in others:
                left = [one for one in report.recipients if not _is_about(address, one)]
                changed: Row = {"report": reports.to_json(report._replace(recipients=tuple(left)))}
            else:
                bare = BounceReport(
                    report.kind, report.dialect, None, report.reporting_mta, report.arrival_date,
                    report.received_at,
                )  # fmt: skip
                changed = {
                    "report": reports.to_json(bare), "recipients": "[]", "evidence": None,
                    "original_message_id": None,
                }  # fmt: skip
            self._connection.execute(
                update(MESSAGE).where(MESSAGE.c.id == row["id"]).values(changed)
            )
            self._count(MESSAGE)
        for start in range(0, len(ids), PAGE):
            some = sorted(ids)[start : start + PAGE]
            gone = delete(RAW_MESSAGE).where(RAW_MESSAGE.c.message_id.in_(some))
            self._count(RAW_MESSAGE, self._connection.execute(gone).rowcount)

    def _erase_octets(self, name: str) -> None:
        """Let go of the octets of whatever else names him."""
        told = select(MESSAGE.c.id).where(self._spelt.inside(MESSAGE.c.report))
        named = [*self._naming(RAW_MESSAGE, RAW_MESSAGE.c.message_id)]
        gone = delete(RAW_MESSAGE).where(RAW_MESSAGE.c.message_id.in_(named))
        done = self._connection.execute(gone).rowcount
        gone = delete(RAW_MESSAGE).where(RAW_MESSAGE.c.message_id.in_(told))
        self._count(RAW_MESSAGE, done + self._connection.execute(gone).rowcount)
        empty = {"data": b"", "defects": json.dumps([f"named {name}, who was forgotten"])}
        named = [*self._naming(QUARANTINE, QUARANTINE.c.id)]
        self._connection.execute(update(QUARANTINE).where(QUARANTINE.c.id.in_(named)).values(empty))
        self._count(QUARANTINE, len(named))

    def _naming(self, table: Table, id_: Column[str]) -> Iterator[str]:
        """Find the rows whose octets name him."""
        data = table.c.data
        needles = [one.encode("utf-8", "surrogatepass") for one in self._spelt.all]
        if self._dialect.name == "sqlite":
            # LIKE knows no case, and ends at a NUL; instr goes on behind it.
            found = [func.instr(data, one) > 0 for one in needles]
            found.append(self._spelt.inside(cast(data, Text)))
        else:
            found = [func.position(literal(one, LargeBinary).op("IN")(data)) > 0 for one in needles]
        for row in self._connection.execute(select(id_, data).where(or_(*found))):
            text = bytes(row[1]).decode("utf-8", "replace")
            if self._spelt.without(text, "") != text:
                yield row[0]

    def _erase_lists(self, address: str, name: str) -> None:
        """Keep what blocks, under the name; let go of the rest of what is kept by address."""
        this = SUPPRESSION.c.address == address
        hidden: Row = {"address": name, "domain": "", "note": ""}
        rows = self._connection.execute(select(SUPPRESSION).where(this)).mappings().all()
        self._insert(SUPPRESSION, [dict(row) | hidden for row in rows], over)
        self._connection.execute(delete(SUPPRESSION).where(this))
        self._count(SUPPRESSION, len(rows))
        for table, values in ((FORMER_SUPPRESSION, hidden), (HELD, {"address": name})):
            done = update(table).where(table.c.address == address).values(values)
            self._count(table, self._connection.execute(done).rowcount)
        for table in (RELEASE, TRIAL, LIFE, OUTBOX, LANE, DEAD_LETTER):
            gone = delete(table).where(table.c.address == address)
            self._count(table, self._connection.execute(gone).rowcount)

    def _erase_texts(self, table: Table, name: str) -> None:
        """Put the name in the place of the address wherever it stands in a text."""
        keys = [*table.primary_key.columns]
        texts = [one for one in table.columns if isinstance(one.type, Text) and one not in keys]
        if not texts:
            return
        found = select(*keys, *texts).where(or_(*(self._spelt.inside(one) for one in texts)))
        for row in self._connection.execute(found).mappings().all():
            changed = {
                one.name: after
                for one in texts
                if (before := row[one.name])
                and (after := self._spelt.without(before, name)) != before
            }
            if changed:
                this = and_(*(one == row[one.name] for one in keys))
                self._connection.execute(update(table).where(this).values(changed))
                self._count(table)

    def _count(self, table: Table, rows: int = 1) -> None:
        if rows:
            self._changed[table.name] += rows


def _is_about(address: str, recipient: object) -> bool:
    names = ("recipient", "original_recipient", "final_recipient")
    return any(key(getattr(recipient, name) or "") == address for name in names)
