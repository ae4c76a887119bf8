"""From what a report said of a recipient to what it means: the `Verdict`.

Order of belief: words of the named provider or dialect, words in general, a telling enhanced
status code, weak words, the reply code, the dialect's own default where no server replied,
`undetermined`. A generic code (x.0.0, x.7.1) never beats words.
"""

from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from dsnwatch.model import Action, BounceReport, Match, RecipientStatus, StatusCode, Verdict
from dsnwatch.reading.prose import without_subject
from dsnwatch.rfc.address import domain_of
from dsnwatch.rfc.status_code import codes, vague
from dsnwatch.rules import Rules
from dsnwatch.rules.causes import Where
from dsnwatch.rules.phrases import REMEMBERED, SHORT, flatten

_CONFIDENCE = {
    "agreed": 0.98,
    "bound": 0.95,
    "words": 0.9,
    "disagreed": 0.75,
    "status": 0.8,
    "weak": 0.7,
    "reply": 0.5,
    "default": 0.4,
    "nothing": 0.2,
}
"""How sure each kind of evidence makes; prose about a recipient is a little less than his reply."""
_BY_FIELD = {
    "status": "status",
    "reply_code": "reply",
    "dialect": "default",
    "silence": "default",
}
_PROSE_DISCOUNT = 0.05
_FAILED, _DELAYED = Action.FAILED, Action.DELAYED


class Evidence(NamedTuple):
    """Everything a verdict can rest on, worked out once.

    Attributes:
        where: Codes to go by, provider, dialect: the conditions a row may set.
        hosts: Names of the hosts involved, whose words are no evidence ("relay.example.org").
    """

    diagnostic: str
    prose: str
    where: Where
    hosts: tuple[str, ...]

    @property
    def flat_prose(self) -> str:
        """The prose in the form phrases are matched in; made when the reply did not decide."""
        return _without(self.hosts, flatten(without_subject(self.prose)))


def evidence(said: RecipientStatus, report: BounceReport, rules: Rules) -> Evidence:
    """Gather what is known of one recipient's failure."""
    flat = flatten(said.diagnostic)
    domain = domain_of(said.recipient)
    provider = (
        rules.providers.by_host(said.remote_mta or "")
        or rules.providers.by_text(flat or flatten(said.prose))
        or rules.providers.by_host(domain)
    )
    host = report.reporting_mta or ""
    local = bool(domain) and (host == domain or host.endswith("." + domain))
    # chasquid 1.11 may call itself "unknown" (fixtures/dsn/chasquid/calls-itself-unknown.eml).
    hosts = tuple(
        name for name in (said.remote_mta, host) if name and "." in name and not name[-1].isdigit()
    )
    return Evidence(
        _without(hosts, flat),
        said.prose,
        Where(provider, report.dialect, said.status, said.reply_code, local),
        hosts,
    )


def _without(hosts: tuple[str, ...], flat: str) -> str:
    """Put a place in a flat text wherever it names one of the hosts."""
    for host in hosts:
        if host in flat:
            flat = flat.replace(host, "{host}")
    return flat


def matches(known: Evidence, rules: Rules) -> Iterator[Match]:
    """Yield everything that speaks for a reason, the most believed first (for `explain` too)."""
    weak: list[Match] = []
    for field, text in (("diagnostic", known.diagnostic), ("prose", None)):
        flat = known.flat_prose if text is None else text
        for found in rules.causes.find(flat, known.where):
            match = Match(found.cause.id, field, found.span, flat[slice(*found.span)])
            if found.cause.weak:
                weak.append(match)
            else:
                yield match
    yield from _status_matches(known, rules, weak)
    reply = known.where.reply
    if reply is not None and reply in rules.replies:
        yield Match(f"reply-{reply}", "reply_code", (0, 0), reply)
    row = rules.dialects.by_id.get(known.where.dialect or "")
    if row is None or reply is not None:
        return
    if row.silent is not None and not known.diagnostic:
        reason = "mailer_error" if known.where.local else row.silent
        yield Match(f"dialect-{row.id}", "silence", (0, 0), reason)
    elif row.default is not None:
        yield Match(f"dialect-{row.id}", "dialect", (0, 0), row.id)


def _status_matches(known: Evidence, rules: Rules, weak: list[Match]) -> Iterator[Match]:
    """A telling code comes before weak words, a generic one behind them."""
    status = known.where.status
    rule = rules.status(status) if status is not None else None
    if rule is not None and known.where.reply is not None and _made_up(known, rules):
        rule = None
    spoken = Match(f"status-{rule.code}", "status", (0, 0), str(status)) if rule else None
    if spoken is not None and rule is not None and not rule.generic:
        yield spoken
    yield from weak
    if spoken is not None and rule is not None and rule.generic and rule.reason != "undetermined":
        yield spoken


