"""What is on disk after a message was taken in, and what is not."""

import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import DBAPIError

from dsnwatch.errors import StoreBusyError, UnavailableError
from dsnwatch.inbox import Inbox
from dsnwatch.ingest import Ingest
from dsnwatch.model import (
    Action,
    BounceReport,
    Details,
    Kind,
    OriginalMessage,
    RawMessage,
    Reading,
    RecipientStatus,
    Trust,
)
from dsnwatch.policy import Policy
from dsnwatch.reading.reader import Reader
from dsnwatch.records import Decision, DecisionAction, Receipt, ReceiptState, Suppression
from dsnwatch.store import EventFilter, Store, SuppressionFilter, open_store
from dsnwatch.subscriptions import Subscription, Subscriptions, types_named
from tests.databases import asked, done, locked

TODAY = datetime(2026, 3, 31, 12, tzinfo=UTC)
DAY = timedelta(days=1)
POLICY = Policy.preset("default")
READER = Reader.load()


class FailsOn:
    """A reader with a mistake in it: one message makes it raise."""

    def __init__(self, poison: bytes) -> None:
        self.poison = poison

    def read(self, data: bytes) -> Reading:
        if data == self.poison:
            raise IndexError("list index out of range")
        return READER.read(data)


def a_bounce(
    address: str = "anne@example.org",
    *,
    status: str = "5.1.1",
    text: str = "550 5.1.1 no such user",
    original: str | None = "1@sender.example.com",
    action: str = "failed",
    received: datetime | None = None,
    number: int = 0,
) -> bytes:
    """Write an RFC 3464 report."""
    top = f"Received: from a by b; {format_datetime(received)}\n" if received else ""
    returned = f"Message-ID: <{original}>\n" if original else ""
    return (
        f"{top}From: MAILER-DAEMON@mx.example.net\nTo: bounces@sender.example.com\n"
        f"Subject: Undelivered Mail\nMessage-ID: <report-{number}@mx.example.net>\n"
        "MIME-Version: 1.0\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\n\n'
        "--b\nContent-Type: text/plain\n\nYour message was not delivered.\n\n"
        "--b\nContent-Type: message/delivery-status\n\n"
        "Reporting-MTA: dns; mx.example.net\n\n"
        f"Final-Recipient: rfc822; {address}\nAction: {action}\nStatus: {status}\n"
        f"Diagnostic-Code: smtp; {text}\n\n"
        f"--b\nContent-Type: text/rfc822-headers\n\n{returned}Subject: Our letter\n\n--b--\n"
    ).encode()


def a_full_mailbox(number: int, address: str = "anne@example.org") -> bytes:
    return a_bounce(
        address,
        status="5.2.2",
        text="552 5.2.2 mailbox is full",
        original=f"{number}@sender.example.com",
        number=number,
    )


def raw(data: bytes, *, days_ago: float = 0, locator: str = "mbox#1") -> RawMessage:
    return RawMessage(data, locator, "mbox", TODAY - days_ago * DAY, "letters", vouched=True)


def a_reading(kind: Kind, address: str = "anne@example.org") -> Reading:
    """What a reader says of a message that is no report."""
    recipient = RecipientStatus(address, Action.DELIVERED, final_recipient=address)
    original = OriginalMessage(message_id="1@sender.example.com")
    return Reading(BounceReport(kind, original=original, recipients=(recipient,)), (None,))


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    with closing(open_store(database, busy=timedelta(milliseconds=10))) as opened:
        yield opened


@pytest.fixture
def ingest(store: Store) -> Ingest:
    return Ingest(store, READER, POLICY, lambda: TODAY, Subscriptions([Subscription("all")]))


def states(receipts: Sequence[Receipt]) -> list[str]:
    return [receipt.state.value for receipt in receipts]


def news(store: Store) -> list[tuple[str, str, dict[str, object]]]:
    """Read the outbox, in order."""
    found = asked(store.url, "SELECT type, address, payload FROM outbox ORDER BY id")
    return [
        (str(type_), str(address), json.loads(str(payload))) for type_, address, payload in found
    ]


def everything(store: Store) -> dict[str, list[tuple[object, ...]]]:
    """Read the rows of every table of ours."""
    tables = ("message", "raw_message", "event", "suppression", "outbox", "quarantine")
    return {table: asked(store.url, f"SELECT * FROM {table}") for table in tables}  # noqa: S608  our names


