"""What the store holds as JSON takes it: one wording for commands, API and whoever asks next."""

import json
from dataclasses import fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dsnwatch.reading import details
from dsnwatch.rfc.date import rfc3339

if TYPE_CHECKING:
    from dsnwatch.alerts import Entry
    from dsnwatch.records import StoredEvent, StoredMessage
    from dsnwatch.store import (
        Backlog,
        Counted,
        DeadLetter,
        Fingerprint,
        Hold,
        HookState,
        QuarantineItem,
    )
    from dsnwatch.summing import Report
    from dsnwatch.todo import Ticket


def event_dict(stored: "StoredEvent") -> dict[str, object]:
    """Write an event as JSON takes it; the words are those of `dsnwatch parse --json`."""
    event = stored.event
    said, verdict, attribution = event.recipient, event.verdict, event.attribution
    judged: dict[str, object] = {
        "permanent": None, "class": None, "reason": None, "fault": None,
        "status": str(said.status) if said.status else None,
        "reply_code": said.reply_code, "rule": None, "confidence": None, "provider": None,
    }  # fmt: skip
    if verdict is not None:
        judged = {
            "permanent": verdict.permanent,
            "class": verdict.bounce_class,
            "reason": verdict.reason,
            "fault": verdict.fault,
            "status": str(verdict.status) if verdict.status else None,
            "reply_code": verdict.reply_code,
            "rule": verdict.rule,
            "confidence": verdict.confidence,
            "provider": verdict.provider,
        }
    decision = stored.decision._asdict() | {"until": rfc3339(stored.decision.until)}
    return {
        "id": stored.id,
        "message_id": stored.message_id,
        "kind": event.kind,
        "occurred_at": rfc3339(event.occurred_at),
        "recipient": attribution.recipient,
        "found_by": attribution.found_by,
        "trust": attribution.trust,
        "stream": attribution.stream,
        "campaign": attribution.campaign,
        "list_id": attribution.list_id,
        "original_recipient": said.original_recipient,
        "final_recipient": said.final_recipient,
        "action": said.action,
        **judged,
        "diagnostic": said.diagnostic,
        "remote_mta": said.remote_mta,
        **details.as_dict(event.details),
        "decision": decision,
    }


def message_dict(message: "StoredMessage") -> dict[str, object]:
    """Write a message as JSON takes it, without its octets."""
    raw, report, evidence = message.raw, message.report, message.raw.evidence
    return {
        "id": message.id,
        "kind": report.kind,
        "arrived_at": rfc3339(message.arrived_at),
        "source": raw.locator,
        "stream": raw.stream,
        "dialect": report.dialect,
        "message_id": report.message_id,
        "original_message_id": report.original.message_id,
        "recipients": list(raw.recipients),
        "evidence": None
        if evidence is None
        else {
            "client": evidence.client,
            "helo": evidence.helo,
            "sender": evidence.sender,
            "protocol": evidence.protocol,
            "tls": evidence.tls,
        },
        "fingerprint": message.fingerprint,
        "defects": list(report.defects),
    }


def hold_dict(hold: "Hold") -> dict[str, object]:
    """Write a hold as JSON takes it."""
    return {
        "id": hold.id,
        "name": hold.name,
        "kind": hold.kind,
        "opened_at": rfc3339(hold.opened_at),
        "summary": hold.summary,
        "events": hold.events,
    }


def held_dict(stored: "StoredEvent") -> dict[str, object]:
    """Write a decision that waits for a person as JSON takes it."""
    event, decision = stored.event, stored.decision
    return {
        "event": stored.id,
        "time": rfc3339(event.occurred_at),
        "recipient": event.attribution.recipient,
        "reason": event.verdict.reason if event.verdict else event.kind.value,
        "trust": event.attribution.trust.value,
        "rule": decision.rule,
        "because": decision.because,
        "until": rfc3339(decision.until),
    }


def quarantine_dict(item: "QuarantineItem") -> dict[str, object]:
    """Write a message that could not be read as JSON takes it, without its octets."""
    return {
        "id": item.id,
        "at": rfc3339(item.at),
        "source": item.raw.locator,
        "stream": item.raw.stream,
        "fingerprint": item.fingerprint,
        "defects": list(item.defects),
    }


def hook_state(kind: str | None, state: "HookState", now: datetime) -> str:
    """Say in a word or two how a hook is doing; its kind is None where it is configured no more."""
    if kind is None:
        return "not configured"
    if state.paused:
        return "paused"
    if state.not_before is not None and state.not_before > now:
        return f"rests till {state.not_before.astimezone(UTC):%H:%M:%S}"
    if state.failures:
        return "failing"
    return "well"


