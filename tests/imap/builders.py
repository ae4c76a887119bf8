"""Mailboxes to watch, with what is usual already said."""

import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

from dsnwatch.config.mailbox import MailboxSection
from dsnwatch.inbox import Inbox
from dsnwatch.ingest import Ingest
from dsnwatch.model import Kind, RawMessage
from dsnwatch.policy import Policy
from dsnwatch.reading.reader import Reader
from dsnwatch.records import Receipt, ReceiptState
from dsnwatch.sources.imap import ImapSource
from dsnwatch.sources.imap_login import Login, Password
from dsnwatch.store import Store, open_store
from dsnwatch.watch import Pulse, Watcher
from tests.servers.dovecot import PASSWORD, Account


class Memory:
    """Positions that are forgotten in the end."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}

    def get(self, name: str) -> str | None:
        return self.kept.get(name)

    def put(self, name: str, position: str) -> None:
        self.kept[name] = position


def a_section(account: Account, **said: Any) -> MailboxSection:  # noqa: ANN401  whatever an option takes
    """What the configuration says of the mailbox of an account."""
    port = said.pop("port", account.server.port)
    return a_section_at(port, **({"user": account.user} | said))


def a_section_at(port: int, **said: Any) -> MailboxSection:  # noqa: ANN401  whatever an option takes
    """A mailbox at a port of ours, INBOX alone."""
    usual: dict[str, Any] = {
        "name": "bounces",
        "host": "127.0.0.1",
        "port": port,
        "tls": "none",
        "user": "anne",
        "password_file": Path("unused"),
        "folders": ("INBOX",),
    }
    return MailboxSection(**(usual | said))


def a_source(
    account: Account,
    *,
    login: Login | None = None,
    positions: Memory | None = None,
    ca_file: Path | None = None,
    **said: Any,  # noqa: ANN401  whatever an option takes
) -> ImapSource:
    """A mailbox as a source."""
    return ImapSource(
        a_section(account, **said),
        login or Password(account.user, lambda: PASSWORD),
        positions or Memory(),
        ca_file=ca_file,
    )


def a_receipt(raw: RawMessage, kind: Kind = Kind.BOUNCE) -> Receipt:
    """What the inbox would answer."""
    return Receipt(ReceiptState.STORED, "0" * 26, raw.fingerprint, kind)


def settle(source: ImapSource, raws: Sequence[RawMessage], kind: Kind = Kind.BOUNCE) -> None:
    """Tell the source that messages are on disk."""
    source.stored([(raw, a_receipt(raw, kind)) for raw in raws])


def swept(source: ImapSource, kind: Kind = Kind.BOUNCE) -> list[bytes]:
    """Sweep once: what was given, with LF line ends; all of it is stored and let go of."""
    raws = list(source.messages())
    settle(source, raws, kind)
    return [raw.data.replace(b"\r\n", b"\n") for raw in raws]


def numbered(count: int, *, first: int = 1) -> list[bytes]:
    """Messages that differ."""
    return [b"Subject: %d\n\nText %d\n" % (each, each) for each in range(first, first + count)]


_reader = cache(partial(Reader.load, None))


@cache
def _empty_store() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "dsnwatch.db"
        open_store(str(path)).close()
        return path.read_bytes()


def a_store(folder: Path) -> Store:
    """Open a store there; a new one without running the migrations again."""
    path = folder / "dsnwatch.db"
    if not path.exists():
        path.write_bytes(_empty_store())
    return open_store(str(path))


class Watch:
    """A watcher at work in a thread, with a real store and inbox behind it.

    Attributes:
        store: To be looked at from outside.
        watcher: Runs while the block does.
    """

    def __init__(
        self,
        source: ImapSource,
        folder: Path,
        poll_every: timedelta = timedelta(minutes=15),
        pulse: Pulse | None = None,
    ) -> None:
        self.store = a_store(folder)
        self._ingest = Ingest(self.store, _reader(), Policy.preset("default"))
        self._inbox = Inbox(self._ingest)
        self.watcher = Watcher(
            "bounces",
            source,
            self._inbox.submit,
            poll_every=poll_every,
            pulse=pulse or Pulse(),
        )
        self._threads = [
            threading.Thread(target=self._inbox.run, daemon=True),
            threading.Thread(target=self.watcher.run, daemon=True),
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        writer, watching = self._threads
        for patience in (1, 10):
            self.watcher.stop()
            watching.join(patience)
        self._inbox.stop()
        writer.join(10)
        self.store.close()
        assert not watching.is_alive()
        assert not writer.is_alive()

    def until(self, condition: Callable[[], object]) -> None:
        """Wait for something to become so; an hour of a loaded machine is no fault of ours."""
        deadline = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < deadline, self.watcher.figures
            time.sleep(0.01)

    def stored(self) -> list[str]:
        """Give the fingerprints of what is on disk, in quarantine too."""
        found = [message.fingerprint for message in self.store.messages()]
        return sorted(found + [item.fingerprint for item in self.store.quarantined()])

    def has_stored(self, messages: Sequence[bytes]) -> bool:
        """Whether exactly these are stored, each once."""
        return self.stored() == sorted(fingerprint(data) for data in messages)


def fingerprint(data: bytes) -> str:
    """The fingerprint of a message."""
    return RawMessage(data, "", "").fingerprint


def a_bounce(number: int) -> bytes:
    """A hard bounce of a recipient of its own."""
    return (
        "From: MAILER-DAEMON@mx.example.net\n"
        "To: bounces@example.org\n"
        "Subject: Undelivered Mail Returned to Sender\n"
        f"Message-ID: <report{number}@mx.example.net>\n"
        "MIME-Version: 1.0\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\n'
        "\n--b\nContent-Type: text/plain\n\nIt could not be delivered.\n"
        "\n--b\nContent-Type: message/delivery-status\n\n"
        "Reporting-MTA: dns; mx.example.net\n\n"
        f"Final-Recipient: rfc822; user{number}@example.com\n"
        "Action: failed\nStatus: 5.1.1\n"
        "Diagnostic-Code: smtp; 550 5.1.1 User unknown\n"
        "\n--b\nContent-Type: text/rfc822-headers\n\n"
        f"Message-ID: <letter{number}@example.org>\nSubject: News\n\n--b--\n"
    ).encode()
