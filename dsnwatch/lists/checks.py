"""What can be said of an address without asking anybody: syntax, role, a slip of the finger.

Nobody's mail server is asked about a mailbox, here or elsewhere: that is what spammers do.
"""

import re
from collections.abc import Iterator
from enum import StrEnum
from functools import lru_cache
from typing import Final

from email_validator import EmailNotValidError, validate_email

from dsnwatch.rfc.address import domain_of

# RFC 2142, and what firms and their machines use besides.
_ROLES = """
abuse admin administrator accounting accounts billing booking careers contact customerservice
ftp hello help hostmaster hr info invoice invoices it jobs kontakt legal list mail mailer-daemon
majordomo marketing media news newsletter no-reply noc noreply office orders postmaster press
privacy root sales security service shop spam staff support sysadmin team tech trouble usenet
uucp webmaster www
"""
_PROVIDERS = """
aliceadsl.fr aol.com arcor.de att.net bellsouth.net bigpond.com bluewin.ch btinternet.com
comcast.net cox.net earthlink.net email.com fastmail.com freenet.de free.fr gmail.com gmx.at gmx.ch
gmx.com gmx.de gmx.net googlemail.com hotmail.com hotmail.co.uk hotmail.de hotmail.es hotmail.fr
hotmail.it icloud.com laposte.net libero.it live.com live.co.uk live.fr live.nl mail.com mail.ru
me.com msn.com naver.com online.de orange.fr outlook.com outlook.de outlook.es outlook.fr
proton.me protonmail.com qq.com rambler.ru rediffmail.com rocketmail.com sbcglobal.net seznam.cz
sfr.fr sky.com t-online.de telenet.be tiscali.it uol.com.br verizon.net virgilio.it
virginmedia.com wanadoo.fr web.de wp.pl yahoo.ca yahoo.com yahoo.com.br yahoo.co.in yahoo.co.jp
yahoo.co.uk yahoo.de yahoo.es yahoo.fr yahoo.it yandex.ru ymail.com ziggo.nl zoho.com 163.com
126.com
"""
_OFTEN = """
aol.com comcast.net gmail.com gmx.de gmx.net googlemail.com hotmail.com hotmail.co.uk hotmail.fr
icloud.com laposte.net libero.it live.com mail.ru outlook.com protonmail.com t-online.de
verizon.net wanadoo.fr web.de yahoo.com yahoo.co.uk yahoo.de yahoo.fr yandex.ru orange.fr
freenet.de
"""


class Finding(StrEnum):
    """What is wrong with an address, or may be; the worst first."""

    SUPPRESSED = "suppressed"
    SYNTAX = "syntax"
    NO_DOMAIN = "no_domain"
    NULL_MX = "null_mx"
    NO_MAIL_HOST = "no_mail_host"
    DISPOSABLE = "disposable"
    TYPO = "typo"
    ROLE = "role"
    UNKNOWN = "dns_unknown"


MEANINGS: Final = {
    Finding.SUPPRESSED: "on the suppression list",
    Finding.SYNTAX: "no address, or at a name like .test or .local",
    Finding.NO_DOMAIN: "its domain does not exist",
    Finding.NULL_MX: "its domain says that it takes no mail",
    Finding.NO_MAIL_HOST: "its domain has no mail server and no address",
    Finding.DISPOSABLE: "a domain of your list of disposable ones",
    Finding.TYPO: "probably a slip of the finger",
    Finding.ROLE: "nobody's own: info@, sales@ ...",
    Finding.UNKNOWN: "DNS did not answer; it may be good",
}
"""What each says, for people."""

BAD: Final = frozenset(Finding) - {Finding.ROLE, Finding.UNKNOWN}
"""What sorts an address out unless a person says otherwise."""

ROLES: Final = frozenset(_ROLES.split())
"""Local parts that are a desk and no person."""

