"""What a domain publishes about its mail: MX, SPF, DKIM, DMARC.

Each is a generator that asks, and comes to findings (`lookup.resolver.Asking`).

Source: RFC 5321 section 5.1 and RFC 7505 (MX), RFC 7208 (SPF), RFC 6376 (DKIM), RFC 7489 (DMARC).
"""

import re
from collections.abc import Callable, Sequence

from dsnwatch.checkup.finding import Finding, look, well, wrong
from dsnwatch.lookup.resolver import Asking, Question

_LOOKUPS_AT_MOST = 10
_ASKS = re.compile(r"^[+?~-]?(?:include:|a(?:[:/]|$)|mx(?:[:/]|$)|ptr(?::|$)|exists:)|^redirect=")
_KEY_LETTERS = 100
"""Letters of the shortest RSA key there is any use in."""

Fault = tuple[Callable[[Sequence[str]], object], Callable[[str, str, str], Finding], str, str]
"""Whether the records found have it; how bad it is; what to say; its cure ({domain} is put in)."""


def takes_bounces(domain: str) -> Asking[list[Finding]]:
    """See that a domain of return paths can be mailed."""
    subject = f"MX of {domain}"
    mx = yield Question(domain, "MX")
    if mx.exists is None:
        return [_unanswered(subject)]
    hosts = tuple(host for host in mx.records if host != ".")
    if not mx.exists or (mx.records and not hosts):
        says = "takes no mail (null MX)" if mx.exists else "there is no such domain"
        return [wrong(subject, f"{says}, so no bounce comes", "publish an MX that takes bounces")]
    lost = []
    for host in hosts or (domain,):
        addresses = yield from _addresses(host)
        if addresses is None:
            return [_unanswered(subject)]
        lost += [] if addresses else [host]
    if lost:
        return [wrong(subject, f"{', '.join(lost)} has no address", "publish an A or AAAA for it")]
    if not hosts:
        return [look(subject, "there is none; mail goes to its own address", "publish an MX")]
    return [well(subject, ", ".join(hosts))]


def _addresses(host: str) -> Asking[tuple[str, ...] | None]:
    """Find the addresses of a host; None where DNS does not answer."""
    found: tuple[str, ...] = ()
    for kind in ("A", "AAAA"):
        answer = yield Question(host, kind)
        if answer.exists is None:
            return None
        found += answer.records
    return found


def spf(domain: str) -> Asking[list[Finding]]:
    """See that a domain says who sends for it."""
    return (yield from _published(f"SPF of {domain}", domain, domain, r"v=spf1(?: |$)", _SPF))


def dmarc(domain: str) -> Asking[list[Finding]]:
    """See that a sending domain, or the one above it, says what to do with what fails."""
    subject, sign = f"DMARC of {domain}", r"v=DMARC1\s*(?:;|$)"
    found = yield from _published(subject, f"_dmarc.{domain}", domain, sign, _DMARC)
    above = domain.partition(".")[2]
    if found[0].says != _NO_DMARC or "." not in above:
        return found
    answer = yield Question(f"_dmarc.{above}", "TXT")
    if any(re.match(sign, text) for text in answer.records):
        return [well(subject, f"that of {above} holds")]
    return found


def dkim(name: str, ours: str | None) -> Asking[list[Finding]]:
    """See that a key is published that mail is signed with.

    Args:
        name: Its name in DNS: `s1._domainkey.example.org`.
        ours: The record we know of; None for whatever there is.
    """
    faults = _DKIM
    if ours is not None:
        key = tags_of(ours).get("p")
        other: Fault = (
            lambda found: tags_of(found[0])["p"] != key,
            wrong,
            "is not the one of trust.dkim_keys",
            "renew the file: signatures by the new key prove nothing here",
        )
        faults = (*_DKIM, other)
    return (yield from _published(f"DKIM key {name}", name, name, r".*\bp=", faults))


def _published(
    subject: str, name: str, domain: str, sign: str, faults: Sequence[Fault]
) -> Asking[list[Finding]]:
    """Ask for the texts of a name that begin with a sign, and say the first fault they have."""
    answer = yield Question(name, "TXT")
    if answer.exists is None:
        return [_unanswered(subject)]
    found = [text for text in answer.records if re.match(sign, text, re.IGNORECASE)]
    for has, how, says, cure in faults:
        if has(found):
            return [how(subject, says, cure.format(domain=domain))]
    return [well(subject, found[0])]


def _unanswered(subject: str) -> Finding:
    cure = "look at the network and at this machine's resolver, and run it again"
    return look(subject, "DNS did not answer", cure)


def _terms(record: str) -> list[str]:
    return record.lower().split()[1:]


def _ends(record: str) -> bool:
    return any(term in {"-all", "~all"} or "redirect=" in term for term in _terms(record))


def _policy(record: str) -> str:
    return tags_of(record).get("p", "").lower()


def _short(record: str) -> bool:
    tags = tags_of(record)
    return tags.get("k", "rsa") == "rsa" and len(tags.get("p", "")) < _KEY_LETTERS


_NO_DMARC = "there is none; large providers refuse bulk mail without it"
_SEVERAL = "there are several, and so none counts"
_SPF: tuple[Fault, ...] = (
    (
        lambda found: not found,
        look,
        "there is none",
        'publish a TXT record of {domain} that names your senders: "v=spf1 ... -all"',
    ),
    (lambda found: len(found) > 1, wrong, _SEVERAL, "leave one of them"),
    (
        lambda found: {"all", "+all"} & {*_terms(found[0])},
        wrong,
        "lets anybody send (+all)",
        'end it with "-all" or "~all"',
    ),
    (
        lambda found: sum(1 for term in _terms(found[0]) if _ASKS.match(term)) > _LOOKUPS_AT_MOST,
        wrong,
        f"asks more than {_LOOKUPS_AT_MOST} names, and so is void",
        "name addresses (ip4:, ip6:) in their place",
    ),
    (
        lambda found: not _ends(found[0]),
        look,
        "does not say what others are",
        'end it with "-all" or "~all"',
    ),
)
_DMARC: tuple[Fault, ...] = (
    (
        lambda found: not found,
        look,
        _NO_DMARC,
        'publish a TXT record of _dmarc.{domain}: "v=DMARC1; p=none; rua=mailto:..."',
    ),
    (lambda found: len(found) > 1, wrong, _SEVERAL, "leave one of them"),
    (
        lambda found: _policy(found[0]) not in {"none", "quarantine", "reject"},
        wrong,
        "says no policy",
        "add p=none, p=quarantine or p=reject",
    ),
    (
        lambda found: _policy(found[0]) == "none",
        look,
        "watches only (p=none)",
        "when its reports show only your own mail, go to p=quarantine",
    ),
)
_DKIM: tuple[Fault, ...] = (
    (lambda found: not found, wrong, "is not published", "publish it, or sign with another"),
    (
        lambda found: not tags_of(found[0]).get("p"),
        wrong,
        "is revoked (p= is empty)",
        "sign with another key",
    ),
    (
        lambda found: _short(found[0]),
        wrong,
        "is no whole key",
        "publish all of it; a long one takes several texts",
    ),
)
"""What records may be found fault with; the first that applies is said."""


def tags_of(record: str) -> dict[str, str]:
    """Read `name=value; ...`, without white space."""
    pairs = (tag.partition("=") for tag in record.split(";"))
    return {name.strip(): "".join(value.split()) for name, _, value in pairs if name.strip()}
