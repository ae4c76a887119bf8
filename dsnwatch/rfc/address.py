"""Mail addresses as strangers write them, brought to one form.

Source: RFC 5321 section 4.1.2 (mailbox, source routes), RFC 3461 section 4 (xtext), RFC 6533
section 3 (utf-8 address type and its escapes), RFC 5890 (IDNA).
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

_TYPE = re.compile(r"\s*(?:[A-Za-z0-9\-]+(?:/[A-Za-z0-9\-]+)?)\s*;\s*")
_ROUTE = re.compile(r"@[^:@<>\s]+(?:,@[^:@<>\s]+)*:(?=[^@\s]*@)")
_ANGLE = re.compile(r"<([^<>]*)>")
_XTEXT = re.compile(r"\+([0-9A-F]{2})")
_UNITEXT = re.compile(r"\\x\{([0-9A-Fa-f]{2,6})\}")
_COMMENT = re.compile(r"\s+\([^()]*\)\s*$")
_PLAIN = re.compile(r"[a-z0-9._+=\-]{1,64}@[a-z0-9\-]{1,63}(?:\.[a-z0-9\-]{1,63}){1,10}")
"""Most addresses: all that follows would leave them as they are, for twenty times the price."""

_MAX = 1000
_STAR = "\u0001"
"""Stands for a star while an address is normalised."""

CJK = "\u2e80-\ua4cf\uac00-\ud7af\uf900-\ufaff\uff00-\uffef"
"""Scripts written without blanks, and their punctuation, as a part of a character class."""
_NOT_LOCAL = rf"\s<>\"',;:()\[\]|\\@\u00ab\u00bb\u2018-\u201f{CJK}"
_IN_DOMAIN = r"A-Za-z0-9\u0080-\u2017\u2020-\u2e7f\ua4d0-\uabff\U00010000-\U0010ffff"
ADDRESS = (
    rf"(?<![^{_NOT_LOCAL}])[^{_NOT_LOCAL}]{{1,64}}"
    rf"@[{_IN_DOMAIN}](?:[{_IN_DOMAIN}._\-]{{0,252}}[{_IN_DOMAIN}])?"
)
"""What counts as an address in running text; a regular expression without groups.

Chinese, Japanese and Korean text runs on without a blank: there an address ends where it begins.
"""

_IN_TEXT = re.compile(ADDRESS)


def typed(value: str) -> str:
    """Read the address out of an Original-Recipient or Final-Recipient field.

    Args:
        value: The field's body, unfolded: `rfc822; anne@example.org`, `utf-8;...`, or an address
            whose type was left out; angle brackets, comments and xtext are undone.

    Returns:
        The address in the form of `normalise`; what stands there (a pipe, a file, a bare local
        part) where it is no address; "" for an empty field or `<>`.
    """
    if ";" in value:
        value = _TYPE.sub("", value, count=1)
    if "(" in value:
        value = _COMMENT.sub("", value)
    # The two letters xtext must escape in an address; more would spoil tags like "+20".
    if "+2B" in value or "+3D" in value:
        value = value.replace("+2B", "+").replace("+3D", "=")
    return normalise(value.strip()[:_MAX])  # what is remembered of a field has an end


@lru_cache(maxsize=8192)
def normalise(text: str) -> str:
    """Bring one address to the form it is compared, counted and stored in.

    The domain is lower-cased and its labels are A-labels (IDNA); the local part stays as it is,
    since only its own host may say that case means nothing.

    Args:
        text: An address, perhaps in angle brackets, with a source route, xtext or `rfc822;`.

    Returns:
        The address; anything that is no address comes back without its wrapping.

    Raises:
        Nothing.
    """
    if _PLAIN.fullmatch(text):
        return text
    text = text.strip()[:_MAX]
    if "<" in text and (angle := _ANGLE.search(text)):
        text = angle[1]
    for prefix in ("rfc822;", "utf-8;", "mailto:"):
        if text[: len(prefix)].lower() == prefix:
            text = text[len(prefix) :].strip()
    text = text.strip(" \t\r\n`;,<>")
    if text[:1] in {"'", '"'}:
        text = (
            text[1:-1] if text.endswith(text[0]) else text.lstrip("'") if "@" in text else text[1:]
        )
    text = text.removesuffix("'").removeprefix("SMTP=")
    if text.startswith("@"):
        text = _ROUTE.sub("", text, count=1)
    if "\\x{" in text:
        text = _UNITEXT.sub(_unescape, text)
    if "@" not in text and "+40" in text:
        text = _XTEXT.sub(lambda found: chr(int(found[1], 16)), text)
    local, at, domain = text.rpartition("@")
    if not at:
        return text
    return f"{local}@{_domain(domain)}"


def _unescape(found: re.Match[str]) -> str:
    point = int(found[1], 16)
    valid = point <= 0x10FFFF and not 0xD800 <= point <= 0xDFFF  # noqa: PLR2004  Unicode's own bounds
    return chr(point) if valid else found[0]


def _domain(domain: str) -> str:
    """Lower-case a domain; non-ASCII labels become A-labels where they can."""
    domain = domain.strip().rstrip(".").lower()
    if domain.isascii():
        return domain
    try:
        return domain.encode("idna").decode("ascii")
    except UnicodeError:
        return domain


def key(text: str) -> str:
    """Bring an address to the form it is counted, suppressed and looked up in.

    That of `normalise` with the local part in lower case too: RFC 5321 section 2.4 lets a host tell
    Anne from anne, and hardly any does, while senders' lists hold both spellings of one mailbox.
    Letters with accents are brought to one form (NFC, RFC 6532 section 3.1); tags stay.
    """
    if _PLAIN.fullmatch(text):
        return text
    address = normalise(text).lower()
    return address if address.isascii() else unicodedata.normalize("NFC", address)


def like(patterns: Iterable[str]) -> re.Pattern[str] | None:
    """Make one expression of what addresses may be like.

    Args:
        patterns: Addresses in which `*` stands for any text; `@example.org` is all of a domain.

    Returns:
        What matches (`fullmatch`) addresses as `key` gives them; None where there is no pattern.
    """
    each = [
        ".*".join(re.escape(part) for part in key(pattern.replace("*", _STAR)).split(_STAR))
        for pattern in (f"*{one}" if one.startswith("@") else one for one in patterns)
    ]
    return re.compile("|".join(each), re.DOTALL) if each else None


def domain_of(address: str) -> str:
    """Return the part behind the last `@`, "" where there is none."""
    return address.rpartition("@")[2] if "@" in address else ""


def find_all(text: str) -> list[str]:
    """List the addresses that stand in running text, normalised, in order, each once."""
    if "@" not in text:
        return []
    return list(dict.fromkeys(normalise(found) for found in _IN_TEXT.findall(text)))
