"""One transaction, laid out before it is written: what is known, and the rows that follow."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from dsnwatch.guarding import Guarding
from dsnwatch.matching import event_key, message_key
from dsnwatch.model import BounceClass, BounceReport, Kind, RawMessage
from dsnwatch.news import (
    MAIL,
    news_of_change,
    news_of_event,
    news_of_mail,
    news_of_suppression_by,
    suppression_by,
)
from dsnwatch.policy import Policy, merge, running
from dsnwatch.policy.again import past_event
from dsnwatch.policy.guards import SenderGuard
from dsnwatch.provenance import believed, proven_among
from dsnwatch.records import (
    RELAPSE,
    BounceEvent,
    DecisionAction,
    Facts,
    Life,
    News,
    PastEvent,
    Receipt,
    ReceiptState,
    Release,
    Sign,
    StoredEvent,
    StoredMessage,
    Suppression,
)
from dsnwatch.revival import BY_LIFE, settled_at, sign_of
from dsnwatch.rfc.address import key
from dsnwatch.rfc.headers import head_of
from dsnwatch.store import new_id
from dsnwatch.subscriptions import NOBODY, Subscriptions

if TYPE_CHECKING:
    from dsnwatch.config.guards import ComingBackSection
    from dsnwatch.store import Writer

_IGNORE, _HOLD, _SUPPRESS = DecisionAction.IGNORE, DecisionAction.HOLD, DecisionAction.SUPPRESS
_BOUNCE, _SUCCESS, _OTHER = Kind.BOUNCE, Kind.SUCCESS, Kind.OTHER


def author_of(raw: RawMessage, report: BounceReport) -> str:
    """Find who wrote a message, where it is ordinary mail and says so; "" where not."""
    if report.kind is not _OTHER or report.defects:
        return ""
    address = key(head_of(raw.data).text("from"))
    return address if all(address.rpartition("@")[::2]) else ""


class Letter(NamedTuple):
    """A message that has been read, and the events it tells of; `author` is as of `author_of`."""

    raw: RawMessage
    fingerprint: str
    report: BounceReport
    arrived_at: datetime
    events: tuple[BounceEvent, ...] = ()
    author: str = ""

    @property
    def unreadable(self) -> bool:
        """Whether it goes to review: it is nothing we know, and something is wrong with it."""
        return bool(self.report.defects) and self.report.kind is _OTHER

    @property
    def claims(self) -> tuple[str, ...]:
        """What is decided about when it is stored: two copies of a letter share all of it."""
        about = tuple(event.attribution.recipient for event in self.events) or (self.fingerprint,)
        return (*about, self.author) if self.author else about

    def receipt(
        self, state: ReceiptState, id_: str, events: int = 0, suppressed: tuple[str, ...] = ()
    ) -> Receipt:
        """Say what became of it."""
        return Receipt(state, id_, self.fingerprint, self.report.kind, events, suppressed)

    def stored(self, id_: str, now: datetime) -> StoredMessage:
        """Give it the id it is kept under."""
        return StoredMessage(id_, self.raw, self.fingerprint, self.report, self.arrived_at, now)


@dataclass(slots=True)
class Book:
    """One transaction: what is known of its letters, and the rows it will write.

    Attributes:
        on_trial: Whether any of the suppressions is lifted, so that it may have to hold again.
    """

    ids: dict[str, str]
    keys: set[str]
    past: dict[str, list[PastEvent]]
    standing: dict[tuple[str, str], Suppression]
    life: dict[str, Life]
    releases: dict[str, list[Release]]
    guarding: Guarding
    facts: dict[str, Facts]
    on_trial: bool
    proven: frozenset[str] = frozenset()
    subscriptions: Subscriptions = NOBODY
    messages: list[StoredMessage] = field(default_factory=list)
    events: list[StoredEvent] = field(default_factory=list)
    changed: dict[tuple[str, str], Suppression] = field(default_factory=dict)
    former: list[Suppression] = field(default_factory=list)
    signs: list[Sign] = field(default_factory=list)
    no_signs: list[tuple[str, int]] = field(default_factory=list)
    news: list[News] = field(default_factory=list)
    replies: list[Sign] = field(default_factory=list)
    quarantined: list[tuple[str, Letter]] = field(default_factory=list)

    @classmethod
    def of(  # noqa: PLR0917  one of each, in the order they come to be known
        cls,
        writer: "Writer",
        letters: Sequence[Letter],
        policy: Policy,
        sender: SenderGuard,
        known: Callable[[], int],
        subscriptions: Subscriptions = NOBODY,
    ) -> "Book":
        """Ask the store what it knows of these letters, a question a table.

        Nobody else decides about their addresses until the transaction ends.

        Args:
            writer: The transaction.
            letters: What came.
            policy: What to decide by.
            sender: What was counted of the sender's own troubles.
            known: Counts the addresses that ever showed life.
            subscriptions: Which hooks want to be told of what.
        """
        writer.claim(name for letter in letters for name in letter.claims)
        ids = writer.stored_fingerprints([letter.fingerprint for letter in letters])
        new = [letter for letter in letters if letter.fingerprint not in ids]
        fresh = [event for letter in new for event in letter.events]
        failed = [
            _failed_key(event, letter.report)
            for letter in new
            if letter.report.kind is _SUCCESS
            for event in letter.events
        ]
        keys = writer.stored_event_keys([*(event.key for event in fresh), *failed])
        fresh = [event for event in fresh if event.key not in keys]
        if proven := proven_among(writer, ((one.report.original, one.events) for one in new)):
            fresh = [believed(event) if event.key in proven else event for event in fresh]
        facts = {event.key: event.facts for event in fresh}
        counted = [event for event in fresh if policy.looks_back(facts[event.key])]
        past: dict[str, tuple[PastEvent, ...]] = {}
        if counted:
            since = min(event.occurred_at for event in counted) - policy.memory
            past = writer.past_events({event.attribution.recipient for event in counted}, since)
        addresses = {event.attribution.recipient for event in fresh}
        listed = [row for rows in writer.suppressions_of(addresses).values() for row in rows]
        return cls(
            ids,
            keys,
            {address: [*events] for address, events in past.items()},
            {(row.address, row.stream): row for row in listed},
            writer.life_of(addresses),
            writer.releases_of(addresses),
            Guarding.of(writer, fresh, policy, sender, known),
            facts,
            any(row.lifted_until is not None for row in listed),
            proven,
            subscriptions,
        )

    def settled_at(self, event: BounceEvent) -> datetime | None:
        """Say up to when failures of the event's recipient count no more."""
        found = event.attribution
        life, releases = self.life.get(found.recipient), self.releases.get(found.recipient)
        if life is None and releases is None:
            return None
        return settled_at(life and life.at, releases or (), found.stream)

    def add(self, stored: StoredEvent, report: BounceReport) -> None:
        """Note an event, so that the letters behind this one know of it."""
        event = stored.event
        self.keys.add(event.key)
        self.events.append(stored)
        original = report.original.message_id
        if told := past_event(event, original or event.key, self.facts[event.key]):
            self.past.setdefault(event.attribution.recipient, []).append(told)
        elif (sign := sign_of(event, original)) and _failed_key(event, report) not in self.keys:
            self.note(sign)
        if self.subscriptions.types:
            self.news += news_of_event(self.subscriptions, stored, report)

    def note(self, sign: Sign) -> None:
        """Note a sign of life."""
        self.signs.append(sign)
        life = self.life.get(sign.address)
        if life is None or sign.at > life.at:
            self.life[sign.address] = Life(sign.at, sign.message, life and life.at)

    def note_mail(self, letter: Letter, message_id: str) -> None:
        """Note mail that is no report, for whoever wants to read it."""
        if MAIL not in self.subscriptions.types:
            return
        raw, kind = letter.raw, letter.report.kind
        self.news += news_of_mail(self.subscriptions, message_id, raw, kind, letter.arrived_at)

    def note_reply(self, letter: Letter) -> None:
        """Note that somebody wrote; it shows life where we know his address."""
        if letter.author:
            self.replies.append(Sign(letter.author, letter.arrived_at, "reply"))

    def disown(self, event: BounceEvent, report: BounceReport) -> None:
        """Let a sign of life be none if it came of the very message that failed now."""
        life = self.life.get(event.attribution.recipient)
        if life is None or life.message is None or event.kind is not _BOUNCE:
            return
        address, original = event.attribution.recipient, report.original.message_id
        if original and life.message == message_key(original, address):
            self.no_signs.append((address, life.message))
            self.signs = [sign for sign in self.signs if sign[::3] != (address, life.message)]
            if life.before is None:
                del self.life[address]
            else:
                self.life[address] = Life(life.before)

    def let_go_after(self, event: BounceEvent) -> str:
        """Say that somebody let go of the recipient after the event; "" where nobody did.

        A sign of life that freed him is none of that: whoever is dead stays so.
        """
        found = event.attribution
        for release in self.releases.get(found.recipient, ()):
            later = release.at >= event.occurred_at and release.who != BY_LIFE
            if later and release.stream in {"", found.stream}:
                return f"let go of on {release.at:%Y-%m-%d} ({release.because})"
        return ""

    def relapse(self, event: BounceEvent, within: timedelta) -> str:
        """Say that whoever is dead was let go of shortly before; "" where he was not."""
        if event.verdict is None or event.verdict.bounce_class is not BounceClass.HARD:
            return ""
        found = event.attribution
        for release in self.releases.get(found.recipient, ()):
            soon = timedelta() <= event.occurred_at - release.at <= within
            if soon and release.stream in {"", found.stream}:
                return f"{RELAPSE}let go of on {release.at:%Y-%m-%d} ({release.because})"
        return ""

    def carry_out(
        self, stored: StoredEvent, now: datetime, section: "ComingBackSection", relapse: str
    ) -> bool:
        """Do what was decided on an event; says whether its recipient is newly suppressed."""
        action = stored.decision.action
        if action is _IGNORE:
            return False
        if action is _HOLD:
            self.guarding.hold(stored)
        suppressed = action is _SUPPRESS and self.suppress(stored, now, relapse)
        if self.on_trial:
            self.end_trial(stored, section.trial, now)
        return suppressed

    def end_trial(self, stored: StoredEvent, trial: timedelta, now: datetime) -> None:
        """Let a suppression hold again whose address is on trial and failed."""
        event = stored.event
        address, stream = event.attribution.recipient, event.attribution.stream
        for this in {(address, ""), (address, stream)}:
            row = self.standing.get(this)
            if (
                row is not None
                and row.lifted_until is not None
                and row.lifted_until > now
                and event.occurred_at >= row.lifted_until - trial
            ):
                row = self.standing[this] = self.changed[this] = row._replace(lifted_until=None)
                told = row._replace(note="failed on trial")
                wanted = self.subscriptions
                self.news += news_of_change(wanted, "suppression.added", new_id(now), told, now)

    def suppress(self, stored: StoredEvent, now: datetime, note: str = "") -> bool:
        """Put the event's recipient on the list; says whether that is news at this moment."""
        new = suppression_by(stored, note)
        this = (new.address, new.stream)
        before = self.standing.get(this)
        if merge(before, new) is None:
            return False
        if before is not None and this not in self.changed:
            self.former.append(before)
        self.standing[this] = self.changed[this] = new
        if not running(new, now):
            return False  # an old mbox: it held then, and nobody needs to hear of it now
        self.news += news_of_suppression_by(self.subscriptions, stored)
        return before is None or not running(before, now)

    def write(self, writer: "Writer", now: datetime) -> None:
        """Write every row; COMMIT is the caller's."""
        writer.add_messages(self.messages)
        writer.add_events(self.events)
        if self.replies:
            known = writer.known_addresses({sign.address for sign in self.replies})
            self.signs += [sign for sign in self.replies if sign.address in known]
        former = [(new_id(now), row) for row in self.former]
        writer.put_suppressions([*self.changed.values()], former)
        self.guarding.write(writer, self.subscriptions, now)
        writer.take_back_signs(self.no_signs)
        writer.add_news(self.news, now)
        for id_, letter in self.quarantined:
            defects = letter.report.defects
            writer.add_quarantine(id_, letter.raw, letter.fingerprint, defects, now)


def _failed_key(event: BounceEvent, report: BounceReport) -> str:
    """Give the key of the failure of the very message that an event says was delivered."""
    original = report.original.message_id or ""
    return event_key(Kind.BOUNCE, original, event.attribution.recipient)