def test_a_hard_bounce_is_stored_with_its_event_and_its_suppression(
    store: Store, ingest: Ingest
) -> None:
    (receipt,) = ingest.commit([raw(a_bounce(), days_ago=3)])

    assert receipt.state is ReceiptState.STORED
    assert (receipt.kind, receipt.events) == (Kind.BOUNCE, 1)
    assert receipt.suppressed == ("anne@example.org",)
    (stored,) = store.events(EventFilter())
    assert stored.message_id == receipt.id
    assert stored.event.occurred_at == TODAY - 3 * DAY
    assert stored.event.attribution.trust is Trust.VOUCHED
    assert stored.event.attribution.stream == "letters"
    assert stored.decision.action is DecisionAction.SUPPRESS
    assert store.suppression("anne@example.org") == Suppression(
        address="anne@example.org",
        reason="user_unknown",
        origin="bounce",
        rule="hard",
        since=TODAY - 3 * DAY,
        event_id=stored.id,
    )


def test_the_bytes_are_kept_as_they_came(store: Store, ingest: Ingest) -> None:
    data = a_bounce().replace(b"\n", b"\r\n")
    (receipt,) = ingest.commit([raw(data)])
    assert store.raw(receipt.id) == data


def test_ordinary_mail_is_stored_without_events(store: Store, ingest: Ingest) -> None:
    (receipt,) = ingest.commit([raw(b"From: anne@example.org\nSubject: Hello\n\nHow are you?\n")])
    assert (receipt.state, receipt.kind, receipt.events) == (ReceiptState.STORED, Kind.OTHER, 0)
    assert store.message(receipt.id) is not None
    assert news(store) == []


def test_a_message_told_again_changes_nothing(store: Store, ingest: Ingest) -> None:
    (first,) = ingest.commit([raw(a_bounce())])
    before = everything(store)
    (again,) = ingest.commit([raw(a_bounce(), locator="elsewhere#9")])
    assert (again.state, again.id, again.events) == (ReceiptState.DUPLICATE, first.id, 0)
    assert again.kind is Kind.BOUNCE
    assert everything(store) == before


def test_a_message_twice_in_one_batch_is_stored_once(store: Store, ingest: Ingest) -> None:
    receipts = ingest.commit([raw(a_bounce()), raw(a_bounce().replace(b"\n", b"\r\n") + b"\r\n")])
    assert states(receipts) == ["stored", "duplicate"]
    assert receipts[0].id == receipts[1].id
    assert store.counts().messages == 1


@pytest.mark.parametrize("together", [True, False], ids=["one batch", "two batches"])
def test_the_same_failure_told_by_two_reports_is_one_event(
    store: Store,
    ingest: Ingest,
    together: bool,  # noqa: FBT001 - a parameter of the table
) -> None:
    batch = [raw(a_bounce(number=1)), raw(a_bounce(number=2))]
    groups = [batch] if together else [[one] for one in batch]
    receipts = [receipt for group in groups for receipt in ingest.commit(group)]
    assert [receipt.events for receipt in receipts] == [1, 0]
    assert store.counts().messages == 2
    assert store.counts().events == 1


def test_a_delay_and_the_failure_after_it_are_two_events(store: Store, ingest: Ingest) -> None:
    late = a_bounce(action="delayed", status="4.4.1", text="timed out", number=1)
    again = a_bounce(action="delayed", status="4.4.1", text="timed out", number=2)
    receipts = ingest.commit([raw(late, days_ago=2), raw(again, days_ago=1), raw(a_bounce())])
    assert [receipt.events for receipt in receipts] == [1, 0, 1]
    kinds = {stored.event.kind for stored in store.events(EventFilter())}
    assert kinds == {Kind.DELAY, Kind.BOUNCE}


def test_failures_without_an_original_are_told_apart_by_their_reports(
    store: Store, ingest: Ingest
) -> None:
    ingest.commit([raw(a_bounce(original=None, number=number)) for number in (1, 2)])
    assert store.counts().events == 2


@pytest.mark.parametrize("together", [True, False], ids=["one batch", "batch by batch"])
def test_events_of_one_batch_and_of_many_count_alike(
    store: Store,
    ingest: Ingest,
    together: bool,  # noqa: FBT001 - a parameter of the table
) -> None:
    batch = [raw(a_full_mailbox(days), days_ago=days) for days in (4, 3, 2, 1, 0)]
    groups = [batch] if together else [[one] for one in batch]
    receipts = [receipt for group in groups for receipt in ingest.commit(group)]
    assert [receipt.suppressed for receipt in receipts] == [(), (), (), (), ("anne@example.org",)]
    found = store.suppression("anne@example.org")
    assert found is not None
    assert (found.rule, found.until) == ("mailbox_full_often", TODAY + 90 * DAY)


