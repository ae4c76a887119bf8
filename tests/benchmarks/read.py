"""How fast the reader is, beside others in one run, and what the worst messages cost.

`python -m tests.benchmarks.read [--rounds N] [--corpus FOLDER] [--only PART]`

Times on a shared machine say little, ratios of one run do: each round measures all the ways one
after the other, and the best round of each way counts. Nothing is asserted.
"""

import argparse
import cProfile
import email
import email.message
import io
import logging
import multiprocessing
import os
import pstats
import re
import resource
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from dsnwatch.model import Kind
from dsnwatch.reading.prose import about, split_returned
from dsnwatch.reading.reader import Reader
from dsnwatch.rfc.address import find_all, normalise
from dsnwatch.rfc.delivery_status import field_groups
from dsnwatch.rfc.mime import cut, plain
from dsnwatch.rfc.status_code import codes
from dsnwatch.rules.causes import Where
from dsnwatch.rules.dialects import compile_line, masked
from dsnwatch.rules.phrases import Phrase, flatten
from tests.reading.hostile import HOSTILE

ROOT = Path(__file__).parents[2]
FIXTURES = ROOT / "fixtures"
MICRO = 1_000_000
PATIENCE_SECONDS = 20
GROWTH_PATIENCE_SECONDS = 5
LARGE = 1 << 18
"""Octets above which a fixture is left out of the ratios: it is there for its size."""


def corpus_beside() -> Path:
    """Return the folder of labelled messages that may lie beside the repository."""
    return Path(os.environ.get("DSNWATCH_CORPUS", ROOT.parent / "shared")) / "corpus"