PROVIDERS: Final = frozenset(_PROVIDERS.split())
"""Domains at which very many have their mailbox: who mistypes his own is near to one of these."""

OFTEN: Final = frozenset(_OFTEN.split())
"""Those of them that others are compared with."""

SHORT = 6
"""Letters of a name up to which one changed letter makes another name: `aol`, `web`, `live`."""

_SLIPPED_ENDS: Final = {
    end: right
    for right, ends in {
        "com": "con cmo ocm vom xom comm coom cm cpm om col",
        "net": "ner bet nte ent",
        "de": "dee ed",
        "fr": "ft frr",
    }.items()
    for end in ends.split()
}
"""Ends of domains that are a slip, and what was meant; some exist, few have mailboxes."""

_PLAIN = re.compile(
    r"[a-z0-9!#$%&'*+/=?^_`{|}~\-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~\-]+)*"
    r"@(?:[a-z0-9](?:[a-z0-9\-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}"
)
_LOCAL_AT_MOST = 64
_AT_MOST = 254
_TAG = re.compile(r"[+].*")


def syntax(address: str) -> str | None:
    """Say what is wrong with the syntax of an address; None where it is right.

    Args:
        address: As it stands in the list, any case, any alphabet (RFC 6531, IDNA).
    """
    lower = address.lower()
    if (
        len(address) <= _AT_MOST
        and lower.find("@") <= _LOCAL_AT_MOST
        and _PLAIN.fullmatch(lower)
        and "xn--" not in lower
        and not lower.endswith((".test", ".local", ".invalid", ".localhost", ".onion", ".arpa"))
    ):
        return None  # nearly all are, and the rest takes fifty times as long
    try:
        validate_email(address, check_deliverability=False, strict=True)
    except EmailNotValidError as error:
        return str(error)
    except (ValueError, UnicodeError) as error:
        return f"It cannot be read ({type(error).__name__})."
    return None


def is_role(address: str) -> bool:
    """Say whether an address (normalised) is a desk's and no person's."""
    return _TAG.sub("", address.rpartition("@")[0]) in ROLES


@lru_cache(maxsize=100_000)
def meant(domain: str) -> str | None:
    """Say which big provider's domain was probably meant; None where this one may be right.

    Args:
        domain: In lower case.
    """
    if domain in PROVIDERS or "." not in domain:
        return None
    name, _, end = domain.rpartition(".")
    right = f"{name}.{_SLIPPED_ENDS.get(end, end)}"
    if right in PROVIDERS:
        return right
    for known in sorted(OFTEN):
        if len(known.partition(".")[0]) > SHORT - 2 and _is_near(right, known):
            return known
    return None


def _is_near(one: str, other: str) -> bool:
    """Say whether two names differ by one letter: too many, missing, wrong, or two exchanged.

    In a short name a wrong letter makes another name (`live`, `like`): there only letters that are
    doubled, dropped from a pair, or exchanged count.
    """
    if abs(len(one) - len(other)) > 1 or one == other:
        return False
    start = next(
        (at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
        min(len(one), len(other)),
    )
    a, b = one[start:], other[start:]
    if len(a) == len(b):
        exchanged = len(a) > 1 and (a[0], a[1]) == (b[1], b[0]) and a[2:] == b[2:]
        return exchanged or (_is_long(other) and a[1:] == b[1:])
    longer, shorter = (a, b) if len(a) > len(b) else (b, a)
    if longer[1:] != shorter:
        return False
    whole = one if longer is a else other
    doubled = start > 0 and whole[start] == whole[start - 1]
    return doubled or _is_long(other)


def _is_long(domain: str) -> bool:
    return len(domain.partition(".")[0]) >= SHORT or domain.startswith("gmail.")


def suggested(address: str) -> Iterator[str]:
    """Give the address that was probably meant, if another one was."""
    if right := meant(domain_of(address)):
        yield f"{address.rpartition('@')[0]}@{right}"
