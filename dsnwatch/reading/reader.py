"""Parsing and judging bound to one set of rules; the JSON others rely on."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

from dsnwatch.model import (
    CR,
    BounceReport,
    Match,
    Reading,
    RecipientStatus,
    Verdict,
    fingerprint_of,
    with_line_feeds,
)
from dsnwatch.reading.classify import classify, evidence, matches, reason_of
from dsnwatch.reading.report import parse
from dsnwatch.rfc.delivery_status import field_groups
from dsnwatch.rfc.headers import KEPT_HEADERS
from dsnwatch.rfc.mime import MAX_LOOK, cut
from dsnwatch.rules import Rules, load


@dataclass(frozen=True, slots=True)
class Step:
    """One rule that spoke for a recipient's reason; the first one decided."""

    match: Match
    reason: str


@dataclass(frozen=True, slots=True)
class Explained:
    """Why a recipient's verdict is what it is.

    Attributes:
        diagnostic: The flat text that the spans of field `diagnostic` count in.
        prose: The flat text that the spans of field `prose` count in.
        steps: Every rule that spoke, the most believed first.
    """

    recipient: RecipientStatus
    verdict: Verdict | None
    provider: str | None
    diagnostic: str
    prose: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """How one message was read, step by step.

    Attributes:
        parts: Content types found, in order.
        message_fields: Fields of the delivery-status part about the message.
        groups: Its fields about each recipient.
    """

    parts: tuple[str, ...]
    message_fields: dict[str, str]
    groups: tuple[dict[str, str], ...]
    reading: Reading
    recipients: tuple[Explained, ...]


class Reader:
    """Reads messages by one set of rules; the same octets always give the same answer."""

    def __init__(self, rules: Rules, kept: Collection[str] = ()) -> None:
        self.rules = rules
        self._kept = tuple(name for name in kept if name not in KEPT_HEADERS)

    @classmethod
    def load(cls, rules_dir: Path | None = None, kept: Collection[str] = ()) -> "Reader":
        """Make one with the built-in rules and those of a `rules.d` folder.

        Args:
            rules_dir: The folder; None for the built-in rules alone.
            kept: Header fields of returned messages to keep besides the usual ones.

        Raises:
            ConfigError: A rules file is wrong.
        """
        return cls(load(rules_dir), kept)

    def read(self, data: bytes) -> Reading:
        """Read one message: what it said, and what that means for each recipient; never raises."""
        lines = with_line_feeds(data[:MAX_LOOK])
        whole = len(data) <= MAX_LOOK and CR not in lines
        report = parse(lines, self.rules, self._kept)
        return Reading(report, self._verdicts(report), fingerprint_of(lines) if whole else "")

    def judge(self, report: BounceReport) -> Reading:
        """Judge a report that was read before, by the rules of today."""
        return Reading(report, self._verdicts(report))

    def _verdicts(self, report: BounceReport) -> tuple[Verdict | None, ...]:
        return tuple([classify(one, report, self.rules) for one in report.recipients])

    def explain(self, data: bytes) -> Explanation:
        """Read one message and keep every step."""
        pieces = cut(data)
        fields, groups = field_groups(pieces.delivery_status or b"")
        reading = self.read(data)
        return Explanation(
            parts=tuple(pieces.content_types),
            message_fields=fields,
            groups=groups,
            reading=reading,
            recipients=tuple(
                self.explain_one(one, verdict, reading.report)
                for one, verdict in zip(reading.report.recipients, reading.verdicts, strict=True)
            ),
        )

    def explain_one(
        self, one: RecipientStatus, verdict: Verdict | None, report: BounceReport
    ) -> Explained:
        """Tell which rules spoke for the verdict on one recipient."""
        known = evidence(one, report, self.rules)
        found = tuple(dict.fromkeys(matches(known, self.rules))) if verdict is not None else ()
        steps = tuple(Step(match, reason_of(match, self.rules)) for match in found)
        return Explained(
            one, verdict, known.where.provider, known.diagnostic, known.flat_prose, steps
        )


@cache
def built_in() -> Reader:
    """Give the reader that goes by the built-in rules alone; made once."""
    return Reader.load()


def contract(source: str, reading: Reading) -> dict[str, object]:
    """Put a reading into the JSON object that `dsnwatch parse --json` prints.

    Args:
        source: The path as given; for mbox and Maildir `path#index`.
        reading: What was read there.
    """
    report, original = reading.report, reading.report.original
    return {
        "source": source,
        "kind": report.kind.value,
        "dialect": report.dialect,
        "message_id": report.message_id,
        "reporting_mta": report.reporting_mta,
        "arrival_date": _rfc3339(report.arrival_date),
        "original": {
            "message_id": original.message_id,
            "envelope_id": original.envelope_id,
            "from": original.from_,
            "subject": original.subject,
            "headers": dict(reversed(original.headers)),
        },
        "recipients": [
            _recipient(one, verdict)
            for one, verdict in zip(report.recipients, reading.verdicts, strict=True)
        ],
        "defects": list(report.defects),
    }


def _recipient(one: RecipientStatus, verdict: Verdict | None) -> dict[str, object]:
    status = verdict.status if verdict else one.status
    return {
        "recipient": one.recipient,
        "original_recipient": one.original_recipient,
        "final_recipient": one.final_recipient,
        "action": one.action.value,
        "permanent": verdict.permanent if verdict else None,
        "class": verdict.bounce_class.value if verdict else None,
        "reason": verdict.reason if verdict else None,
        "fault": verdict.fault.value if verdict else None,
        "status": str(status) if status else None,
        "reply_code": verdict.reply_code if verdict else one.reply_code,
        "diagnostic": one.diagnostic,
        "remote_mta": one.remote_mta,
        "rule": verdict.rule if verdict else None,
        "confidence": verdict.confidence if verdict else None,
    }


def _rfc3339(moment: datetime | None) -> str | None:
    return moment.isoformat().replace("+00:00", "Z") if moment else None
