"""Pages served for real, and Debian's Chromium to look at them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn

from tests.lookup.builders import a_free_port
from tests.servers.needs import need

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.http.builders import Place


@contextmanager
def served(place: "Place") -> Iterator[str]:
    """Serve a place in a thread; gives its address."""
    port = a_free_port()
    config = uvicorn.Config(
        place.app,
        port=port,
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        timeout_graceful_shutdown=2,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        thread.join(0.01)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(10)


@contextmanager
def chromium() -> Iterator["Browser"]:
    """Start Debian's Chromium; the test is skipped where there is none."""
    (path,) = need("chromium")
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  only where it is used

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(path), args=["--no-sandbox", "--disable-gpu"]
        )
        try:
            yield browser
        finally:
            browser.close()
