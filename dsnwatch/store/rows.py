"""The wall between nouns and rows: a `table=True` model checks nothing, so it is done by hand."""

import json
from datetime import datetime
from functools import lru_cache

from sqlalchemy import RowMapping

from dsnwatch.model import (
    Action,
    BounceClass,
    Details,
    Fault,
    Kind,
    RawMessage,
    RecipientStatus,
    StatusCode,
    Trust,
    Verdict,
)
from dsnwatch.reading.details import NOTHING, as_dict, of_dict
from dsnwatch.records import (
    Attribution,
    BounceEvent,
    Decision,
    DecisionAction,
    Facts,
    News,
    StoredEvent,
    StoredMessage,
    Suppression,
)
from dsnwatch.rfc.address import domain_of
from dsnwatch.rfc.json_text import to_json
from dsnwatch.store import reports
from dsnwatch.store.answers import DeadLetter, HookState, QuarantineItem
from dsnwatch.store.values import from_micros, storable, to_micros

Row = dict[str, object]
"""One row to be written: column names to values."""


def _storable(text: str | None) -> str | None:
    return None if text is None else storable(text)


def _micros(moment: datetime | None) -> int | None:
    return None if moment is None else to_micros(moment)


def _moment(micros: int | None) -> datetime | None:
    return None if micros is None else from_micros(micros)


def _code(text: str | None) -> StatusCode | None:
    return None if text is None else StatusCode.of(text)


def _raw_row(raw: RawMessage) -> Row:
    return {
        "source": raw.source,
        "locator": storable(raw.locator),
        "stream": storable(raw.stream),
        "vouched": raw.vouched,
        "recipients": reports.list_to_json(raw.recipients),
        "evidence": None if raw.evidence is None else reports.evidence_to_json(raw.evidence),
        "source_arrived_at": _micros(raw.arrived_at),
    }


def _raw(row: RowMapping, data: bytes) -> RawMessage:
    return RawMessage(
        data=data,
        locator=row["locator"],
        source=row["source"],
        arrived_at=_moment(row["source_arrived_at"]),
        stream=row["stream"],
        vouched=bool(row["vouched"]),
        recipients=reports.list_from_json(row["recipients"]),
        evidence=reports.evidence_from_json(row["evidence"]),
    )


def message_row(message: StoredMessage, node: str) -> Row:
    """Lay a message out as a row of `message`; its octets go to `raw_message`."""
    report = message.report
    return _raw_row(message.raw) | {
        "id": message.id,
        "fingerprint": message.fingerprint,
        "arrived_at": to_micros(message.arrived_at),
        "stored_at": to_micros(message.stored_at),
        "size": len(message.raw.data),
        "kind": str(report.kind),
        "dialect": report.dialect,
        "original_message_id": _storable(report.original.message_id) or None,
        "report": reports.to_json(report),
        "node": node,
    }


def message_of(row: RowMapping) -> StoredMessage:
    """Read a row of `message`; the octets are left out (`raw.data` is empty)."""
    return StoredMessage(
        id=row["id"],
        raw=_raw(row, b""),
        fingerprint=row["fingerprint"],
        report=reports.from_json(row["report"]),
        arrived_at=from_micros(row["arrived_at"]),
        stored_at=from_micros(row["stored_at"]),
    )


def event_row(stored: StoredEvent, node: str) -> Row:
    """Lay an event out as a row of `event`."""
    event, decision = stored.event, stored.decision
    said, found, verdict = event.recipient, event.attribution, event.verdict
    address = storable(found.recipient)
    row: Row = {
        "id": stored.id,
        "message_id": stored.message_id,
        "key": storable(event.key),
        "kind": str(event.kind),
        "occurred_at": to_micros(event.occurred_at),
        "address": address,
        "domain": domain_of(address),
        "found_by": found.found_by,
        "trust": str(found.trust),
        "stream": storable(found.stream),
        "campaign": _storable(found.campaign),
        "list_id": _storable(found.list_id),
        "recipient": storable(said.recipient),
        "action": str(said.action),
        "original_recipient": _storable(said.original_recipient),
        "final_recipient": _storable(said.final_recipient),
        "said_status": None if said.status is None else str(said.status),
        "said_reply_code": said.reply_code,
        "diagnostic": storable(said.diagnostic),
        "prose": storable(said.prose),
        "remote_mta": _storable(said.remote_mta),
        "details": _details_to_json(event.details),
        "decision": str(decision.action),
        "decision_rule": decision.rule,
        "because": storable(decision.because),
        "until": _micros(decision.until),
        "decision_stream": storable(decision.stream) or None,
        "node": node,
    }
    return row | (_NO_VERDICT if verdict is None else _verdict_row(verdict))


_NO_VERDICT: Row = dict.fromkeys(
    (
        "permanent",
        "bounce_class",
        "reason",
        "fault",
        "status",
        "reply_code",
        "rule",
        "confidence",
        "provider",
    )
)


def _verdict_row(verdict: Verdict) -> Row:
    return {
        "permanent": verdict.permanent,
        "bounce_class": str(verdict.bounce_class),
        "reason": verdict.reason,
        "fault": str(verdict.fault),
        "status": None if verdict.status is None else str(verdict.status),
        "reply_code": verdict.reply_code,
        "rule": verdict.rule,
        "confidence": verdict.confidence,
        "provider": verdict.provider,
    }


def _details_to_json(found: Details) -> str | None:
    if found is NOTHING or found == NOTHING:
        return None
    said = {name: value for name, value in as_dict(found).items() if value is not None}
    return storable(to_json(said))


def _details(text: str | None) -> Details:
    return NOTHING if text is None else of_dict(json.loads(text))


