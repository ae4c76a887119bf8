"""Who wrote a message: a mail system, or a person or list that only quotes one."""

import re
from functools import lru_cache

from dsnwatch.rfc.address import find_all
from dsnwatch.rfc.headers import Headers


def by_person(headers: Headers, sender: str, subject: str) -> bool:
    """Whether a person, a list or a program of somebody's wrote this, whatever it quotes.

    Args:
        headers: The message's own.
        sender: Its From, in lower case.
        subject: The same of its Subject.
    """
    if not sender.strip() or by_daemon(sender):
        return False
    answers = headers.get("in-reply-to") is not None
    machine = _MACHINE.search(sender) is not None or "@" not in sender
    if _from_nobody(headers):
        return answers and not machine and not by_system(sender)  # a ticket system's answer
    if headers.get("list-unsubscribe") is not None:
        return True  # no mail system offers to be unsubscribed from
    if by_system(sender):
        return False
    if not machine or subject.startswith(_ANSWERED) or headers.get("list-id") is not None:
        return True
    return answers and headers.get("auto-submitted") is None


def speaks_for_mail(headers: Headers, sender: str) -> bool:
    """Whether a message may be a bounce in words that no row knows: who sent it must be a system.

    A shop, a parcel service and a monitor write of failures, addresses and recipients as well.
    """
    if "@" not in sender or by_system(sender):
        return True
    nobody = _from_nobody(headers)
    if _MACHINE.search(sender):
        return not _SILENT.search(sender) or nobody or headers.get("return-path") is None
    return nobody and _POST.search(sender) is not None


def _from_nobody(headers: Headers) -> bool:
    """Whether the message has the envelope sender of a report, as it is or written out.

    Source: RFC 3464 section 2; some servers make MAILER-DAEMON of it.
    """
    back = (headers.get("return-path") or "").strip().lower()
    return back == "<>" or by_daemon(back)


def by_system(sender: str) -> bool:
    """Whether a From header, in lower case, is that of a mail system."""
    return bool(_SYSTEM.search(_name(sender[:_MAX_SENDER])) or _TITLE.search(sender))


def by_daemon(sender: str) -> bool:
    """Whether a From header, in lower case, is one that only mail systems use."""
    return bool(_DAEMON.search(_name(sender[:_MAX_SENDER])) or _TITLE.search(sender))


@lru_cache(maxsize=256)
def _name(sender: str) -> str:
    """Give the local part of the last address in a From header; all of it where there is none."""
    address = (find_all(sender) or [""])[-1]
    return address.partition("@")[0] or sender


_MAX_SENDER = 1000
"""Characters of a From header that are looked at: what is remembered of it has an end."""


_DAEMON = re.compile(r"daemon|^po{1,2}st_?master$|mail[-_]?deliver")
_SYSTEM = re.compile(
    r"daemon|po{1,2}st_?master|mailer|mail-?admin|sysadmin|^mdaemon|bounce|microsoftexchange|mail[-_]?deliver"
)
_TITLE = re.compile(r"mail deliver\w* (?:sub)?s(?:ystem|ervice)")
_POST = re.compile(r"mail|post|corre[oi]|courrier|poczt|почт|メール|邮|郵|메일")
_SILENT = re.compile(r"no-?_?reply|not-?_?reply|notif")
_MACHINE = re.compile(
    r"no-?_?reply|not-?_?reply|notif|admin|system|gateway|\bgw|gw\d*@|smtp|anti-?virus|scanner|"
    r"filter|mail ?server|mail ?guard|automat|robot|exchange|master\b"
)
"""How a program is called that answers for a mail server, besides the names of mail systems."""
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
