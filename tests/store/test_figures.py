"""The figures are what a count over the events gives, whatever happened to these."""

import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsnwatch.config.settings import Settings
from dsnwatch.errors import StoreError
from dsnwatch.keeping import Sweep
from dsnwatch.model import BounceClass, Details, Fault, Kind, Trust
from dsnwatch.records import DecisionAction, StoredEvent
from dsnwatch.store import Counted, Dimension, Span, Store, open_store
from dsnwatch.store.figures import OTHERS
from dsnwatch.store.tallies_anew import PARTS_AT_MOST, PARTS_KEPT
from tests.databases import rows

from .builders import DAY, NOW, a_message, a_recipient, a_store, a_success, a_verdict, an_event

both = pytest.mark.usefixtures("placed")
"""For a test that runs on both databases."""

HOUR = timedelta(hours=1)
MONTH = Span.last(30 * DAY, NOW)
TALLIES = (
    "tally_hour", "tally_day", "tally_part", "tally_mail", "tally_total", "fingerprint_day",
    "fingerprint",
)  # fmt: skip
BLOCK = a_verdict("reputation", BounceClass.BLOCK)._replace(
    fault=Fault.SENDER, rule="blocked", provider="gmail"
)
REFUSED = "550 5.7.1 [192.0.2.7] refused, see https://example.net/x for id 8271"


def put(store: Store, *events: StoredEvent) -> None:
    """Store events."""
    with store.write() as writer:
        writer.add_events(events)


def put_in_turn(store: Store, *batches: Sequence[StoredEvent]) -> None:
    """Store some events after others in one transaction."""
    with store.write() as writer:
        for batch in batches:
            writer.add_events(batch)


def a_block(address: str = "anne@example.org", text: str = REFUSED, ip: str = "") -> StoredEvent:
    """Give a refusal for the sender's sake."""
    said = a_recipient(address)._replace(diagnostic=text)
    return an_event(address, verdict=BLOCK, recipient=said, details=Details(blocked_ip=ip or None))


def tallies(store: Store) -> dict[str, list[tuple[object, ...]]]:
    """Give every row of every table of counts."""
    return {
        name: sorted((tuple(row.values()) for row in rows(store.url, name)), key=repr)
        for name in TALLIES
    }


@contextmanager
def a_new_store() -> Iterator[Store]:
    """Open a store in a folder of its own; for tests that hypothesis runs many times."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.db"
        path.write_bytes(_empty())
        store = open_store(str(path))
        yield store
        store.close()


@cache
def _empty() -> bytes:
    """Make an empty store once; to migrate one for each example takes most of the time."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.db"
        open_store(str(path)).close()
        return path.read_bytes()


VERDICTS = (
    a_verdict(),
    a_verdict("mailbox_full", BounceClass.SOFT)._replace(provider="gmail"),
    BLOCK,
    a_verdict("undetermined", BounceClass.UNDETERMINED)._replace(fault=Fault.UNKNOWN),
)
TEXTS = ("550 blocked", "550 user u1 is unknown, ticket 77", "", REFUSED, "é\x00{a}\ud800")


@st.composite
def some_events(draw: st.DrawFn) -> list[StoredEvent]:
    """Give events of a month, of all kinds."""
    events = []
    for _ in range(draw(st.integers(0, 12))):
        kind = draw(st.sampled_from([Kind.BOUNCE, Kind.BOUNCE, Kind.DELAY, *Kind]))
        domain = draw(st.sampled_from(["example.org", "example.net", "example.com"]))
        stored = an_event(
            f"u{draw(st.integers(0, 9))}@{domain}",
            occurred_at=NOW - draw(st.integers(0, 24 * 30)) * HOUR,
            kind=kind,
            verdict=draw(st.sampled_from(VERDICTS)),
            stream=draw(st.sampled_from(["", "news", "shop"])),
            recipient=a_recipient()._replace(diagnostic=draw(st.sampled_from(TEXTS))),
            details=Details(blocklist=draw(st.sampled_from([None, "zen"]))),
        )
        found = stored.event.attribution._replace(
            campaign=draw(st.sampled_from([None, "spring"])),
            trust=draw(st.sampled_from([Trust.VOUCHED, Trust.BACKSCATTER])),
        )
        event = stored.event._replace(attribution=found)
        if kind not in {Kind.BOUNCE, Kind.DELAY}:
            event = event._replace(verdict=None)
        action = draw(st.sampled_from(DecisionAction))
        decision = stored.decision._replace(action=action)
        events.append(stored._replace(event=event, decision=decision))
    return events


