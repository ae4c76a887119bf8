"""What a refusal says besides its reason: block list, address blocked, when to come back, links.

Pure. It is looked for when an event is made, not while a message is read, and each is looked for
only where a word or sign of it stands in the text. Every search goes once over at most
`MAX_LOOKED_AT` characters, and no pattern goes back further than its own length.
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from ipaddress import IPv6Address, ip_address
from typing import Any

from dsnwatch.events import DetailsData
from dsnwatch.model import Details, Fault, RecipientStatus, Verdict
from dsnwatch.rfc.address import find_all, key
from dsnwatch.rules.blocklists import blocklists
from dsnwatch.rules.literals import Literals

MAX_LOOKED_AT = 2000
"""Characters of the diagnostic, and of the prose, that are looked at."""
MAX_WAIT = timedelta(days=7)
"""A longer time to wait is no time to come back, but some other number."""

NOTHING = Details()
_SENDER = Fault.SENDER


def details(said: RecipientStatus, verdict: Verdict) -> Details:
    """Take out of one recipient's texts what is told there besides the reason.

    Args:
        said: What the report said of him.
        verdict: What it means; an address is only blocked where the sender is to blame for it.

    Returns:
        What was found; every field absent where the texts tell nothing more. What the remote
        server said goes before the prose about it; a time to wait and a queue id are taken from
        the server's own words only, since prose speaks of the reporting server's.

    Raises:
        Nothing, whatever the texts are.
    """
    reply, prose = said.diagnostic, said.prose
    own = (reply or prose)[:MAX_LOOKED_AT]
    low = own.lower()
    blocked = blocklist = url = retry_after = queue_id = None
    forwarded = _forwarded(said)
    if traces := {_LEADS_TO[number] for number, _, _ in _TRACES.find(low)}:
        url = _help_url(own) if _LINK in traces else None
        retry_after = _retry_after(low) if _WAITING in traces else None
        queue_id = _queue_id(own) if _QUEUE in traces else None
        forwarded = forwarded or (_moved(said, own) if _MOVE in traces else None)
    if url is None and "://" in prose:
        url = _help_url(prose[:MAX_LOOKED_AT])
    if verdict.fault is _SENDER or verdict.reason == "spam_content":
        blocked = _blocked_ip(own)
        blocklist = _blocklist(low) or _blocklist(prose[:MAX_LOOKED_AT].lower())
    if url or forwarded or queue_id or retry_after or blocked or blocklist:
        return Details(blocklist, blocked, retry_after, queue_id, forwarded, url)
    return NOTHING


def as_dict(found: Details) -> DetailsData:
    """Write details as JSON takes them: every field, null where nothing was told."""
    wait = found.retry_after
    return {
        "blocklist": found.blocklist,
        "blocked_ip": found.blocked_ip,
        "retry_after_seconds": None if wait is None else int(wait.total_seconds()),
        "queue_id": found.queue_id,
        "forwarded_to": found.forwarded_to,
        "help_url": found.help_url,
    }


def of_dict(given: Mapping[str, Any]) -> Details:
    """Read back what `as_dict` wrote; a field may be left out."""
    seconds = given.get("retry_after_seconds")
    return Details(
        blocklist=given.get("blocklist"),
        blocked_ip=given.get("blocked_ip"),
        retry_after=None if seconds is None else timedelta(seconds=seconds),
        queue_id=given.get("queue_id"),
        forwarded_to=given.get("forwarded_to"),
        help_url=given.get("help_url"),
    )


_LINK, _WAITING, _QUEUE, _MOVE = range(4)
_SPOKEN = {
    _LINK: ("://",),
    _WAITING: (
        "again", "come back", "deferred", "listed", "listing", "reconnect", "retry", "throttled",
        "wait",
    ),
    _QUEUE: (
        "gsmtp", "id=", "qid", "queue id", "queue-id", "queued as", "queued mail", "queueid", "r=",
    ),
    _MOVE: (
        "changed to", "forward to", "forward-path", "forwarded to", "forwarding to", "moved to",
        "new address", "now at", "please try", "please use",
    ),
}  # fmt: skip
"""Words without one of which a text tells nothing of a kind; nearly all texts have none."""
_TRACES = Literals([word for words in _SPOKEN.values() for word in words])
_LEADS_TO = [kind for kind, words in _SPOKEN.items() for _ in words]


# ------------------------------------------------------------------------------- links

_URL = re.compile(r"https?://[^\s<>\"'`{}|\\^\[\]()]{3,500}+", re.IGNORECASE)


def _help_url(text: str) -> str | None:
    """Find the first link; without the punctuation of the sentence it ends."""
    found = _URL.search(text)
    if found is None:
        return None
    url = found[0].rstrip(".,;:!?*_-")
    return url if url.isprintable() else None


# ------------------------------------------------------------------------------- block lists


def _blocklist(low: str) -> str | None:
    if not low:
        return None
    found = blocklists().find(" ".join(low.split()))
    return found.id if found else None


_IP = re.compile(
    r"(?<![\w.:\-])(?:\d{1,3}(?:\.\d{1,3}){3}(?![\w.]\d|\d)"
    r"|(?=[0-9a-f]{0,4}:)[0-9a-f:]{3,39}(?:\.\d{1,3}){0,3}(?![\w:]))",
    re.IGNORECASE,
)
_BEFORE = 100
"""Characters before an address by which it is told whose it is."""
# The host that refused stands behind its own name ("host mx.example.org[192.0.2.1] said") or in
# qmail's sentences; Yahoo ends with a number of four parts ("- 4.16.55.1; see").
_REMOTE_BEFORE = re.compile(
    r"(?:(?:^|[\s:;,>(])(?:[a-z0-9_\-]{1,63}+\.){1,9}[a-z][a-z0-9\-]{0,62}\.?\s?[\[(]"
    r"|(?:giving up on|connected to|connect to|connection to|connection with|talking to|server"
    r"|relay|host|complaints -)[\s=\[(<]{1,3}|rcpt: \S{1,70} )$",
    re.IGNORECASE,
)
_CLIENT_BEFORE = re.compile(
    r"(?:client|your|sending) (?:host|server)[\s=:\[(<]{1,3}$", re.IGNORECASE
)
_REMOTE_BEHIND = re.compile(r"[\])]? (?:failed after|does not like|did not like)", re.IGNORECASE)


def _blocked_ip(text: str) -> str | None:
    """Find the address of ours that is refused: the first that is not the refusing host's."""
    if "." not in text and ":" not in text:
        return None
    for found in _IP.finditer(text):
        before = text[max(0, found.start() - _BEFORE) : found.start()]
        if not _CLIENT_BEFORE.search(before) and (
            _REMOTE_BEFORE.search(before) or _REMOTE_BEHIND.match(text, found.end())
        ):
            continue
        try:
            address = ip_address(found[0])
        except ValueError:
            continue
        mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
        return str(mapped or address)
    return None


