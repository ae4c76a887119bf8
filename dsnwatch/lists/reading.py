"""Suppression lists, read row by row: CSV, JSON lines, a JSON list of any length.

However large the file is, one row and one piece of it are in memory.
"""

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import NamedTuple

from dsnwatch.errors import DataError
from dsnwatch.lists import ORIGINS, Listed, PassedOver, Rows
from dsnwatch.lists.formats import BARE, KINDS, WRAPPED, Format, recognise, squeezed
from dsnwatch.records import Suppression
from dsnwatch.rfc.address import key
from dsnwatch.rfc.csv_text import from_csv_cell
from dsnwatch.rfc.date import date

MOST_OBJECT = 1 << 20
"""Characters of one row; a file whose rows are longer is not what it says it is."""

MOST_RULE = 200
"""Characters kept of the name of a rule."""

MOST_NOTE = 400
"""Characters kept of what another system's mail server was told."""

PIECE = 1 << 16
RULE = "suppressions import"

_REASON = re.compile(r"[a-z][a-z0-9_]{0,63}")
_ULID = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}")
_ADDRESS = re.compile(r'(?:[^\s,;<>@"]+|"[^"]{0,64}")@[^\s,;:<>@()"\[\]]+|[^\s@]+@\[[^\]\s]+\]')
_HASHED = re.compile(r"hash:[0-9a-f]{64}")
_GAP = re.compile(r"[\s,]*")
_WRAPPER = re.compile(
    r'\s*\{(?:\s*"[^"]{0,64}"\s*:\s*(?:"[^"]*"|[\d.]+|true|false|null)\s*,)*'
    r'\s*(?:"data"\s*:\s*\{\s*)?"(?P<name>[^"]{0,64})"\s*:\s*\['
)
_FIRST = datetime(1971, 1, 1, tzinfo=UTC)

Cells = Mapping[str, str]
"""A row: squeezed names of columns, and what stands there."""


class Source(NamedTuple):
    """A file that is being read.

    Attributes:
        kind: What it is.
        rows: Its rows; to be gone through once.
    """

    kind: Format
    rows: Rows


class Asked(NamedTuple):
    """What the person says of a file that it does not say itself.

    Attributes:
        name: The file, for errors.
        moment: This one: `since` of rows without one.
        raw: Cells have no apostrophes to be taken off.
        format: Name of the format; None for whatever it turns out to be.
        reason: Of rows that give none; None for what the format says.
        stream: Of rows that give none.
        batch: Of every row.
    """

    name: str
    moment: datetime
    raw: bool = False
    format: str | None = None
    reason: str | None = None
    stream: str = ""
    batch: str | None = None


def read(lines: Iterable[str], asked: Asked) -> Source | None:
    """Find out what a file is, and read it.

    Args:
        lines: The text; a line may come in pieces.
        asked: What is known of it.

    Returns:
        None for an empty file.

    Raises:
        DataError: It is no list of addresses, or not of the format asked for. Going through the
            rows raises it where nothing behind that place can be read.
    """
    rest = iter(lines)
    first = next((line for line in rest if line.strip("\ufeff \t\r\n")), "").lstrip("\ufeff")
    if not first:
        return None
    everything = chain([first], rest)
    if first.lstrip()[:1] in {"{", "["}:
        table = _objects(everything, asked.name)
        head = next(table, None)
        if head is None:
            return None
        titles = [] if isinstance(head, DataError) else [*head[1]]
        kind = _kind(titles, asked)
        return Source(kind, _rows(chain([head], table), kind, asked))
    titles, cells = _csv(everything, asked)
    kind = _bare(titles, asked) or _kind(titles, asked)
    return Source(kind, _rows(cells, kind, asked))


def _kind(titles: Sequence[str], asked: Asked) -> Format:
    found = recognise(titles)
    if found is None:
        raise DataError(f"{asked.name}, line 1: no column 'address'; name the columns in line 1")
    if asked.format not in {None, found.name}:
        fits = [one for one in KINDS if one.name == asked.format]
        needs = " or ".join(", ".join(sorted(one.needs)) for one in fits)
        raise DataError(
            f"{asked.name}: looks like {found.name} ({found.about}), not {asked.format}, which has "
            f"the columns {needs or 'address'}; leave --format out, or name the columns so"
        )
    return found


