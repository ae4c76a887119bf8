"""Cut a message into the pieces a report is made of, by looking at its octets only.

Nothing is parsed that nobody asks for: a header is looked up when it is wanted, a part is decoded
when it is a report's. The standard library's `email` does all of it for every message, and raises
on some of what strangers write.

Source: RFC 2045, 2046 (parts), RFC 6522 (multipart/report), RFC 6533 (the global types).
"""

import binascii
import html
import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from dsnwatch.model import CR, with_line_feeds
from dsnwatch.rfc.charset import decoded
from dsnwatch.rfc.headers import Headers

MAX_LOOK = 1 << 20
"""Octets of a message that are looked at; reports stand before what they return."""
MAX_TEXT = 1 << 16
"""Octets of a text part that are decoded."""
MAX_PART_HEAD = 1 << 14
"""Octets of a part's headers that are looked at."""
MAX_DEPTH = 8
MAX_PARTS = 200

_PART_TYPE = re.compile(rb"\ncontent-type:[ \t]*([^\n]*(?:\n[ \t][^\n]*)*)", re.IGNORECASE)
_PART_ENCODING = re.compile(rb"\ncontent-transfer-encoding:[ \t]*([^\n]*)", re.IGNORECASE)
_LONE_CR = re.compile(rb"\r[^\r\n]")
_NUL = 0
_FOLDED = re.compile(r"\n[ \t]+")
_BOUNDARY = re.compile(r"boundary\s*=\s*(?:\"([^\"]{1,300})\"|([^\s;\"]{1,300}))", re.IGNORECASE)
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([A-Za-z0-9_.:\-]{1,40})", re.IGNORECASE)
_SNIFFED = re.compile(
    rb"(?:^|\n)--([^\n]{1,200})\n(?=content-(?:type|transfer|disp))", re.IGNORECASE
)
_SNIFF_LINES = 8
_HIDDEN = ("style", "script", "head", "title")
_TAG_BREAK = re.compile(
    r"<(?:br|/p|/div|/tr|/li|/h[1-6]|/table|p|div|tr)\b[^<>]{0,2000}>", re.IGNORECASE
)
_TAG = re.compile(r"<(?![^<>@\s]{1,64}@)[/!a-zA-Z][^<>]{0,4000}>")


@dataclass(slots=True)
class Pieces:
    """What a message is made of, as far as bounce reading goes; filled by `cut`, then only read.

    Attributes:
        headers: The message's own.
        text: The human-readable part, decoded, LF line ends; of a message in one part, all of it.
        delivery_status: Octets of the delivery-status part, decoded; None where there is none.
        feedback_report: The same of message/feedback-report (RFC 5965).
        disposition: The same of message/disposition-notification (RFC 8098).
        returned: Headers of the message that came back; None where none did.
        attached: That message's octets, for a report that a gateway wrapped.
        content_types: Type of each part, lower case, in order.
        defects: What was wrong, one phrase each.
    """

    headers: Headers
    text: str = ""
    delivery_status: bytes | None = None
    feedback_report: bytes | None = None
    disposition: bytes | None = None
    returned: Headers | None = None
    attached: bytes | None = None
    content_types: list[str] = field(default_factory=list)
    defects: list[str] = field(default_factory=list)


def cut(data: bytes) -> Pieces:
    """Cut a message.

    Args:
        data: The message's octets, any line ending; the first mebibyte is looked at.

    Returns:
        Its pieces. Returned messages are not entered: of a bounce inside a bounce only the outer
        one is read.

    Raises:
        Nothing, whatever the octets are.
    """
    data = _only_line_feeds(data[:MAX_LOOK])
    head, body = _split(data)
    headers = Headers(head)
    pieces = Pieces(headers)
    if not body and b"\n\n" not in data and not data.startswith(b"\n"):
        pieces.defects.append("ends within its header")
    if not head and not body.strip(b"\n \0"):
        pieces.defects.append("empty message")
        return pieces
    if not headers or _NUL in head:
        pieces.defects.append("no readable header")
    encoding = (headers.get("content-transfer-encoding") or "").lower()
    _enter(pieces, _described(headers.get("content-type"), encoding), body, 0)
    return pieces


