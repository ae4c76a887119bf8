"""Header fields, looked up when they are wanted.

Source: RFC 5322 section 2.2 (fields, folding), RFC 2047 (encoded words).
"""

import binascii
import re
from collections.abc import Collection, KeysView

from dsnwatch.rfc.charset import by_charset

MAX_HEADERS = 1 << 18
"""Octets of a header block that are looked at."""
KEPT_HEADERS = (
    "list-id",
    "list-unsubscribe",
    "feedback-id",
    "cfbl-feedback-id",
    "cfbl-address",
    "x-campaign",
    "x-campaign-id",
    "x-mailer",
    "x-hmxmroriginalrecipient",
    "return-path",
    "to",
    "date",
)
"""Returned headers that are kept on the report besides Message-ID, From and Subject."""

MAX_NAME = 80
"""Characters of a field's name; what stands before a colon further on is running text."""

_FIELD_ENDS = re.compile(r"\n(?![ \t])")
_WORD = re.compile(r"=\?([A-Za-z0-9_.:\-]{1,40})(?:\*[^?]{0,20})?\?([bBqQ])\?([^? ]{0,1000})\?=")
_BETWEEN_WORDS = re.compile(r"\?=\s+=\?")


class Headers:
    """A block of headers, by name; of a repeated one the first counts."""

    __slots__ = ("_folded",)

    def __init__(self, block: bytes) -> None:
        """Take a block with LF line ends, without the blank line that closes it."""
        block = block[:MAX_HEADERS]
        try:
            text = block.decode()
        except UnicodeDecodeError:
            text = block.decode("latin-1")
        self._folded: dict[str, str] = {}
        for field in _FIELD_ENDS.split(text):
            name, colon, body = field.partition(":")
            if colon:
                name = name.lower()
                if name not in self._folded:
                    self._folded[name] = body

    def get(self, name: str) -> str | None:
        """Return the unfolded body of the first field of that (lower-case) name; None if absent."""
        body = self._folded.get(name)
        return None if body is None else _unfolded(body)

    def text(self, name: str) -> str:
        """Return the body with its encoded words decoded (RFC 2047); "" if absent."""
        return decoded_words(self.get(name) or "")

    def names(self) -> KeysView[str]:
        """Return the names of the fields, lower case."""
        return self._folded.keys()

    def kept(self, more: Collection[str] = ()) -> tuple[tuple[str, str], ...]:
        """Return those of KEPT_HEADERS, and `more`, that are there; 1,000 characters of each."""
        there = self._folded
        names = (*KEPT_HEADERS, *more) if more else KEPT_HEADERS
        return tuple([(name, _unfolded(there[name])[:1000]) for name in names if name in there])

    def __bool__(self) -> bool:
        for name in self._folded:  # noqa: SIM110  any() takes three times as long
            if 0 < len(name) <= MAX_NAME:
                return True
        return False


def _unfolded(body: str) -> str:
    if "\n" in body:
        body = body.replace("\n\t", " ").replace("\n ", " ")
    return body.strip()


def head_of(data: bytes) -> Headers:
    """Take the headers of a whole message, whatever its line ends."""
    block = data[:MAX_HEADERS].replace(b"\r\n", b"\n")
    return Headers(block.lstrip(b"\n").partition(b"\n\n")[0])


def decoded_words(body: str) -> str:
    """Decode the encoded words of a header body; what cannot be decoded stays as it is.

    Source: RFC 2047.
    """
    if "=?" not in body:
        return body
    return _WORD.sub(_decoded_word, _BETWEEN_WORDS.sub("?==?", body[:4000]))


def _decoded_word(found: re.Match[str]) -> str:
    charset, encoding, text = found.groups()
    try:
        if encoding in "bB":
            octets = binascii.a2b_base64(text + "=" * (-len(text) % 4))
        else:
            octets = binascii.a2b_qp(text, header=True)
        return by_charset(octets, charset)
    except (ValueError, LookupError):
        return found[0]
