"""What a sender has to mend: refusals for his own or the message's sake, put together."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from dsnwatch.model import Fault
from dsnwatch.rfc.address import domain_of
from dsnwatch.rules.blocklists import Blocklist, blocklists

if TYPE_CHECKING:
    from dsnwatch.store import Fingerprint, Span, Store

QUIET = timedelta(days=3)
"""A refusal that comes often is over when it has not come for so long ..."""
QUIET_ONCE = timedelta(days=7)
"""... one that came on one day only, after a week."""
_PAUSES = 3
"""Neither is it over before so many of its usual pauses have gone by."""
_MOST = 500

_FINDINGS = (
    ("dmarc", "DMARC"), ("dkim", "DKIM"), ("spf", "SPF"), ("arc-seal", "ARC"),
    ("reverse dns", "PTR"), ("ptr", "PTR"), ("rdns", "PTR"), ("reverse lookup", "PTR"),
)  # fmt: skip
"""Words of a refusal, and what they find fault with; the first that stands there wins."""

_DO = {
    "auth_failure": "mend {finding} of {domain}; `dsnwatch doctor` shows what is published",
    "no_reverse_dns": "give {ip} a host name (PTR) that leads back to it",
    "reputation": "send less till it recovers, to those who want it; see what else {ip} sends",
    "rate_limited": "send slower to {provider}, and to fewer recipients at a time",
    "policy": "ask the postmaster of {provider}, with the sample; its help page may say more",
    "sender_rejected": "see that the sender address of {domain} exists and takes mail",
    "relay_denied": "see by which server the mail went; that one may not relay",
    "spam_content": "look at the text, the links and who gets it; send a test to yourself",
    "virus": "look at the attachment and at the machine that made it",
    "content_rejected": "leave out the kind of attachment or the character set that is refused",
    "not_compliant": "mend what the message lacks (Date, Message-ID, From, line lengths)",
    "message_too_big": "make the message smaller; link to large files",
}
_DO_LISTED = "have {ip} taken off {list}: {removal}"
_MATTER = {
    "auth_failure": "authentication fails",
    "no_reverse_dns": "the sending address has no name",
    "policy": "refused by policy",
    "rate_limited": "sending too fast",
    "relay_denied": "relaying is denied",
    "sender_rejected": "the envelope sender is refused",
    "spam_content": "taken for spam",
    "virus": "taken for a virus",
    "content_rejected": "the content is refused",
    "not_compliant": "the message breaks a rule",
    "message_too_big": "the message is too big",
}
"""What is the matter, by its reason."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """One thing to mend.

    Attributes:
        provider: Who refuses; "" where no row knows them.
        reason: Of the taxonomy.
        blocklist: The block list that is named; None where none is.
        blocked_ip: The sending address that is named; "" where none is.
        domain: The sending domain of the sample; "" where the returned mail does not say.
        finding: What is found fault with: `SPF`, `DKIM`, `SPF and DKIM`, `DMARC`, `ARC`, `PTR`; ""
            for others.
        to_do: What to do, in a sentence.
        events: How many refusals, in the span that was asked for.
        fixed: Whether it has stopped.
        sample: The id of the latest of them; that event may be gone.
        text: What it says; masked where the event is gone.
        help_url: The page that explains it; "" where none is named.
        fingerprints: Their ids, the most frequent first.
        by_day: How many there were on each day of the span.
    """

    provider: str
    reason: str
    blocklist: Blocklist | None
    blocked_ip: str
    domain: str
    finding: str
    to_do: str
    events: int
    first_at: datetime
    last_at: datetime
    fixed: bool
    sample: str
    text: str
    help_url: str
    fingerprints: tuple[str, ...]
    by_day: tuple[int, ...]

    @property
    def title(self) -> str:
        """What is the matter, in a line."""
        ip = self.blocked_ip or "the sending address"
        if self.blocklist is not None:
            return f"{ip} is blocked by {self.blocklist.name}"
        if self.reason == "reputation":
            what = f"{ip} has a bad reputation"
        else:
            what = _MATTER.get(self.reason, self.reason)
        finding = f" ({self.finding})" if self.finding else ""
        return f"{what}{finding}{f' at {self.provider}' if self.provider else ''}"


def tickets(
    store: "Store", span: "Span", now: datetime, limit: int | None = None, *, samples: bool = True
) -> list[Ticket]:
    """Put together what a sender has to mend, the most frequent first and what is fixed last.

    Args:
        store: Has the figures, and the samples.
        span: When, by whole days.
        now: This moment.
        limit: How many at most.
        samples: Whether to read what the latest of each says, and who sent it.

    Raises:
        StoreError: It cannot be read.
    """
    prints = store.fingerprints(span, faults=[Fault.SENDER, Fault.MESSAGE], limit=_MOST)
    grouped: defaultdict[tuple[str, ...], list[Fingerprint]] = defaultdict(list)
    for one in prints:
        finding = finding_of(one.form) if one.reason in {"auth_failure", "no_reverse_dns"} else ""
        key = (one.provider, one.reason, one.blocklist, one.blocked_ip, finding)
        grouped[key].append(one)
    days = dict(store.fingerprint_series([one.id for one in prints], span))
    open_first = sorted(
        ((_is_over(_by_day(days, group), group, now), group) for group in grouped.values()),
        key=lambda each: (each[0], -sum(one.events for one in each[1])),
    )
    return [
        _ticket(store if samples else None, group, _by_day(days, group), fixed=fixed)
        for fixed, group in open_first[:limit]
    ]


def _is_over(by_day: Sequence[int], group: "Iterable[Fingerprint]", now: datetime) -> bool:
    days = [number for number, events in enumerate(by_day) if events]
    return is_fixed(days, max(one.last_at for one in group), now)


def finding_of(text: str) -> str:
    """Say what the words of a refusal find fault with; "" where they name nothing we know.

    What they say has passed is left out. Gmail wants one of SPF and DKIM, and names both.
    """
    words = text.lower()
    found = [name for sign, name in _FINDINGS if sign in words and not _passed(sign, words)]
    return "SPF and DKIM" if found[:2] == ["DKIM", "SPF"] else next(iter(found), "")


def _passed(sign: str, words: str) -> bool:
    return re.search(rf"\b{sign}\b[^=]{{0,60}}= ?pass", words) is not None


def is_fixed(days: Sequence[int], last: datetime, now: datetime) -> bool:
    """Say whether a refusal has stopped.

    Args:
        days: The days on which it came, numbered, in order.
        last: When it came last.
        now: This moment.
    """
    if len(days) < 2:  # noqa: PLR2004  one day has no pause
        return now - last > QUIET_ONCE
    pause = timedelta(days=(days[-1] - days[0]) / (len(days) - 1))
    return now - last > max(QUIET, _PAUSES * pause)


def _by_day(days: Mapping[str, Sequence[int]], group: "Iterable[Fingerprint]") -> tuple[int, ...]:
    return tuple(map(sum, zip(*(days[one.id] for one in group), strict=True)))


def _ticket(
    store: "Store | None", group: "Sequence[Fingerprint]", by_day: tuple[int, ...], *, fixed: bool
) -> Ticket:
    first, newest = group[0], max(group, key=lambda one: one.last_at)
    stored = store.event(newest.sample) if store is not None else None
    domain, text, help_url = "", newest.form, ""
    if store is not None and stored is not None:
        said = stored.event.recipient
        text = " ".join((said.diagnostic or said.prose or newest.form).split())
        help_url = stored.event.details.help_url or ""
        message = store.message(stored.message_id)
        if message is not None:
            sender = message.report.original.from_ or message.report.return_path or ""
            domain = domain_of(sender.strip("<> "))
    listed = None
    if first.blocklist:
        listed = blocklists().by_id.get(first.blocklist) or Blocklist(
            first.blocklist, first.blocklist
        )
    finding = finding_of(f"{newest.form} {text}") if first.reason in _OF_NAMES else ""
    return Ticket(
        provider=first.provider,
        reason=first.reason,
        blocklist=listed,
        blocked_ip=first.blocked_ip,
        domain=domain,
        finding=finding,
        to_do=_to_do(first, listed, domain, finding, help_url),
        events=sum(one.events for one in group),
        first_at=min(one.first_at for one in group),
        last_at=newest.last_at,
        fixed=fixed,
        sample=newest.sample,
        text=text,
        help_url=help_url,
        fingerprints=tuple(one.id for one in group),
        by_day=by_day,
    )


_OF_NAMES = frozenset({"auth_failure", "no_reverse_dns"})


def _to_do(
    one: "Fingerprint", listed: Blocklist | None, domain: str, finding: str, help_url: str
) -> str:
    """Say what to do, with the names that are known."""
    ip = one.blocked_ip or "the sending address"
    if listed is not None:
        removal = listed.removal or help_url or "look for its removal page"
        return _DO_LISTED.format(ip=ip, list=listed.name, removal=removal)
    text = _DO.get(one.reason, "look at the sample")
    return text.format(
        ip=ip,
        domain=domain or "the sending domain",
        finding=finding or "SPF, DKIM and DMARC",
        provider=one.provider or "the other side",
    )
