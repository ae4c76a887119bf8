"""Folders of a mailbox: how the server calls them, and what is known of each."""

import time
from array import array
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from dsnwatch.config.mailbox import After
from dsnwatch.sources.imap_session import Selected, Session

DONE_KEYWORD: Final = "$DsnwatchDone"
UNREAD_KEYWORD: Final = "$DsnwatchUnread"

TRY_AGAIN_SECONDS: Final = 600.0
"""A message the server would not give is asked for again after this."""

USUAL_NAMES: Final = {"\\junk": ("Junk", "Spam", "Junk Email", "Junk E-mail", "Bulk Mail")}
"""What folders are called where the server does not say what they are for (RFC 6154)."""

_NOT_TO_BE_READ: Final = frozenset({"\\noselect", "\\nonexistent"})


class Target(StrEnum):
    """What a message is let go of as."""

    DONE = "done"
    UNREAD = "unread"


class Way(StrEnum):
    """How messages are let go of."""

    MOVE = "move"
    COPY = "copy"
    DELETE = "delete"
    KEYWORD = "keyword"
    CURSOR = "cursor"
    """They stay as they are, and we remember how far we have come."""


NEEDS: Final = {Way.MOVE: "MOVE", Way.COPY: "UIDPLUS", Way.DELETE: "UIDPLUS"}
"""The capability without which a way cannot be gone. Never EXPUNGE alone: it takes others' mail."""

_AWAY: Final = (Way.MOVE, Way.COPY, Way.KEYWORD, Way.CURSOR)
LADDERS: Final[dict[tuple[After, Target], tuple[Way, ...]]] = {
    ("move", Target.DONE): _AWAY,
    ("move", Target.UNREAD): _AWAY,
    ("delete", Target.DONE): (Way.DELETE, Way.KEYWORD, Way.CURSOR),
    ("delete", Target.UNREAD): _AWAY,
    ("flag", Target.DONE): (Way.KEYWORD, Way.CURSOR),
    ("flag", Target.UNREAD): (Way.KEYWORD, Way.CURSOR),
    ("keep", Target.DONE): (Way.CURSOR,),
    ("keep", Target.UNREAD): (Way.CURSOR,),
}
"""The ways to try, best first."""


def way_for(after: After, target: Target, capabilities: frozenset[str], *, keywords: bool) -> Way:
    """Choose how to let go of a message.

    Args:
        after: As configured.
        target: What it is let go of as.
        capabilities: Of the server.
        keywords: Whether the folder takes new keywords.
    """
    for way in LADDERS[after, target]:
        if way is Way.CURSOR or (keywords if way is Way.KEYWORD else NEEDS[way] in capabilities):
            return way
    raise AssertionError("every ladder ends at the cursor")


