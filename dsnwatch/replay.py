"""Decides what is stored again, by the rules of today or of a draft.

Reports are kept, so verdicts can be made again. First `Replay.changes` judges every event and
remembers whose verdict would be another; then `Replay.consequences` decides again on everything
about those addresses, and says who would newly be suppressed or released. Nothing is written but
by `Replay.apply`, some addresses a transaction, with the audit line in it.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Self

from dsnwatch.model import BounceReport, Kind, Verdict
from dsnwatch.news import news_of_change, suppression_by
from dsnwatch.policy import Policy, merge, running
from dsnwatch.policy.again import again, longest
from dsnwatch.reading.classify import classify
from dsnwatch.reading.details import NOTHING, details
from dsnwatch.records import DecisionAction, News, StoredEvent, Suppression
from dsnwatch.revival import settled_at
from dsnwatch.store import new_id
from dsnwatch.subscriptions import NOBODY, Subscriptions

if TYPE_CHECKING:
    from dsnwatch.rules import Rules
    from dsnwatch.store import Store, Writer

ADDRESSES_AT_ONCE = 200
"""Addresses decided again in one transaction."""


class Effect(StrEnum):
    """What deciding again does to an address."""

    SUPPRESS = "suppress"
    LONGER = "longer"
    CHANGE = "change"
    RELEASE = "release"
    LEFT = "left"


@dataclass(frozen=True, slots=True)
class Change:
    """An event that would be judged otherwise."""

    stored: StoredEvent
    before: Verdict
    after: Verdict

    @property
    def matters(self) -> bool:
        """Whether it means something else; not where only rule, provider or confidence differ."""
        return _meaning(self.before) != _meaning(self.after)


def _meaning(verdict: Verdict) -> tuple[object, ...]:
    """What policy and people go by."""
    return (
        verdict.reason,
        verdict.bounce_class,
        verdict.fault,
        verdict.permanent,
        verdict.status,
        verdict.reply_code,
    )


@dataclass(frozen=True, slots=True)
class Consequence:
    """What follows for one address.

    Attributes:
        effect: `suppress`: it was not suppressed; `longer`: it was, for a shorter time; `change`:
            for another reason or for less long; `release`: nothing suppresses it any more; `left`:
            it would be suppressed, but somebody took it off the list since, and so it stays.
        before: What the list says now; None where nothing.
        after: What it would say; None where nothing.
    """

    address: str
    effect: Effect
    before: Suppression | None
    after: Suppression | None


@dataclass(frozen=True, slots=True)
class _Again:
    """Everything about one address, decided again."""

    rewritten: tuple[StoredEvent, ...]
    consequence: Consequence | None


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Replay:
    """One run over the whole store; close it, for it keeps a file of addresses.

    Args:
        store: What to decide again.
        rules: By what to judge.
        policy: By what to decide.
        subscriptions: Which hooks want to be told of what changes.
        clock: Tells the time for ids, news and the audit log.

    Attributes:
        judged: How many events have been judged.
    """

    def __init__(
        self,
        store: "Store",
        rules: "Rules",
        policy: Policy,
        subscriptions: Subscriptions = NOBODY,
        clock: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._store = store
        self._subscriptions = subscriptions
        self._rules = rules
        self._policy = policy
        self._clock = clock
        self.judged = 0
        # A private file that SQLite makes and removes by itself: memory stays flat, however many
        # addresses there are.
        self._notes = sqlite3.connect("", isolation_level=None)
        self._notes.execute("CREATE TABLE affected (address TEXT PRIMARY KEY, matters INTEGER)")
        self._notes.execute("CREATE TABLE released (address TEXT PRIMARY KEY, id TEXT)")

    def close(self) -> None:
        """Let go of the file."""
        self._notes.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def changes(self) -> Iterator[Change]:
        """Judge every failure and delay again, in the order they were stored; yield the others."""
        note = (
            "INSERT INTO affected VALUES (?, ?) ON CONFLICT (address) DO UPDATE "
            "SET matters = max(matters, excluded.matters)"
        )
        for stored, report in self._store.events_with_reports():
            before, after = stored.event.verdict, self._judged(stored, report)
            self.judged += 1
            if before is None or after is None or before == after:
                continue
            change = Change(stored, before, after)
            self._notes.execute(note, (stored.event.attribution.recipient, change.matters))
            yield change

    def consequences(self) -> Iterator[Consequence]:
        """Say what would follow, by address; `changes` must have been gone through before."""
        self._note_releases()
        for addresses in self._affected(least=1):
            with self._store.look() as writer:
                done = [*self._again(writer, addresses)]
            yield from (one.consequence for one in done if one.consequence is not None)

    def apply(self, who: str, because: str) -> Iterator[Consequence]:
        """Do it, some addresses a transaction; what was yielded is on disk.

        Args:
            who: Who has it done, for the audit log.
            because: Why.

        Raises:
            StoreError: What was yielded before stays; run it again for the rest.
        """
        self._note_releases()
        for addresses in self._affected(least=0):
            now = self._clock()
            with self._store.write() as writer:
                done = [*self._again(writer, addresses)]
                self._write(writer, done, now, who, because)
            yield from (one.consequence for one in done if one.consequence is not None)

    def _write(
        self, writer: "Writer", done: Sequence[_Again], now: datetime, who: str, because: str
    ) -> None:
        """Write what follows for some addresses, with its news and its lines in the audit log."""
        events = [event for one in done for event in one.rewritten]
        writer.rewrite_events(events)
        told = [one.consequence for one in done if one.consequence is not None]
        writer.put_suppressions([one.after for one in told if one.after is not None])
        writer.release_for_all([one.address for one in told if one.effect is Effect.RELEASE])
        news: list[News] = []
        for each in told:
            before, after = each.before, each.after
            if each.effect is Effect.LEFT:
                continue
            detail = {"before": _detail(before), "after": _detail(after)}
            writer.audit(now, who, f"suppression.{each.effect}", each.address, because, detail)
            if after is not None and running(after, now):
                news += self._news("suppression.added", after, because, now)
            elif after is None and before is not None and running(before, now):
                news += self._news("suppression.removed", before, because, now)
        writer.add_news(news, now)
        counts = {effect.value: sum(one.effect is effect for one in told) for effect in Effect}
        writer.audit(now, who, "rules.replay", "", because, {"events": len(events), **counts})

    def _news(
        self, type_: str, suppression: Suppression, because: str, now: datetime
    ) -> tuple[News, ...]:
        noted = suppression._replace(note=because)
        return news_of_change(self._subscriptions, type_, new_id(now), noted, now)

    def _judged(self, stored: StoredEvent, report: BounceReport) -> Verdict | None:
        event = stored.event
        return classify(event.recipient, report, self._rules) if event.verdict else None

    def _note_releases(self) -> None:
        self._notes.executemany(
            "INSERT OR REPLACE INTO released VALUES (?, ?)", self._store.releases()
        )

    def _released_since(self, address: str, event: StoredEvent) -> bool:
        """Whether somebody took an address off the list when the event was there already."""
        asked = "SELECT id FROM released WHERE address = ?"
        found = self._notes.execute(asked, (address,)).fetchone()
        return found is not None and found[0] > event.id

    def _affected(self, *, least: int) -> Iterator[Sequence[str]]:
        after = ""
        asked = (
            "SELECT address FROM affected WHERE address > ? AND matters >= ? "
            "ORDER BY address LIMIT ?"
        )
        while rows := self._notes.execute(asked, (after, least, ADDRESSES_AT_ONCE)).fetchall():
            addresses = [row[0] for row in rows]
            yield addresses
            after = addresses[-1]

    def _again(self, writer: "Writer", addresses: Sequence[str]) -> Iterator[_Again]:
        rows = writer.suppressions_of(addresses)
        standing = {row.address: row for some in rows.values() for row in some if not row.stream}
        life, releases = writer.life_of(addresses), writer.releases_of(addresses)
        for address, told in sorted(writer.events_of_addresses(addresses).items()):
            alive = life.get(address)
            settled = settled_at(alive and alive.at, releases.get(address, ()))
            before = [stored for stored, _ in told]
            after = self._decided_again(told, settled)
            rewritten = [new for old, new in zip(before, after, strict=True) if new != old]
            consequence = self._consequence(address, standing.get(address), before, after)
            yield _Again(tuple(rewritten), consequence)

    def _decided_again(
        self, told: Sequence[tuple[StoredEvent, BounceReport]], settled: datetime | None
    ) -> list[StoredEvent]:
        """Judge and decide in the order the events came; each knows of those before it only."""
        judged = []
        for stored, report in told:
            verdict = self._judged(stored, report)
            besides = details(stored.event.recipient, verdict) if verdict else NOTHING
            event = stored.event._replace(verdict=verdict, details=besides)
            about = report.original.message_id or event.key
            judged.append((stored._replace(event=event), about))
        return [*again(self._policy, judged, settled)]

    def _consequence(
        self,
        address: str,
        standing: Suppression | None,
        before: Sequence[StoredEvent],
        after: Sequence[StoredEvent],
    ) -> Consequence | None:
        """Compare what the list says with what it would say; None where that is the same."""
        asked, wanted = _suppression(before), _suppression(after)
        if standing is None:
            if wanted is None or asked is not None:
                return None  # nothing suppresses it, or somebody took it off the list
            cause = next(one for one in after if one.id == wanted.event_id)
            left = self._released_since(address, cause)
            effect = Effect.LEFT if left else Effect.SUPPRESS
            return Consequence(address, effect, None, None if left else wanted)
        ours = standing.origin == Kind.BOUNCE and any(one.id == standing.event_id for one in before)
        longer = wanted is not None and merge(standing, wanted) is not None
        if not ours:  # a person's, an import's, a complaint's: it may become longer, never less
            return (
                Consequence(address, Effect.LONGER, standing, wanted)
                if longer and asked != wanted
                else None
            )
        if wanted is not None and _same(standing, wanted):
            return None
        effect = Effect.LONGER if longer else Effect.CHANGE if wanted else Effect.RELEASE
        return Consequence(address, effect, standing, wanted)


def _suppression(events: Sequence[StoredEvent]) -> Suppression | None:
    """Put together what the decisions on an address's events ask for, for every stream."""
    asking = [one for one in events if one.decision.action is DecisionAction.SUPPRESS]
    return longest([suppression_by(one) for one in asking if not one.decision.stream])


def _same(standing: Suppression, wanted: Suppression) -> bool:
    return (standing.until, standing.reason, standing.event_id, standing.rule) == (
        wanted.until,
        wanted.reason,
        wanted.event_id,
        wanted.rule,
    )


def _detail(suppression: Suppression | None) -> dict[str, object] | None:
    if suppression is None:
        return None
    return {
        "reason": suppression.reason,
        "rule": suppression.rule,
        "event_id": suppression.event_id,
        "until": suppression.until.isoformat() if suppression.until else None,
    }
