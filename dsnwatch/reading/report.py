"""From octets to a `BounceReport`: what the message said, before anyone judges it."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import cached_property

from dsnwatch.model import Action, BounceReport, Kind, OriginalMessage, RecipientStatus
from dsnwatch.reading.longtail import blames_receiver, by_library
from dsnwatch.reading.prose import (
    about,
    aimed,
    recipients,
    remote_host,
    replied,
    split_returned,
    strangers,
    whole,
)
from dsnwatch.reading.sender import by_daemon, by_person, by_system, unquoted
from dsnwatch.reading.ses import notification
from dsnwatch.rfc.address import find_all, normalise, typed
from dsnwatch.rfc.auto_submitted import auto_replied
from dsnwatch.rfc.date import date
from dsnwatch.rfc.delivery_status import MAX_GROUPS, diagnostic_of, field_groups, host_of
from dsnwatch.rfc.feedback_report import feedback_report
from dsnwatch.rfc.headers import Headers
from dsnwatch.rfc.mime import Pieces, cut
from dsnwatch.rfc.status_code import codes, from_field, told
from dsnwatch.rules import Rules
from dsnwatch.rules.dialects import Dialect
from dsnwatch.rules.phrases import flatten, lowered

_SIGNS_IN = 3000
"""Characters of the text in which the signs of a dialect are looked for."""
_WRITER_IN = 600
"""The same where they only name the writer of a delivery-status part."""

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
_OUR_SIDE = ("to", "from", "reply-to", "return-path")
_CAME_TO = ("x-original-to", "delivered-to", "envelope-to", "to")
_SENDERS = ("from", "sender", "reply-to", "return-path", "errors-to")


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
    return _Message(cut(data), rules, kept).report()


class _Message:
    """One message in the hands of the parser: its pieces, and what was worked out once."""

    def __init__(
        self, pieces: Pieces, rules: Rules, kept: Collection[str], *, wrapped: bool = False
    ) -> None:
        self.pieces = pieces
        self.wrapped = wrapped
        self.rules = rules
        self.kept = kept
        self.headers = pieces.headers
        self.text, self.returned, marker = pieces.text, pieces.returned, ""
        if self.returned is None and self.text:
            self.text, marker, self.returned = split_returned(self.text, rules.dialects)
        self.marker = marker

    @cached_property
    def from_person(self) -> bool:
        """Whether a person or a list wrote this."""
        return by_person(self.headers, *self._sender_and_subject)

    @cached_property
    def _sender_and_subject(self) -> tuple[str, str]:
        return lowered(self.headers.text("from")), lowered(self.headers.text("subject"))

    @cached_property
    def dialects(self) -> list[Dialect]:
        """The dialects that show their signs; of a person's mail only those of no bounce."""
        sender, subject = self._sender_and_subject
        shown = self.rules.dialects.find(
            sender,
            " ".join(subject.split()),
            _beginning(self.text, _SIGNS_IN) + " " + _beginning(self.marker, _SIGNS_IN),
            self.headers,
        )
        if self.pieces.delivery_status is None and self.from_person:
            return [row for row in shown if row.kind is not Kind.BOUNCE]
        return shown

    def report(self) -> BounceReport:
        """Try each form a report can have, the most telling first."""
        for form in (self._delivery_status, self._feedback, self._notification, self._written):
            report = form()
            if report is not None:
                return report
        if self.pieces.disposition is not None:
            return self._made(Kind.DISPOSITION, "rfc8098", ())
        if self._answers_by_itself:
            return self._made(Kind.AUTO_REPLY, "rfc3834", self._about(Kind.AUTO_REPLY))
        return self._last_resort()

    @property
    def _answers_by_itself(self) -> bool:
        """Whether a program answered for a person; a mail system's own answer is a report."""
        return (
            auto_replied(self.headers)
            and not self._announces_report
            and not by_system(self._sender_and_subject[0])
        )

    @property
    def _announces_report(self) -> bool:
        """Whether the message says it is a delivery report; one that is none is cut short."""
        return "delivery-status" in (self.headers.get("content-type") or "").lower()

    def _delivery_status(self) -> BounceReport | None:
        body = self.pieces.delivery_status
        if body is None:
            at = _FIELDS_IN_TEXT.search(self.text) if "ecipient:" in self.text else None
            if at is None or self.from_person:
                return None
            body = self.text[at.start() :].encode()
        fields, groups = field_groups(body)
        if len(groups) >= MAX_GROUPS:
            self.pieces.defects.append(f"only the first {MAX_GROUPS} recipients are read")
        alone = len(groups) == 1
        found = _distinct([self._recipient(group, alone=alone) for group in groups])
        if not found:
            self.pieces.defects.append("no recipient in the delivery-status part")
            return None
        named = self.rules.dialects.writer(_beginning(self.text, _WRITER_IN)) or "rfc3464"
        kind = _kind(found)
        if kind is Kind.SUCCESS and any(row.kind is Kind.AUTO_REPLY for row in self.dialects):
            return self._made(Kind.AUTO_REPLY, named, ())  # mailbot answers in this form
        return self._made(kind, named, found, fields)

    def _recipient(self, group: dict[str, str], *, alone: bool) -> RecipientStatus | None:
        original = typed(group.get("original-recipient", "")) or None
        final = typed(group.get("final-recipient", "")) or None
        if original is not None and "@" not in original:
            original = None if final else original
        address = original or final or typed(group.get("x-actual-recipient", ""))
        address = self._usable(address)
        if not address:
            return None
        if group.keys().isdisjoint(_TELLS):
            self.pieces.defects.append(f"nothing is said of {address}")
            return None
        if "action" not in group:
            self.pieces.defects.append("no Action field")
        diagnostic = diagnostic_of(group.get("diagnostic-code", ""))
        if not diagnostic and "(" in group.get("status", ""):
            diagnostic = group["status"].partition("(")[2].rstrip(") ")
        said = (group.get("action") or "failed").split()[:1]
        action = _ACTIONS.get(said[0].lower().rstrip(";,.") if said else "failed", Action.FAILED)
        prose = about(self.text, final or address)
        if action is Action.DELAYED and self._given_up(group, prose):
            action = Action.FAILED
        reported = from_field(group.get("status", ""))
        if not diagnostic or diagnostic.startswith("2"):  # Sendmail 8.17 says "221 bye" of the end
            diagnostic = replied(self.text, final or address, alone=alone) or diagnostic
        reply_code, status = told(reported, diagnostic, prose)
        if reply_code is None:
            reply_code = codes(replied(self.text, final or address, alone=alone))[0]
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

    def _usable(self, address: str) -> str:
        """Put the address that was mailed in the place of a pipe, a file or a bare local part."""
        if "@" in address[1:] and not address.startswith(("|", "/", '"|')):
            return address
        if address and not address.startswith(("|", "/", "@", '"|')):
            return whole(address, self.hints)
        failed = find_all(self.headers.get("x-failed-recipients") or "")
        if len(failed) == 1:
            return failed[0]
        return self.hints[0] if len(self.hints) == 1 else address

    def _given_up(self, group: dict[str, str], prose: str) -> bool:
        """Whether the dialect makes what its fields call a delay the final notice."""
        rows = [row for row in self.dialects if row.given_up or row.until]
        flat = flatten(prose) if rows else ""
        return any(
            (row.until and "will-retry-until" not in group) or row.given_up.stands_in(flat)
            for row in rows
        )

    def _feedback(self) -> BounceReport | None:
        if self.pieces.feedback_report is None:
            return None
        feedback = feedback_report(self.pieces.feedback_report)
        if (
            feedback.feedback_type == "auth-failure"
        ):  # RFC 6591: about the sender, not from a reader
            return self._made(Kind.COMPLAINT, "rfc6591", ())
        if not feedback.complains:
            return self._made(Kind.OTHER, "rfc5965", ())
        named = feedback.recipients or (() if feedback.redacted else tuple(self.hints))
        complained = tuple(
            RecipientStatus(name, Action.DELIVERED, final_recipient=name) for name in named
        )
        fields = {"reporting-mta": feedback.reporting_mta} if feedback.reporting_mta else {}
        return self._made(Kind.COMPLAINT, "rfc5965", complained, fields)

    def _notification(self) -> BounceReport | None:
        found = notification(self.text)
        return self._made(found[0], "ses-notification", found[1]) if found else None

    def _written(self) -> BounceReport | None:
        """Read a message for people by the dialects that show their signs."""
        for dialect in self.dialects:
            if dialect.kind is Kind.BOUNCE:
                found = self._in_text(dialect)
                if found:
                    return self._made(_kind(found), dialect.id, found)
            elif self.pieces.disposition is None:
                return self._made(dialect.kind, dialect.id, self._about(dialect.kind))
        return None

    def _in_text(self, dialect: Dialect) -> tuple[RecipientStatus, ...]:
        text = self.text
        if dialect.id == "any":
            if self._answers_by_itself:
                return ()
            text = unquoted(text)
        found = _distinct(recipients(dialect, text, self.hints, self._sender_and_subject[1]))
        if dialect.id == "any" and found:
            meant = strangers([one.recipient for one in found], self.own, self.hints)
            found = tuple(one for one in found if one.recipient in meant) or found
        if found or not self.headers.get("x-failed-recipients"):
            return found
        return tuple(
            self._named(address)
            for address in find_all(self.headers.get("x-failed-recipients") or "")
        )

    def _named(self, address: str, action: Action = Action.FAILED) -> RecipientStatus:
        """Make what is known of somebody whom only a header or a library names."""
        prose = about(self.text, address)
        reply_code, status = told(None, "", prose)
        return RecipientStatus(
            address,
            action,
            final_recipient=address,
            status=status,
            reply_code=reply_code,
            prose=prose,
            remote_mta=remote_host(prose),
        )

    def _about(self, kind: Kind) -> tuple[RecipientStatus, ...]:
        """Whom a message that is no report is about: who complained, or who wrote it."""
        if kind is Kind.COMPLAINT:
            named = self.hints
        elif kind in {Kind.UNSUBSCRIBE, Kind.AUTO_REPLY}:
            named = find_all(self.headers.get("from") or "")[:1]
        else:
            named = []
        return tuple(
            RecipientStatus(address, Action.DELIVERED, final_recipient=address) for address in named
        )

    def _last_resort(self) -> BounceReport:
        """Read what looks like a bounce and no row reads: by flufl.bounce, else by elimination."""
        if not any(row.id == "any" for row in self.dialects):
            return self._made(Kind.OTHER, None, ())
        inner = self._unwrapped()
        if inner is not None and inner.recipients:
            return inner
        text = unquoted(self.text)
        row = self.rules.dialects.by_id["any"]
        looks: list[tuple[str, Callable[[str], Iterable[RecipientStatus]]]] = []
        looks.append((row.id, self._named_in))
        if row.begin.stands_in(flatten(text)):
            at = 1 if self.hints else 0
            looks.insert(at, ("flufl", self._flufl))
            looks.append((row.id, self._aimed))
        for dialect, look in looks:
            named = _distinct([*look(text)])
            if named:
                return self._made(_kind(named), dialect, named)
        if self.pieces.delivery_status is not None:
            self.pieces.defects.append("a bounce that names nobody")
        return self._made(Kind.OTHER, None, ())

    def _unwrapped(self) -> BounceReport | None:
        """Read the report that a gateway put into a message of its own which names nobody."""
        if self.wrapped or self.pieces.attached is None:
            return None
        if self.text.strip() and not by_system(self._sender_and_subject[0]):
            return None
        return _Message(cut(self.pieces.attached), self.rules, self.kept, wrapped=True).report()

    def _named_in(self, text: str) -> list[RecipientStatus]:
        """Find who is meant where a mail system gives a cause, and names whom the mail was for."""
        known = by_system if self.hints else by_daemon
        if not known(self._sender_and_subject[0]) or not blames_receiver(text, self.rules):
            return []
        row = self.rules.dialects.by_id["any"]
        return aimed(row, text, self.own, self.hints, named=True)

    def _aimed(self, text: str) -> list[RecipientStatus]:
        """Find who is meant when only the words of the text make it a bounce."""
        if self.returned is not None and self.returned.get("list-id") is not None:
            return []
        subject = self._sender_and_subject[1]
        if subject.startswith("returned mail:"):  # Sendmail says the cause there, before 8.10
            text = f"{subject}\n{text}"
        return aimed(self.rules.dialects.by_id["any"], text, self.own, self.hints)

    @cached_property
    def own(self) -> list[str]:
        """Addresses of our side and of the reporting system, which are not meant."""
        headers = [self.headers, *([self.returned] if self.returned else [])]
        return [
            address
            for block, names in zip(headers, (_OUR_SIDE, _SENDERS), strict=False)
            for name in names
            for address in find_all(block.get(name) or "")
        ]

    def _flufl(self, text: str) -> Iterator[RecipientStatus]:
        """Let flufl.bounce look at the message without what it returned."""
        names = {name: self.headers.text(name) for name in ("from", "to", "subject")}
        return (self._named(address, action) for address, action in by_library(names, text))

    @cached_property
    def hints(self) -> list[str]:
        """Whole addresses the message knows besides: who failed by header, whom it was sent to."""
        named = self.headers.get("x-failed-recipients") or ""
        if self.returned is not None:
            named += " " + " ".join(
                self.returned.get(name) or ""
                for name in ("x-hmxmroriginalrecipient", "delivered-to", "to")
            )
        return find_all(named[:4000])

    def _made(
        self,
        kind: Kind,
        dialect: str | None,
        found: tuple[RecipientStatus, ...],
        fields: dict[str, str] | None = None,
    ) -> BounceReport:
        fields = fields or {}
        received = (self.headers.get("received") or "").rpartition(";")[2]
        arrival = fields.get("arrival-date")
        return BounceReport(
            kind=kind,
            dialect=dialect,
            message_id=_message_id(self.headers),
            reporting_mta=host_of(fields.get("reporting-mta", "")) or None,
            arrival_date=date(arrival) if arrival else None,
            received_at=date(received) or date(self.headers.get("date") or ""),
            original=self._original(fields.get("original-envelope-id") or None),
            recipients=found,
            defects=tuple(dict.fromkeys(self.pieces.defects)),
            return_path=_return_path(self.headers),
        )

    def _original(self, envelope_id: str | None) -> OriginalMessage:
        headers = self.returned
        if not headers:
            return OriginalMessage(envelope_id=envelope_id)
        return OriginalMessage(
            message_id=_message_id(headers),
            envelope_id=envelope_id,
            from_=headers.text("from") or None,
            subject=headers.text("subject") or None,
            headers=headers.kept(self.kept),
        )


def _beginning(text: str, length: int) -> str:
    """The beginning of a text in the form signs are looked for."""
    return " ".join(lowered(text[:length]).split())


def _return_path(headers: Headers) -> str | None:
    """Find the address a report came to, if a sender may have put something into it."""
    for name in _CAME_TO:
        value = headers.get(name)
        if value is not None and ("+" in value or "=" in value):
            found = (normalise(one) for one in value[:4000].split(","))
            return next((one for one in found if "+" in one or "=" in one), None)
    return None


def _message_id(headers: Headers) -> str | None:
    return (headers.get("message-id") or "").strip("<> \t")[:998] or None


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
    if Action.FAILED in actions:
        return Kind.BOUNCE
    return Kind.DELAY if Action.DELAYED in actions else Kind.SUCCESS
