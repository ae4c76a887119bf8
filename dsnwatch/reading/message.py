"""One message in the hands of the parser: what it is made of, and what is worked out but once."""

from collections.abc import Collection
from functools import cached_property

from dsnwatch.model import Action, BounceReport, Kind, OriginalMessage, RecipientStatus
from dsnwatch.reading.prose import (
    about,
    remote_host,
    split_returned,
    whole,
)
from dsnwatch.reading.sender import by_person, by_system, speaks_for_mail
from dsnwatch.rfc.address import find_all, normalise
from dsnwatch.rfc.auto_submitted import auto_replied
from dsnwatch.rfc.date import date
from dsnwatch.rfc.delivery_status import host_of
from dsnwatch.rfc.headers import Headers
from dsnwatch.rfc.mime import Pieces
from dsnwatch.rfc.status_code import told
from dsnwatch.rules import Rules
from dsnwatch.rules.dialects import Dialect
from dsnwatch.rules.phrases import lowered

_SIGNS_IN = 3000
"""Characters of the text in which the signs of a dialect are looked for."""
_OUR_SIDE = ("to", "from", "reply-to", "return-path")
_CAME_TO = ("x-original-to", "delivered-to", "envelope-to", "to")
_SENDERS = ("from", "sender", "reply-to", "return-path", "errors-to")


class Message:
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
        return by_person(self.headers, *self.sender_and_subject)

    @cached_property
    def sender_and_subject(self) -> tuple[str, str]:
        """From and Subject in the form signs are looked for."""
        return lowered(self.headers.text("from")), lowered(self.headers.text("subject"))

    @cached_property
    def dialects(self) -> list[Dialect]:
        """The dialects that show their signs."""
        sender, subject = self.sender_and_subject
        written = self.pieces.delivery_status is None
        person = written and self.from_person
        shown = self.rules.dialects.find(
            sender,
            " ".join(subject.split()),
            beginning(self.text, _SIGNS_IN) + " " + beginning(self.marker, _SIGNS_IN),
            self.headers,
            person=person,
        )
        if person or (written and not speaks_for_mail(self.headers, sender)):
            return [row for row in shown if row.id != "any"]
        return shown

    @property
    def answers_by_itself(self) -> bool:
        """Whether a program answered for a person; a mail system's own answer is a report."""
        return (
            auto_replied(self.headers)
            and not self.announces_report
            and not by_system(self.sender_and_subject[0])
        )

    @property
    def announces_report(self) -> bool:
        """Whether the message says it is a delivery report; one that is none is cut short."""
        return "delivery-status" in (self.headers.get("content-type") or "").lower()

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

    def usable(self, address: str) -> str:
        """Put the address that was mailed in the place of a pipe, a file or a bare local part."""
        if "@" in address[1:] and not address.startswith(("|", "/", '"|')):
            return address
        if address and not address.startswith(("|", "/", "@", '"|')):
            return whole(address, self.hints)
        failed = find_all(self.headers.get("x-failed-recipients") or "")
        if len(failed) == 1:
            return failed[0]
        return self.hints[0] if len(self.hints) == 1 else address

    def named(self, address: str, action: Action = Action.FAILED) -> RecipientStatus:
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

    def concerned(self, kind: Kind) -> tuple[RecipientStatus, ...]:
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

    def made(
        self,
        kind: Kind,
        dialect: str | None,
        found: tuple[RecipientStatus, ...],
        fields: dict[str, str] | None = None,
    ) -> BounceReport:
        """Make the report, once its kind, its format and whom it names are known."""
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


def beginning(text: str, length: int) -> str:
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
