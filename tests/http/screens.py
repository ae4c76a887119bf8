"""Take pictures of the pages, on the demo store: `python -m tests.http.screens FOLDER [PAGE]`.

Those of docs/images were taken with `--short`, which cuts them off where a README would. With
`--fresh` they are those of a store that has nothing in it.
"""

import re
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dsnwatch.alerting import Alerting
from dsnwatch.metrics import ListenerFigures, MailboxFigures
from dsnwatch.model import BounceClass, RawMessage, Scope
from dsnwatch.store import EventFilter
from tests.http.browser import chromium, served
from tests.http.builders import FIXTURES, Place, forge

SIZES = {"desktop": (1280, 1080), "phone": (390, 844)}
CONFIGURATION = """
[web]
[[listener]]
domains = ["bounce.example.org"]
[[hook]]
name = "crm"
kind = "exec"
command = ["/bin/true"]
[[hook]]
name = "warehouse"
kind = "exec"
command = ["/bin/true"]
"""


def demo(folder: Path) -> Place:
    """Fill a place with thirty days."""
    sys.path.insert(0, str(FIXTURES))
    import fill_demo  # type: ignore[import-not-found]  # noqa: PLC0415  a script, found just now

    place = Place(folder, CONFIGURATION)
    now = datetime.now(UTC)
    place.clock.now = now
    fill_demo.fill(place.store, now)
    place.figures = {
        "mailbox bounces": MailboxFigures(
            "bounces",
            connected=True,
            seen=1811,
            stored=1804,
            duplicates=7,
            connects=3,
            started_at=now - timedelta(days=6),
            current_at=now - timedelta(seconds=4),
            last_message_at=now - timedelta(minutes=2),
        ),
        "mailbox abuse": MailboxFigures(
            "abuse",
            seen=126,
            stored=126,
            failing=True,
            last_error="mailbox 'abuse': login refused (AUTHENTICATIONFAILED); check password_file",
            started_at=now - timedelta(days=6),
            current_at=now - timedelta(minutes=48),
            last_message_at=now - timedelta(hours=3),
        ),
    }
    counts = {"message stored": 318, "recipient refused": 12, "connection": 340}
    at = ListenerFigures("listener 1", ("0.0.0.0:25", "[::]:25"), 2, counts)
    place.listeners = [at]
    odd = RawMessage(
        (FIXTURES / "hostile/binary.eml").read_bytes(), "bounces/INBOX;uid=2041", "imap", now
    )
    letter = RawMessage(
        b"From: bob@example.org\nSubject: Re: Example News\n\nNice letter, thank you!\n",
        "bounces/INBOX;uid=2042",
        "imap",
        now,
        vouched=True,
    )
    place.loaded.ingest(place.store).commit([letter])
    with place.store.write() as writer:
        key = "01K00000000000000000000000"
        defects = ("our reader failed: RecursionError",)
        writer.add_quarantine(key, odd, odd.fingerprint, defects, now)
        texts = {name: each.to_json() for name, each in place.figures.items()}
        writer.say_figures(now, texts)
    flood = (FIXTURES / "dsn/postfix/unknown-user.eml").read_bytes()
    person = re.search(rb"Final-Recipient: rfc822; *([^@]+)@", flood)
    assert person is not None
    place.loaded.ingest(place.store).commit(
        [
            RawMessage(flood.replace(person[1], b"%s%02d" % (person[1], number)), "", "smtp", now)
            for number in range(64)
        ]
    )
    forge(place, 3)
    section = place.loaded.configuration.settings.alerts
    Alerting(place.store, section, ["crm", "warehouse"], "n1").turn(now)
    return place


def pages(place: Place) -> dict[str, str]:
    """Name the pages to look at."""
    fixed = {
        "today": "/",
        "trends": "/trends?by=reason&span=30d",
        "providers": "/trends?by=provider&span=7d",
        "streams": "/trends?by=stream&span=24h",
        "todo": "/todo",
        "review": "/review",
        "forged": "/review/forged",
        "nothing": "/search?q=nowhere.example.org",
        "empty": "/search",
        "unknown": "/address?a=nobody@example.org",
        "gone": "/event/01K0000000000000000000000A",
    }
    if not [*place.store.events(limit=1)]:
        return fixed
    (stored,) = [*place.store.events(EventFilter(bounce_class=BounceClass.BLOCK), 1, newest=True)]
    listed = next(iter(place.store.suppressions(limit=1)))
    return fixed | {
        "address": f"/address?a={listed.address}",
        "event": f"/event/{stored.id}",
        "search": f"/search?q={listed.address.rpartition('@')[2]}",
    }


def main() -> None:
    """Take every picture, or those named."""
    short, fresh = "--short" in sys.argv, "--fresh" in sys.argv
    out, *wanted = (Path(each) for each in sys.argv[1:] if not each.startswith("--"))
    out.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        place = Place(Path(folder)) if fresh else demo(Path(folder))
        token = place.token(Scope.ADMIN, name="anne")
        with served(place) as url:
            for size, (width, height) in SIZES.items():
                for scheme in ("light", "dark"):
                    context = browser.new_context(
                        viewport={"width": width, "height": height}, color_scheme=scheme
                    )
                    tab = context.new_page()
                    tab.goto(f"{url}/sign-in")
                    tab.screenshot(path=out / f"sign-in-{size}-{scheme}.png")
                    tab.fill("#token", token)
                    tab.click("main button")
                    for name, path in pages(place).items():
                        if wanted and Path(name) not in wanted:
                            continue
                        tab.goto(f"{url}{path}")
                        shot = out / f"{name}-{size}-{scheme}.png"
                        tab.screenshot(path=shot, full_page=not short)
                    context.close()
        place.store.close()


if __name__ == "__main__":
    main()
