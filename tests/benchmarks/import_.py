"""How fast an mbox is imported, against what most people would write: run it, read the table.

    python -m tests.benchmarks.import_ [--messages 20000] [--jobs N]

The peer parses each message with the standard library's `email` (compat32) and asks flufl.bounce;
it splits nothing, decides nothing and stores nothing. Both run in this run, on the same messages.
"""

import argparse
import email
import json
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from flufl.bounce import all_failures

ROOT = Path(__file__).parents[2]
MEGABYTE = 1 << 20
_OURS = re.compile(rb"@(?=(?:[A-Za-z0-9\-]+\.)*example\b)")
SKIPPED = ("hostile",)  # they are few in real mailboxes, and measured by themselves in read.py


def bodies() -> list[bytes]:
    """Our own fixtures, as they would come from a mailbox."""
    paths = sorted(ROOT.joinpath("fixtures").rglob("*.eml"))
    found = [path.read_bytes() for path in paths if path.parent.name not in SKIPPED]
    return [data for data in found if not data.startswith(b"From ")]


def returned(number: int, rng: random.Random) -> bytes:
    """A newsletter as it comes back: trace headers, a signature, a body."""
    key = rng.randbytes(24).hex()
    trace = "".join(
        f"Received: from relay{hop}.example.com (relay{hop}.example.com [192.0.2.{hop}])\n"
        f"\tby out{hop}.example.com (Postfix) with ESMTPS id {key[:12].upper()}{hop}\n"
        f"\tfor <user{number}@example.net>; Thu, 5 Nov 2026 10:{hop:02}:00 +0000 (UTC)\n"
        for hop in range(1, 6)
    )
    signature = "".join(f"\t{rng.randbytes(32).hex()}\n" for _ in range(6))
    words = "Our November letter has news from the garden, the workshop and the road. "
    return (
        f"{trace}X-Signature: v=1; a=rsa-sha256; d=example.com; s=k1;\n{signature}"
        f"X-Mailing: {number}\n\n{words * 14}\n"
    ).encode()


def varied(count: int) -> Iterator[bytes]:
    """Make messages of about 4 KB that all differ: in recipient, ids and what came back."""
    rng = random.Random(7)  # noqa: S311  the same mailbox at each run
    originals = bodies()
    for number in range(count):
        data = originals[number % len(originals)]
        mark = str(number).encode()
        for name in (b"Message-ID: <", b"Message-Id: <", b"Message-id: <"):
            data = data.replace(name, name + mark + b".")
        data = _OURS.sub(b"@d" + mark + b".", data)
        yield with_returned(data.rstrip(b"\n"), returned(number, rng))


def with_returned(data: bytes, newsletter: bytes) -> bytes:
    """Let a newsletter come back in the last part, as all do that return what they could not bring.

    Behind the last boundary nobody returns anything, and in a text there is a blank line before it.
    """
    before, newline, last = data.rpartition(b"\n")
    if last.startswith(b"--") and last.rstrip().endswith(b"--"):
        return before + newline + newsletter + last + newline
    return data + b"\n\n" + newsletter


def write_mbox(path: Path, count: int) -> int:
    """Write the mailbox; return its size in octets."""
    with path.open("wb") as mbox:
        for data in varied(count):
            quoted = data.replace(b"\r\n", b"\n").replace(b"\nFrom ", b"\n>From ")
            mbox.write(b"From MAILER-DAEMON Thu Nov  5 10:00:00 2026\n" + quoted + b"\n")
    return path.stat().st_size


def peer(count: int) -> float:
    """Messages a second of `email` and flufl.bounce."""
    messages = list(varied(count))
    start = time.perf_counter()
    for data in messages:
        try:
            all_failures(email.message_from_bytes(data))
        except (ValueError, LookupError, AttributeError, TypeError):
            continue  # it raises on some of what our fixtures hold
    return count / (time.perf_counter() - start)


def ours(mbox: Path, count: int, jobs: int, folder: Path) -> tuple[float, float]:
    """Messages a second of a whole import, and its peak memory in megabytes."""
    store = folder / f"store-{count}-{jobs}.db"
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    start = time.perf_counter()
    done = subprocess.run(  # noqa: S603  our own command line
        [sys.executable, "-m", "dsnwatch", "import", "--json", "--jobs", str(jobs),
         "--store", f"sqlite:///{store}", str(mbox)],
        cwd=ROOT, capture_output=True, check=True,
    )  # fmt: skip
    took = time.perf_counter() - start
    assert json.loads(done.stdout)["messages"] == count
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return count / took, max(peak, before) / 1024


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--messages", type=int, default=20_000)
    options.add_argument("--jobs", type=int, default=min(os.cpu_count() or 1, 4))
    given = options.parse_args()
    sample = min(given.messages, 3000)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        small, large = folder / "small.mbox", folder / "large.mbox"
        write_mbox(small, given.messages // 10)
        size = write_mbox(large, given.messages)
        print(f"{given.messages} messages of {size // given.messages} octets on average")
        before = peer(sample)
        _, small_peak = ours(small, given.messages // 10, given.jobs, folder)
        rate_one, _ = ours(large, given.messages, 1, folder)
        rate, peak = ours(large, given.messages, given.jobs, folder)
        after = peer(sample)
        base = (before + after) / 2
        print(f"{'':36}{'messages/s':>12}{'ratio':>8}{'peak MB':>9}")
        print(f"{'email compat32 + flufl.bounce':36}{base:12.0f}{1:8.1f}")
        print(f"{'dsnwatch import --jobs 1':36}{rate_one:12.0f}{rate_one / base:8.1f}")
        label = f"dsnwatch import --jobs {given.jobs}"
        print(f"{label:36}{rate:12.0f}{rate / base:8.1f}{peak:9.0f}")
        print(f"peak memory, largest process: {peak / small_peak:.2f} times that of a tenth of it")


if __name__ == "__main__":
    main()