def test_a_longer_suppression_takes_the_place_of_a_shorter_one(
    store: Store, ingest: Ingest
) -> None:
    for days in (4, 3, 2, 1):
        ingest.commit([raw(a_full_mailbox(days), days_ago=days)])
    fifth, hard = ingest.commit([raw(a_full_mailbox(0)), raw(a_bounce(original="x@example.com"))])
    assert fifth.suppressed == ("anne@example.org",)
    assert hard.suppressed == ()  # it was on the list already
    found = store.suppression("anne@example.org")
    assert found is not None
    assert (found.rule, found.until) == ("hard", None)


def test_the_first_cause_of_a_suppression_is_kept(store: Store, ingest: Ingest) -> None:
    ingest.commit([raw(a_bounce(original="1@example.com"), days_ago=2)])
    before = store.suppression("anne@example.org")
    ingest.commit([raw(a_bounce(original="2@example.com", number=2))])
    assert store.suppression("anne@example.org") == before


def test_a_suppression_that_has_run_out_is_written_but_told_to_nobody(
    store: Store, ingest: Ingest
) -> None:
    old = [raw(a_full_mailbox(days), days_ago=400 + days) for days in (4, 3, 2, 1, 0)]
    receipts = ingest.commit(old)
    assert [receipt.suppressed for receipt in receipts] == [()] * 5
    found = store.suppression("anne@example.org")
    assert found is not None
    assert found.until == TODAY - (400 - 90) * DAY
    assert "suppression.added" not in {type_ for type_, _, _ in news(store)}


def test_an_address_whose_suppression_ran_out_is_newly_suppressed(
    store: Store, ingest: Ingest
) -> None:
    ingest.commit([raw(a_full_mailbox(days), days_ago=400 + days) for days in (4, 3, 2, 1, 0)])
    (receipt,) = ingest.commit([raw(a_bounce(original="x@example.com"))])
    assert receipt.suppressed == ("anne@example.org",)
    (active,) = store.suppressions(SuppressionFilter(active_at=TODAY))
    assert active.rule == "hard"


@pytest.mark.parametrize("kind", [Kind.COMPLAINT, Kind.UNSUBSCRIBE])
def test_who_says_no_is_on_the_list_under_that_reason(
    store: Store, ingest: Ingest, kind: Kind
) -> None:
    (receipt,) = ingest.commit([(raw(b"x: y\n\nz"), a_reading(kind))])
    assert receipt.suppressed == ("anne@example.org",)
    found = store.suppression("anne@example.org")
    assert found is not None
    assert (found.reason, found.origin, found.until) == (kind.value, kind.value, None)


@pytest.mark.parametrize(
    ("report", "types"),
    [
        (a_bounce(), ["bounce.hard", "suppression.added"]),
        (a_full_mailbox(1), ["bounce.soft"]),
        (a_bounce(status="5.7.1", text="550 5.7.1 rejected by policy"), ["bounce.block"]),
        (a_bounce(status="5.0.0", text="554 5.0.0 transaction failed"), ["bounce.soft"]),
        (a_bounce(action="delayed", status="4.4.1", text="timed out"), ["bounce.delayed"]),
        (a_bounce(action="delivered", status="2.0.0", text="250 2.0.0 done"), []),
    ],
    ids=["hard", "soft", "block", "undetermined", "delay", "success"],
)
def test_a_report_is_news_by_its_class(
    store: Store, ingest: Ingest, report: bytes, types: list[str]
) -> None:
    ingest.commit([raw(report)])
    assert [type_ for type_, _, _ in news(store)] == types


@pytest.mark.parametrize(
    ("kind", "types"),
    [
        (Kind.COMPLAINT, ["complaint", "suppression.added"]),
        (Kind.UNSUBSCRIBE, ["unsubscribe", "suppression.added"]),
        (Kind.AUTO_REPLY, ["auto_reply"]),
        (Kind.CHALLENGE, []),
        (Kind.DISPOSITION, []),
    ],
)
def test_other_kinds_of_mail_are_news_by_their_name(
    store: Store, ingest: Ingest, kind: Kind, types: list[str]
) -> None:
    ingest.commit([(raw(b"x: y\n\nz"), a_reading(kind))])
    assert [(type_, address) for type_, address, _ in news(store)] == [
        (type_, "anne@example.org") for type_ in types
    ]


