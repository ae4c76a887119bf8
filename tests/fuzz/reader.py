"""Fuzz everything that reads mail, led by coverage; the fixtures are the seeds.

    python -m tests.fuzz.reader --seconds 600

It needs atheris (`pip install -e '.[fuzz]'`). It ends with 0 when the time is over, and with
another status at the first input that raises, takes more than a second or more than 200 MB: that
input lies in the folder of findings then, and its name is printed. What is found becomes a fixture.
"""

import argparse
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.reading.hostile import HOSTILE

FIXTURES = Path(__file__).parents[2] / "fixtures"
WORDS = Path(__file__).with_name("mail.dict")
MOST_OCTETS = 1 << 16
SLOWEST_SECONDS = 20
"""Past this, libFuzzer ends an input that never comes back; shorter ones `examine` finds."""
RSS_MB = 2048
EX_UNAVAILABLE = 69


def main(argv: Sequence[str] | None = None) -> int:
    """Fuzz for some seconds; see the module."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("--seconds", type=int, default=600, help="how long [default: 600]")
    options.add_argument("--seed", type=int, default=0, help="of chance; 0 is another each time")
    options.add_argument("--corpus", type=Path, help="folder that keeps what widened the coverage")
    options.add_argument(
        "--findings", type=Path, default=Path("findings"), help="folder for what was found"
    )
    given = options.parse_args(argv)
    try:
        import atheris  # noqa: PLC0415  an extra
    except ImportError:
        print("atheris is not installed: pip install -e '.[fuzz]'", file=sys.stderr)  # noqa: T201
        return EX_UNAVAILABLE
    with atheris.instrument_imports(include=["dsnwatch"]):
        from dsnwatch.reading.reader import Reader  # noqa: PLC0415  so that its coverage is counted
        from tests.fuzz.examine import examine  # noqa: PLC0415  likewise

    reader = Reader.load()
    for data in seeds():  # whatever is made once is made now, and counts for no input
        examine(reader, data)
    given.findings.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="dsnwatch-fuzz-") as folder:
        corpus = given.corpus or Path(folder) / "corpus"
        corpus.mkdir(parents=True, exist_ok=True)
        first = Path(folder) / "seeds"
        first.mkdir()
        for number, data in enumerate(seeds()):
            (first / f"{number:05}").write_bytes(data)
        atheris.Setup(
            [
                sys.argv[0],
                f"-max_total_time={given.seconds}",
                f"-max_len={MOST_OCTETS}",
                f"-timeout={SLOWEST_SECONDS}",
                f"-rss_limit_mb={RSS_MB}",
                f"-artifact_prefix={given.findings}/",
                f"-dict={WORDS}",
                f"-seed={given.seed}",
                "-print_final_stats=1",
                str(corpus),
                str(first),
            ],
            lambda data: examine(reader, data),
        )
        try:
            atheris.Fuzz()  # ends the process by itself
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    return 0


def seeds() -> Iterator[bytes]:
    """Give the octets to begin with: fixtures and hostile messages that are not too long."""
    for path in sorted(FIXTURES.rglob("*.eml")):
        if path.stat().st_size <= MOST_OCTETS:
            yield path.read_bytes()
    for make in HOSTILE.values():
        data = make()
        if len(data) <= MOST_OCTETS:
            yield data


if __name__ == "__main__":
    sys.exit(main())
