"""Feedback reports: somebody pressed "this is spam".

Source: RFC 5965 section 3 (fields), RFC 6650 (which kinds are complaints), RFC 6591
(authentication failure reports, which are none).
"""

import re
from dataclasses import dataclass

from dsnwatch.rfc.address import normalise

COMPLAINTS = frozenset(
    {"abuse", "fraud", "virus", "other", "opt-out", "opt-out-list", "miscategorized"}
)
"""Feedback types by which a recipient complains; `not-spam` and `auth-failure` say other things."""

_REDACTED = re.compile(r"(?:redacted|undisclosed|x{3,}@|\*+@)", re.IGNORECASE)
_FOLD = re.compile(r"\n[ \t]+(?=\S)")


@dataclass(frozen=True, slots=True)
class FeedbackReport:
    """The machine-readable part of one report.

    Attributes:
        feedback_type: Lower case; "abuse" where it was left out.
        recipients: Original-Rcpt-To and Removal-Recipient, normalised; may be redacted.
        redacted: Whether the reporter keeps to himself who complained (RFC 6590).
        mail_from: Original-Mail-From, normalised.
        reporting_mta: Host that wrote it, lower case, without its type.
    """

    feedback_type: str
    recipients: tuple[str, ...]
    redacted: bool
    mail_from: str | None
    reporting_mta: str | None

    @property
    def complains(self) -> bool:
        """Whether it is a complaint about mail somebody got."""
        return self.feedback_type in COMPLAINTS


def feedback_report(body: bytes) -> FeedbackReport:
    """Read a message/feedback-report part; never raises.

    Args:
        body: The part's octets after its transfer encoding was undone; any line ending.
    """
    text = body[: 1 << 16].decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
    fields: dict[str, list[str]] = {}
    for line in _FOLD.sub(" ", text).split("\n"):
        name, colon, value = line.partition(":")
        if colon:
            fields.setdefault(name.strip().lower(), []).append(value.strip())
    recipients = [*fields.get("original-rcpt-to", ()), *fields.get("removal-recipient", ())]
    named = tuple(dict.fromkeys(filter(_somebody, map(normalise, recipients))))
    return FeedbackReport(
        feedback_type=(fields.get("feedback-type") or [""])[0].lower() or "abuse",
        recipients=named,
        redacted=bool(recipients) and not named,
        mail_from=_first(fields, "original-mail-from"),
        reporting_mta=_host(fields),
    )


def _somebody(address: str) -> bool:
    """Whether an address names anybody; RFC 6590 lets reporters redact it."""
    return bool(address) and not _REDACTED.match(address)


def _host(fields: dict[str, list[str]]) -> str | None:
    reporting = (fields.get("reporting-mta") or [""])[0]
    return reporting.rpartition(";")[2].strip().lower() or None


def _first(fields: dict[str, list[str]], name: str) -> str | None:
    return normalise(fields[name][0]) or None if name in fields else None
