"""What strangers wrote is made harmless; tables fit; CSV runs nothing."""

import csv
import io
import os
import pty
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import dsnwatch
from dsnwatch.cli import output
from dsnwatch.cli.output import (
    Column,
    cells_of,
    fold,
    harmless,
)
from dsnwatch.rfc.csv_text import csv_cell, csv_lines, from_csv_cell

REPOSITORY = Path(dsnwatch.__file__).parents[1]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("anne@example.com", "anne@example.com"),
        ("\x1b[2Jgone", "\\x1b[2Jgone"),
        ("a\u202egnp.exe", "a\\u202egnp.exe"),
        ("\u2066x\u2069", "\\u2066x\\u2069"),
        ("two\r\nlines\x00", "two\\r\\nlines\\x00"),
        ("\x9b31m", "\\x9b31m"),
        ("no\xa0break", "no break"),
        ("J\xfcrgen \u5f20", "J\xfcrgen \u5f20"),
        ("\udcff", "\\udcff"),
    ],
)
def test_strangers_text_is_made_harmless(text: str, shown: str) -> None:
    assert harmless(text) == shown


@given(st.text(st.characters()))
def test_nothing_that_commands_a_terminal_is_left(text: str) -> None:
    kinds = {unicodedata.category(one) for one in harmless(text) if one not in "\u200c\u200d"}
    assert not kinds & {"Cc", "Cf", "Cs", "Zl", "Zp"}


@given(st.lists(st.text(st.characters(), max_size=200), min_size=3, max_size=3))
def test_tables_fit_80_columns_whatever_is_in_them(cells: list[str]) -> None:
    columns = (Column("one", 20), Column("two"), Column("three", 10, right=True))
    widths = [20, 46, 10]
    assert all(cells_of(text) <= 80 for text in output._lines(columns, widths, cells))  # noqa: SLF001  the layout itself


def test_addresses_are_folded_between_their_parts() -> None:
    assert fold("chestnut.lark@theatre.example.org", 31) == [
        "chestnut.lark@theatre.example.",
        "org",
    ]
    assert fold("an.address@some-rather-long-name.example", 20)[0] == "an.address@some-"
    assert fold("a@bbbbbbbbbbbbbbbbbbbbb", 12)[0] == "a@bbbbbbbbbb"


@given(st.text(st.characters()), st.integers(min_value=2, max_value=40))
def test_folding_loses_nothing_but_spaces(text: str, width: int) -> None:
    text = harmless(text)
    pieces = fold(text, width)
    assert "".join(pieces).replace(" ", "") == text.replace(" ", "")
    assert all(cells_of(piece) <= width for piece in pieces)


@pytest.mark.parametrize("text", ["=1+1", "+x@example.com", "-1", "@x", "\tx", "\rx"])
def test_cell_that_a_spreadsheet_would_run_gets_an_apostrophe(text: str) -> None:
    assert csv_cell(text) == f"'{text}"


@given(st.text())
def test_guarded_cell_is_read_back(text: str) -> None:
    assert from_csv_cell(csv_cell(text)) == text
    assert not csv_cell(text).startswith(("=", "+", "-", "@", "\t", "\r"))


@given(st.lists(st.tuples(st.text("ab,\"\n'=+ "), st.text("ab;\n")), max_size=5))
def test_csv_is_read_back(rows: list[tuple[str, str]]) -> None:
    text = "".join(csv_lines(("one", "two"), rows))
    read = list(csv.reader(io.StringIO(text)))[1:]
    assert [tuple(map(from_csv_cell, row)) for row in read] == rows


def test_raw_cells_stay_as_they_are() -> None:
    assert list(csv_lines(("a",), [["=1"]], raw=True))[-1].endswith("=1\n")


def test_colours_are_for_terminals_that_want_them(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert output.coloured(terminal)
    assert not output.coloured(io.StringIO())
    monkeypatch.setenv("NO_COLOR", "1")
    assert not output.coloured(terminal)


@pytest.mark.parametrize("command", [("policy", "show"), ("parse", "fixtures/demo.mbox")])
def test_headings_are_bold_on_a_terminal_and_no_escape_is_shown(command: tuple[str, ...]) -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "rb", buffering=0) as screen:
        done = subprocess.Popen(  # noqa: S603  ours
            [sys.executable, "-m", "dsnwatch", *command],
            stdout=theirs,
            cwd=REPOSITORY,
            env={"TERM": "xterm", "PYTHONPATH": str(REPOSITORY)},
        )
        os.close(theirs)
        shown = b"".join(iter(lambda: _read(screen), b"")).decode()
        assert done.wait(30) == 0
    assert "\x1b[1m" in shown
    assert "\\x1b" not in shown


def _read(screen: "io.FileIO") -> bytes:
    try:
        return screen.read(65536)
    except OSError:  # EIO: the last one who could write has gone
        return b""
