"""A mailbox keeps the contract of sources, against a real Dovecot."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dsnwatch.sources import Source
from tests.contract_source import ODD, SourceContract
from tests.imap.builders import a_source
from tests.servers.dovecot import Dovecot

if TYPE_CHECKING:
    from dsnwatch.sources.imap import ImapSource

pytestmark = pytest.mark.server


class TestMailbox(SourceContract):
    """A mailbox whose messages are moved."""

    after = "move"

    @pytest.fixture(autouse=True)
    def _server(self, dovecot: Dovecot) -> Iterator[None]:
        self.dovecot = dovecot
        self.sources: list[ImapSource] = []
        yield
        for source in self.sources:
            source.close()

    def holding(self, place: Path, messages: Sequence[bytes]) -> Source:  # noqa: ARG002  the contract's
        account = self.dovecot.a_user()
        # IMAP carries no NUL, and Dovecot puts 0x80 in its place (RFC 9051 section 9, CHAR8).
        account.deliver([data.replace(b"\0", b"\x80") for data in messages])
        source = a_source(account, after=self.after)
        self.sources.append(source)
        return source

    @pytest.mark.parametrize("data", ODD.values(), ids=ODD.keys())
    def test_odd_mail_comes_through_as_it_is(self, tmp_path: Path, data: bytes) -> None:
        super().test_odd_mail_comes_through_as_it_is(tmp_path, data.replace(b"\0", b"\x80"))


class TestMailboxThatIsKept(TestMailbox):
    """A mailbox whose messages stay, told apart by a cursor."""

    after = "keep"


class TestMailboxThatIsMarked(TestMailbox):
    """A mailbox whose messages get a keyword."""

    after = "flag"
