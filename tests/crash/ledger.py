"""What went in, and what must have become of it: each message and each effect exactly once."""

import json
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from tests.cli.builders import a_bounce

WAYS = ("imap", "direct", "postfix", "import")


@dataclass(frozen=True, slots=True)
class Input:
    """A bounce that was made.

    Attributes:
        address: Whom it is about; no other bounce is about him.
        copies: How many messages tell of the same failure.
        way: How the first of them goes in.
    """

    number: int
    address: str
    hard: bool
    way: str
    copies: int = 1

    @property
    def data(self) -> bytes:
        """Its octets, with LF."""
        reason = "user_unknown" if self.hard else "mailbox_full"
        return a_bounce(self.address, reason=reason, number=self.number)


@dataclass
class Ledger:
    """All that went in, and all that a hook was told."""

    inputs: dict[int, Input] = field(default_factory=dict)
    told: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """(event type, address, id), and how often."""
    _numbers: Iterator[int] = field(default_factory=count)

    def make(self, way: str, *, copies: int = 1) -> Input:
        """Make a bounce, every third of them soft, and write it down."""
        number = next(self._numbers)
        made = Input(number, f"user{number}@example.com", number % 3 != 0, way, copies)
        self.inputs[number] = made
        return made

    def hear(self, body: bytes) -> None:
        """Take down what a hook was told, one event or a list."""
        said = json.loads(body)
        for event in said if isinstance(said, list) else [said]:
            kind = event["type"].removeprefix("org.dsnwatch.").rpartition(".v")[0]
            self.told[kind, event["subject"], event["id"]] += 1


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the comparison found.

    Attributes:
        counts: What was compared: name, how many there had to be, how many there are.
        losses: What is missing, double or too much, a sentence each.
    """

    counts: tuple[tuple[str, int, int], ...]
    losses: tuple[str, ...]


def compare(ledger: Ledger, store: Path, *, swept: bool = False) -> Verdict:
    """Compare what went in with what is stored, suppressed and told.

    Args:
        ledger: What went in.
        store: The store's file.
        swept: Whether the octets of messages have been let go of since.
    """
    with closing(sqlite3.connect(store)) as database:
        ask = database.execute
        raws = Counter(_number(data) for (data,) in ask("SELECT data FROM raw_message"))
        messages = ask("SELECT count(*) FROM message").fetchone()[0]
        events = Counter(row[0] for row in ask("SELECT address FROM event"))
        suppressed = Counter(row[0] for row in ask("SELECT address FROM suppression"))
        left = {
            name: ask(f"SELECT count(*) FROM {name}").fetchone()[0]  # noqa: S608  ours
            for name in ("quarantine", "held", "outbox", "dead_letter")
        }
        whole = ask("PRAGMA integrity_check").fetchone()[0]
    inputs = ledger.inputs.values()
    hard = [each.address for each in inputs if each.hard]
    soft = [each.address for each in inputs if not each.hard]
    wanted = Counter({each.number: each.copies for each in inputs})
    ids: dict[tuple[str, str], set[str]] = {}
    for kind, address, id_ in ledger.told:
        ids.setdefault((kind, address), set()).add(id_)
    telling = [("bounce.hard", a) for a in hard] + [("bounce.soft", a) for a in soft]
    telling += [("suppression.added", address) for address in hard]
    differences = [
        *([] if swept else _differ("message", wanted, raws)),
        *_differ("event", Counter(each.address for each in inputs), events),
        *_differ("suppression", Counter(hard), suppressed),
        *(f"told under {len(found)} ids: {key}" for key, found in ids.items() if len(found) > 1),
        *(f"never told: {key}" for key in telling if key not in ids),
        *(f"told though it is not so: {key}" for key in set(ids) - set(telling)),
        *(f"{number} left in {name}" for name, number in left.items() if number),
        *([] if whole == "ok" else [f"the file is damaged: {whole}"]),
    ]
    counts = (
        ("messages", wanted.total(), messages),
        ("events", len(ledger.inputs), events.total()),
        ("suppressions", len(hard), suppressed.total()),
        ("news told, by their ids", len(telling), len(ledger.told)),
        ("news told, each time", len(telling), ledger.told.total()),
    )
    return Verdict(counts, tuple(differences))


def known(store: Path, addresses: Collection[str]) -> set[str]:
    """Find which of these addresses a store has no event of."""
    with closing(sqlite3.connect(store)) as database:
        found = {row[0] for row in database.execute("SELECT address FROM event")}
    return set(addresses) - found


def _number(data: bytes) -> int:
    start = data.index(b"<report") + len(b"<report")
    return int(data[start : data.index(b"@", start)])


def _differ(
    what: str, wanted: Counter[int] | Counter[str], found: Counter[int] | Counter[str]
) -> Iterator[str]:
    for key in wanted.keys() | found.keys():
        if wanted[key] != found[key]:  # type: ignore[index]  # both are of one kind
            yield f"{what} {key}: {found[key]} instead of {wanted[key]}"  # type: ignore[index]  # likewise
