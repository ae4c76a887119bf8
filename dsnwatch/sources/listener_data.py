"""What comes between DATA and the lone dot: found in pieces of any size, bounded, made plain.

Only CR LF . CR LF ends a message. What other ends of line could pass for it (SMTP smuggling) is
refused, and so is every bare LF: whoever sends one does not know himself where a message ends.

Source: RFC 5321 sections 2.3.8 (line ends), 4.1.1.4 (end of data), 4.5.2 (transparency).
"""

import re
from dataclasses import dataclass
from typing import Final

from dsnwatch.rfc.headers import MAX_HEADERS

_END: Final = b"\r\n.\r\n"
_BLANK: Final = b"\r\n\r\n"
_CARRIED: Final = len(_END) - 1
_HOPELESS: Final = 4
"""So many times the largest message are read for the sake of an orderly refusal."""

_NEARLY_THE_END: Final = re.compile(rb"\r\.[\r\n]|\n\.\r(?!\n)")
"""A lone dot with a bare CR beside it; a bare LF is refused wherever it stands."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a message is not taken, as the reply to its data."""

    reply: str


TOO_BIG = Refusal("552 5.3.4 the message is larger than this host takes")
HEADER_TOO_BIG = Refusal("552 5.3.4 the header is larger than any header is")
BARE_LF = Refusal("550 5.6.0 the message has a bare LF; lines end with CR LF")
SMUGGLED = Refusal("550 5.6.0 the message has a lone dot between line ends that are none")


class DataScanner:
    """Takes the octets of one message in, piece by piece, up to its end.

    Args:
        max_octets: The largest message; of a larger one nothing is kept.
    """

    def __init__(self, max_octets: int) -> None:
        self._max_octets = max_octets
        # As if a line had ended before: a message may be empty, and the first line is one, too.
        self._seen = bytearray(b"\r\n")
        self._dropped = 0
        self._refusal: Refusal | None = None
        self._header_ended = False

    def feed(self, data: bytes) -> bytes | None:
        """Take in the next octets.

        Returns:
            What stands behind the end of the message, perhaps nothing; None before the end.
        """
        start = max(0, len(self._seen) - _CARRIED)
        self._seen += data
        end = self._seen.find(_END, start)
        if end < 0:
            self._look_at_size(len(self._seen))
            return None
        rest = bytes(self._seen[end + len(_END) :])
        del self._seen[end + 2 :]
        self._look_at_size(len(self._seen) - 2)
        return rest

    @property
    def hopeless(self) -> bool:
        """Whether so much has come that its end is not worth waiting for."""
        return self._dropped > _HOPELESS * self._max_octets

    def message(self) -> bytes | Refusal:
        """Give the message, once its end has come: its octets, without transparency dots."""
        if self._refusal is not None:
            return self._refusal
        seen = self._seen
        pairs = seen.count(b"\r\n")
        if seen.count(b"\n") != pairs:
            return BARE_LF
        if seen.count(b"\r") != pairs and _NEARLY_THE_END.search(seen):
            return SMUGGLED
        return bytes(seen.replace(b"\r\n.", b"\r\n")[2:])

    def _look_at_size(self, octets: int) -> None:
        """Let go of a message that is larger than it may be."""
        if self._refusal is None:
            if octets > MAX_HEADERS and not self._header_ended:
                self._header_ended = self._seen.find(_BLANK, 0, MAX_HEADERS + len(_BLANK)) >= 0
                if not self._header_ended:
                    self._refusal = HEADER_TOO_BIG
            if octets > self._max_octets:
                self._refusal = TOO_BIG
        if self._refusal is not None:
            self._dropped += max(0, len(self._seen) - _CARRIED)
            del self._seen[:-_CARRIED]