def _bare(titles: Sequence[str], asked: Asked) -> Format | None:
    """Say what a file without a heading is."""
    for cells, _, kind, names in BARE:
        if [*titles] == [*names[:cells]] and asked.format in {None, kind.name}:
            return kind
    return None


Table = Iterator[tuple[int, Cells] | DataError]
"""Rows of text with the line of each."""


def _csv(lines: Iterable[str], asked: Asked) -> tuple[list[str], Table]:
    """Read the heading, and give the rows behind it; without one, the columns it would have."""
    rest = iter(lines)
    heading = next(rest)
    sign = max(",;\t", key=heading.count)
    try:
        first = next(csv.reader([heading], delimiter=sign, strict=True), [])
    except csv.Error as error:
        raise DataError(f"{asked.name}, line 1: is not CSV ({error})") from error
    names = [squeezed(title) for title in first]
    for count, words, _, columns in BARE:
        if len(first) == count and "@" in first[0] and (not words or names[-1] in words):
            return [*columns], _cells(chain([heading], rest), sign, [*columns], asked)
    return names, _cells(chain([""], rest), sign, names, asked)


def _cells(lines: Iterable[str], sign: str, names: Sequence[str], asked: Asked) -> Table:
    reader = csv.reader(lines, delimiter=sign, strict=True)
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield DataError(f"{asked.name}, line {reader.line_num}: is not CSV ({error})")
            continue
        if cells is None:
            return
        if len(cells) > len(names):
            place = f"{asked.name}, line {reader.line_num}"
            yield DataError(f"{place}: has more cells than line 1 has names; mend the row")
        elif any(cells):
            texts = cells if asked.raw else map(from_csv_cell, cells)
            yield reader.line_num, dict(zip(names, texts, strict=False))


def _objects(pieces: Iterable[str], name: str) -> Table:
    """Read JSON: one object a line, a list of objects, or a list within an object."""
    rest = iter(pieces)
    head = _filled("", rest, PIECE)
    wrapper = _WRAPPER.match(head)
    if head.lstrip()[:1] == "[":
        yield from _listed(head, head.index("[") + 1, rest, name)
    elif wrapper and squeezed(wrapper["name"]) in WRAPPED:
        yield from _listed(head, wrapper.end(), rest, name)
    else:
        yield from _lines_of(chain(head.splitlines(keepends=True), rest), name)


def _filled(text: str, pieces: Iterator[str], room: int) -> str:
    """Put pieces behind a text until it has grown by so much."""
    more = [text]
    while room > 0 and (piece := next(pieces, "")):
        more.append(piece)
        room -= len(piece)
    return "".join(more)


def _lines_of(lines: Iterable[str], name: str) -> Table:
    whole = ""
    number = 0
    for piece in lines:
        whole += piece
        if not piece.endswith("\n") and len(whole) <= MOST_OBJECT:
            continue
        number += 1
        yield from _line_of(whole, number, name)
        whole = ""
    yield from _line_of(whole, number + 1, name)


def _line_of(text: str, number: int, name: str) -> Table:
    if not text.strip():
        return
    place = f"{name}, line {number}"
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        yield DataError(f"{place}: is not JSON; write one object a line")
        return
    if isinstance(value, dict):
        yield number, _texts(value)
    else:
        yield DataError(f"{place}: is no JSON object; write one object a line")


def _listed(text: str, at: int, pieces: Iterator[str], name: str) -> Table:
    """Read the objects of a list, of which the bracket has been read."""
    decoder = json.JSONDecoder()
    line = 1 + text.count("\n", 0, at)
    while True:
        gap = _GAP.match(text, at)
        assert gap is not None
        line += text.count("\n", at, gap.end())
        text, at = text[gap.end() :], 0
        if not text and not (text := _filled("", pieces, PIECE)):
            raise DataError(f"{name}, line {line}: the list has no end; was the file cut off?")
        if text[0] in ", \t\r\n":
            continue
        if text[0] == "]":
            return
        while True:
            try:
                value, at = decoder.raw_decode(text)
                break
            except RecursionError:
                raise DataError(f"{name}, line {line}: is not JSON; mend the file") from None
            except ValueError as error:
                if len(text) > MOST_OBJECT or (longer := _filled(text, pieces, PIECE)) == text:
                    raise DataError(f"{name}, line {line}: is not JSON; mend the file") from error
                text = longer
        if isinstance(value, dict):
            yield line, _texts(value)
        else:
            yield DataError(f"{name}, line {line}: is no JSON object; write objects in the list")
        line += text.count("\n", 0, at)