@dataclass(slots=True)
class Folder:
    """What is known of one folder, as long as its UIDVALIDITY holds.

    Attributes:
        name: As the server calls it.
        selected: As it was when it was opened last; None before.
        ways: How messages of it are let go of.
        pending: On disk with us, and not let go of yet.
        given: Handed out, and no receipt has come yet.
        missed: The server would not give them; when to ask again, as `time.monotonic` has it.
        next: Where the cursor stands: of what lies below it only `missed` is left.
        quiet: What HIGHESTMODSEQ was when nothing waited here.
    """

    name: str
    selected: Selected | None = None
    ways: dict[Target, Way] = field(default_factory=dict)
    pending: dict[int, Target] = field(default_factory=dict)
    given: set[int] = field(default_factory=set)
    missed: dict[int, float] = field(default_factory=dict)
    next: int = 1
    quiet: int | None = None
    _highest: int = 0

    def opened(self, selected: Selected, ways: dict[Target, Way]) -> bool:
        """Note what SELECT said; True where the folder is not the one that was known.

        UIDs of another UIDVALIDITY are other messages: all that is known of them is forgotten, and
        fingerprints tell which ones are stored already.
        """
        known = self.selected
        self.selected, self.ways = selected, ways
        if known is not None and known.uidvalidity == selected.uidvalidity:
            return False
        self.pending, self.given, self.missed = {}, set(), {}
        self.next, self.quiet, self._highest = 1, None, 0
        return True

    def is_of(self, uidvalidity: int) -> bool:
        """Whether UIDs of that UIDVALIDITY are still this folder's."""
        return self.selected is not None and self.selected.uidvalidity == uidvalidity

    @property
    def is_quiet(self) -> bool:
        """Whether nothing has changed since nothing waited; no more than a short cut (RFC 7162)."""
        assert self.selected is not None
        ours = self.pending or self.missed
        return self.quiet is not None and self.quiet == self.selected.changed and not ours

    @property
    def by_cursor(self) -> bool:
        """Whether messages stay here as they are, so that the cursor must tell the new ones."""
        return Way.CURSOR in self.ways.values()

    @property
    def criteria(self) -> list[str]:
        """What SEARCH has to find: messages that wait."""
        found = []
        if Way.KEYWORD in self.ways.values():
            found += ["UNKEYWORD", DONE_KEYWORD]
        if self.by_cursor:
            low = min([self.next, *self.missed])
            found += ["UID", f"{low}:*"]
        return found

    def begin(self) -> None:
        """Begin a sweep: what was given and got no receipt waits again."""
        self.given.clear()
        self._highest = self.next - 1

    def waiting(self, found: "array[int]") -> "array[int]":
        """Choose the messages to fetch, of those that SEARCH found, and forget those that went."""
        ours = self.pending.keys() | self.missed.keys()
        there = ours.intersection(found) if ours else ours
        self.pending = {uid: to for uid, to in self.pending.items() if uid in there}
        self.missed = {uid: at for uid, at in self.missed.items() if uid in there}
        now = time.monotonic()
        # "UID 7:*" finds the last message even where its UID is lower (RFC 9051 section 6.4.4).
        low = self.next if self.by_cursor else 0
        return array(
            "I",
            (
                uid
                for uid in found
                if uid not in self.pending
                and (self.missed[uid] <= now if uid in self.missed else uid >= low)
            ),
        )

    def give(self, uid: int) -> None:
        """Note that a message is handed out."""
        self.given.add(uid)
        self.missed.pop(uid, None)
        self._highest = max(self._highest, uid)

    def miss(self, uid: int) -> None:
        """Note that the server would not give a message."""
        self.missed[uid] = time.monotonic() + TRY_AGAIN_SECONDS
        self._highest = max(self._highest, uid)

    def store(self, uid: int, target: Target) -> None:
        """Note that a message is on disk."""
        self.given.discard(uid)
        self.pending[uid] = target

    def advance(self) -> None:
        """Let the cursor go as far as everything is done."""
        self.next = max(self.next, min(self.given, default=self._highest + 1))

    @property
    def position(self) -> str:
        """The cursor as it is kept: UIDVALIDITY, the next UID, and those that were missed."""
        assert self.selected is not None
        missed = ",".join(map(str, sorted(self.missed)))
        return f"{self.selected.uidvalidity} {self.next} {missed}".rstrip()

    def go_on(self, position: str | None) -> None:
        """Take up the cursor where it was left; one of another UIDVALIDITY tells nothing."""
        assert self.selected is not None
        words = (position or "").split()
        numbers = [word for each in words for word in each.split(",")]
        if len(words) < 2 or not all(number.isdigit() for number in numbers):  # noqa: PLR2004
            return
        if int(words[0]) == self.selected.uidvalidity:
            self.next = int(words[1])
            self.missed = {int(uid): 0.0 for uid in numbers[2:]}


class Names:
    """The folders a server has, and how ours are called there.

    Args:
        session: Asked here, and again in `refresh`.

    Attributes:
        listed: What LIST said.
        prefix: Of our own folders.
        separator: Between levels.
    """

    def __init__(self, session: Session) -> None:
        self.listed = session.folders()
        self.prefix, separator = session.namespace()
        separators = (each.separator for each in self.listed if each.separator)
        self.separator = separator or next(separators, "/")

    def refresh(self, session: Session) -> None:
        """List the folders again."""
        self.listed = session.folders()

    def find(self, wanted: str) -> str | None:
        r"""Find a folder to read.

        Args:
            wanted: As configured: a name with `/` between levels, or what it is for (`\Junk`).

        Returns:
            Its name at the server; None where there is none.
        """
        there = {each.name for each in self.listed if not each.flags & _NOT_TO_BE_READ}
        if wanted.startswith("\\"):
            marked = (each.name for each in self.listed if wanted.lower() in each.flags)
            usual = USUAL_NAMES.get(wanted.lower(), ())
            candidates = [*marked, *(name for each in usual for name in self._spelled(each))]
        elif wanted.upper() == "INBOX":
            return "INBOX"
        else:
            candidates = self._spelled(wanted)
        return next((name for name in candidates if name in there), None)

    def to_make(self, wanted: str) -> str:
        """Say how a folder is to be called that is not there yet."""
        return self._spelled(wanted)[-1]

    def _spelled(self, wanted: str) -> list[str]:
        """Give the ways to write a name: as it stands, with their separator, below their prefix."""
        leveled = wanted.replace("/", self.separator)
        below = leveled if leveled.startswith(self.prefix) else f"{self.prefix}{leveled}"
        return [wanted, leveled, below]