def test_news_of_a_bounce_say_what_the_event_says(store: Store, ingest: Ingest) -> None:
    ingest.commit([raw(a_bounce())])
    (stored,) = store.events(EventFilter())
    (_, _, bounce), (_, _, added) = news(store)
    assert stored.event.verdict is not None
    assert bounce == {
        "type": "bounce.hard",
        "version": 1,
        "id": stored.id,
        "timestamp": "2026-03-31T12:00:00Z",
        "data": {
            "recipient": "anne@example.org",
            "original_recipient": None,
            "final_recipient": "anne@example.org",
            "action": "failed",
            "diagnostic": stored.event.recipient.diagnostic,
            "remote_mta": None,
            "reporting_mta": "mx.example.net",
            "trust": "vouched",
            "stream": "letters",
            "campaign": None,
            "list_id": None,
            "message_id": "report-0@mx.example.net",
            "original": {
                "message_id": "1@sender.example.com",
                "envelope_id": None,
                "from": None,
                "subject": "Our letter",
            },
            "decision": {
                "action": "suppress",
                "rule": "hard",
                "because": stored.decision.because,
                "until": None,
            },
            "permanent": True,
            "class": "hard",
            "reason": "user_unknown",
            "fault": "recipient",
            "status": "5.1.1",
            "reply_code": "550",
            "rule": stored.event.verdict.rule,
            "confidence": stored.event.verdict.confidence,
            "provider": None,
            "blocklist": None,
            "blocked_ip": None,
            "retry_after_seconds": None,
            "queue_id": None,
            "forwarded_to": None,
            "help_url": None,
        },
    }
    assert added == {
        "type": "suppression.added",
        "version": 1,
        "id": f"{stored.id}-added",
        "timestamp": "2026-03-31T12:00:00Z",
        "data": {
            "recipient": "anne@example.org",
            "stream": "",
            "reason": "user_unknown",
            "origin": "bounce",
            "rule": "hard",
            "since": "2026-03-31T12:00:00Z",
            "until": None,
            "event_id": stored.id,
            "because": stored.decision.because,
        },
    }


def test_what_a_refusal_says_besides_is_stored_and_told(store: Store, ingest: Ingest) -> None:
    text = "554 5.7.1 Client host [192.0.2.9] blocked using zen.spamhaus.org; https://a.test/q"
    ingest.commit([raw(a_bounce(status="5.7.1", text=text))])
    (stored,) = store.events(EventFilter())
    assert stored.event.details == Details(
        blocklist="spamhaus-zen", blocked_ip="192.0.2.9", help_url="https://a.test/q"
    )
    ((_, _, told),) = news(store)
    data = told["data"]
    assert isinstance(data, dict)
    assert (data["blocklist"], data["blocked_ip"]) == ("spamhaus-zen", "192.0.2.9")


def test_nothing_is_put_out_where_no_hook_wants_it(store: Store) -> None:
    wants_alerts = Subscriptions([Subscription("pager", types_named(["alert.*"]))])
    Ingest(store, READER, POLICY, lambda: TODAY, wants_alerts).commit([raw(a_bounce())])
    assert news(store) == []


def test_each_hook_gets_what_it_wants(store: Store) -> None:
    wanted = Subscriptions(
        [
            Subscription("crm", types_named(["suppression.*"])),
            Subscription("hard", classes=("hard",)),
            Subscription("soft", classes=("soft",)),
            Subscription("full", reasons=("mailbox_full",)),
            Subscription("other", streams=("invoices",)),
            Subscription("sure", least_trust=Trust.MATCHED),
        ]
    )
    Ingest(store, READER, POLICY, lambda: TODAY, wanted).commit([raw(a_bounce())])
    assert asked(store.url, "SELECT hook, type FROM outbox ORDER BY hook, id") == [
        ("crm", "suppression.added"),
        ("hard", "bounce.hard"),
        ("hard", "suppression.added"),
    ]


def test_a_message_that_cannot_be_read_is_kept_for_review(store: Store, ingest: Ingest) -> None:
    reading = Reading(BounceReport(Kind.OTHER, defects=("no header",)), ())
    (receipt,) = ingest.commit([(raw(b"\0\xff"), reading)])
    assert (receipt.state, receipt.kind) == (ReceiptState.QUARANTINED, Kind.OTHER)
    item = store.quarantine_item(receipt.id)
    assert item is not None
    assert (item.raw.data, item.defects) == (b"\0\xff", ("no header",))
    assert store.counts().messages == 0


