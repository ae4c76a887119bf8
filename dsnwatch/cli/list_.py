"""`dsnwatch list`: people to be mailed, looked through before a campaign."""

import csv
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Protocol

import typer

from dsnwatch.cli.failures import Failures
from dsnwatch.cli.options import ConfigOption, JsonOption, StoreOption, VerboseOption
from dsnwatch.cli.output import Column, json_line, line, table
from dsnwatch.cli.place import Place
from dsnwatch.cli.text_files import texts_of
from dsnwatch.errors import DataError, UsageError
from dsnwatch.rfc.csv_text import csv_cell
from dsnwatch.whole_file import rising

if TYPE_CHECKING:
    from dsnwatch.lists.checks import Finding
    from dsnwatch.lists.people import People
    from dsnwatch.lookup.resolver import Resolver
    from dsnwatch.vetting import Vetted, Vetting

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
    help="People to be mailed: check a list before a campaign.",
)

ADDED = ("dsnwatch_why", "dsnwatch_detail", "dsnwatch_alive")
"""Columns of what was sorted out."""

AGES = (
    ("in the last 30 days", timedelta(days=30)),
    ("in the last 90 days", timedelta(days=90)),
    ("in the last year", timedelta(days=365)),
    ("before that", timedelta.max),
)


class Writes(Protocol):
    """What `csv.writer` gives."""

    def writerow(self, row: list[str]) -> object:
        """Write one row."""


@app.callback()
def _list() -> None:
    """Hold the commands."""


@app.command(
    short_help="Look a list through before a campaign.",
    help="Look a list of people through, CSV with a column of addresses or one address a line: "
    "who is suppressed, what is no address, what is probably mistyped (gmial.com), whose domain "
    "takes no mail, who is a desk and no person, and when each last showed life. --clean gets the "
    "rows that may be mailed as they came, --rejected the others with the reason. No mail server "
    "is asked about a mailbox, ever. Exit status 65: rows could not be read.",
    epilog="""\b
    Before the newsletter, DNS too:
      dsnwatch list check people.csv --clean clean.csv --rejected bad.csv --dns
    Only look, and let mistyped ones pass:
      dsnwatch list check people.csv --keep typo
    Sort out desks as well:
      dsnwatch list check people.csv --reject role --clean clean.csv
    """,
)
def check(
    ctx: typer.Context,
    *,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="CSV, also .gz; - is standard input.")
    ],
    clean: Annotated[
        Path | None, typer.Option("--clean", metavar="FILE", help="Gets the rows that are well.")
    ] = None,
    rejected: Annotated[
        Path | None, typer.Option("--rejected", metavar="FILE", help="Gets the others, and why.")
    ] = None,
    column: Annotated[
        str | None,
        typer.Option(
            "--column", metavar="NAME", help="Of the addresses. [default: the one that looks so]"
        ),
    ] = None,
    stream: Annotated[
        str, typer.Option("--stream", metavar="NAME", help="The kind of mail you want to send.")
    ] = "",
    dns: Annotated[
        bool, typer.Option("--dns", help="Ask DNS whether each domain takes mail.")
    ] = False,
    dns_server: Annotated[
        list[str] | None,
        typer.Option("--dns-server", metavar="ADDRESS", help="Ask this. [default: the system's]"),
    ] = None,
    dns_time: Annotated[
        str, typer.Option("--dns-time", metavar="TIME", help="How long DNS may take in all.")
    ] = "10m",
    disposable: Annotated[
        Path | None,
        typer.Option(
            "--disposable", metavar="FILE", help="Your list of disposable domains, one a line."
        ),
    ] = None,
    reject: Annotated[
        list[str] | None,
        typer.Option("--reject", metavar="WHAT", help="Sort these out as well: role, dns_unknown."),
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option("--keep", metavar="WHAT", help="Do not sort these out: typo, disposable ..."),
    ] = None,
    as_json: JsonOption = False,
    store: StoreOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> int:
    """Stream the rows through, some thousand at once."""
    from dsnwatch.lists.checks import BAD  # noqa: PLC0415  not for --help
    from dsnwatch.lists.people import read  # noqa: PLC0415  likewise
    from dsnwatch.vetting import Vetting  # noqa: PLC0415  likewise

    place = Place(ctx, config=config, store=store, verbose=verbose)
    bad = (BAD | _kinds("--reject", reject)) - _kinds("--keep", keep)
    resolver = resolver_of(dns_server) if dns or dns_server else None
    thrown_away = frozenset(_domains(disposable)) if disposable else frozenset[str]()
    failures, now = Failures(), datetime.now(UTC)
    with texts_of(file) as texts, place.store() as opened, ExitStack() as stack:
        vetting = Vetting(opened, now, stream, thrown_away, resolver, _seconds(dns_time))
        people = read(texts(), str(file), column)
        counts = Counts(now)
        if people is not None:
            out = Sheets(people, stack, clean, rejected)
            for one in vetting.vet(people.rows, people.column):
                if isinstance(one, DataError):
                    failures.add(one)
                    counts.refused += 1
                    continue
                is_bad = bool(bad.intersection(one.findings))
                counts.add(one, is_bad=is_bad)
                out.write(one, is_bad=is_bad)
    failures.end()
    if as_json:
        json_line({"file": str(file), **counts.told(), "clean_file": clean and str(clean),
                   "rejected_file": rejected and str(rejected)})  # fmt: skip
    else:
        _show(counts, vetting, bad)
    return DataError.exit_status if counts.refused else 0