def _only_line_feeds(data: bytes) -> bytes:
    """End each line with LF alone."""
    lines = with_line_feeds(data)
    if CR not in lines:
        return lines
    if data.endswith(b"\r") or _LONE_CR.search(data):
        return data.replace(b"\r\r\n", b"\n").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return data.translate(None, b"\r")


def _split(block: bytes) -> tuple[bytes, bytes]:
    """Split headers from body at the first blank line."""
    if block.startswith(b"\n"):
        return b"", block[1:]
    end = block.find(b"\n\n")
    if end < 0:
        return block, b""
    return block[:end], block[end + 2 :]


class _Described(NamedTuple):
    """What its headers say of one entity (the message or a part).

    Attributes:
        kind: The type alone, lower case; text/plain where none is declared.
        declared: The Content-Type field, unfolded; None where there is none.
        encoding: Content-Transfer-Encoding, lower case; "" where there is none.
        charset: What is declared for the letters; None where nothing is.
    """

    kind: str
    declared: str | None
    encoding: str
    charset: str | None


def _described(declared: str | None, encoding: str) -> _Described:
    if not declared:
        return _Described("text/plain", declared, encoding, None)
    words = declared.partition(";")[0].lower().split()
    kind = words[0] if words else "text/plain"
    charset = None if kind.startswith("multipart/") else _CHARSET.search(declared)
    return _Described(kind, declared, encoding, charset[1] if charset else None)


def _of_part(head: bytes) -> _Described:
    """Read the headers of a part; `head` begins with LF."""
    declared, encoding = _PART_TYPE.search(head), _PART_ENCODING.search(head)
    return _described(
        _FOLDED.sub(" ", declared[1].decode("latin-1")) if declared else None,
        encoding[1].decode("latin-1").lower() if encoding else "",
    )


_remembered_part = lru_cache(512)(_of_part)
_SHORT_HEAD = 200
"""Octets; the parts of all the world's reports are described in the same few short ways."""


def _enter(pieces: Pieces, entity: _Described, body: bytes, depth: int) -> None:
    """Sort one entity into its piece."""
    kind, declared, encoding, charset = entity
    if kind.startswith("multipart/"):
        _enter_multipart(pieces, declared or "", body, depth)
        return
    if depth == 0 and kind != "text/html" and (sniffed := _sniff(declared, body)):
        _enter_parts(pieces, _parts(body, sniffed) or [], depth)
        return
    pieces.content_types.append(kind)
    if kind in _RETURNED:
        if pieces.returned is None:
            content = _octets(encoding, body, pieces.defects).lstrip(b"\n")
            pieces.returned = Headers(_split(content)[0])
            pieces.attached = content
    elif kind in _REPORT_PARTS:
        name = _REPORT_PARTS[kind]
        if getattr(pieces, name) is None:
            setattr(pieces, name, _octets(encoding, body, pieces.defects))
    elif pieces.text:
        return
    elif kind == "text/html":
        pieces.text = plain(_text(charset, encoding, body, pieces.defects))
    elif kind == "text/plain" or (depth == 0 and not kind.startswith("message/")):
        pieces.text = _text(charset, encoding, body, pieces.defects)


_REPORT_PARTS = {
    "message/delivery-status": "delivery_status",
    "message/global-delivery-status": "delivery_status",
    "message/feedback-report": "feedback_report",
    "message/disposition-notification": "disposition",
    "message/global-disposition-notification": "disposition",
}
_RETURNED = frozenset(
    {
        "message/rfc822",
        "message/global",
        "text/rfc822-headers",
        "message/global-headers",
        "text/rfc822",
        "message/rfc822-headers",
        "message/partial",
    }
)


def _sniff(declared: str | None, body: bytes) -> bytes | None:
    """Find the boundary of a multipart message that lost its Content-Type header.

    Only in the first lines: further down a returned message may begin.
    """
    if declared is not None and "text/" in declared.lower():
        return None
    found = _SNIFFED.search(b"\n".join(body[:4096].split(b"\n", _SNIFF_LINES)[:_SNIFF_LINES]))
    return found[1].rstrip() if found else None