def test_a_message_that_breaks_our_reader_stops_none_behind_it(store: Store) -> None:
    poison = b"Message-ID: <[x>\n\nboo\n"
    ingest = Ingest(store, FailsOn(poison), POLICY, lambda: TODAY)
    receipts = ingest.commit([raw(a_bounce()), raw(poison), raw(a_full_mailbox(1))])
    assert states(receipts) == ["stored", "quarantined", "stored"]
    item = store.quarantine_item(receipts[1].id)
    assert item is not None
    assert (item.raw.data, item.defects) == (poison, ("our reader failed: IndexError",))


def test_a_quarantined_message_told_again_is_a_duplicate(store: Store) -> None:
    poison = b"Message-ID: <[x>\n\nboo\n"
    ingest = Ingest(store, FailsOn(poison), POLICY, lambda: TODAY)
    first, second = ingest.commit([raw(poison), raw(poison)])
    (third,) = ingest.commit([raw(poison)])
    assert states([first, second, third]) == ["quarantined", "duplicate", "duplicate"]
    assert {second.id, third.id} == {first.id}
    assert store.counts().quarantined == 1


def test_a_mended_reader_takes_a_message_out_of_quarantine(store: Store) -> None:
    broken = Ingest(store, FailsOn(a_bounce()), POLICY, lambda: TODAY)
    (kept,) = broken.commit([raw(a_bounce(), days_ago=1)])
    item = store.quarantine_item(kept.id)
    assert item is not None
    later = Ingest(store, READER, POLICY, lambda: TODAY + DAY)
    (receipt,) = later.retry([item])
    assert (receipt.state, receipt.suppressed) == (ReceiptState.STORED, ("anne@example.org",))
    assert store.counts().quarantined == 0
    (stored,) = store.events(EventFilter())
    assert stored.event.occurred_at == TODAY - DAY


def test_a_message_that_still_cannot_be_read_stays_in_quarantine(store: Store) -> None:
    ingest = Ingest(store, FailsOn(a_bounce()), POLICY, lambda: TODAY)
    (kept,) = ingest.commit([raw(a_bounce())])
    item = store.quarantine_item(kept.id)
    assert item is not None
    (receipt,) = ingest.retry([item])
    assert (receipt.state, receipt.id) == (ReceiptState.QUARANTINED, kept.id)
    assert store.counts().quarantined == 1


@pytest.mark.parametrize(
    ("told", "received", "occurred"),
    [
        pytest.param(TODAY - DAY, TODAY - 2 * DAY, TODAY - DAY, id="the source knows"),
        pytest.param(None, TODAY - 2 * DAY, TODAY - 2 * DAY, id="the topmost Received"),
        pytest.param(None, None, TODAY, id="nobody knows"),
        pytest.param(TODAY + DAY, None, TODAY, id="in the future"),
        pytest.param(datetime(1, 1, 1, tzinfo=UTC), None, TODAY, id="before there was mail"),
    ],
)
def test_an_event_is_dated_by_its_arrival(
    store: Store,
    ingest: Ingest,
    told: datetime | None,
    received: datetime | None,
    occurred: datetime,
) -> None:
    ingest.commit([RawMessage(a_bounce(received=received), "x.eml", "eml", told)])
    (stored,) = store.events(EventFilter())
    assert stored.event.occurred_at == occurred


def test_when_the_last_row_cannot_be_written_nothing_is(store: Store, ingest: Ingest) -> None:
    before = everything(store)
    done(
        store.url,
        "ALTER TABLE outbox ADD CONSTRAINT refuse CHECK (false)"
        if store.shared
        else "CREATE TRIGGER refuse BEFORE INSERT ON outbox BEGIN SELECT RAISE(ABORT, 'no'); END",
    )
    with pytest.raises((sqlite3.IntegrityError, DBAPIError)):
        ingest.commit([raw(a_bounce())])
    assert everything(store) == before


def test_a_locked_store_is_told_to_the_caller(store: Store, ingest: Ingest) -> None:
    with locked(store.url), pytest.raises(StoreBusyError):
        ingest.commit([raw(a_bounce())])
    assert states(ingest.commit([raw(a_bounce())])) == ["stored"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.lists(st.binary(max_size=300), max_size=5))