def expected(events: Sequence[StoredEvent], name: Dimension) -> dict[str, Counter[str]]:
    """Count events the plain way, by one of their properties."""
    found: dict[str, Counter[str]] = {}
    for stored in events:
        event, verdict = stored.event, stored.event.verdict
        values = {
            Dimension.STREAM: event.attribution.stream,
            Dimension.CLASS: verdict.bounce_class.value if verdict else "",
            Dimension.REASON: verdict.reason if verdict else "",
            Dimension.PROVIDER: (verdict and verdict.provider) or "",
            Dimension.DOMAIN: event.attribution.recipient.partition("@")[2],
            Dimension.CAMPAIGN: event.attribution.campaign,
        }
        if (value := values[name]) is None:
            continue
        counts = found.setdefault(value, Counter())
        if event.attribution.trust is Trust.BACKSCATTER:
            counts["backscatter"] += 1
        elif event.kind is Kind.BOUNCE:
            counts["failed"] += 1
            assert verdict is not None
            counts[verdict.bounce_class.value] += 1
        elif event.kind is Kind.DELAY:
            counts["delayed"] += 1
        else:
            counts["rest"] += 1
    return found


def told(counted: Counted) -> Counter[str]:
    """Give an answer in the same words."""
    rest = (
        counted.complaints, counted.unsubscribes, counted.auto_replies, counted.delivered,
        counted.others,
    )  # fmt: skip
    names = ("failed", "hard", "soft", "block", "undetermined", "delayed", "backscatter")
    return +Counter({name: getattr(counted, name) for name in names} | {"rest": sum(rest)})


@settings(max_examples=25)
@given(some_events(), some_events())
def test_figures_are_a_count_over_the_events(
    first: list[StoredEvent], second: list[StoredEvent]
) -> None:
    with a_new_store() as store:
        put(store, *first)
        put(store, *second)
        events = [*first, *second]
        for name in (each for each in Dimension if each is not Dimension.KIND):
            found = {value: told(each) for value, each in store.counted_by(name, MONTH)}
            assert found == expected(events, name)
        whole = sum(expected(events, Dimension.STREAM).values(), Counter[str]())
        assert told(store.counted(MONTH)) == whole
        failures = store.series(Dimension.CLASS, MONTH)
        assert sum(failures.total) == whole["failed"]


@settings(max_examples=25)
@given(some_events(), some_events(), st.randoms(use_true_random=False))
def test_events_judged_otherwise_are_counted_otherwise(
    before: list[StoredEvent], other: list[StoredEvent], chance: Random
) -> None:
    with a_new_store() as store:
        put(store, *before)
        changed = [
            stored._replace(
                event=stored.event._replace(verdict=chance.choice(VERDICTS)),
                decision=chance.choice(other).decision if other else stored.decision,
            )
            for stored in before
            if stored.event.verdict is not None and chance.random() < 0.6
        ]
        with store.write() as writer:
            writer.rewrite_events(changed)
        kept = tallies(store)
        with store.write() as writer:
            writer.tally_anew()
        anew = tallies(store)
        for name in set(TALLIES) - {"fingerprint"}:
            assert kept[name] == anew[name]
        assert [row[:10] for row in kept["fingerprint"]] == [
            row[:10] for row in anew["fingerprint"]
        ]


@settings(max_examples=15)
@given(some_events())
def test_counting_anew_gives_what_was_kept(events: list[StoredEvent]) -> None:
    with a_new_store() as store:
        for stored in events:
            put(store, stored)
        with store.write() as writer:
            writer.add_messages([a_message()])
        before = tallies(store)
        with store.write() as writer:
            assert writer.tally_anew() == len(events)
        assert tallies(store) == before


