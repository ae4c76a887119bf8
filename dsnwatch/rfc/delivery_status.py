"""Field groups of delivery-status parts, as bytes and as they come.

Source: RFC 3464 section 2.1 (blocks of fields), RFC 6533 section 4 (the global form has the same
grammar in UTF-8).
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from dsnwatch.model import CR

_FOLD = re.compile(r"\n[ \t]+(?=\S)")
_BLANK = re.compile(r"\n[ \t]*\n")
_MAX_OCTETS = 1 << 20
MAX_GROUPS = 2000
_DIAGNOSTIC_TYPE = re.compile(r"\s*(?!x-unix)[a-z][a-z0-9_\-]{1,40}\s*;\s*", re.IGNORECASE)
_HOST_TYPE = re.compile(r"\s*(?:dns|dsn|smtp|x-unix-hostname|ip|local)\s*;\s*", re.IGNORECASE)
_OCTAL = re.compile(r"(?:\\[0-3][0-7]{2}){2,}")
_MAX_DIAGNOSTIC = 4000
_NAMES = frozenset({"final-recipient", "original-recipient", "x-actual-recipient"})
_PER_RECIPIENT = frozenset({"final-recipient", "original-recipient", "action", "status"})


def field_groups(body: bytes) -> tuple[dict[str, str], tuple[dict[str, str], ...]]:
    """Read the blocks of a delivery-status part.

    Args:
        body: The part's octets after its transfer encoding was undone; any line ending; the first
            mebibyte is read.

    Returns:
        The fields about the message, and one dict a recipient, in order. Names are in lower case,
        values unfolded and stripped; of a repeated field the first counts, but a second
        Final-Recipient in one block begins a new recipient (some servers leave out the blank
        line). A block that mixes both kinds serves for both.

    Raises:
        Nothing.
    """
    body = body[:_MAX_OCTETS]
    if CR in body:
        body = body.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    try:
        text = body.decode()
    except UnicodeDecodeError:
        text = body.decode("latin-1")
    if "\n " in text or "\n\t" in text:
        text = _FOLD.sub(" ", text)
    message: dict[str, str] = {}
    recipients: list[dict[str, str]] = []
    for block in text.split("\n\n") if "\n \n" not in text else _BLANK.split(text):
        for group in _groups(block):
            if recipients and _continues(recipients[-1], group):
                recipients[-1] |= group
            elif len(recipients) < MAX_GROUPS and not _PER_RECIPIENT.isdisjoint(group):
                recipients.append(group)
            if not recipients or "reporting-mta" in group:
                message = group | message
    return message, tuple(recipients)


def _continues(before: dict[str, str], group: dict[str, str]) -> bool:
    """Whether a block names nobody and only adds to the one before: a blank line too many."""
    return _NAMES.isdisjoint(group) and before.keys().isdisjoint(group)


def _groups(block: str) -> Iterator[dict[str, str]]:
    """Read one block; a second Final-Recipient after an Action begins another group."""
    group: dict[str, str] = {}
    for line in block.split("\n"):
        name, colon, value = line.partition(":")
        if line[:3].isdecimal() and "diagnostic-code" in group:
            # nullmailer 2.2 does not fold a reply of several lines (fixtures/dsn/nullmailer).
            group["diagnostic-code"] += " " + line.strip()
            continue
        if not colon:
            continue
        name = name.strip().lower()
        if name in group:
            if name != "final-recipient" or "action" not in group:
                continue
            yield group
            group = {}
        group[name] = value.strip()
    if group:
        yield group


def host_of(value: str) -> str:
    """Take the name out of a Reporting-MTA or Remote-MTA field, lower case; "" where none is."""
    return (_remembered_host if len(value) <= _HOST_FIELD else _host)(value)


def _host(value: str) -> str:
    words = _HOST_TYPE.sub("", value, count=1).lower().split(None, 1)
    return words[0] if words else ""


_HOST_FIELD = 300
"""Characters of a field that is remembered: a name has 255; strangers may write a mebibyte."""
_remembered_host = lru_cache(4096)(_host)  # a mailing meets the same hosts over and over


def diagnostic_of(value: str) -> str:
    """Take the type off a Diagnostic-Code and undo octal escapes.

    The type x-unix stays: `x-unix; 69` says what no text says.
    """
    found = _DIAGNOSTIC_TYPE.match(value)
    value = value[found.end() if found else 0 :][:_MAX_DIAGNOSTIC]
    # Exim 4.96 writes 8-bit replies as "\320\237" (fixtures/dsn/exim).
    if "\\" in value:
        value = _OCTAL.sub(_octets, value)
    return value


def _octets(found: re.Match[str]) -> str:
    octets = bytes(int(code, 8) for code in found[0].split("\\")[1:])
    return octets.decode("utf-8", "replace")