def _texts(value: Mapping[str, object]) -> Cells:
    """Give an object's values as text; those of a list with commas between."""
    return {
        squeezed(name): ",".join(map(str, one)) if isinstance(one, list) else str(one)
        for name, one in value.items()
        if one is not None
    }


def _rows(table: Iterable[tuple[int, Cells] | DataError], kind: Format, asked: Asked) -> Rows:
    for row in table:
        if isinstance(row, DataError):
            yield row
            continue
        number, cells = row
        place = f"{asked.name}, line {number}"
        given = {name: text.strip() for name, text in cells.items()}
        try:
            yield from _of_row(given, place, kind, asked)
        except ValueError as error:
            yield DataError(f"{place}: {error}")


def _of_row(given: Cells, place: str, kind: Format, asked: Asked) -> Iterator[Listed | PassedOver]:
    said = _first(given, kind.address)
    hashed = kind.own and _HASHED.fullmatch(said) is not None
    address = said if hashed else key(said)
    if not hashed and not _ADDRESS.fullmatch(address):
        raise ValueError(f"'{said[:80]}' is no address; write it as name@domain")
    reason, why = _reason(given, kind, asked)
    if reason is None:
        yield PassedOver(place, why)
        return
    exported = kind.own and given.get("origin") in ORIGINS and bool(given.get("rule"))
    event_id = given.get("eventid", "")
    text = given.get(kind.text, "")
    found = Suppression(
        address=address,
        reason=reason,
        origin=given["origin"] if exported else "import",
        rule=given["rule"][:MOST_RULE] if exported else RULE,
        since=_since(given, kind, asked.moment, exact=exported),
        until=_moment(given.get("until", "")),
        event_id=event_id if _ULID.fullmatch(event_id) else None,
        stream=given.get("stream", "") or asked.stream,
        note=given.get("note", "") or text[:MOST_NOTE],
        batch=asked.batch,
    )
    for stream in _streams(given.get(kind.tags, "")) or (found.stream,):
        yield Listed(place, found._replace(stream=stream), given.get(kind.code, ""), text)


def _first(given: Cells, names: Iterable[str]) -> str:
    return next((given[name] for name in names if given.get(name)), "")


def _reason(given: Cells, kind: Format, asked: Asked) -> tuple[str | None, str]:
    """Say why a row suppresses; None, and why not, where it does not."""
    said = " ".join(squeezed(given.get(name, "")) for name in kind.word).strip()
    best = kind.words.get(said) or kind.words.get(said.partition(" ")[0])
    if best:
        return best, ""
    if kind.word and said and not kind.others:
        return None, f"{kind.word[0]} is '{_first(given, kind.word)[:40]}'"
    if kind.others or kind.own:
        given_reason = given.get("reason") or given.get("type", "")
        if given_reason and not _REASON.fullmatch(given_reason):
            raise ValueError(f"'{given_reason[:80]}' is no reason; write it as user_unknown is")
        return given_reason or asked.reason or kind.otherwise or "manual", ""
    otherwise = kind.otherwise and (asked.reason or kind.otherwise)
    return otherwise, f"no {kind.word[0]} is given" if kind.word else "says nothing"


def _streams(tags: str) -> tuple[str, ...]:
    """Give the tags somebody does not want; none for all mail."""
    each = tuple(tag.strip() for tag in tags.split(",") if tag.strip())
    return () if "*" in each else each


def _since(given: Cells, kind: Format, now: datetime, *, exact: bool) -> datetime:
    found = _moment(_first(given, kind.since)) or now
    return found if exact or _FIRST <= found <= now else now


def _moment(text: str) -> datetime | None:
    """Read a moment: RFC 3339, RFC 5322, or seconds since 1970; None for an empty cell."""
    if not text:
        return None
    try:
        if text.replace(".", "", 1).isascii() and text.replace(".", "", 1).isdigit():
            return datetime.fromtimestamp(float(text), UTC)
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        if found := date(text):
            return found
        raise ValueError(f"'{text[:80]}' is no moment; write it as 2026-03-01T12:00:00Z") from None
