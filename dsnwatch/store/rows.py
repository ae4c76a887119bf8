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
from dsnwatch.store.tables import EVENT, MESSAGE
from dsnwatch.store.values import from_micros, storable, storable_values, to_micros

Row = dict[str, object]
"""One row to be written: column names to values."""

Values = tuple[object, ...]
"""One row to be written, in the order of its table's columns: in half the time of the other."""


def _micros(moment: datetime | None) -> int | None:
    return None if moment is None else to_micros(moment)


def _moment(micros: int | None) -> datetime | None:
    return None if micros is None else from_micros(micros)


def _code(text: str | None) -> StatusCode | None:
    return None if text is None else StatusCode.of(text)


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


def message_values(message: StoredMessage, node: str) -> Values:
    """Lay a message out in the order of `MESSAGE_COLUMNS`; its octets go to `raw_message`."""
    id_, raw, fingerprint, report, arrived_at, stored_at = message
    about, evidence = report.original.message_id or None, raw.evidence
    return storable_values(
        (
            id_, fingerprint, raw.source, raw.locator, raw.stream, raw.vouched,
            reports.list_to_json(raw.recipients),
            None if evidence is None else reports.evidence_to_json(evidence),
            _micros(raw.arrived_at), to_micros(arrived_at), to_micros(stored_at), len(raw.data),
            str(report.kind), report.dialect, about, reports.to_json(report), node,
        ),
        raw.locator, raw.stream, about,
    )  # fmt: skip


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


EVENT_COLUMNS = tuple(column.name for column in EVENT.c)
MESSAGE_COLUMNS = tuple(column.name for column in MESSAGE.c)


def event_row(stored: StoredEvent, node: str) -> Row:
    """Lay an event out as a row of `event`."""
    return dict(zip(EVENT_COLUMNS, event_values(stored, node), strict=True))


def event_values(stored: StoredEvent, node: str) -> Values:
    """Lay an event out in the order of `EVENT_COLUMNS`; a tenth of all that storing costs."""
    id_, message_id, event, decided = stored
    key, kind, occurred_at, said, verdict, found, details = event
    address, found_by, trust, stream, campaign, list_id = found
    (
        recipient, action, original_recipient, final_recipient, said_status, said_reply_code,
        diagnostic, prose, remote_mta,
    ) = said  # fmt: skip
    permanent, class_, reason, fault, status, reply_code, rule, confidence, provider = (
        verdict or _NO_VERDICT
    )
    decision, decision_rule, because, until, decision_stream = decided
    return storable_values(
        (
            id_, message_id, key, str(kind), to_micros(occurred_at),
            address, domain_of(address), found_by, str(trust), stream, campaign, list_id,
            recipient, str(action), original_recipient, final_recipient,
            said_status and str(said_status), said_reply_code, diagnostic, prose, remote_mta,
            permanent, class_ and str(class_), reason, fault and str(fault),
            status and str(status), reply_code, rule, confidence, provider,
            None if details is NOTHING else _details_to_json(details),
            str(decision), decision_rule, because, _micros(until), decision_stream or None,
            None, node,
        ),
        key, address, stream, campaign, list_id, recipient, original_recipient, final_recipient,
        diagnostic, prose, remote_mta, because, decision_stream,
    )  # fmt: skip


_NO_VERDICT = (None,) * len(Verdict._fields)


def _details_to_json(found: Details) -> str | None:
    if found == NOTHING:
        return None
    said = {name: value for name, value in as_dict(found).items() if value is not None}
    return to_json(said)


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
    raw = item.raw
    return {
        "source": raw.source,
        "locator": storable(raw.locator),
        "stream": storable(raw.stream),
        "vouched": raw.vouched,
        "recipients": reports.list_to_json(raw.recipients),
        "evidence": None if raw.evidence is None else reports.evidence_to_json(raw.evidence),
        "source_arrived_at": _micros(raw.arrived_at),
        "id": item.id,
        "fingerprint": item.fingerprint,
        "at": to_micros(item.at),
        "defects": reports.list_to_json(item.defects),
        "node": node,
        "data": raw.data,
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