def test_any_bytes_get_a_receipt(ingest: Ingest, batch: list[bytes]) -> None:
    receipts = ingest.commit([raw(data) for data in batch])
    assert [one.fingerprint for one in receipts] == [raw(data).fingerprint for data in batch]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.text(), st.text(), st.text())
def test_any_text_a_reader_finds_can_be_stored(
    ingest: Ingest, address: str, diagnostic: str, message_id: str
) -> None:
    recipient = RecipientStatus(address, Action.FAILED, address, address, diagnostic=diagnostic)
    original = OriginalMessage(message_id, headers=(("list-id", message_id),))
    verdict = READER.read(a_bounce()).verdicts[0]
    reading = Reading(
        BounceReport(Kind.BOUNCE, original=original, recipients=(recipient,)), (verdict,)
    )
    data = f"{address}\n{diagnostic}\n{message_id}".encode("utf-8", "surrogatepass")
    (receipt,) = ingest.commit([(raw(data), reading)])
    assert receipt.state in {ReceiptState.STORED, ReceiptState.DUPLICATE}


def test_a_decision_is_stored_with_its_arithmetic(store: Store, ingest: Ingest) -> None:
    ingest.commit([raw(a_full_mailbox(1))])
    (stored,) = store.events(EventFilter())
    assert stored.decision == Decision(
        DecisionAction.COUNT, "mailbox_full_often", "mailbox_full: 1 of 5 messages within 90 days"
    )


# The inbox.


def running(inbox: Inbox) -> threading.Thread:
    """Start the thread that commits what is left in an inbox."""
    thread = threading.Thread(target=inbox.run, daemon=True)
    thread.start()
    return thread


def test_a_receipt_comes_for_each_message_left_in_the_inbox(store: Store, ingest: Ingest) -> None:
    inbox = Inbox(ingest, group=7)
    receipts = [inbox.submit(raw(a_bounce(f"{number}@example.org"))) for number in range(20)]
    thread = running(inbox)
    assert {one.result(timeout=30).state for one in receipts} == {ReceiptState.STORED}
    inbox.stop()
    thread.join(timeout=30)
    assert store.counts().messages == 20


def test_a_stopped_inbox_stores_what_waits_and_takes_no_more(ingest: Ingest) -> None:
    inbox = Inbox(ingest)
    waiting = inbox.submit(raw(a_bounce()))
    inbox.stop()
    inbox.run()
    assert waiting.result(timeout=0).state is ReceiptState.STORED
    with pytest.raises(UnavailableError, match="again later"):
        inbox.submit(raw(a_full_mailbox(1)))


@pytest.mark.parametrize(("messages", "octets"), [(1, 2**20), (9, 1)], ids=["messages", "octets"])
def test_a_full_inbox_refuses_and_keeps_what_it_has(
    store: Store, ingest: Ingest, messages: int, octets: int
) -> None:
    inbox = Inbox(ingest, messages=messages, octets=octets)
    inbox.submit(raw(a_bounce()))
    with pytest.raises(UnavailableError, match="1 messages wait"):
        inbox.submit(raw(a_full_mailbox(1)))
    inbox.stop()
    inbox.run()
    assert store.counts().messages == 1


def test_who_can_wait_gets_room_when_there_is_some(ingest: Ingest) -> None:
    inbox = Inbox(ingest, messages=1)
    inbox.submit(raw(a_bounce()))
    thread = running(inbox)
    second = inbox.submit(raw(a_full_mailbox(1)), timeout_seconds=30)
    assert second.result(timeout=30).state is ReceiptState.STORED
    inbox.stop()
    thread.join(timeout=30)


def test_a_message_nobody_waits_for_any_more_is_not_stored(store: Store, ingest: Ingest) -> None:
    inbox = Inbox(ingest)
    inbox.submit(raw(a_bounce())).cancel()
    kept = inbox.submit(raw(a_full_mailbox(1)))
    inbox.stop()
    inbox.run()
    assert kept.result(timeout=0).state is ReceiptState.STORED
    assert store.counts().messages == 1


def test_a_store_that_fails_is_told_to_each_who_waits(store: Store, ingest: Ingest) -> None:
    inbox = Inbox(ingest)
    waiting = [inbox.submit(raw(a_full_mailbox(number))) for number in range(3)]
    inbox.stop()
    with locked(store.url):
        inbox.run()
    assert [type(one.exception(timeout=0)) for one in waiting] == [StoreBusyError] * 3
    assert store.counts().messages == 0
