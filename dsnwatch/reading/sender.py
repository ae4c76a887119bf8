"""Who wrote a message: a mail system, or a person or list that only quotes one."""

import re

from dsnwatch.rfc.address import find_all
from dsnwatch.rfc.headers import Headers


def by_person(headers: Headers, sender: str, subject: str) -> bool:
    """Whether a person or a list wrote this, whatever it quotes; texts in lower case."""
    if not sender.strip() or (headers.get("return-path") or "").strip() == "<>":
        return False
    if by_daemon(sender):
        return False
    if headers.get("list-unsubscribe") is not None:
        return True  # no mail system offers to be unsubscribed from
    if by_system(sender):
        return False
    if subject.startswith(_ANSWERED) or headers.get("list-id") is not None:
        return True
    return headers.get("in-reply-to") is not None and headers.get("auto-submitted") is None


def by_system(sender: str) -> bool:
    """Whether a From header, in lower case, is that of a mail system."""
    address = (find_all(sender) or [""])[-1]
    return bool(_SYSTEM.search(address.partition("@")[0] or sender)) or "mail deliver" in sender


def by_daemon(sender: str) -> bool:
    """Whether a From header, in lower case, is one that only mail systems use."""
    address = (find_all(sender) or [""])[-1]
    return bool(_DAEMON.search(address.partition("@")[0] or sender)) or "mail deliver" in sender


_DAEMON = re.compile(r"daemon|^post_?master$|mail-?deliver")
_SYSTEM = re.compile(
    r"daemon|post_?master|mailer|mail-?admin|sysadmin|^mdaemon|bounce|microsoftexchange|mail-?deliver"
)
_ANSWERED = (
    "re:",
    "aw:",
    "fw:",
    "fwd:",
    "wg:",
    "tr:",
    "rv:",
    "i:",
    "enc:",
    "sv:",
    "vs:",
    "re :",
    "tr :",
    "antw:",
    "odp:",
    "отв:",
    "转发:",
    "答复:",
    "回复:",
    "返信:",
    "転送:",
)
"""How the subject of an answered or forwarded mail begins."""


def unquoted(text: str) -> str:
    """Leave out lines that quote somebody else's mail."""
    if "\n>" not in text:
        return text
    return "\n".join(line for line in text.split("\n") if not line.startswith(">"))