def best(act: Callable[[], Any], rounds: int) -> float:
    """Return the shortest time in seconds of several rounds."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        act()
        times.append(time.perf_counter() - start)
    return min(times)


def each(act: Callable[[bytes], Any], messages: Sequence[bytes]) -> Callable[[], None]:
    """Make one round: the act upon each message."""

    def through() -> None:
        for data in messages:
            act(data)

    return through


def with_flufl(data: bytes) -> None:
    """Parse and read the way one would without us."""
    from flufl.bounce import all_failures  # noqa: PLC0415  slow at import, for this way only

    with suppress(Exception):  # it does raise on some mail; the time counts all the same
        all_failures(email.message_from_bytes(data))


def parsed(data: bytes) -> email.message.Message:
    """Parse a message wholly with the standard library: headers, parts, and nothing decoded."""
    return email.message_from_bytes(data)


def throughput(name: str, messages: Sequence[bytes], reader: Reader, rounds: int) -> None:
    """Print what the ways cost a message, and the ratios."""
    octets = sum(map(len, messages)) / len(messages)
    print(f"\n{name}: {len(messages)} messages of {octets:.0f} octets on the average")
    ways: dict[str, Callable[[bytes], Any]] = {
        "cut alone": cut,
        "dsnwatch, bytes to report and verdicts": reader.read,
        "email, compat32 parse alone": parsed,
        "email + flufl.bounce": with_flufl,
    }
    cost = {way: best(each(act, messages), rounds) / len(messages) for way, act in ways.items()}
    ours = cost["dsnwatch, bytes to report and verdicts"]
    for way, seconds in cost.items():
        print(f"  {way:42}{seconds * MICRO:9.1f} µs{seconds / ours:8.2f} x")
    tally = Counter(reader.read(data).report.dialect or "none" for data in messages)
    failed = sum(reader.read(data).report.kind is not Kind.OTHER for data in messages)
    share = 100 * tally["flufl"] / len(messages)
    print(f"  fall through to flufl.bounce: {tally['flufl']} of {len(messages)} ({share:.1f} %)")
    print(f"  read as something: {failed}; by elimination (any): {tally['any']}")


def as_regexes(reader: Reader) -> list[tuple[re.Pattern[str], str]]:
    """Write the cause rows as regular expressions, one a row, tried one after the other."""

    def pattern(phrase: Phrase) -> str:
        gaps = [".*" if gap is None else f".{{0,{gap}}}" for gap in phrase.gaps]
        pieces = zip(map(re.escape, phrase.literals), [*gaps, ""], strict=True)
        middle = "".join(literal + gap for literal, gap in pieces)
        before = "" if phrase.open_start else r"(?<![^\W_])"
        behind = "" if phrase.open_end else r"(?![^\W_])"
        return before + middle + behind

    return [
        (re.compile("|".join(map(pattern, row.phrases))), row.id)
        for row in reader.rules.causes.rows
    ]


def causes(messages: Sequence[bytes], reader: Reader, rounds: int) -> None:
    """Print what finding the cause costs a text, by the index and row by row."""
    texts = [
        flatten(one.diagnostic)
        for data in messages
        for one in reader.read(data).report.recipients
        if one.diagnostic
    ]
    rows, table, where = as_regexes(reader), reader.rules.causes, Where()
    phrases = sum(len(row.phrases) for row in table.rows)

    def indexed() -> None:
        for text in texts:
            next(iter(table.find(text, where)), None)

    def first() -> None:
        for text in texts:
            next((name for row, name in rows if row.search(text)), None)

    def every() -> None:
        for text in texts:
            for row, _ in rows:
                row.search(text)

    ours = best(indexed, rounds)
    print(f"\ncause rows: {len(rows)} rows, {phrases} phrases, {len(texts)} diagnostics")
    for way, act in (
        ("index", indexed),
        ("sequential regexes, up to the first hit", first),
        ("sequential regexes, all rows", every),
    ):
        seconds = best(act, rounds)
        print(f"  {way:42}{seconds / len(texts) * MICRO:9.1f} µs{seconds / ours:8.2f} x")


def dearest(messages: Sequence[bytes], reader: Reader) -> None:
    """Print the functions that cost most by themselves."""
    profile = cProfile.Profile()
    profile.runcall(each(reader.read, messages))
    out = io.StringIO()
    pstats.Stats(profile, stream=out).sort_stats("tottime").print_stats(14)
    print("\nwhere the time goes (own time, under the profiler)")
    print("\n".join(line for line in out.getvalue().splitlines()[6:] if line.strip()))


# ------------------------------------------------------------------------- the worst of all


def peak_bytes() -> int:
    """Return the most memory this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def apart(act: Callable[[], Any], patience: float) -> tuple[float, int] | None:
    """Run an act in a process of its own; return seconds and bytes, None when it took too long."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)

    def run() -> None:
        before = peak_bytes()
        start = time.perf_counter()
        try:
            act()
        except Exception as error:  # noqa: BLE001  the table shows it, and goes on
            theirs.send(error)
        else:
            theirs.send((time.perf_counter() - start, peak_bytes() - before))

    child = context.Process(target=run)
    child.start()
    answer = ours.recv() if ours.poll(patience) else None
    if answer is None:
        child.kill()
    child.join()
    if isinstance(answer, Exception):
        raise answer
    return answer


def worst(reader: Reader, only: str) -> None:
    """Print time and memory of each hostile kind; 1 s and 50 MB are the promise."""
    print("\nhostile messages: seconds, and MB beyond the message's own")
    for kind, make in HOSTILE.items():
        if only and only not in kind:
            continue
        data = make()
        try:
            measured = apart(partial(reader.read, data), PATIENCE_SECONDS)
        except Exception as error:  # noqa: BLE001  shown in the table
            print(f"  {kind:38}{len(data) / 1e6:7.2f} MB  raised {type(error).__name__}")
            continue
        if measured is None:
            print(f"  {kind:38}{len(data) / 1e6:7.2f} MB  over {PATIENCE_SECONDS} s  <-- too long")
            continue
        seconds, grown = measured
        marks = "  <-- too long" * (seconds > 1) + "  <-- too much" * (grown > 50 << 20)
        print(f"  {kind:38}{len(data) / 1e6:7.2f} MB{seconds:8.3f} s{grown / 1e6:8.1f} MB{marks}")


UNITS = (
    "\n", " ", " \n", "-\n", "<", ">", "@", "a@", "@a:", "@a,", "a", "a.", "5.1.", "550 ", "550-",
    "(", "<p ", "<style", "&#", "=?", "to to ", "host ", "a@b.example ", "<a@b.example>:\n",
    "X-Y:\n", "Final-Recipient:\n",
)  # fmt: skip
"""What strangers may write over and over."""


def growth(reader: Reader) -> None:
    """Print which functions take more than in proportion when a text grows eightfold."""
    dialects = reader.rules.dialects
    lines = [
        compile_line(text) for text in ("{*} <{addr}>", "{*}to {addr} {text}", "{local}: {text}")
    ]
    acts: dict[str, Callable[[str], Any]] = {
        "flatten": flatten,
        "codes": codes,
        "find_all": find_all,
        "normalise": normalise.__wrapped__,
        "split_returned": lambda text: split_returned(text, dialects),
        "about": lambda text: about(text, "anne@example.org"),
        "plain": plain,
        "masked": masked,
        "templates": lambda text: [line.match(masked(text)[0]) for line in lines],
        "field_groups": lambda text: field_groups(text.encode()),
        "cut": lambda text: cut(b"Subject: x\n\n" + text.encode()),
        "causes": lambda text: list(reader.rules.causes.find(text, Where())),
    }
    print("\ngrowth of time when 4 KB become 32 KB (8 is linear); only what is above 16 is shown")
    for name, act in acts.items():
        for text in UNITS:
            small, large = (
                (text * (size // len(text) + 1))[:size] + "x" for size in (4 << 10, 32 << 10)
            )
            measured = [
                apart(partial(best, partial(act, body), 2), GROWTH_PATIENCE_SECONDS)
                for body in (small, large)
            ]
            if measured[0] is None or measured[1] is None:
                print(f"  {name:16}{text!r:20} over {GROWTH_PATIENCE_SECONDS} s")
            elif measured[1][0] > 0.02 and measured[1][0] > 16 * measured[0][0]:
                ratio = measured[1][0] / measured[0][0]
                print(f"  {name:16}{text!r:20}{ratio:8.1f} x{measured[1][0] / 2:9.3f} s")
    print("  (done)")


def messages_in(folder: Path) -> list[bytes]:
    """Read the messages of a folder that are no larger than mail usually is."""
    found = (path.read_bytes() for path in sorted(folder.rglob("*.eml")))
    return [data for data in found if 0 < len(data) < LARGE]


def main() -> None:
    """Print all tables, or the one asked for."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--corpus", type=Path, default=corpus_beside(), help="folder of messages")
    options.add_argument("--only", choices=("ratios", "causes", "profile", "worst", "growth"))
    options.add_argument("--kind", default="", help="of `worst`, only kinds that hold this")
    given = options.parse_args()
    logging.getLogger("flufl.bounce").addHandler(logging.NullHandler())
    logging.getLogger("flufl.bounce").propagate = False
    reader = Reader.load()
    sets = {"fixtures": messages_in(FIXTURES)}
    if given.corpus.is_dir():
        sets["corpus"] = messages_in(given.corpus)
    if given.only in {None, "ratios"}:
        for name, messages in sets.items():
            throughput(name, messages, reader, given.rounds)
    largest = max(sets.values(), key=len)
    if given.only in {None, "causes"}:
        causes(largest, reader, given.rounds)
    if given.only in {None, "profile"}:
        dearest(largest, reader)
    if given.only in {None, "worst"}:
        worst(reader, given.kind)
    if given.only in {None, "growth"}:
        growth(reader)


if __name__ == "__main__":
    main()
