"""Header fields, looked up when they are wanted.

Source: RFC 5322 section 2.2 (fields, folding), RFC 2047 (encoded words).
"""

import binascii
import re

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

_FIELD = re.compile(r"^([^:\n]{1,80}):(.*)", re.MULTILINE)
_WORD = re.compile(r"=\?([A-Za-z0-9_.:\-]{1,40})(?:\*[^?]{0,20})?\?([bBqQ])\?([^? ]{0,1000})\?=")
_BETWEEN_WORDS = re.compile(r"\?=\s+=\?")


class Headers:
    """A block of headers, by name; of a repeated one the first counts."""

    __slots__ = ("_block", "_parsed")

    def __init__(self, block: bytes) -> None:
        """Take a block with LF line ends, without the blank line that closes it."""
        self._block = block
        self._parsed: dict[str, str] | None = None

    @property
    def _fields(self) -> dict[str, str]:
        if self._parsed is None:
            self._parsed = self._parse()
        return self._parsed

    def _parse(self) -> dict[str, str]:
        block = self._block[:MAX_HEADERS]
        if b"\n " in block or b"\n\t" in block:
            block = block.replace(b"\n\t", b" ").replace(b"\n ", b" ")
        try:
            text = block.decode()
        except UnicodeDecodeError:
            text = block.decode("latin-1")
        return {name.lower(): body for name, body in reversed(_FIELD.findall(text))}

    def get(self, name: str) -> str | None:
        """Return the unfolded body of the first field of that (lower-case) name; None if absent."""
        value = self._fields.get(name)
        return None if value is None else value.strip()

    def text(self, name: str) -> str:
        """Return the body with its encoded words decoded (RFC 2047); "" if absent."""
        value = self._fields.get(name)
        return "" if value is None else decoded_words(value.strip())

    def kept(self) -> tuple[tuple[str, str], ...]:
        """Return those of KEPT_HEADERS that are there, at most 1,000 characters of each."""
        fields = self._fields
        return tuple((name, fields[name].strip()[:1000]) for name in KEPT_HEADERS if name in fields)

    def __bool__(self) -> bool:
        return bool(self._fields)


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
