"""The whole reasoning about a message or a line, as commands and API tell it."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dsnwatch.errors import UsageError
from dsnwatch.model import Action, BounceReport, Kind, RecipientStatus
from dsnwatch.nearest import nearest
from dsnwatch.policy import PRESETS, Policy, decide
from dsnwatch.reading import details
from dsnwatch.reading.reader import contract
from dsnwatch.records import BounceEvent, Decision
from dsnwatch.rfc.date import rfc3339
from dsnwatch.rfc.status_code import from_field, told
from dsnwatch.rules.findings import FORMS

if TYPE_CHECKING:
    from dsnwatch.attribute import Attributor
    from dsnwatch.model import RawMessage
    from dsnwatch.reading.reader import Explained, Explanation, Reader, Step

Decided = list[tuple[BounceEvent, dict[str, Decision]]]
"""Each event of a message, and what each policy decides on it; "" is the one in force."""


def decisions_of(
    raw: "RawMessage", explanation: "Explanation", policy: "Policy", attributor: "Attributor"
) -> Decided:
    """Decide on each event under the policy in force (key "") and under every preset."""
    now = datetime.now(UTC)
    arrived_at = raw.arrived_at or explanation.reading.report.received_at or now
    policies = {"": policy} | {name: Policy.preset(name) for name in PRESETS}
    return [
        (event, {name: decide(one, event, ()) for name, one in policies.items()})
        for event in attributor.events_of(raw, explanation.reading, raw.fingerprint, arrived_at)
    ]


def explanation_dict(
    raw: "RawMessage", explanation: "Explanation", decided: Decided
) -> dict[str, object]:
    """Write the whole reasoning about a message as JSON takes it."""
    return contract(raw.locator, explanation.reading) | {
        "parts": list(explanation.parts),
        "message_fields": explanation.message_fields,
        "groups": list(explanation.groups),
        "matches": [[step_dict(step) for step in one.steps] for one in explanation.recipients],
        "details": [details.as_dict(event.details) for event, _ in decided],
        "decisions": [
            {name or "configured": _decision_dict(one) for name, one in decisions.items()}
            for _, decisions in decided
        ],
    }


def _decision_dict(decision: "Decision") -> dict[str, object]:
    return {
        "action": decision.action,
        "rule": decision.rule,
        "because": decision.because,
        "until": rfc3339(decision.until),
    }


def step_dict(step: "Step") -> dict[str, object]:
    """Write one rule that spoke as JSON takes it."""
    match = step.match
    return {
        "rule": match.rule,
        "reason": step.reason,
        "field": match.field,
        "span": list(match.span),
        "text": match.text,
    }


def judged(
    reader: "Reader", text: str, status: str | None, provider: str | None, dialect: str
) -> "Explained":
    """Judge one line as if a report had carried it.

    Args:
        reader: Has the rules.
        text: What a server said, on one line.
        status: The report's Status field; None goes by the text.
        provider: Id of who runs the host; None goes by the text.
        dialect: Id of who wrote the report.

    Raises:
        UsageError: There is no such dialect or provider, or the status is none.
    """
    known = {*reader.rules.dialects.by_id, *FORMS}
    if dialect not in known:
        raise UsageError(f"--dialect {dialect}: there is none; {nearest(dialect, known)}")
    field = from_field(status) if status is not None else None
    if status is not None and field is None:
        raise UsageError(f"--status {status}: is no enhanced status code; write it as 5.1.1")
    reply_code, code = told(field, text, "")
    one = RecipientStatus(
        recipient="someone@example.org",
        action=Action.FAILED,
        status=code,
        reply_code=reply_code,
        diagnostic=text,
        remote_mta=_host_of(reader, provider) if provider is not None else None,
    )
    report = BounceReport(Kind.BOUNCE, dialect=dialect, recipients=(one,))
    (verdict,) = reader.judge(report).verdicts
    return reader.explain_one(one, verdict, report)


def _host_of(reader: "Reader", provider: str) -> str:
    """Name a host that is known to be of a provider."""
    table = reader.rules.providers
    rows = {row.id: row for row in table.rows}
    if provider not in rows:
        raise UsageError(f"--provider {provider}: there is none; {nearest(provider, rows)}")
    hosts = [f"mx.{host}" for host in rows[provider].hosts if table.by_host(host) == provider]
    if not hosts:
        raise UsageError(f"--provider {provider}: its row names no host; leave the option out")
    return hosts[0]


def trial_dict(said: "Explained", dialect: str) -> dict[str, object]:
    """Write what became of a line that was tried as JSON takes it."""
    verdict = said.verdict
    assert verdict is not None
    return {
        "text": said.recipient.diagnostic,
        "flat": said.diagnostic,
        "provider": said.provider,
        "dialect": dialect,
        "permanent": verdict.permanent,
        "class": verdict.bounce_class,
        "reason": verdict.reason,
        "fault": verdict.fault,
        "status": str(verdict.status) if verdict.status else None,
        "reply_code": verdict.reply_code,
        "rule": verdict.rule,
        "confidence": verdict.confidence,
        "matches": [step_dict(step) for step in said.steps],
    }
