"""Where mail comes from: the contract every source keeps, and the table of kinds.

A new kind is a file in this folder that keeps `Source`, a line in `KINDS`, and a run through
`tests/contract_source.py`.
"""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final, Protocol

from dsnwatch.model import RawMessage
from dsnwatch.records import Receipt


class Source(Protocol):
    """Gives mail, and lets go of it only when told that it is on disk.

    One thread drives one source. Between a message's yield and the `stored` that names it the
    message stays where it lies, so that a crash in between gives it once more, never once less.
    """

    def messages(self) -> Iterator[RawMessage]:
        """Give what is there now, each message once, in the source's own lasting order.

        Returns:
            Messages whose `source` is a key of `KINDS`, whose `arrived_at` is aware or None, and
            whose `locator` is one printable line that no other message of the source has.

        Raises:
            SourceError: Something could not be opened or read on; raised after all that could
                be read has been given. Odd mail is never a reason.
        """
        ...

    def stored(self, receipts: Sequence[tuple[RawMessage, Receipt]]) -> None:
        """Let go of messages; called after COMMIT only, with any number of those given.

        What letting go means is the source's affair: a mailbox moves them, and not all of them to
        the same folder, which is why it is told what became of each; files stay as they are.

        Raises:
            SourceError: They could not be let go of. They are stored all the same, and will be
                told from new ones by their fingerprints.
        """
        ...

    def close(self) -> None:
        """Give back connections and descriptors; a second call does nothing."""
        ...


KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "mbox": "dsnwatch.sources.files:FileSource",
        "maildir": "dsnwatch.sources.files:FileSource",
        "eml": "dsnwatch.sources.files:FileSource",
        "stdin": "dsnwatch.sources.files:FileSource",
        "imap": "dsnwatch.sources.imap:ImapSource",
        "smtp": "dsnwatch.sources.listener:Listener",
        "lmtp": "dsnwatch.sources.listener:Listener",
    }
)
"""What `RawMessage.source` can say, and the `module:class` that gives it; imported when used.

A listener is not asked for mail, it is brought some, and so keeps no `Source`: `start` and `stop`
are all there is to it, and `250` is its way of letting go.
"""
