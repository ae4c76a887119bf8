"""What hooks have still to tell: leased lane by lane, settled when told, kept when it cannot be.

A lane is the queue of one address at one hook. Whoever leases it delivers its rows, oldest first;
the lease ends by itself, so that the lanes of a worker that died are taken by another one.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from sqlalchemy import (
    Connection,
    Executable,
    Insert,
    Select,
    Table,
    bindparam,
    delete,
    func,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from dsnwatch.records import News
from dsnwatch.store.answers import Backlog, DeadLetter, HookState, Leased, Settled
from dsnwatch.store.delivery_tables import DEAD_LETTER, HOOK, LANE, OUTBOX
from dsnwatch.store.postgres import claims, send
from dsnwatch.store.rows import Row, dead_letter_of, dead_letter_row, hook_state_of, hook_state_row
from dsnwatch.store.values import storable, to_micros

LANE_AT_ONCE = 10
"""Rows of one lane that are taken with it; the others come at its next turn."""

PAGE = 500


def outbox_rows(news: Sequence[News], node: str) -> list[Row]:
    """Lay news out as rows of `outbox`, one for each hook that is to tell them."""
    return [
        {
            "hook": hook,
            "address": storable(each.address),
            "id": each.id,
            "type": each.type,
            "payload": storable(each.payload),
            "node": node,
        }
        for each in news
        for hook in each.hooks
    ]


def lane_rows(rows: Sequence[Row], now: datetime) -> list[Row]:
    """Lay out the lanes that rows of `outbox` stand in, due at once where they are new.

    Each lane once, with the number of its rows for a version, and in one order for everybody.
    """
    due = to_micros(now)
    counted = Counter((str(row["hook"]), str(row["address"])) for row in rows)
    return [
        {
            "hook": hook,
            "address": address,
            "due": due,
            "attempts": 0,
            "lease": "",
            "version": count,
        }
        for (hook, address), count in sorted(counted.items())
    ]


def into_outbox(outbox: Table, dialect: str) -> Insert:
    """Put rows into `outbox`; what is told already under its id stays as it is."""
    return _insert(dialect, outbox).on_conflict_do_nothing()


def into_lanes(lane: Table, dialect: str) -> Insert:
    """Make lanes, and count the new rows in those that are there."""
    statement = _insert(dialect, lane)
    return statement.on_conflict_do_update(
        index_elements=[lane.c.hook, lane.c.address],
        set_={"version": lane.c.version + statement.excluded.version},
    )


def _insert(dialect: str, table: Table) -> sqlite.Insert | postgresql.Insert:
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)


class Deliveries:
    """The outbox in one transaction of a worker, or of a person who looks after it."""

    def __init__(self, connection: Connection, node: str) -> None:
        self._connection = connection
        self._dialect = connection.dialect.name
        self._node = node

    def is_due(self, hook: str, now: datetime) -> bool:
        """Say whether there is a lane that `lease` would take."""
        due = select(LANE.c.due).where(LANE.c.hook == hook, LANE.c.due <= to_micros(now)).limit(1)
        return self._connection.scalar(due) is not None

    def lease(
        self, hook: str, now: datetime, until: datetime, lease: str, lanes: int
    ) -> list[Leased]:
        """Take lanes that are due, and their first rows.

        Args:
            hook: Whose.
            now: Lanes due by then.
            until: When the lease ends by itself.
            lease: A name nobody has used before.
            lanes: How many at most.

        Returns:
            Those taken, the longest due first; one may turn out to have no rows any more.
        """
        due = (
            select(LANE.c.address, LANE.c.attempts, LANE.c.version)
            .where(LANE.c.hook == hook, LANE.c.due <= to_micros(now))
            .order_by(LANE.c.due)
            .limit(lanes)
            .with_for_update(skip_locked=True)
        )
        taken = self._connection.execute(due).all()
        if not taken:
            return []
        addresses = [row.address for row in taken]
        self._connection.execute(
            update(LANE)
            .where(LANE.c.hook == hook, LANE.c.address.in_(addresses))
            .values(due=to_micros(until), lease=lease)
        )
        rows: dict[str, list[News]] = {address: [] for address in addresses}
        for address, id_, type_, payload in self._connection.execute(_first_rows(hook, addresses)):
            rows[address].append(News(id_, type_, address, payload, (hook,)))
        return [
            Leased(
                row.address,
                tuple(rows[row.address][:LANE_AT_ONCE]),
                row.attempts,
                row.version,
                more=len(rows[row.address]) > LANE_AT_ONCE,
            )
            for row in taken
        ]

    def settle(self, hook: str, lease: str, settled: Sequence[Settled], now: datetime) -> None:
        """Write down what became of leased lanes, and give them back.

        What was told is let go of even where the lease ran out meanwhile: told is told. All else
        is left to whoever holds the lane then.
        """
        if self._dialect == "postgresql":
            self._take(hook, [each.lane.address for each in settled])
        dead = [each.letter(hook, now) for each in settled if each.dead]
        self._many(
            _insert(self._dialect, DEAD_LETTER).on_conflict_do_nothing(),
            [dead_letter_row(letter, self._node) for letter in dead],
        )
        self._many(
            delete(OUTBOX).where(
                OUTBOX.c.hook == hook,
                OUTBOX.c.address == bindparam("b_address"),
                OUTBOX.c.id == bindparam("b_id"),
            ),
            [
                {"b_address": each.lane.address, "b_id": news.id}
                for each in settled
                for news in each.lane.news[: each.gone]
            ],
        )
        held = (
            LANE.c.hook == hook,
            LANE.c.address == bindparam("b_address"),
            LANE.c.lease == lease,
        )
        self._many(
            delete(LANE).where(*held, LANE.c.version == bindparam("b_version")),
            [
                {"b_address": each.lane.address, "b_version": each.lane.version}
                for each in settled
                if each.empty
            ],
        )
        # What is left has more rows, from before or put in meanwhile.
        self._many(
            update(LANE)
            .where(*held)
            .values(due=bindparam("b_due"), attempts=bindparam("b_attempts"), lease=""),
            [
                {
                    "b_address": each.lane.address,
                    "b_due": to_micros(each.due or now),
                    "b_attempts": 0 if each.dead else each.attempts,
                }
                for each in settled
            ],
        )

    def _take(self, hook: str, addresses: Sequence[str]) -> None:
        """Lock lanes in the order in which whoever puts rows into them does, and the hook's state.

        SQLite has one writer at a time.
        """
        send(self._connection, [*claims([f"hook {hook}"])])
        lanes = select(LANE.c.address).where(LANE.c.hook == hook, LANE.c.address.in_(addresses))
        self._connection.execute(lanes.order_by(LANE.c.address).with_for_update())

    def state(self, hook: str) -> HookState:
        """Find how a hook is doing; one that has done nothing yet is well."""
        row = self._connection.execute(select(HOOK).where(HOOK.c.name == hook)).mappings().first()
        return HookState(hook) if row is None else hook_state_of(row)

    def put_state(self, state: HookState) -> None:
        """Say how a hook is doing, but for whether it is paused: that is a person's to say."""
        row = hook_state_row(state)
        self._put_hook(row, {name: row[name] for name in row.keys() - {"name", "paused"}})

    def pause(self, hook: str, *, paused: bool) -> None:
        """Make a hook wait, or go on; going on ends its rest too."""
        rested: Row = {} if paused else {"not_before": None, "failures": 0}
        self._put_hook(hook_state_row(HookState(hook, paused)), {"paused": paused} | rested)

    def _put_hook(self, row: Row, changed: Row) -> None:
        statement = _insert(self._dialect, HOOK).values(row)
        self._connection.execute(
            statement.on_conflict_do_update(index_elements=[HOOK.c.name], set_=changed)
        )

    def hooks(self) -> set[str]:
        """Name the hooks that have rows of any kind, configured or not."""
        columns = (LANE.c.hook, DEAD_LETTER.c.hook, HOOK.c.name)
        return {
            name for each in columns for name in self._connection.scalars(select(each).distinct())
        }

    def backlog(self, hook: str) -> Backlog:
        """Count what waits for a hook, and what it could not tell."""
        waiting = select(func.count(), func.min(OUTBOX.c.id)).where(OUTBOX.c.hook == hook)
        dead = select(func.count()).select_from(DEAD_LETTER).where(DEAD_LETTER.c.hook == hook)
        count, oldest = self._connection.execute(waiting).one()
        return Backlog(count, oldest, self._connection.scalar(dead) or 0)

    def dead_letters(self, hook: str, after: str = "") -> Iterator[DeadLetter]:
        """List what a hook could not tell, in the order it came about.

        Args:
            hook: Its name.
            after: Go on behind this id.
        """
        while True:
            page = (
                select(DEAD_LETTER)
                .where(DEAD_LETTER.c.hook == hook, DEAD_LETTER.c.id > after)
                .order_by(DEAD_LETTER.c.id)
                .limit(PAGE)
            )
            rows = self._connection.execute(page).mappings().all()
            yield from map(dead_letter_of, rows)
            if len(rows) < PAGE:
                return
            after = rows[-1]["id"]

    def remove_dead(self, hook: str, ids: Sequence[str]) -> None:
        """Let go of dead letters."""
        this = (DEAD_LETTER.c.hook == hook, DEAD_LETTER.c.id == bindparam("b_id"))
        self._many(delete(DEAD_LETTER).where(*this), [{"b_id": id_} for id_ in ids])

    def drop(self, hook: str) -> int:
        """Let go of all that waits for a hook, of what it could not tell, and of how it is doing.

        Returns:
            How many events that was.
        """
        gone = 0
        for table in (OUTBOX, DEAD_LETTER):
            gone += self._connection.execute(delete(table).where(table.c.hook == hook)).rowcount
        self._connection.execute(delete(LANE).where(LANE.c.hook == hook))
        self._connection.execute(delete(HOOK).where(HOOK.c.name == hook))
        return gone

    def sweep(self, before: datetime) -> int:
        """Let go of dead letters given up before a moment; tells how many it was."""
        old = DEAD_LETTER.c.at < to_micros(before)
        return self._connection.execute(delete(DEAD_LETTER).where(old)).rowcount

    def _many(self, statement: Executable, rows: Sequence[Mapping[str, object]]) -> None:
        if rows:
            self._connection.execute(statement, list(rows))


def _first_rows(hook: str, addresses: Sequence[str]) -> Select[str, str, str, str]:
    """Ask for the first rows of some lanes, one more of each than is taken with it."""
    behind = OUTBOX.alias()
    bound = (
        select(behind.c.id)
        .where(behind.c.hook == LANE.c.hook, behind.c.address == LANE.c.address)
        .order_by(behind.c.id)
        .offset(LANE_AT_ONCE)
        .limit(1)
        .scalar_subquery()
    )
    same = (OUTBOX.c.hook == LANE.c.hook) & (OUTBOX.c.address == LANE.c.address)
    return (
        select(OUTBOX.c.address, OUTBOX.c.id, OUTBOX.c.type, OUTBOX.c.payload)
        .join_from(LANE, OUTBOX, same)
        .where(
            LANE.c.hook == hook,
            LANE.c.address.in_(addresses),
            OUTBOX.c.id <= func.coalesce(bound, OUTBOX.c.id),
        )
        .order_by(OUTBOX.c.address, OUTBOX.c.id)
    )
