"""The pages in a real browser: the main ways through them, and axe finds nothing serious."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from dsnwatch.cli.report_html import page as report_page
from dsnwatch.model import RawMessage, Scope
from dsnwatch.store import Hold, new_id
from dsnwatch.summing import report
from tests.http.browser import chromium, served
from tests.http.builders import NOW, Place, forge

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.server

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
EMPTY = (
    "/",
    "/trends",
    "/todo",
    "/review",
    "/review/forged",
    "/search",
    "/address?a=b@example.org",
    "/event/01K0000000000000000000000A",
)
"""The last one says that there is no such event."""
OTHER_PAGES = (
    "/trends?by=stream&span=24h",
    "/trends?by=domain&span=90d",
    "/trends?by=campaign",
    "/search",
    "/search?q=nowhere.example.net",
    "/address?a=nobody@example.net",
)
FIXTURES = (
    "dsn/postfix/unknown-user.eml",
    "dsn/outlook/s3150-block-list.eml",
    "dsn/exim/quota.eml",
    "hostile/html-in-diagnostic.eml",
    "hostile/bidi-in-diagnostic.eml",
    "complaint/abuse.eml",
)


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    with chromium() as started:
        yield started


@pytest.fixture
def filled(place: Place) -> Place:
    place.takes_in(*FIXTURES, stream="letters")
    with place.store.write() as writer:
        writer.add_holds(
            [Hold(new_id(NOW), "flood 2026-11-20T11", "flood", NOW, "too many at once")]
        )
        odd = RawMessage(b"\x00", "bounces/INBOX;uid=7", "imap", NOW)
        writer.add_quarantine(new_id(NOW), odd, odd.fingerprint, ("our reader failed",), NOW)
        writer.count_sent({(int(NOW.timestamp()) // 3600 - 1, "letters", "spring"): 4000})
    forge(place, 60)
    return place


@pytest.fixture
def page(browser: "Browser", filled: Place) -> Iterator["Page"]:
    """Sign in, and complain of whatever the browser complains of."""
    with served(filled) as url:
        context = browser.new_context(base_url=url)
        opened = context.new_page()
        said: list[str] = []
        opened.on("console", lambda message: said.append(message.text))
        opened.on("pageerror", lambda error: said.append(str(error)))
        opened.on("dialog", lambda dialog: said.append(dialog.message))
        opened.on(
            "request",
            lambda asked: None if asked.url.startswith((url, "data:")) else said.append(asked.url),
        )
        opened.goto("/")
        opened.fill("#token", filled.token(Scope.ADMIN, name="anne"))
        opened.click("main button")
        yield opened
        context.close()
        assert said == []


def paths(place: Place) -> list[str]:
    (stored, *_) = place.store.events()
    address = stored.event.attribution.recipient
    shown = [f"/event/{one.id}" for one in place.store.events(limit=7)]
    return [
        "/",
        "/trends?by=provider&span=30d",
        "/todo",
        "/review",
        f"/address?a={address}",
        "/search?q=example.org",
        "/review/forged",
        *shown,
    ]


def test_axe_finds_nothing_serious_on_any_page(page: "Page", filled: Place) -> None:
    found = {path: serious(page, path) for path in (*paths(filled)[:8], *OTHER_PAGES[:3])}
    page.click("text=Sign out")
    found["/sign-in"] = serious(page, "/sign-in")
    assert {path: what for path, what in found.items() if what} == {}


def test_axe_finds_nothing_serious_on_pages_that_have_nothing_to_show(
    browser: "Browser", place: Place
) -> None:
    with served(place) as url:
        context = browser.new_context(base_url=url)
        page = context.new_page()
        page.goto("/")
        page.fill("#token", place.token(Scope.ADMIN, name="anne"))
        page.click("main button")
        found = {path: serious(page, path) for path in EMPTY}
        context.close()
    assert {path: what for path, what in found.items() if what} == {}


def serious(page: "Page", path: str) -> list[tuple[str, str, str]]:
    """Give what axe complains of on a page: the colours, the rule, the first that breaks it.

    Everything is looked at in the light; in the dark the colours alone are others.
    """
    page.emulate_media(color_scheme="light", reduced_motion="reduce")  # colours at once
    page.goto(path)
    page.locator("details").evaluate_all("all => all.forEach(one => one.open = true)")
    page.evaluate(AXE.read_text())
    found: list[tuple[str, str, str]] = []
    schemes: tuple[tuple[Literal["light", "dark"], str], ...] = (
        ("light", ""),
        ("dark", ", runOnly: ['color-contrast']"),
    )
    for scheme, only in schemes:
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        result = page.evaluate(f"axe.run(document, {{resultTypes: ['violations']{only}}})")
        found += [
            (scheme, each["id"], each["nodes"][0]["html"])
            for each in result["violations"]
            if each["impact"] in {"serious", "critical"}
        ]
    return found


def test_every_page_shows_itself_without_a_complaint(page: "Page", filled: Place) -> None:
    for path in paths(filled):
        page.goto(path)
        assert page.locator("main h1").count() == 1
        wider = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wider <= 0, path


def test_pages_and_their_tables_fit_a_phone(page: "Page", filled: Place) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    for path in (*paths(filled), *OTHER_PAGES):
        page.goto(path)
        wider = page.evaluate(
            "[document.documentElement, ...document.querySelectorAll('.scroll')]"
            ".map(each => each.scrollWidth - each.clientWidth)"
        )
        assert max(wider) <= 0, path


def test_report_as_a_page_fits_a_phone_and_axe_finds_nothing_serious(
    browser: "Browser", filled: Place, tmp_path: Path
) -> None:
    written = tmp_path / "report.html"
    written.write_text(report_page(report(filled.store, timedelta(days=60), NOW)))
    context = browser.new_context(viewport={"width": 390, "height": 844}, bypass_csp=True)
    page = context.new_page()
    assert serious(page, written.as_uri()) == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    context.close()


def test_address_is_found_and_released(page: "Page", filled: Place) -> None:
    row = next(iter(filled.store.suppressions()))
    page.goto("/")
    page.fill("#q", row.address[:4])
    page.locator("#near a").first.click()
    assert page.locator("h1").inner_text() == row.address
    page.fill("input[name=because]", "mailbox is back")
    page.click("text=Release")
    assert "may be mailed again" in page.locator("[role=status]").inner_text()
    assert filled.store.suppression(row.address, row.stream) is None


def test_hold_is_dropped_with_a_reason(page: "Page", filled: Place) -> None:
    page.goto("/")
    page.click("text=Look at what is held")
    page.locator("form:has(input[value=drop]) input[name=because]").first.fill("forged")
    page.locator("text=Drop: suppress nobody").first.click()
    page.wait_for_url("**/review?done=drop")
    assert [*filled.store.holds()] == []


def test_event_shows_what_was_heard(page: "Page", filled: Place) -> None:
    stored = next(iter(filled.store.events()))
    page.goto(f"/event/{stored.id}")
    assert page.locator("mark").count() >= 1
    with page.expect_download() as download:
        page.click("text=Download")
    assert download.value.suggested_filename == f"{stored.message_id}.eml"


def test_pages_read_without_javascript(browser: "Browser", filled: Place) -> None:
    with served(filled) as url:
        context = browser.new_context(base_url=url, java_script_enabled=False)
        page = context.new_page()
        page.goto("/")
        page.fill("#token", filled.token(Scope.ADMIN, name="anne"))
        page.click("main button")
        for path in paths(filled)[:6]:
            page.goto(path)
            assert page.locator("main h1").count() == 1
        page.fill("#q", "example.org")
        page.press("#q", "Enter")
        assert page.locator("h1").inner_text() == "example.org"
        context.close()