def hook_dict(
    kind: str | None, state: "HookState", backlog: "Backlog", now: datetime
) -> dict[str, object]:
    """Write how a hook is doing as JSON takes it."""
    return {
        "hook": state.name,
        "kind": kind,
        "state": hook_state(kind, state, now).split(" till ")[0],
        "rests_till": rfc3339(state.not_before),
        "waiting": backlog.waiting,
        "oldest": backlog.oldest,
        "dead": backlog.dead,
        "told": state.delivered,
        "told_last": rfc3339(state.delivered_at),
        "failures": state.failures,
        "failed_last": rfc3339(state.failed_at),
        "error": state.error or None,
    }


def letter_dict(letter: "DeadLetter") -> dict[str, object]:
    """Write what a hook could not be told as JSON takes it."""
    return {
        "hook": letter.hook,
        "id": letter.news.id,
        "at": rfc3339(letter.at),
        "attempts": letter.attempts,
        "error": letter.error,
        "event": json.loads(letter.news.payload),
    }


def alert_dict(entry: "Entry") -> dict[str, object]:
    """Write an alert as JSON takes it."""
    alert = entry.alert
    return {
        "alert": alert.name,
        "kind": alert.kind.value,
        "severity": alert.severity.value,
        "summary": alert.summary,
        "stream": alert.stream,
        "campaign": alert.campaign or None,
        "pauses": alert.pauses,
        "raised_at": rfc3339(entry.raised_at),
        "cleared_at": rfc3339(entry.cleared_at),
    }


def ticket_dict(one: "Ticket") -> dict[str, object]:
    """Write something that is to be mended as JSON takes it."""
    listed = one.blocklist
    return {
        "provider": one.provider or None,
        "reason": one.reason,
        "blocklist": None if listed is None else listed.id,
        "removal": None if listed is None else listed.removal,
        "blocked_ip": one.blocked_ip or None,
        "domain": one.domain or None,
        "finding": one.finding or None,
        "to_do": one.to_do,
        "events": one.events,
        "first_at": rfc3339(one.first_at),
        "last_at": rfc3339(one.last_at),
        "fixed": one.fixed,
        "sample": one.sample,
        "text": one.text,
        "help_url": one.help_url or None,
        "fingerprints": list(one.fingerprints),
        "by_day": list(one.by_day),
    }


def counted_dict(one: "Counted") -> dict[str, object]:
    """Write counts as JSON takes them, with the rates that are known."""
    numbers: dict[str, object] = {each.name: getattr(one, each.name) for each in fields(one)}
    return numbers | {
        "failed": one.failed,
        "hard_rate": one.hard_rate,
        "total_rate": one.total_rate,
        "complaint_rate": one.complaint_rate,
    }


def fingerprint_dict(one: "Fingerprint") -> dict[str, object]:
    """Write what many refusals say alike as JSON takes it."""
    return {
        "id": one.id,
        "text": one.form or None,
        "rule": one.rule,
        "class": one.bounce_class,
        "reason": one.reason,
        "fault": one.fault,
        "provider": one.provider or None,
        "blocklist": one.blocklist or None,
        "blocked_ip": one.blocked_ip or None,
        "first_at": rfc3339(one.first_at),
        "last_at": rfc3339(one.last_at),
        "sample": one.sample,
        "events": one.events,
    }


def report_dict(found: "Report") -> dict[str, object]:
    """Write a report as JSON takes it."""
    starts = [rfc3339(start) for start in found.span.starts]
    ranked = {
        name: [{"name": value, **counted_dict(one)} for value, one in rows]
        for name, rows in (
            ("reasons", found.reasons),
            ("providers", found.providers),
            ("domains", found.domains),
            ("campaigns", found.campaigns),
        )
    }
    return {
        "since": rfc3339(found.span.since),
        "until": rfc3339(found.made_at),
        "total": counted_dict(found.whole),
        "before": counted_dict(found.before),
        "streams": [
            {"name": name, "state": state.value, **counted_dict(one)}
            for name, one, state in found.streams
        ],
        "classes": {"starts": starts, **{name: list(values) for name, values in found.classes}},
        **ranked,
        "fingerprints": [fingerprint_dict(one) for one in found.prints],
        "messages": found.mail,
        "alerts": [alert_dict(entry) for entry in found.alerts],
        "todo": [ticket_dict(one) for one in found.todo],
        "suppressions": found.suppressions,
    }
