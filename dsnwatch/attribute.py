"""Which recipient and which mail of ours an event is about, and how far that is to be believed.

Pure: a report and the way it came in go in, attributed events come out.
"""

import hashlib
from collections.abc import Iterator
from datetime import datetime

from dsnwatch.details import NOTHING, details
from dsnwatch.model import (
    Action,
    Attribution,
    BounceEvent,
    BounceReport,
    Kind,
    RawMessage,
    Reading,
    RecipientStatus,
    Trust,
)
from dsnwatch.rfc.address import key

_KIND_OF = {Action.FAILED: Kind.BOUNCE, Action.DELAYED: Kind.DELAY}


def events_of(
    raw: RawMessage, reading: Reading, fingerprint: str, arrived_at: datetime
) -> Iterator[BounceEvent]:
    """Make an event of each recipient a message tells of; ordinary mail has none.

    A report's recipients fare differently, so each event has its own kind. The key is the same
    for each telling of the same thing, and the message's own where it names no original.
    """
    report = reading.report
    if report.kind is Kind.OTHER:
        return
    is_report = report.kind in {Kind.BOUNCE, Kind.DELAY, Kind.SUCCESS}
    original = report.original.message_id or report.original.envelope_id or fingerprint
    for recipient, verdict in zip(report.recipients, reading.verdicts, strict=True):
        kind = _KIND_OF.get(recipient.action, Kind.SUCCESS) if is_report else report.kind
        attribution = attribute(raw, report, recipient)
        told = f"{kind}\0{original}\0{attribution.recipient}"
        key = hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()
        meant = verdict if is_report else None  # who complains or is away has not failed
        told_besides = details(recipient, meant) if meant is not None else NOTHING
        yield BounceEvent(key, kind, arrived_at, recipient, meant, attribution, told_besides)


def attribute(raw: RawMessage, report: BounceReport, recipient: RecipientStatus) -> Attribution:
    """Say whom to count one recipient's entry against.

    Args:
        raw: The message the report came in.
        report: The whole report.
        recipient: One of its recipients.

    Returns:
        The attribution. The address is the original recipient where that is a mailable address,
        since the sender's list knows no other; else the final one; else what the text names. Where
        none of them has a domain the first that was named stands, perhaps a login or a pipe.
        Mail that the operator handed in himself is `vouched`, all other `claimed`.

    Source: RFC 3464 section 2.3.1 and 2.3.2; RFC 2919 for List-Id.
    """
    named = tuple(_named(recipient))
    found_by, address = next(
        (name for name in named if _mailable(name[1])), named[0] if named else ("text", "")
    )
    return Attribution(
        recipient=address,
        found_by=found_by,
        trust=Trust.VOUCHED if raw.vouched else Trust.CLAIMED,
        stream=raw.stream,
        list_id=_list_id(report),
    )


def _named(recipient: RecipientStatus) -> Iterator[tuple[str, str]]:
    """Every address the entry names, best first, with the way it was found."""
    for found_by, text in (
        ("original_recipient", recipient.original_recipient),
        ("final_recipient", recipient.final_recipient),
        ("text", recipient.recipient),
    ):
        if text and (address := key(text)):
            yield found_by, address


def _mailable(address: str) -> bool:
    local, _, domain = address.rpartition("@")
    return bool(local and domain)


def _list_id(report: BounceReport) -> str | None:
    """Read the identifier out of the returned List-Id: what stands in its angle brackets."""
    for name, value in report.original.headers:
        if name == "list-id":
            inside = value.rpartition("<")[2].partition(">")[0]
            return inside.strip().lower() or None
    return None
