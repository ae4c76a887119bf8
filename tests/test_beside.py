"""Several daemons take mail in at once on one PostgreSQL: each effect once, whoever is first."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from dsnwatch.ingest import Ingest
from dsnwatch.model import RawMessage
from dsnwatch.records import Receipt, ReceiptState
from dsnwatch.store import EventFilter, Store, open_store, postgres
from dsnwatch.subscriptions import Subscription, Subscriptions
from tests.databases import asked
from tests.servers.postgresql import Server
from tests.test_ingest import POLICY, READER, TODAY, a_bounce, a_full_mailbox, raw

pytestmark = pytest.mark.server
DAEMONS = 4


@pytest.fixture
def stores(postgresql: Server) -> Iterator[list[Store]]:
    """Open one store for each daemon."""
    url = postgresql.a_store()
    opened = [open_store(url, node=f"n{number}") for number in range(DAEMONS)]
    yield opened
    for store in opened:
        store.close()
    postgresql.drop(url.rpartition("/")[2])


def at_once(stores: Sequence[Store], batches: Sequence[Sequence[RawMessage]]) -> list[Receipt]:
    """Take batches in, each by a daemon of its own, all at the same moment."""
    together = Barrier(len(batches))

    def work(store: Store, batch: Sequence[RawMessage]) -> list[Receipt]:
        ingest = Ingest(store, READER, POLICY, lambda: TODAY, Subscriptions([Subscription("all")]))
        together.wait()
        return [receipt for one in batch for receipt in ingest.commit([one])]

    with ThreadPoolExecutor(len(batches)) as several:
        done = several.map(work, stores, batches)
        return [receipt for receipts in done for receipt in receipts]


def test_same_mail_taken_in_by_all_is_stored_once(stores: list[Store]) -> None:
    mail = [raw(a_bounce(f"{number}@example.org")) for number in range(15)]
    receipts = at_once(stores, [mail[start:] + mail[:start] for start in range(0, 12, 3)])
    assert Counter(receipt.state for receipt in receipts) == {
        ReceiptState.STORED: 15,
        ReceiptState.DUPLICATE: 45,
    }
    counts = stores[0].counts()
    assert (counts.messages, counts.events, counts.suppressions) == (15, 15, 15)
    told = asked(stores[0].url, "SELECT address, type FROM outbox")
    assert len(told) == len(set(told)) == 30
    assert asked(stores[0].url, "SELECT sum(events) FROM tally_hour") == [(15,)]
    assert asked(stores[0].url, "SELECT sum(version) FROM lane") == [(30,)]


def test_failures_told_to_different_daemons_are_counted_together(stores: list[Store]) -> None:
    days = [[raw(a_full_mailbox(day, "anne@example.org"), days_ago=10 - day)] for day in range(8)]
    for start in (0, 4):
        at_once(stores, days[start : start + DAEMONS])
    said = [stored.decision.because for stored in stores[0].events(EventFilter())]
    assert Counter(said) == {
        "mailbox_full: 1 of 5 messages within 90 days": 1,
        "mailbox_full: 2 of 5 messages within 90 days": 1,
        "mailbox_full: 3 of 5 messages within 90 days": 1,
        "mailbox_full: 4 of 5 messages within 90 days": 1,
        "mailbox_full: 5 of 5 messages within 90 days": 4,
    }
    assert asked(stores[0].url, "SELECT address FROM suppression") == [("anne@example.org",)]


def test_batches_that_name_addresses_in_any_order_never_lock_each_other(
    stores: list[Store],
) -> None:
    def batch(number: int) -> list[RawMessage]:
        names = [f"{name}@example.org" for name in range(20)]
        names = names if number % 2 else names[::-1]
        return [raw(a_full_mailbox(number, name)) for name in names]

    def work(number: int) -> None:
        ingest = Ingest(stores[number], READER, POLICY, lambda: TODAY)
        for part in range(5):
            ingest.commit(batch(number * 5 + part))

    with ThreadPoolExecutor(DAEMONS) as several:
        list(several.map(work, range(DAEMONS)))
    assert stores[0].counts().messages == DAEMONS * 5 * 20


def test_batch_is_stored_anew_where_another_wrote_the_same(
    stores: list[Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As beside a daemon that claims nothing: the keys of the tables stand behind it."""
    monkeypatch.setattr(postgres, "claims", lambda _: ())
    mail = [raw(a_bounce(f"{number}@example.org")) for number in range(15)]
    receipts = at_once(stores, [mail] * DAEMONS)
    assert Counter(receipt.state for receipt in receipts) == {
        ReceiptState.STORED: 15,
        ReceiptState.DUPLICATE: 45,
    }
    assert stores[0].counts().events == 15


def test_all_that_is_decided_about_is_claimed_at_once(
    stores: list[Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who claims twice in a transaction may wait for one who waits for him."""
    claimed: list[list[str]] = []
    real = postgres.claims

    def claims(names: Iterable[str]) -> Iterator[postgres.Statement]:
        claimed.append(sorted(names))
        return real(claimed[-1])

    monkeypatch.setattr(postgres, "claims", claims)
    reply = raw(b"From: Bob <bob@Example.org>\nSubject: Re: News\n\nI am back.\n")
    Ingest(stores[0], READER, POLICY, lambda: TODAY).commit(
        [raw(a_bounce("bob@example.org")), raw(a_bounce("anne@example.org")), reply]
    )
    (once,) = claimed
    assert {"anne@example.org", "bob@example.org", reply.fingerprint} == {*once}
    assert asked(stores[0].url, "SELECT count(*) FROM life WHERE address = 'bob@example.org'") == [
        (1,)
    ]
