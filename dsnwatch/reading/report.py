"""From octets to a `BounceReport`: what the message said, before anyone judges it."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from dsnwatch.model import Action, BounceReport, Kind, RecipientStatus
from dsnwatch.reading.longtail import blames_receiver, by_library
from dsnwatch.reading.message import Message, beginning
from dsnwatch.reading.prose import (
    about,
    aimed,
    has_transcript,
    in_full,
    recipients,
    replied,
    strangers,
)
from dsnwatch.reading.sender import by_daemon, by_system, unquoted
from dsnwatch.reading.ses import notification
from dsnwatch.rfc.address import find_all, typed
from dsnwatch.rfc.delivery_status import MAX_GROUPS, diagnostic_of, field_groups, host_of
from dsnwatch.rfc.feedback_report import feedback_report
from dsnwatch.rfc.mime import cut
from dsnwatch.rfc.status_code import codes, from_field, told
from dsnwatch.rules import Rules
from dsnwatch.rules.dialects import Dialect
from dsnwatch.rules.phrases import flatten

_FAILED, _DELAYED = Action.FAILED, Action.DELAYED
_SUCCESS, _BOUNCE = Kind.SUCCESS, Kind.BOUNCE

_WRITER_IN = 600
"""Characters of the text in which they only name the writer of a delivery-status part."""

_ACTIONS = {action.value: action for action in Action} | {
    "error": Action.FAILED,  # OpenSMTPD (fixtures/dsn/opensmtpd), seen in 6.8
    "failure": Action.FAILED,
    "fail": Action.FAILED,
    "deliverable": Action.DELIVERED,
    "delivery": Action.DELIVERED,
    "delay": Action.DELAYED,
}
_FIELDS_IN_TEXT = re.compile(
    r"(?:^|\n)(?=(?:[A-Z][A-Za-z\-]+:[^\n]*\n+){0,8}(?:Final|Original)-Recipient:)", re.IGNORECASE
)
_TELLS = ("action", "status", "diagnostic-code")


def parse(data: bytes, rules: Rules, kept: Collection[str] = ()) -> BounceReport:
    """Read one message.

    Args:
        data: Its octets, any line ending.
        rules: The tables that know the formats.
        kept: Header fields of the returned message to keep besides the usual ones, in lower case.

    Returns:
        The report; of kind `other` with its defects where nothing could be read.

    Raises:
        Nothing, whatever the octets are.
    """
    return _report(Message(cut(data), rules, kept))


def _report(message: Message) -> BounceReport:
    """Try each form a report can have, the most telling first."""
    for form in (_delivery_status, _feedback, _notification, _written):
        report = form(message)
        if report is not None:
            return report
    if message.pieces.disposition is not None:
        return message.made(Kind.DISPOSITION, "rfc8098", ())
    if message.answers_by_itself:
        return message.made(Kind.AUTO_REPLY, "rfc3834", message.concerned(Kind.AUTO_REPLY))
    return _last_resort(message)


def _delivery_status(message: Message) -> BounceReport | None:
    body = message.pieces.delivery_status
    if body is not None and message.from_person and not message.announces_report:
        return None  # forwarded, part by part
    if body is None:
        at = _FIELDS_IN_TEXT.search(message.text) if "ecipient:" in message.text else None
        if at is None or message.from_person:
            return None
        body = message.text[at.start() :].encode()
    fields, groups = field_groups(body)
    if len(groups) >= MAX_GROUPS:
        message.pieces.defects.append(f"only the first {MAX_GROUPS} recipients are read")
    alone = len(groups) == 1
    if groups and all(map(_silent, groups)):
        # Haraka 3.3 only names those it gave up on (fixtures/dsn/haraka/some-got-it.eml).
        groups = tuple(
            group | {"action": "failed"}
            for group in groups
            if typed(group.get("final-recipient", "-")) in message.text
        )
    transcript = has_transcript(message.text)
    found = _distinct(
        [_recipient(message, group, alone=alone, transcript=transcript) for group in groups]
    )
    if not found:
        message.pieces.defects.append("no recipient in the delivery-status part")
        return None
    named = message.rules.dialects.writer(beginning(message.text, _WRITER_IN)) or "rfc3464"
    kind = _kind(found)
    if kind is _SUCCESS and any(row.kind is Kind.AUTO_REPLY for row in message.dialects):
        return message.made(Kind.AUTO_REPLY, named, ())  # mailbot answers in this form
    return message.made(kind, named, found, fields)


def _silent(group: dict[str, str]) -> bool:
    """Whether a group names somebody and says nothing of him."""
    return group.keys().isdisjoint(_TELLS)


def _recipient(
    message: Message, group: dict[str, str], *, alone: bool, transcript: bool
) -> RecipientStatus | None:
    original = typed(group.get("original-recipient", "")) or None
    final = typed(group.get("final-recipient", "")) or None
    if original is not None and "@" not in original:
        original = None if final else original
    address = original or final or typed(group.get("x-actual-recipient", ""))
    address = message.usable(address)
    if not address:
        return None
    if _silent(group):
        message.pieces.defects.append(f"nothing is said of {address}")
        return None
    if "action" not in group:
        message.pieces.defects.append("no Action field")
    diagnostic = diagnostic_of(group.get("diagnostic-code", ""))
    if not diagnostic and "(" in group.get("status", ""):
        diagnostic = group["status"].partition("(")[2].rstrip(") ")
    said = (group.get("action") or "failed").split()[:1]
    action = _ACTIONS.get(said[0].lower().rstrip(";,.") if said else "failed", _FAILED)
    prose = about(message.text, final or address)
    if action is _DELAYED and _given_up(message, group, prose):
        action = _FAILED
    reported = from_field(group.get("status", ""))
    heard = replied(message.text, final or address, alone=alone) if transcript else ""
    if not diagnostic or diagnostic.startswith("2"):  # Sendmail 8.17 says "221 bye" of the end
        diagnostic = heard or diagnostic
    elif transcript and diagnostic[0] in "45":
        diagnostic = in_full(message.text, final or address, diagnostic)
    reply_code, status = told(reported, diagnostic, prose)
    if reply_code is None and heard:
        reply_code = codes(heard)[0]
    remote = host_of(group.get("remote-mta", ""))
    return RecipientStatus(
        recipient=address,
        action=action,
        original_recipient=original,
        final_recipient=final,
        status=status,
        reply_code=reply_code,
        diagnostic=diagnostic,
        prose=prose,
        remote_mta=remote.strip("()[]") if remote else None,
    )


def _given_up(message: Message, group: dict[str, str], prose: str) -> bool:
    """Whether the dialect makes what its fields call a delay the final notice."""
    rows = [row for row in message.dialects if row.given_up or row.until]
    flat = flatten(prose) if rows else ""
    return any(
        (row.until and "will-retry-until" not in group) or row.given_up.stands_in(flat)
        for row in rows
    )


def _feedback(message: Message) -> BounceReport | None:
    if message.pieces.feedback_report is None:
        return None
    feedback = feedback_report(message.pieces.feedback_report)
    if feedback.feedback_type == "auth-failure":  # RFC 6591: about the sender, not from a reader
        return message.made(Kind.COMPLAINT, "rfc6591", ())
    if not feedback.complains:
        return message.made(Kind.OTHER, "rfc5965", ())
    named = feedback.recipients or (() if feedback.redacted else tuple(message.hints))
    complained = tuple(
        RecipientStatus(name, Action.DELIVERED, final_recipient=name) for name in named
    )
    fields = {"reporting-mta": feedback.reporting_mta} if feedback.reporting_mta else {}
    return message.made(Kind.COMPLAINT, "rfc5965", complained, fields)


def _notification(message: Message) -> BounceReport | None:
    found = notification(message.text)
    return message.made(found[0], "ses-notification", found[1]) if found else None


def _written(message: Message) -> BounceReport | None:
    """Read a message for people by the dialects that show their signs."""
    for dialect in message.dialects:
        if dialect.kind is _BOUNCE:
            found = _in_text(message, dialect)
            if found:
                return message.made(_kind(found), dialect.id, found)
        elif message.pieces.disposition is None:
            return message.made(dialect.kind, dialect.id, message.concerned(dialect.kind))
    return None


def _in_text(message: Message, dialect: Dialect) -> tuple[RecipientStatus, ...]:
    text = message.text
    if dialect.id == "any":
        if message.answers_by_itself:
            return ()
        text = unquoted(text)
    found = _distinct(recipients(dialect, text, message.hints, message.sender_and_subject[1]))
    if dialect.id == "any" and found:
        meant = strangers([one.recipient for one in found], message.own, message.hints)
        found = tuple(one for one in found if one.recipient in meant) or found
    return found or tuple(message.named(address) for address in _named_beside(message, dialect))


def _named_beside(message: Message, dialect: Dialect) -> list[str]:
    """Whom the header, or the fields of a refusal that comes as a notification, say it is about."""
    failed = find_all(message.headers.get("x-failed-recipients") or "")
    if failed or message.pieces.disposition is None or dialect.id == "any":
        return failed
    _, groups = field_groups(message.pieces.disposition)
    return [named for group in groups if (named := typed(group.get("final-recipient", "")))]


def _last_resort(message: Message) -> BounceReport:
    """Read what looks like a bounce and no row reads: by flufl.bounce, else by elimination."""
    if not any(row.id == "any" for row in message.dialects):
        return message.made(Kind.OTHER, None, ())
    inner = _unwrapped(message)
    if inner is not None and inner.recipients:
        return inner
    text = unquoted(message.text)
    row = message.rules.dialects.by_id["any"]
    looks: list[tuple[str, Callable[[Message, str], Iterable[RecipientStatus]]]] = []
    looks.append((row.id, _named_in))
    if row.begin.stands_in(flatten(text)):
        at = 1 if message.hints else 0
        looks.insert(at, ("flufl", _flufl))
        looks.append((row.id, _aimed))
    for dialect, look in looks:
        named = _distinct([*look(message, text)])
        if named:
            return message.made(_kind(named), dialect, named)
    if message.pieces.delivery_status is not None:
        message.pieces.defects.append("a bounce that names nobody")
    return message.made(Kind.OTHER, None, ())


def _unwrapped(message: Message) -> BounceReport | None:
    """Read the report that a gateway put into a message of its own which names nobody."""
    if message.wrapped or message.pieces.attached is None:
        return None
    if message.text.strip() and not by_system(message.sender_and_subject[0]):
        return None
    return _report(Message(cut(message.pieces.attached), message.rules, message.kept, wrapped=True))


def _named_in(message: Message, text: str) -> list[RecipientStatus]:
    """Find who is meant where a mail system gives a cause, and names whom the mail was for."""
    known = by_system if message.hints else by_daemon
    if not known(message.sender_and_subject[0]) or not blames_receiver(text, message.rules):
        return []
    row = message.rules.dialects.by_id["any"]
    return aimed(row, text, message.own, message.hints, named=True)


def _aimed(message: Message, text: str) -> list[RecipientStatus]:
    """Find who is meant when only the words of the text make it a bounce."""
    if message.returned is not None and message.returned.get("list-id") is not None:
        return []
    subject = message.sender_and_subject[1]
    if subject.startswith("returned mail:"):  # Sendmail says the cause there, before 8.10
        text = f"{subject}\n{text}"
    return aimed(message.rules.dialects.by_id["any"], text, message.own, message.hints)


def _flufl(message: Message, text: str) -> Iterator[RecipientStatus]:
    """Let flufl.bounce look at the message without what it returned."""
    names = {name: message.headers.text(name) for name in ("from", "to", "subject")}
    return (message.named(address, action) for address, action in by_library(names, text))


def _distinct(found: Sequence[RecipientStatus | None]) -> tuple[RecipientStatus, ...]:
    """Leave out nobodies and whom the report names a second time."""
    somebody = [one for one in found if one is not None and one.recipient]
    if len(somebody) <= 1:  # nearly every report
        return tuple(somebody)
    named: dict[tuple[str, str | None, str], RecipientStatus] = {}
    for one in somebody:
        named.setdefault((one.recipient, one.final_recipient, one.action.value), one)
    return tuple(named.values())


def _kind(found: tuple[RecipientStatus, ...]) -> Kind:
    """What a report is as a whole: one failure makes it a bounce, else one delay a delay."""
    actions = [one.action for one in found]
    if _FAILED in actions:
        return _BOUNCE
    return Kind.DELAY if _DELAYED in actions else _SUCCESS