class Sheets:
    """The files that are written; each appears when all of it is there.

    Args:
        people: The list they are made of.
        stack: Puts them in their places at its end.
        clean: Where the rows that are well go.
        rejected: Where the others go.
    """

    def __init__(
        self, people: "People", stack: ExitStack, clean: Path | None, rejected: Path | None
    ) -> None:
        self._mark = people.mark
        self._width = len(people.heading)
        self._clean = self._open(stack, clean)
        self._rejected = self._open(stack, rejected)
        if people.heading and self._clean:
            self._clean.writerow(people.heading)
        if self._rejected:
            self._rejected.writerow([*(people.heading or ["address"]), *ADDED])

    def _open(self, stack: ExitStack, path: Path | None) -> Writes | None:
        if path is None:
            return None
        file = stack.enter_context(rising(path))
        return csv.writer(file, delimiter=self._mark, lineterminator="\n")

    def write(self, one: "Vetted", *, is_bad: bool) -> None:
        """Write a row where it belongs.

        The clean ones stay as they came: another program reads them. The others are for people,
        and a spreadsheet is to run none of them.
        """
        if not is_bad and self._clean:
            self._clean.writerow(one.cells)
        elif is_bad and self._rejected:
            cells = one.cells + [""] * (self._width - len(one.cells))
            alive = one.alive.strftime("%Y-%m-%d") if one.alive else ""
            told = [*cells, " ".join(one.findings), one.detail, alive]
            self._rejected.writerow([csv_cell(cell) for cell in told])


class Counts:
    """What was found, in numbers.

    Args:
        now: What signs of life are old by.
    """

    def __init__(self, now: datetime) -> None:
        self._now = now
        self.rows = self.clean = self.rejected = self.refused = self.never = 0
        self.found: Counter[Finding] = Counter()
        self.ages: Counter[str] = Counter()

    def add(self, one: "Vetted", *, is_bad: bool) -> None:
        """Count a row."""
        self.rows += 1
        self.rejected += is_bad
        self.clean += not is_bad
        self.found.update(one.findings)
        if is_bad:
            return
        if one.alive is None:
            self.never += 1
            return
        age = self._now - one.alive
        self.ages[next(name for name, most in AGES if age <= most)] += 1

    def told(self) -> dict[str, object]:
        """Write it as JSON takes it."""
        alive = {name.replace(" ", "_"): self.ages[name] for name, _ in AGES}
        return {
            "rows": self.rows, "clean": self.clean, "rejected": self.rejected,
            "refused": self.refused, "found": {name.value: n for name, n in self.found.items()},
            "alive": alive | {"never": self.never},
        }  # fmt: skip


def _show(counts: Counts, vetting: "Vetting", bad: frozenset["Finding"]) -> None:
    from dsnwatch.lists.checks import MEANINGS  # noqa: PLC0415  not for --help

    columns = (
        Column("found", 14), Column("rows", 11, right=True), Column("", 8), Column(""),
    )  # fmt: skip
    rows = [
        (name.value, f"{counts.found[name]:,}", "rejected" if name in bad else "kept", meaning)
        for name, meaning in MEANINGS.items()
        if counts.found[name]
    ]
    if table(columns, rows):
        line()
    line(f"{counts.rows:,} rows: {counts.clean:,} clean, {counts.rejected:,} rejected")
    lived = [f"{counts.ages[name]:,} {name}" for name, _ in AGES if counts.ages[name]]
    if lived:
        line(f"of the clean ones showed life: {', '.join(lived)}; {counts.never:,} never")
    if vetting.domains:
        line(f"DNS was asked about {sum(vetting.domains.values()):,} domains")


def _kinds(option: str, names: list[str] | None) -> frozenset["Finding"]:
    from dsnwatch.lists.checks import Finding  # noqa: PLC0415  not for --help

    every = {one.value: one for one in Finding}
    given = [name for text in names or () for name in text.split(",")]
    if odd := [name for name in given if name not in every]:
        raise UsageError(f"{option} {odd[0]}: there is none; there are {', '.join(every)}")
    return frozenset(every[name] for name in given)


def _domains(path: Path) -> Iterator[str]:
    with texts_of(path) as texts:
        for row in texts():
            text = row.partition("#")[0].strip().lower().removeprefix("@")
            if text:
                yield text


def resolver_of(servers: list[str] | None) -> "Resolver":
    """Make what asks DNS: these servers, or those of the system."""
    from dsnwatch.lookup.resolver import Resolver  # noqa: PLC0415  dnspython

    return Resolver([_server(text) for text in servers or ()])


def _server(text: str) -> tuple[str, int]:
    """Read an address with or without a port: 192.0.2.53, 192.0.2.53:5353, [2001:db8::53]:53."""
    from ipaddress import ip_address  # noqa: PLC0415  for this option alone

    host, mark, port = text.rpartition(":")
    if not mark or (":" in host and not host.startswith("[")):
        host, port = text, "53"
    try:
        return str(ip_address(host.strip("[]"))), int(port)
    except ValueError as error:
        raise UsageError(f"--dns-server {text}: is no address; write it like 192.0.2.53") from error


def _seconds(text: str) -> float:
    from dsnwatch.config.values import duration  # noqa: PLC0415  pydantic

    try:
        length = duration(text)
    except ValueError as error:
        raise UsageError(f"--dns-time: {error}") from error
    assert isinstance(length, timedelta)
    return length.total_seconds()