@both
def test_what_is_undone_is_not_counted(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    put(store, an_event())
    before = tallies(store)
    twice = an_event()
    with pytest.raises((sqlite3.IntegrityError, StoreError)):
        put_in_turn(store, [an_event(), a_block()], [twice, twice])
    assert tallies(store) == before


@both
def test_days_stay_when_events_are_let_go_of(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    put(store, an_event(), an_event(occurred_at=NOW - 9 * DAY))
    # Ids never go back, and tests before this one gave some.
    assert Sweep(store, Settings(), "cli:anne").events(NOW + 9000 * DAY) == 2
    with store.write() as writer:
        writer.sweep_tallies(NOW - 3 * DAY, NOW - 3 * DAY)
    assert store.counted(MONTH).hard == 2
    put(store, an_event(occurred_at=NOW + DAY))
    with store.write() as writer:
        assert writer.tally_anew() == 1
    assert store.counted(Span.last(30 * DAY, NOW + 2 * DAY)).hard == 3


@both
def test_many_domains_of_a_day_are_folded_to_the_largest(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    events = [an_event(f"a@d{number}.example.org") for number in range(PARTS_AT_MOST + 1)]
    put(store, *events, an_event("b@d7.example.org"))
    with store.write() as writer:
        assert writer.fold_tallies() == 2 - 1
        assert writer.fold_tallies() == 0
    found = store.counted_by(Dimension.DOMAIN, MONTH)
    assert len(found) == PARTS_KEPT + 1
    assert found[0] == ("*", Counted(hard=PARTS_AT_MOST + 2 - PARTS_KEPT - 1))
    assert found[1] == ("d7.example.org", Counted(hard=2))
    folded = next(one for one in events if "@d99." in one.event.attribution.recipient)
    judged = folded._replace(event=folded.event._replace(verdict=BLOCK))
    with store.write() as writer:
        writer.rewrite_events([judged])
    assert store.counted(MONTH, {Dimension.DOMAIN: "*"}).hard == found[0][1].hard - 1


@both
def test_refusals_that_say_one_thing_have_one_fingerprint(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    other = REFUSED.replace("8271", "99").replace("net/x", "net/y")
    put(store, a_block(), a_block("bob@example.net", other), a_block(text="550 spam"))
    put(store, an_event())
    first, *rest = store.fingerprints(MONTH, classes=[BounceClass.BLOCK])
    assert (first.events, first.provider, first.reason) == (2, "gmail", "reputation")
    assert first.form == "550 5.7.1 [{ip}] refused, see {url} for id {n}"
    assert [each.form for each in rest] == ["550 spam"]
    by_rule = store.fingerprints(MONTH, faults=[Fault.RECIPIENT])
    assert [(each.rule, each.form, each.events) for each in by_rule] == [("code.5.1.1", "", 1)]
    series = store.fingerprint_series([first.id], MONTH)
    assert [(name, sum(values)) for name, values in series] == [(first.id, 2)]


@both
def test_fingerprint_remembers_first_last_and_a_sample(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    early = a_block()._replace(event=a_block().event._replace(occurred_at=NOW - 5 * DAY))
    late = a_block()
    for stored in (late, early):
        put(store, stored)
    (found,) = store.fingerprints(MONTH)
    assert (found.first_at, found.last_at, found.sample) == (NOW - 5 * DAY, NOW, late.id)


@both
def test_rates_need_what_was_sent(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    hour = int(NOW.timestamp()) // 3600
    put(store, an_event(), a_success())
    assert store.counted(MONTH).hard_rate is None
    with store.write() as writer:
        writer.count_sent({(hour, "news", "spring"): 50, (hour, "shop", ""): 50})
    assert store.counted(MONTH).hard_rate == 1 / 100
    assert store.counted(MONTH, {Dimension.STREAM: "news"}).hard_rate == 1 / 50
    by_campaign = dict(store.counted_by(Dimension.CAMPAIGN, MONTH))
    assert by_campaign == {"spring": Counted(sent=50, hard=1, delivered=1)}
    assert store.last_sent_hours(hour - 1) == {"news": hour, "shop": hour}
    assert store.last_sent_hours(hour + 1) == {}


@both
def test_messages_are_counted_by_kind_and_quarantine_gives_back(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    message = a_message()
    with store.write() as writer:
        writer.add_messages([message])
        writer.add_quarantine("01Q", message.raw, "f", ("odd",), NOW)
    assert store.mail_counted(MONTH) == {"bounce": 1, "quarantined": 1}
    with store.write() as writer:
        assert writer.remove_quarantine("01Q")
        assert not writer.remove_quarantine("01Q")
    assert store.mail_counted(MONTH) == {"bounce": 1}


@both
def test_chart_has_a_number_a_step_and_puts_the_rest_together(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    put(store, an_event(), an_event(), a_block(), an_event(verdict=VERDICTS[1]))
    span = Span.last(DAY, NOW)
    assert (span.hourly, len(span.starts), span.until) == (
        True,
        24,
        datetime(2026, 3, 31, 13, tzinfo=UTC),
    )
    series = store.series(Dimension.REASON, span, limit=2)
    assert [(name, sum(values)) for name, values in series] == [("user_unknown", 2), (OTHERS, 2)]
    assert series.total == (*(0,) * 23, 4)
    (only,) = store.series(Dimension.REASON, span, names=["user_unknown"])
    assert (only[0], sum(only[1])) == ("user_unknown", 2)
    assert store.series(Dimension.REASON, span.before).total == (0,) * 24


def test_long_spans_are_by_the_day() -> None:
    assert not MONTH.hourly
    assert (MONTH.since, MONTH.until) == (
        datetime(2026, 3, 1, tzinfo=UTC),
        datetime(2026, 4, 1, tzinfo=UTC),
    )
    assert Span.last(DAY, NOW).days.starts == (
        datetime(2026, 3, 30, tzinfo=UTC),
        datetime(2026, 3, 31, tzinfo=UTC),
    )
    assert not Span.between(NOW - 100 * DAY, NOW - 99 * DAY, NOW).hourly


@both
def test_what_is_not_counted_together_is_refused(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    with pytest.raises(ValueError, match="domain and reason"):
        store.counted_by(Dimension.REASON, MONTH, {Dimension.DOMAIN: "example.org"})


@both
def test_counting_anew_gives_what_was_kept_also_after_a_replay(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    events = [
        an_event(f"u{number}@d{number % 7}.example.org", verdict=VERDICTS[number % 4])
        for number in range(60)
    ]
    put(store, *events[:30])
    put(store, *events[30:], a_block(), a_success())
    with store.write() as writer:
        writer.add_messages([a_message()])
        writer.rewrite_events(
            [one._replace(event=one.event._replace(verdict=VERDICTS[0])) for one in events[::3]]
        )
    kept = tallies(store)
    with store.write() as writer:
        assert writer.tally_anew() == 62
    anew = tallies(store)
    for name in set(TALLIES) - {"fingerprint"}:
        assert kept[name] == anew[name]
    assert [row[:10] for row in kept["fingerprint"]] == [row[:10] for row in anew["fingerprint"]]
