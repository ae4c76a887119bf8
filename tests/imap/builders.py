"""Mailboxes to watch, with what is usual already said."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dsnwatch.config_mailbox import MailboxSection
from dsnwatch.model import Kind, RawMessage, Receipt, ReceiptState
from dsnwatch.sources.imap import ImapSource
from dsnwatch.sources.imap_login import Login, Password
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
    """What the configuration says of a mailbox: plain to loopback, INBOX alone."""
    usual: dict[str, Any] = {
        "name": "bounces",
        "host": "127.0.0.1",
        "port": account.server.port,
        "tls": "none",
        "user": account.user,
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
