"""Tickets: what receivers hold against us, who, since when, and what to do about it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from markupsafe import Markup

from dsnwatch.http import charts
from dsnwatch.http.render import length
from dsnwatch.model import Fault
from dsnwatch.rules.blocklists import blocklists
from dsnwatch.store import Fingerprint, Span

if TYPE_CHECKING:
    from dsnwatch.store import Store

DAYS = 30
QUIET = timedelta(days=3)
"""A refusal that nobody has said for so long is taken for mended."""

ADVICE = {
    "auth_failure": "Have SPF, DKIM and DMARC pass for the domain in From; dsnwatch doctor "
    "looks at your records.",
    "no_reverse_dns": "Give the sending address a PTR record whose name leads back to it.",
    "reputation": "Find out what was sent from this address, end it, then ask for removal at the "
    "list.",
    "policy": "Ask their postmaster; the sample has the queue id and the page they name.",
    "rate_limited": "Send to this provider more slowly, over fewer connections.",
    "relay_denied": "They are not, or not yet, responsible for the domain: look at its MX.",
    "sender_rejected": "Their server does not accept your envelope sender: see that its domain "
    "has an MX, and takes bounces.",
    "spam_content": "Look at the content of this mailing: links, text, sudden volume.",
    "virus": "Look at what was attached, and at the machine it came from.",
    "content_rejected": "Leave out the type of attachment they refuse, or link to it.",
    "not_compliant": "Mend the headers: the sample says which one they miss.",
    "message_too_big": "Send a link in the place of the attachment.",
}
"""What a sender can do about a refusal that is his own affair, by its reason."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """A refusal that is yours to see to."""

    title: str
    advice: str
    reason: str
    provider: str
    blocked_ip: str
    blocklist: str
    removal: str
    form: str
    sample: str
    events: int
    first_at: datetime
    last_at: datetime
    over: bool
    silent: str
    by_day: tuple[int, ...]

    @property
    def spark(self) -> Markup:
        """How often it was said, by the day."""
        return charts.spark(self.by_day, f"By the day of {DAYS} days", "block")


def tickets_of(store: "Store", now: datetime) -> Iterator[Ticket]:
    """Make a ticket of each refusal of the last days that is the sender's or the message's.

    Args:
        store: Has the figures.
        now: This moment.
    """
    when = Span.last(timedelta(days=DAYS), now)
    found = store.fingerprints(when, faults=(Fault.SENDER, Fault.MESSAGE), limit=50)
    series = dict(store.fingerprint_series([each.id for each in found], when))
    known = blocklists().by_id
    for each in found:
        listed = known.get(each.blocklist)
        silent = now - each.last_at
        yield Ticket(
            title=_title(each, listed.name if listed else each.blocklist),
            advice=ADVICE.get(each.reason, "Read the sample and ask their postmaster."),
            reason=each.reason,
            provider=each.provider,
            blocked_ip=each.blocked_ip,
            blocklist=listed.name if listed else each.blocklist,
            removal=(listed.removal if listed else None) or "",
            form=each.form or f"what rule {each.rule} reads",
            sample=each.sample,
            events=each.events,
            first_at=each.first_at,
            last_at=each.last_at,
            over=silent > QUIET,
            silent=length(silent),
            by_day=series.get(each.id, ()),
        )


def _title(each: Fingerprint, blocklist: str) -> str:
    """Say in a line what is the matter."""
    where = f" at {each.provider}" if each.provider else ""
    if blocklist:
        return f"{each.blocked_ip or 'An address of yours'} is blocked by {blocklist}"
    what = {
        "auth_failure": "Authentication fails",
        "no_reverse_dns": "The sending address has no name",
        "reputation": f"{each.blocked_ip or 'Your address'} has a bad reputation",
        "policy": "Refused by policy",
        "rate_limited": "Sending too fast",
        "relay_denied": "Relaying is denied",
        "sender_rejected": "The envelope sender is refused",
        "spam_content": "Taken for spam",
        "virus": "Taken for a virus",
        "content_rejected": "The content is refused",
        "not_compliant": "The message breaks a rule",
        "message_too_big": "The message is too big",
    }.get(each.reason, each.reason)
    return f"{what}{where}"
