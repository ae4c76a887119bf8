"""The suppression list and its history: what is on it, what was before, who was let go of when."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import bindparam, delete, func, select, update

from dsnwatch.model import Action, Kind
from dsnwatch.records import DecisionAction, Release, StoredEvent, Suppression
from dsnwatch.store.ids import first_id
from dsnwatch.store.questions import Question
from dsnwatch.store.rows import Row, event_of, suppression_of, suppression_row
from dsnwatch.store.statements import Statements
from dsnwatch.store.tables import EVENT, FORMER_SUPPRESSION, MESSAGE, RELEASE, SUPPRESSION, TRIAL
from dsnwatch.store.values import from_micros, storable, to_micros

Key = tuple[str, str]
"""Address and stream: what a row of the list is known by."""

_EVER = -(1 << 63)
"""Earlier than any time in a row."""

_LISTED = Question(
    select(SUPPRESSION).order_by(SUPPRESSION.c.address, SUPPRESSION.c.stream),
    SUPPRESSION.c.address,
)
_NAMES = Question(select(SUPPRESSION.c.address).distinct(), SUPPRESSION.c.address)
_LISTED_BEFORE = Question(
    select(FORMER_SUPPRESSION).order_by(FORMER_SUPPRESSION.c.id), FORMER_SUPPRESSION.c.address
)
_RELEASES = Question(select(RELEASE), RELEASE.c.address)
_SUPPRESSING = Question(
    select(EVENT)
    .where(EVENT.c.decision == DecisionAction.SUPPRESS.value, EVENT.c.void.is_(None))
    .order_by(EVENT.c.id),
    EVENT.c.address,
)
_TOLD = Question(
    select(EVENT, func.coalesce(MESSAGE.c.original_message_id, EVENT.c.key).label("about"))
    .outerjoin_from(EVENT, MESSAGE, MESSAGE.c.id == EVENT.c.message_id)
    .where(EVENT.c.void.is_(None), EVENT.c.occurred_at >= bindparam("since"))
    .order_by(EVENT.c.id),
    EVENT.c.address,
)
_TRIALS = Question(
    select(TRIAL.c.address, TRIAL.c.stream, TRIAL.c.at)
    .where(TRIAL.c.at >= bindparam("since"))
    .order_by(TRIAL.c.at),
    TRIAL.c.address,
)
_LAST_FAILURES = Question(
    select(EVENT.c.address, func.max(EVENT.c.occurred_at))
    .where(
        EVENT.c.kind == Kind.BOUNCE.value,
        EVENT.c.action == Action.FAILED.value,
        EVENT.c.decision != DecisionAction.IGNORE.value,
        EVENT.c.void.is_(None),
    )
    .group_by(EVENT.c.address),
    EVENT.c.address,
)


class ListWrites(Statements):
    """What is asked and written of the list in a transaction; a part of `Writer`."""

    def suppressions_of(self, addresses: Iterable[str]) -> dict[str, tuple[Suppression, ...]]:
        """Find the suppressions of each address, for whatever stream, lapsed ones too.

        Returns:
            The suppressions by address, in the order of their streams; the free ones are absent.
        """
        asked = self._named(addresses)
        found: defaultdict[str, list[Suppression]] = defaultdict(list)
        for row in self._ask(_LISTED, asked).mappings():
            address = asked[row["address"]]
            found[address].append(suppression_of(row)._replace(address=address))
        return {address: tuple(suppressions) for address, suppressions in found.items()}

    def put_suppressions(
        self,
        suppressions: Sequence[Suppression],
        former: Sequence[tuple[str, Suppression]] = (),
    ) -> None:
        """Suppress addresses; what was said of the same address and stream before is replaced.

        Args:
            suppressions: Of two for the same the later one stays.
            former: What is replaced and has to be known still, each with a new id.
        """
        rows = [suppression_row(suppression, self._node) for suppression in suppressions]
        kept = [suppression_row(each, self._node) | {"id": id_} for id_, each in former]
        self._hide([*rows, *kept])
        self._put(SUPPRESSION, [*{(row["address"], row["stream"]): row for row in rows}.values()])
        self._add(FORMER_SUPPRESSION, kept)

    def _hide(self, rows: Sequence[Row]) -> None:
        """Let rows of those who were forgotten stay under their names."""
        names = self._forgotten.names({str(row["address"]) for row in rows})
        if not names:
            return
        hidden = {names[row[0]]: row[0] for row in self._ask(_NAMES, names)}
        for row in rows:
            if name := hidden.get(str(row["address"])):
                row.update(address=name, domain="", note="")

    def _named(self, addresses: Iterable[str]) -> dict[str, str]:
        """Give addresses by how they are stored: as they are, and as they were forgotten."""
        asked = {storable(address): address for address in addresses}
        names = self._forgotten.names(asked)
        return asked | {name: asked[one] for name, one in names.items()}

    def remove_suppressions(self, keys: Sequence[Key]) -> None:
        """Take rows off the list."""
        if keys:
            statement = delete(SUPPRESSION).where(
                SUPPRESSION.c.address == bindparam("of"), SUPPRESSION.c.stream == bindparam("in_")
            )
            self._connection.execute(
                statement,
                [
                    {"of": name, "in_": storable(stream)}
                    for address, stream in keys
                    for name in self._named([address])
                ],
            )

    def former_of(self, addresses: Iterable[str]) -> dict[Key, list[tuple[str, Suppression]]]:
        """Find what the list said of addresses before, the oldest first, each with its id."""
        found: defaultdict[Key, list[tuple[str, Suppression]]] = defaultdict(list)
        asked = self._named(addresses)
        for row in self._ask(_LISTED_BEFORE, asked).mappings():
            one = suppression_of(row)._replace(address=asked[row["address"]])
            found[one.address, one.stream].append((row["id"], one))
        return dict(found)

    def forget_former(self, ids: Sequence[str]) -> None:
        """Let go of what was said before."""
        if ids:
            statement = delete(FORMER_SUPPRESSION).where(FORMER_SUPPRESSION.c.id == bindparam("i"))
            self._connection.execute(statement, [{"i": id_} for id_ in ids])

    def addresses_of_batch(self, batch: str, limit: int) -> list[str]:
        """Find addresses with a row of a batch, on the list or behind what is on it now."""
        found: list[str] = []
        for table in (SUPPRESSION, FORMER_SUPPRESSION):
            column = table.c.address
            of = select(column).where(table.c.batch == batch).distinct().limit(limit - len(found))
            found += self._connection.scalars(of).all() if len(found) < limit else []
        return found

    def put_releases(self, releases: Sequence[Release]) -> None:
        """Note that addresses were taken off the list; the last time of each stays."""
        self._put(
            RELEASE,
            [
                {
                    "address": storable(each.address),
                    "stream": storable(each.stream),
                    "id": each.id,
                    "at": to_micros(each.at),
                    "who": storable(each.who),
                    "because": storable(each.because),
                    "node": self._node,
                }
                for each in releases
            ],
        )

    def releases_of(self, addresses: Iterable[str]) -> dict[str, list[Release]]:
        """Find when each address was last taken off the list, a release a stream."""
        asked = {storable(address): address for address in addresses}
        if not asked or self._is_empty(RELEASE):
            return {}
        found: defaultdict[str, list[Release]] = defaultdict(list)
        for row in self._ask(_RELEASES, asked).mappings():
            address = asked[row["address"]]
            at = from_micros(row["at"])
            found[address].append(
                Release(row["id"], address, at, row["who"], row["because"], row["stream"])
            )
        return dict(found)

    def suppressing_events(self, addresses: Iterable[str]) -> dict[str, list[StoredEvent]]:
        """Find the events that suppress each address, in the order they were stored."""
        asked = {storable(address): address for address in addresses}
        found: defaultdict[str, list[StoredEvent]] = defaultdict(list)
        for row in self._ask(_SUPPRESSING, asked).mappings():
            found[asked[row["address"]]].append(event_of(row))
        return dict(found)

    def addresses_failing(self, since: datetime, after: str, limit: int) -> list[str]:
        """List addresses that something was told of from a moment on, page by page.

        Args:
            since: Arrived at this moment or later.
            after: Go on behind this address.
            limit: How many at most.
        """
        column = EVENT.c.address
        statement = (
            select(column)
            .distinct()
            .where(
                column > storable(after),
                EVENT.c.occurred_at >= to_micros(since),
                EVENT.c.void.is_(None),
                EVENT.c.kind.in_((Kind.BOUNCE.value, Kind.COMPLAINT.value, Kind.UNSUBSCRIBE.value)),
            )
            .order_by(column)
            .limit(limit)
        )
        return [row[0] for row in self._connection.execute(statement)]

    def events_told_of(
        self, addresses: Iterable[str], since: datetime | None = None
    ) -> dict[str, list[tuple[StoredEvent, str]]]:
        """Find all events of each address that count, in the order they were stored.

        Args:
            addresses: Whose.
            since: Arrived at this moment or later; None is all.

        Returns:
            Each with the message it is about: the original's Message-ID, else its own key.
        """
        asked = {storable(address): address for address in addresses}
        found: defaultdict[str, list[tuple[StoredEvent, str]]] = defaultdict(list)
        earliest = _EVER if since is None else to_micros(since)
        for row in self._ask(_TOLD, asked, since=earliest).mappings():
            found[asked[row["address"]]].append((event_of(row), row["about"]))
        return dict(found)

    def void_events(self, ids: Sequence[str], by: str | None) -> None:
        """Let events count for nothing from now on, or (None) for what they are again.

        Args:
            ids: Of events.
            by: Id of the rollback.
        """
        if ids:
            statement = (
                update(EVENT).where(EVENT.c.id == bindparam("i")).values(void=bindparam("by"))
            )
            self._connection.execute(statement, [{"i": id_, "by": by} for id_ in ids])

    def begin_trials(self, keys: Sequence[Key], at: datetime) -> None:
        """Note that addresses are tried again."""
        self._put(
            TRIAL,
            [
                {
                    "address": storable(address),
                    "stream": storable(stream),
                    "at": to_micros(at),
                    "ended": False,
                    "node": self._node,
                }
                for address, stream in keys
            ],
        )

    def trials_of(self, addresses: Iterable[str], since: datetime) -> dict[Key, list[datetime]]:
        """Find when each address was tried again, from a moment on, oldest first."""
        asked = {storable(address): address for address in addresses}
        found: defaultdict[Key, list[datetime]] = defaultdict(list)
        for address, stream, at in self._ask(_TRIALS, asked, since=to_micros(since)):
            found[asked[address], stream].append(from_micros(at))
        return dict(found)

    def last_failures_of(self, addresses: Iterable[str]) -> dict[str, datetime]:
        """Find when each address last failed by its own or its receiver's fault."""
        asked = {storable(address): address for address in addresses}
        return {asked[row[0]]: from_micros(row[1]) for row in self._ask(_LAST_FAILURES, asked)}

    def end_trials(self, until: datetime, limit: int) -> list[Key]:
        """Note that trials are over which began up to a moment; none of them twice."""
        over = (TRIAL.c.ended.is_(False), TRIAL.c.at <= to_micros(until))
        rows = self._connection.execute(
            select(TRIAL.c.address, TRIAL.c.stream, TRIAL.c.at).where(*over).limit(limit)
        ).all()
        statement = (
            update(TRIAL)
            .where(
                TRIAL.c.address == bindparam("of"),
                TRIAL.c.stream == bindparam("in_"),
                TRIAL.c.at == bindparam("begun"),
            )
            .values(ended=True)
        )
        if rows:
            self._connection.execute(
                statement, [{"of": row[0], "in_": row[1], "begun": row[2]} for row in rows]
            )
        return [(row[0], row[1]) for row in rows]

    def sweep_history(self, before: datetime) -> int:
        """Let go of what the list said before a moment, and of trials that old; counts them."""
        old = FORMER_SUPPRESSION.c.id < first_id(before)
        former = self._connection.execute(delete(FORMER_SUPPRESSION).where(old)).rowcount
        trials = delete(TRIAL).where(TRIAL.c.at < to_micros(before))
        return former + self._connection.execute(trials).rowcount
