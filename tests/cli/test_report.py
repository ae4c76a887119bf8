"""A report tells what happened, and nothing a stranger wrote can do harm in it."""

from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest

from dsnwatch.cli.bars import bar
from dsnwatch.model import BounceClass, Fault
from dsnwatch.records import StoredEvent
from dsnwatch.store import open_store
from dsnwatch.summing import change
from tests.store.builders import a_recipient, a_verdict, an_event

from .conftest import Run

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
EVIL = "<script>alert(1)</script><img src=x onerror=y> \x1b[31m\u202e&amp;\"'"


def a_block(text: str) -> StoredEvent:
    """Give a refusal in a stranger's words."""
    verdict = a_verdict("policy", BounceClass.BLOCK)._replace(fault=Fault.SENDER)
    said = a_recipient()._replace(diagnostic=text)
    return an_event(f"a@{EVIL[:8]}.example", verdict=verdict, recipient=said, occurred_at=NOW)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "a.db"
    opened = open_store(str(path))
    hour = int(NOW.timestamp()) // 3600
    with opened.write() as writer:
        writer.count_sent({(hour, EVIL, EVIL): 500, (hour, "news", ""): 500})
        writer.add_events([an_event(occurred_at=NOW) for _ in range(6)])
        writer.add_events([an_event(occurred_at=NOW - 8 * DAY) for _ in range(3)])
        writer.add_events([a_block(EVIL), a_block(EVIL)])
    opened.close()
    return path


class Page(HTMLParser):
    """Collects what a page is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs


def test_report_fits_the_terminal_and_says_the_numbers(run: Run, store: Path) -> None:
    ran = run("report", "--store", store)
    assert ran.status == 0
    assert all(len(line) <= 80 for line in ran.out.splitlines())
    lines = [line.split() for line in ran.out.splitlines()]
    assert ["failed", "8", "3", "+167", "%", "0.8", "%"] in lines
    assert ["sent", "1,000", "0"] in lines
    assert ["user_unknown", "6", "75", "%", "█" * 26] in lines
    assert "\x1b" not in ran.out
    assert "\u202e" not in ran.out


def test_page_needs_nothing_and_runs_nothing(run: Run, store: Path, tmp_path: Path) -> None:
    run("report", "--html", tmp_path / "r.html", "--store", store)
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    page = Page(text)
    assert not {"script", "img", "link", "iframe", "a"} & set(page.tags)
    assert not {name for name, _ in page.attributes if name.startswith(("on", "src", "href"))}
    assert "&lt;script&gt;" in text
    assert "prefers-color-scheme:dark" in text
    assert ("http-equiv", "Content-Security-Policy") in page.attributes
    assert page.tags.count("rect") == 2
    assert "\x1b" not in text
    assert run("report", "--html", "-", "--store", store).out.startswith("<!doctype html>")


def test_report_for_programs(run: Run, store: Path) -> None:
    (row,) = run("report", "--since", "24h", "--json", "--store", store).rows
    assert (row["total"]["sent"], row["total"]["hard"], row["total"]["block"]) == (1000, 6, 2)
    assert row["reasons"][0]["name"] == "user_unknown"
    assert len(row["classes"]["starts"]) == len(row["classes"]["hard"]) == 24
    assert [one["reason"] for one in row["todo"]] == ["policy"]


def test_report_of_an_empty_store(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "b.db"
    run("db", "upgrade", "--store", path)
    ran = run("report", "--store", path)
    assert ran.status == 0
    assert "nothing" in ran.out
    assert run("report", "--html", "-", "--store", path).status == 0


def test_long_reports_have_few_rows(run: Run, store: Path) -> None:
    out = run("report", "--since", "400d", "--store", store).out
    assert "Failures by 13 days" in out
    assert len(out.splitlines()) < 80


@pytest.mark.parametrize(
    ("now", "before", "said"), [(3, 0, ""), (3, 3, "as before"), (3, 4, "-25 %"), (0, 4, "-100 %")]
)
def test_change(now: int, before: int, said: str) -> None:
    assert change(now, before) == said


def test_a_bar_is_as_long_as_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    assert bar(0, 100, 10) == ""
    assert bar(1, 10_000, 10) == "▏"
    assert bar(50, 100, 10) == "█████"
    assert bar(100, 100, 10) == "█" * 10
    monkeypatch.setattr("sys.stdout", TextIOWrapper(BytesIO(), encoding="ascii"))
    assert bar(50, 100, 10) == "#####"