# ------------------------------------------------------------------------------- when to come back

_NUMBER = r"(\d{1,6})\s?(seconds?|secs?|minutes?|mins?|hours?|hrs?|days?|s|m|h)\b"
_WAIT = re.compile(
    r"(?:again|retry|reconnect|come back|wait|greylist(?:ed|ing)|graylist(?:ed|ing)|deferred"
    r"|throttled)(?:[ ,:\-](?:later|at|least|please|wait|try|in|after|for|approximately|about"
    r"|another|until|delivery|connection|your|the|mail|message|again)){0,6}[ :=(]{1,3}"
    rf"(?:{_NUMBER}|(\d\d):(\d\d):(\d\d)\b|(\d{{1,5}})$)"
)
_RETRY_FIELD = re.compile(r"retry[\-_ ]?after[ :=]{1,3}(\d{1,6})(?!\s?[a-z\d])")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _retry_after(low: str) -> timedelta | None:
    """Find how long the server wants us to wait."""
    text = " ".join(low.split())
    field = _RETRY_FIELD.search(text)
    if field is not None:
        return _believed(int(field[1]))
    found = _WAIT.search(text)
    if found is None:
        return None
    amount, unit, hours, minutes, seconds, bare = found.groups()
    if amount is not None:
        return _believed(int(amount) * _UNITS[unit[0]])
    if hours is not None:
        return _believed(int(hours) * 3600 + int(minutes) * 60 + int(seconds))
    return _believed(int(bare))


def _believed(seconds: int) -> timedelta | None:
    wait = timedelta(seconds=seconds)
    return wait if timedelta() < wait <= MAX_WAIT else None


# ------------------------------------------------------------------------------- queue ids

_QUEUE_ID = re.compile(
    r"(?:queued as|queued mail for delivery as|queue[ \-]?id(?: is)?|\bqid)[ :=(\[]{1,3}"
    r"([A-Za-z0-9][A-Za-z0-9.\-_]{4,59}+)"
    r"|(?<![^\s])((?=[a-z\-]{0,30}\d)[A-Za-z0-9][A-Za-z0-9.\-]{7,59}+) - gsmtp"  # Google
    r"|\b(?:r|id|ID)=([0-9A-Za-z]{6}-[0-9A-Za-z]{6,11}-[0-9A-Za-z]{2,6})\b"  # Exim
)


def _queue_id(text: str) -> str | None:
    """Find the id under which the refusing server knows the message."""
    found = _QUEUE_ID.search(text)
    return found[found.lastindex or 0].rstrip(".-_") if found else None


# ------------------------------------------------------------------------------- forwarding

_TO_WHOM = re.compile(
    r"(?:please try|please use|moved to|forwarded to|forwarding to|forward to|forward-path|now at"
    r"|new address(?: is)?|address changed to|changed to|will forward to)[ :;,]{0,2}[ <\[(]{0,3}"
    r"(?=[^\s@]{1,64}@)",
    re.IGNORECASE,
)


def _forwarded(said: RecipientStatus) -> str | None:
    """Where the system itself sent the mail on: it names an original and a final recipient."""
    original, final = said.original_recipient, said.final_recipient
    if original is None or final is None or original == final or "@" not in final:
        return None
    return key(final) if key(original) != key(final) else None


def _moved(said: RecipientStatus, text: str) -> str | None:
    """Find the new address that the server tells (RFC 5321 section 3.4: reply 551)."""
    found = _TO_WHOM.search(text)
    if found is None:
        return None
    named = find_all(text[found.end() : found.end() + 320])
    return named[0] if named and key(named[0]) != key(said.recipient) else None