def _enter_multipart(pieces: Pieces, declared: str, body: bytes, depth: int) -> None:
    found = _BOUNDARY.search(declared)
    boundary = (found[1] or found[2] or "").rstrip().encode("utf-8", "replace") if found else b""
    parts = _parts(body, boundary) if boundary else None
    if parts is None:
        pieces.defects.append("multipart without its boundary")
        sniffed = _SNIFFED.search(body[:8192])
        parts = _parts(body, sniffed[1].rstrip()) if sniffed else None
    if parts is not None:
        _enter_parts(pieces, parts, depth)
    elif not pieces.text:
        pieces.text = decoded(body[:MAX_TEXT], None)


def _parts(body: bytes, boundary: bytes) -> list[bytes] | None:
    """Split a multipart's body at its delimiter lines.

    Returns:
        What stands behind each, from the rest of that line on; None where the delimiter is nowhere.
    """
    delimiter = b"\n--" + boundary
    _, *pieces = (b"\n" + body).split(delimiter)
    if not pieces:
        return None
    parts: list[list[bytes]] = []
    for piece in pieces:
        if piece[:1] in _AFTER_BOUNDARY:
            parts.append([piece])
        elif parts:  # a longer boundary that begins alike is another's
            parts[-1].append(piece)
    return [delimiter.join(part) for part in parts]


def _enter_parts(pieces: Pieces, parts: list[bytes], depth: int) -> None:
    """Enter each part of one multipart."""
    if depth >= MAX_DEPTH:
        pieces.defects.append("parts nested too deeply")
        return
    for part in parts:
        start = part.find(b"\n")
        if part.startswith(b"--") or (start < 0 and part is parts[-1]):
            return
        if len(pieces.content_types) >= MAX_PARTS:
            pieces.defects.append("too many parts")
            return
        head, _, body = part[max(start, 0) :].partition(b"\n\n")
        describe = _remembered_part if len(head) <= _SHORT_HEAD else _of_part
        _enter(pieces, describe(head[:MAX_PART_HEAD]), body, depth + 1)
    pieces.defects.append("multipart is not closed")


_AFTER_BOUNDARY = frozenset({b"", b"\n", b"-", b" ", b"\t"})


def _octets(encoding: str, body: bytes, defects: list[str]) -> bytes:
    """Undo the transfer encoding."""
    if "base64" in encoding:
        try:
            return binascii.a2b_base64(body)
        except binascii.Error:
            defects.append("broken base64")
            return _salvaged(body)
    if "quoted" in encoding:
        return binascii.a2b_qp(body)
    return body


def _salvaged(body: bytes) -> bytes:
    """Decode as much base64 as there are whole groups of four."""
    letters = re.sub(rb"[^A-Za-z0-9+/]", b"", body)
    return binascii.a2b_base64(letters[: len(letters) // 4 * 4])


def _text(charset: str | None, encoding: str, body: bytes, defects: list[str]) -> str:
    """Decode a text part to a string with LF line ends."""
    if len(body) > MAX_TEXT:
        defects.append("only the first 64 KiB of the text are read")
    octets = _octets(encoding, body[:MAX_TEXT], defects)
    text = decoded(octets, charset)
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def plain(markup: str) -> str:
    """Take the tags out of HTML; block elements end a line."""
    text = _TAG_BREAK.sub("\n", _without_hidden(markup))
    return html.unescape(_TAG.sub(" ", text)).replace("\xa0", " ")


def _without_hidden(markup: str) -> str:
    """Take out the elements nobody sees, each from its tag to its end tag, in one pass each."""
    lower = markup.lower()
    for name in _HIDDEN:
        kept, at = [], 0
        start = lower.find("<" + name)
        while start >= 0:
            end = lower.find("</" + name, start)
            if end < 0:
                break
            kept.append(markup[at:start])
            at = end
            start = lower.find("<" + name, end)
        if at:
            markup = "".join([*kept, markup[at:]])
            lower = markup.lower()
    return markup


def returned_headers(text: str) -> Headers:
    """Take the headers off a returned message that stands in running text."""
    block = text.lstrip("\n").partition("\n\n")[0]
    return Headers(block.encode("utf-8", "surrogateescape"))
