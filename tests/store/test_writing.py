"""What a writing transaction leaves behind, and what it does not."""

import json
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dsnwatch.errors import StoreConflictError
from dsnwatch.model import BounceClass, BounceReport, Kind, StatusCode
from dsnwatch.records import PastEvent
from dsnwatch.store import new_id
from dsnwatch.store.statements import PIECE
from tests.databases import rows

from .builders import (
    DAY,
    NOW,
    a_message,
    a_raw,
    a_recipient,
    a_store,
    a_success,
    a_suppression,
    a_verdict,
    an_event,
    some_news,
    url_of,
)

pytestmark = pytest.mark.usefixtures("placed")

USER_UNKNOWN = StatusCode(5, 1, 1)
TABLES = ("message", "event", "suppression", "outbox", "cursor", "quarantine", "audit")


def test_message_is_read_back_as_it_was_stored(tmp_path: Path) -> None:
    store, message = a_store(tmp_path), a_message()
    with store.write() as writer:
        writer.add_messages([message])
    assert store.message(message.id) == message._replace(raw=replace(message.raw, data=b""))
    assert store.raw(message.id) == message.raw.data


def test_large_messages_are_written_piece_by_piece_and_whole(tmp_path: Path) -> None:
    store, small = a_store(tmp_path), a_message()
    large = a_raw(bytes(range(256)) * ((2 * PIECE + 300) // 256))
    message = small._replace(id=new_id(NOW), raw=large, fingerprint=large.fingerprint)
    with store.write() as writer:
        writer.add_messages([small, message])
        writer.add_quarantine("Q", large, "f" * 64, ("odd",), NOW)
    assert store.raw(small.id) == small.raw.data
    assert store.raw(message.id) == large.data
    item = store.quarantine_item("Q")
    assert item is not None
    assert item.raw.data == large.data


def test_event_is_read_back_as_it_was_stored(tmp_path: Path) -> None:
    store, failed, delivered = a_store(tmp_path), an_event(message_id="M"), a_success()
    with store.write() as writer:
        writer.add_events([failed, delivered])
    assert store.event(failed.id) == failed
    assert store.event(delivered.id) == delivered


def test_suppression_is_read_back_as_it_was_stored(tmp_path: Path) -> None:
    store, suppression = a_store(tmp_path), a_suppression(until=NOW + DAY, note="Anne asked")
    with store.write() as writer:
        writer.put_suppressions([suppression])
    assert store.suppression(suppression.address) == suppression


def test_exception_leaves_nothing_behind(tmp_path: Path) -> None:
    store, message = a_store(tmp_path), a_message()
    with pytest.raises(ValueError, match="ours"), store.write() as writer:  # noqa: PT012
        writer.add_messages([message])
        writer.put_cursor("bounces", "7")
        raise ValueError("ours")
    assert store.message(message.id) is None
    with store.write() as writer:
        assert writer.cursor("bounces") is None


def test_every_row_bears_the_node_that_wrote_it(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    with store.write() as writer:
        writer.add_messages([a_message()])
        writer.add_events([an_event()])
        writer.put_suppressions([a_suppression()])
        writer.add_news([some_news()], NOW)
        writer.put_cursor("bounces", "7")
        writer.add_quarantine("Q", a_raw(b"\0"), "f", ("empty",), NOW)
        writer.audit(NOW, "anne", "test", "all", "why not", {})
    for table in TABLES:
        assert [row["node"] for row in rows(url_of(tmp_path), table)] == ["n1"], table


def test_known_fingerprints_are_found_stored_or_quarantined(tmp_path: Path) -> None:
    store, message = a_store(tmp_path), a_message()
    with store.write() as writer:
        writer.add_messages([message])
        writer.add_quarantine("Q", a_raw(b"\0"), "f" * 64, ("empty",), NOW)
    with store.write() as writer:
        found = writer.stored_fingerprints([message.fingerprint, "f" * 64, "0" * 64])
    assert found == {message.fingerprint: message.id, "f" * 64: "Q"}


def test_same_message_is_never_stored_twice(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    with pytest.raises((sqlite3.IntegrityError, StoreConflictError)), store.write() as writer:
        writer.add_messages([a_message(), a_message()])
    assert store.counts(NOW).messages == 0


def test_known_event_keys_are_found(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    with store.write() as writer:
        writer.add_events([an_event(key="k1"), an_event(key="k\0\ud800")])
        assert writer.stored_event_keys(["k1", "k2", "k\0\ud800"]) == {"k1", "k\0\ud800"}


def test_more_is_asked_at_once_than_one_statement_takes(tmp_path: Path) -> None:
    store, event = a_store(tmp_path), an_event(key="k39999")
    with store.write() as writer:
        writer.add_events([event])
        assert writer.stored_event_keys([f"k{number}" for number in range(40_000)]) == {"k39999"}


def test_past_events_are_failures_on_both_sides_of_now_oldest_first(tmp_path: Path) -> None:
    store, full = a_store(tmp_path), a_verdict("mailbox_full", BounceClass.SOFT)
    message = a_message(original_id="1@example.com")
    first = an_event(key="alone", occurred_at=NOW - DAY, verdict=full)
    second = an_event(message_id=message.id, occurred_at=NOW + DAY)
    with store.write() as writer:
        writer.add_messages([message])
        writer.add_events(
            [
                second,
                an_event(key="old", occurred_at=NOW - 31 * DAY),
                first,
                an_event("bert@example.org"),
                a_success(),
            ]
        )
        past = writer.past_events(["anne@example.org", "nobody@example.org"], NOW - 30 * DAY)
    assert past == {
        "anne@example.org": (
            PastEvent(NOW - DAY, "alone", first.event.facts),
            PastEvent(NOW + DAY, "1@example.com", second.event.facts),
        )
    }


def test_suppressions_of_an_address_cover_every_stream(tmp_path: Path) -> None:
    store, everywhere, news = a_store(tmp_path), a_suppression(), a_suppression(stream="news")
    with store.write() as writer:
        writer.put_suppressions([news, everywhere, a_suppression("bert@example.org")])
        found = writer.suppressions_of(["anne@example.org", "carl@example.org"])
    assert found == {"anne@example.org": (everywhere, news)}


def test_suppression_put_again_replaces_the_first(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    with store.write() as writer:
        writer.put_suppressions([a_suppression(until=NOW + DAY), a_suppression(stream="news")])
    with store.write() as writer:
        writer.put_suppressions([a_suppression(reason="lost"), a_suppression(reason="manual")])
    assert [(each.stream, each.reason) for each in store.suppressions()] == [
        ("", "manual"),
        ("news", "user_unknown"),
    ]


def test_a_suppression_is_removed_in_its_own_stream_alone(tmp_path: Path) -> None:
    store, suppression = a_store(tmp_path), a_suppression()
    with store.write() as writer:
        writer.put_suppressions([suppression, a_suppression(stream="news")])
        writer.remove_suppressions([("anne@example.org", ""), ("anne@example.org", "other")])
    assert [each.stream for each in store.suppressions()] == ["news"]


def test_cursor_keeps_its_last_position(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    with store.write() as writer:
        assert writer.cursor("imap") is None
        writer.put_cursor("imap", "uid=7")
        writer.put_cursor("imap", "uid=8")
    with store.write() as writer:
        assert writer.cursor("imap") == "uid=8"


def test_quarantined_message_keeps_its_octets_until_removed(tmp_path: Path) -> None:
    store, raw = a_store(tmp_path), a_raw(b"\xff\x00 what")
    with store.write() as writer:
        writer.add_quarantine("Q", raw, raw.fingerprint, ("no header", "NUL"), NOW)
    item = store.quarantine_item("Q")
    assert item is not None
    assert (item.raw, item.defects, item.at) == (raw, ("no header", "NUL"), NOW)
    assert [each.raw.data for each in store.quarantined()] == [b""]
    with store.write() as writer:
        assert writer.remove_quarantine("Q")
        assert not writer.remove_quarantine("Q")
    assert store.quarantine_item("Q") is None


def test_audit_says_who_did_what_and_why(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    with store.write() as writer:
        writer.audit(NOW, "anne", "suppression.remove", "b@x.test", "he asked", {"was": "hard"})
    (row,) = rows(url_of(tmp_path), "audit")
    assert (row["who"], row["verb"], row["subject"], row["because"]) == (
        "anne",
        "suppression.remove",
        "b@x.test",
        "he asked",
    )
    assert json.loads(str(row["detail"])) == {"was": "hard"}


def test_news_lie_in_the_outbox_in_order(tmp_path: Path) -> None:
    store, first, second = a_store(tmp_path), some_news(), some_news()
    with store.write() as writer:
        writer.add_news([first, second], NOW)
    found = rows(url_of(tmp_path), "outbox")
    assert [(row["id"], row["payload"]) for row in found] == [
        (first.id, first.payload),
        (second.id, second.payload),
    ]


def test_nothing_to_write_is_no_error(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    with store.write() as writer:
        writer.add_messages([])
        writer.add_events([])
        writer.put_suppressions([])
        writer.add_news([], NOW)
        assert writer.stored_fingerprints([]) == {}
        assert writer.past_events([], NOW) == {}


# One store for all examples: what a stranger wrote is the only thing that differs.
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(), st.text(), st.binary())
@example("\0@\ud800.test", "\udcff", b"\0")
def test_any_text_and_octets_can_be_stored(
    tmp_path: Path, address: str, diagnostic: str, data: bytes
) -> None:
    store = a_store(tmp_path)
    message = a_message(data)
    report = BounceReport(Kind.OTHER, defects=(diagnostic,), recipients=(a_recipient(address),))
    with store.write() as writer:
        if not writer.stored_fingerprints([message.fingerprint]):
            writer.add_messages([message._replace(report=report)])
            assert store.raw(message.id) is None, "not before COMMIT"
        event = an_event(address, recipient=a_recipient(address)._replace(diagnostic=diagnostic))
        writer.add_events([event])
        writer.put_suppressions([a_suppression(address, note=diagnostic)])
        assert address in writer.suppressions_of([address])
        assert address in writer.past_events([address], NOW)
    assert store.suppression(address) is not None
    assert store.event(event.id) is not None
    store.close()