def _made_up(known: Evidence, rules: Rules) -> bool:
    """Whether the code is the dialect's own translation of a reply that had none."""
    row = rules.dialects.by_id.get(known.where.dialect or "")
    return (
        row is not None
        and str(known.where.status) in row.made_up
        and known.diagnostic[:3] == known.where.reply
        and codes(known.diagnostic)[1] is None
    )


def reason_of(match: Match, rules: Rules) -> str:
    """Return the reason a match speaks for."""
    if match.field == "reply_code":
        return rules.replies[match.text]
    if match.field == "silence":
        return match.text
    if match.field == "dialect":
        return rules.dialects.by_id[match.text].default or "undetermined"
    if match.field == "status":
        return rules.statuses[match.rule.removeprefix("status-")].reason
    return rules.causes.by_id[match.rule].reason


def classify(said: RecipientStatus, report: BounceReport, rules: Rules) -> Verdict | None:
    """Judge one recipient's failure or delay.

    Args:
        said: What the report said of him.
        report: The report that said it.
        rules: The tables.

    Returns:
        The verdict; None for a recipient who got the mail.
    """
    if said.action is not _FAILED and said.action is not _DELAYED:
        return None
    known = evidence(said, report, rules)
    delayed = said.action is _DELAYED
    if len(known.diagnostic) < SHORT:
        verdict = _by_reply(known.diagnostic, known.where, rules, delayed=delayed)
        if verdict is not None:
            return verdict
    return _verdict(next(matches(known, rules), None), known.where, rules, delayed=delayed)


def _by_reply(diagnostic: str, where: Where, rules: Rules, *, delayed: bool) -> Verdict | None:
    """Judge by a server's own words; None where they leave it to prose or codes."""
    said, judged = (diagnostic, where, delayed), rules.judged
    # One mailing's bounces say the same few things over and over. Another thread may clear it.
    with suppress(KeyError):
        return judged[said]
    best = next(matches(Evidence(diagnostic, "", where, ()), rules), None)
    if best is None or best.field != "diagnostic" or rules.causes.by_id[best.rule].weak:
        verdict = None
    else:
        verdict = _verdict(best, where, rules, delayed=delayed)
    if len(judged) >= REMEMBERED:
        judged.clear()
    judged[said] = verdict
    return verdict


def _verdict(best: Match | None, where: Where, rules: Rules, *, delayed: bool) -> Verdict:
    reason = reason_of(best, rules) if best is not None else "undetermined"
    category = rules.categories[reason]
    return Verdict(
        permanent=_permanent(where, reason, rules, delayed=delayed),
        bounce_class=category.bounce_class,
        reason=reason,
        fault=category.fault,
        status=where.status,
        reply_code=where.reply,
        rule=best.rule if best is not None else "undetermined",
        confidence=_confidence(best, reason, where.status, rules),
        provider=where.provider,
    )


def _permanent(where: Where, reason: str, rules: Rules, *, delayed: bool) -> bool | None:
    """What the report said: a delay is not for ever, else the codes tell, else the cause.

    A report that its writer gave up (`expired`, `network_error`) says 5.0.0 or nothing: what it
    gave up on was temporary.
    """
    if delayed:
        return False
    status, reply = where.status, where.reply
    if status is not None and vague(status):
        row = rules.dialects.by_id.get(where.dialect or "")
        status = None if row is not None and row.retried else status
    if status is not None and (not vague(status) or not status.permanent):
        # Haraka makes 5.1.2 of "tried all MXs" (fixtures/dsn/haraka).
        return status.permanent and (reason != "network_error" or status.subject != 1)
    if reply is not None:
        return reply.startswith("5")
    return reason not in _PASSING


_PASSING = frozenset(
    {
        "expired",
        "network_error",
        "system_error",
        "system_full",
        "greylisted",
        "rate_limited",
        "mailbox_unavailable",
        "tls_failure",
    }
)
"""Reasons that are not for ever when a report names no code, or says 5.0.0 to everything."""


def _confidence(best: Match | None, reason: str, status: StatusCode | None, rules: Rules) -> float:
    if best is None:
        return _CONFIDENCE["nothing"]
    if best.field in _BY_FIELD:
        return _CONFIDENCE[_BY_FIELD[best.field]]
    cause = rules.causes.by_id[best.rule]
    rule = rules.status(status) if status is not None else None
    if rule is not None and not rule.generic:
        base = _CONFIDENCE["agreed" if rule.reason == reason else "disagreed"]
    else:
        base = _CONFIDENCE["weak" if cause.weak else "bound" if cause.bound else "words"]
    return round(base - (_PROSE_DISCOUNT if best.field == "prose" else 0), 2)