def event_of(row: RowMapping) -> StoredEvent:
    """Read a row of `event`."""
    return StoredEvent(
        id=row["id"],
        message_id=row["message_id"],
        event=BounceEvent(
            key=row["key"],
            kind=Kind(row["kind"]),
            occurred_at=from_micros(row["occurred_at"]),
            recipient=RecipientStatus(
                recipient=row["recipient"],
                action=Action(row["action"]),
                original_recipient=row["original_recipient"],
                final_recipient=row["final_recipient"],
                status=_code(row["said_status"]),
                reply_code=row["said_reply_code"],
                diagnostic=row["diagnostic"],
                prose=row["prose"],
                remote_mta=row["remote_mta"],
            ),
            verdict=None if row["bounce_class"] is None else _verdict(row),
            attribution=Attribution(
                recipient=row["address"],
                found_by=row["found_by"],
                trust=Trust(row["trust"]),
                stream=row["stream"],
                campaign=row["campaign"],
                list_id=row["list_id"],
            ),
            details=_details(row["details"]),
        ),
        decision=Decision(
            action=DecisionAction(row["decision"]),
            rule=row["decision_rule"],
            because=row["because"],
            until=_moment(row["until"]),
            stream=row["decision_stream"] or "",
        ),
    )


def _verdict(row: RowMapping) -> Verdict:
    return Verdict(
        permanent=None if row["permanent"] is None else bool(row["permanent"]),
        bounce_class=BounceClass(row["bounce_class"]),
        reason=row["reason"],
        fault=Fault(row["fault"]),
        status=_code(row["status"]),
        reply_code=row["reply_code"],
        rule=row["rule"],
        confidence=row["confidence"],
        provider=row["provider"],
    )


@lru_cache(maxsize=4096)
def failure_facts(  # noqa: PLR0917  one of each, in the order of a row's columns
    bounce_class: str,
    reason: str,
    fault: str,
    status: str | None,
    permanent: int | None,
    provider: str | None,
    stream: str,
    trust: str,
) -> Facts:
    """Read what the policy asks of a failure; remembered, since few kinds come often."""
    return Facts(
        Kind.BOUNCE,
        Action.FAILED,
        BounceClass(bounce_class),
        reason,
        Fault(fault),
        _code(status),
        None if permanent is None else bool(permanent),
        provider,
        stream,
        Trust(trust),
    )


def suppression_row(suppression: Suppression, node: str) -> Row:
    """Lay a suppression out as a row of `suppression`."""
    address = storable(suppression.address)
    return {
        "address": address,
        "stream": storable(suppression.stream),
        "domain": domain_of(address),
        "reason": storable(suppression.reason),
        "origin": suppression.origin,
        "rule": storable(suppression.rule),
        "event_id": suppression.event_id,
        "since": to_micros(suppression.since),
        "until": _micros(suppression.until),
        "note": storable(suppression.note),
        "node": node,
        "batch": suppression.batch,
        "lifted_until": _micros(suppression.lifted_until),
    }


def suppression_of(row: RowMapping) -> Suppression:
    """Read a row of `suppression`."""
    return Suppression(
        address=row["address"],
        reason=row["reason"],
        origin=row["origin"],
        rule=row["rule"],
        since=from_micros(row["since"]),
        until=_moment(row["until"]),
        event_id=row["event_id"],
        stream=row["stream"],
        note=row["note"],
        batch=row["batch"],
        lifted_until=_moment(row["lifted_until"]),
    )


def quarantine_row(item: QuarantineItem, node: str) -> Row:
    """Lay a quarantined message out as a row of `quarantine`."""
    return _raw_row(item.raw) | {
        "id": item.id,
        "fingerprint": item.fingerprint,
        "at": to_micros(item.at),
        "defects": reports.list_to_json(item.defects),
        "node": node,
        "data": item.raw.data,
    }


def quarantine_of(row: RowMapping) -> QuarantineItem:
    """Read a row of `quarantine`; without its column `data` the octets are left out."""
    return QuarantineItem(
        id=row["id"],
        raw=_raw(row, bytes(row.get("data", b""))),
        fingerprint=row["fingerprint"],
        defects=reports.list_from_json(row["defects"]),
        at=from_micros(row["at"]),
    )


def dead_letter_row(letter: DeadLetter, node: str) -> Row:
    """Lay out what could not be told as a row of `dead_letter`."""
    news = letter.news
    return {
        "hook": letter.hook,
        "id": news.id,
        "address": storable(news.address),
        "type": news.type,
        "payload": storable(news.payload),
        "attempts": letter.attempts,
        "at": to_micros(letter.at),
        "error": storable(letter.error),
        "node": node,
    }


def dead_letter_of(row: RowMapping) -> DeadLetter:
    """Read a row of `dead_letter`."""
    return DeadLetter(
        hook=row["hook"],
        news=News(row["id"], row["type"], row["address"], row["payload"], (row["hook"],)),
        at=from_micros(row["at"]),
        attempts=row["attempts"],
        error=row["error"],
    )


def hook_state_row(state: HookState) -> Row:
    """Lay out how a hook is doing as a row of `hook`."""
    return {
        "name": state.name,
        "paused": state.paused,
        "not_before": _micros(state.not_before),
        "failures": state.failures,
        "delivered": state.delivered,
        "delivered_at": _micros(state.delivered_at),
        "failed_at": _micros(state.failed_at),
        "error": storable(state.error),
    }


def hook_state_of(row: RowMapping) -> HookState:
    """Read a row of `hook`."""
    return HookState(
        name=row["name"],
        paused=bool(row["paused"]),
        not_before=_moment(row["not_before"]),
        failures=row["failures"],
        delivered=row["delivered"],
        delivered_at=_moment(row["delivered_at"]),
        failed_at=_moment(row["failed_at"]),
        error=row["error"],
    )
