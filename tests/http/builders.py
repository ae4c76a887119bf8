"""A desk with a store behind it, asked as a program asks over HTTP."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.testclient import TestClient

from dsnwatch import tokens
from dsnwatch.attribute import Attributor
from dsnwatch.config.loading import load
from dsnwatch.http.app import application
from dsnwatch.http.desk import Desk, Lookups
from dsnwatch.http.keys import Keys
from dsnwatch.model import RawMessage, Scope, Trust
from dsnwatch.policy import Policy
from dsnwatch.reading.reader import built_in
from dsnwatch.service.parts import Loaded
from dsnwatch.store import Store, open_store
from tests.store.builders import an_event

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dsnwatch.metrics import ListenerFigures, MailboxFigures

ROOT = Path(__file__).parents[2]
FIXTURES = ROOT / "fixtures"
MINUTE = timedelta(minutes=1)
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
OPENED: list[Store] = []
"""What `conftest` closes after each test."""


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def move(self, by: timedelta) -> None:
        self.now += by


class Place:
    """A store, what the daemon would have loaded, and the application over it.

    Args:
        folder: Where the store lies.
        configuration: What stands in the file, `[web]` and more.
        url: Of a store elsewhere.
    """

    def __init__(self, folder: Path, configuration: str = "[web]\n", url: str = "") -> None:
        path = folder / "dsnwatch.toml"
        path.write_text(configuration)
        self.clock = Clock()
        self.store = open_store(url or str(folder / "a.db"), node="n1")
        OPENED.append(self.store)
        loaded = load(path)
        section = loaded.web
        assert section is not None
        self.loaded = Loaded(
            loaded, built_in(), Policy.of(loaded.settings.policy, loaded.file.place), Attributor()
        )
        self.figures: Mapping[str, MailboxFigures] = {}
        self.listeners: Sequence[ListenerFigures] = ()
        self.desk = Desk(
            self.store,
            section,
            lambda: self.loaded,
            lambda: self.figures,
            Keys(self.store, self.clock),
            Lookups(self.store.url),
            self.clock,
            lambda: self.listeners,
        )
        self.app = application(self.desk)

    def token(self, *scopes: Scope, name: str = "a", until: datetime | None = None) -> str:
        """Let somebody in."""
        token, text = tokens.made(name, scopes, now=self.clock(), who="t", until=until)
        with self.store.write() as writer:
            writer.add_token(token)
        return text

    def asks(self, *scopes: Scope, name: str = "a") -> TestClient:
        """Give a program with a token; without scopes, one without."""
        client = TestClient(self.app, raise_server_exceptions=False)
        if scopes:
            client.headers["Authorization"] = f"Bearer {self.token(*scopes, name=name)}"
        return client

    def takes_in(self, *names: str, stream: str = "") -> None:
        """Read fixtures, as an import does."""
        batch = [
            RawMessage((FIXTURES / name).read_bytes(), name, "eml", stream=stream, vouched=True)
            for name in names
        ]
        self.loaded.ingest(self.store).commit(batch)


def unbroken(page: str) -> str:
    """Give the text of a page as it is read: an address may be broken between its parts."""
    return page.replace("<wbr>", "")


def forge(place: Place, many: int) -> None:
    """Store reports about mail that was never ours, besides one about mail that was."""
    with place.store.write() as writer:
        for number in range(many):
            stored = an_event(f"u{number}@example.net", occurred_at=place.clock() - MINUTE)
            about = stored.event.attribution._replace(trust=Trust.BACKSCATTER)
            writer.add_events([stored._replace(event=stored.event._replace(attribution=about))])
        writer.add_events([an_event("ours@example.net", occurred_at=place.clock() - MINUTE)])
