"""What look-ups cost in a large list, and what deciding and storing cost beside reading.

    python -m tests.benchmarks.policy [--rows 1000000] [--addresses 200000] [--messages 3000]
                                      [--rounds 5]

* Look-ups: an address in a list of so many rows, against the same in a list of 100,000.
* `check -`: a list of addresses through the command, against a SQLModel `select` for each.
* Deciding: attribution, policy and store of an import, against the reading of its messages.

`--rows 10000000 --addresses 1000000` is what the project promises for: 2 times, 15 times and once.
Both sides of a comparison take turns in this run, on the same machine; each round gives a ratio,
and what is printed is the median, with the least and the greatest.
"""

import argparse
import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from sqlmodel import Session, create_engine, select

from dsnwatch.ingest import Ingest
from dsnwatch.model import RawMessage
from dsnwatch.policy import Policy
from dsnwatch.reading.reader import Reader
from dsnwatch.store import open_store
from dsnwatch.store.lookup import SuppressionLookup
from dsnwatch.store.tables import SuppressionRow
from tests.benchmarks.import_ import varied

SMALL = 100_000
ASKED = 20_000
PEER_ASKED = 3_000
BATCH = 500
ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)
INSERT = (
    "INSERT INTO suppression (address, stream, domain, reason, origin, rule, event_id, since, "
    "until, note, node) VALUES (?, '', ?, 'user_unknown', 'bounce', 'hard', NULL, ?, NULL, '', '')"
)


def an_address(number: int) -> str:
    """Name somebody; even numbers are suppressed, odd ones are not."""
    return f"user{number:09}@list{number % 997:03}.example.org"


def a_list(folder: Path, rows: int) -> str:
    """Make a store with so many suppressions; gives its URL."""
    path = folder / f"{rows}.db"
    url = f"sqlite:///{path}"
    open_store(url).close()
    since = int(NOW.timestamp() * 1e6)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        for start in range(0, rows, 100_000):
            numbers = range(start, min(start + 100_000, rows))
            addresses = map(an_address, (2 * number for number in numbers))
            connection.executemany(
                INSERT, ((each, each.rpartition("@")[2], since) for each in addresses)
            )
            connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return url


def some(rows: int, count: int, seed: int) -> list[str]:
    """Draw addresses, half of them suppressed."""
    rng = random.Random(seed)  # noqa: S311  the same at each run
    return [an_address(rng.randrange(2 * rows)) for _ in range(count)]


def look_up(url: str, addresses: Sequence[str]) -> float:
    """Seconds an address takes."""
    with SuppressionLookup(url) as lookup:
        lookup.find(addresses[0], NOW)
        start = time.perf_counter()
        for address in addresses:
            lookup.find(address, NOW)
        return (time.perf_counter() - start) / len(addresses)


def check_all(url: str, file: Path, count: int) -> float:
    """Seconds an address takes the whole command, its start with it."""
    with file.open("rb") as addresses:
        start = time.perf_counter()
        done = subprocess.run(  # noqa: S603  our own command line
            [sys.executable, "-m", "dsnwatch", "check", "--store", url, "-"],
            cwd=ROOT, stdin=addresses, stdout=subprocess.DEVNULL, check=False,
        )  # fmt: skip
        took = time.perf_counter() - start
    assert done.returncode == 1, "some are suppressed"
    return took / count


def select_each(url: str, addresses: Sequence[str]) -> float:
    """Seconds an address takes somebody who asks the ORM for each."""
    engine = create_engine(url)
    with Session(engine) as session:
        start = time.perf_counter()
        for address in addresses:
            session.exec(select(SuppressionRow).where(SuppressionRow.address == address)).first()
        took = time.perf_counter() - start
    engine.dispose()
    return took / len(addresses)


def import_halves(folder: Path, count: int, rounds: int) -> Iterator[tuple[float, float]]:
    """CPU seconds a message of reading, and of attribution, policy and store."""
    reader, policy = Reader.load(), Policy.preset("default")
    messages = [
        RawMessage(data, f"m#{number}", "mbox", NOW, vouched=True)
        for number, data in enumerate(varied(count))
    ]
    for number in range(rounds):
        start = time.process_time()
        read = [(message, reader.read(message.data)) for message in messages]
        reading = time.process_time() - start
        store = open_store(f"sqlite:///{folder / f'import{number}.db'}")
        ingest = Ingest(store, reader, policy)
        start = time.process_time()
        for first in range(0, count, BATCH):
            ingest.commit(read[first : first + BATCH])
        deciding = time.process_time() - start
        store.close()
        yield deciding / count, reading / count


def told(
    what: str, pairs: Sequence[tuple[float, float]], of: Callable[[float, float], float]
) -> None:
    """Print both times, and the ratios."""
    ratios = sorted(of(*pair) for pair in pairs)
    ours, theirs = (statistics.median(side) * 1e6 for side in zip(*pairs, strict=True))
    print(
        f"{what:44}{ours:8.1f} µs{theirs:9.1f} µs{statistics.median(ratios):8.2f}"
        f"  ({ratios[0]:.2f} to {ratios[-1]:.2f})"
    )


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--rows", type=int, default=1_000_000)
    options.add_argument("--addresses", type=int, default=200_000)
    options.add_argument("--messages", type=int, default=3_000)
    options.add_argument("--rounds", type=int, default=5)
    given = options.parse_args()
    rounds = range(given.rounds)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        small, large = a_list(folder, SMALL), a_list(folder, given.rows)
        print(f"{'':44}{'ours':>11}{'against':>12}{'ratio':>8}")
        look_up(large, some(given.rows, ASKED, 99))  # into memory, as a list in use is
        told(
            f"look-up in {given.rows:,} rows, against {SMALL:,}",
            [
                (look_up(large, some(given.rows, ASKED, n)), look_up(small, some(SMALL, ASKED, n)))
                for n in rounds
            ],
            lambda ours, theirs: ours / theirs,
        )
        file = folder / "list.txt"
        file.write_text("\n".join(some(given.rows, given.addresses, 7)) + "\n")
        told(
            f"check - of {given.addresses:,}, against select each",
            [
                (
                    check_all(large, file, given.addresses),
                    select_each(large, some(given.rows, PEER_ASKED, n)),
                )
                for n in rounds
            ],
            lambda ours, theirs: theirs / ours,
        )
        told(
            "attribution, policy, store, against reading",
            [*import_halves(folder, given.messages, given.rounds)],
            lambda ours, theirs: ours / theirs,
        )


if __name__ == "__main__":
    main()
