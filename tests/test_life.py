"""What signs of life do to counts and suppressions."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from dsnwatch.ingest import Ingest
from dsnwatch.matching import message_key
from dsnwatch.model import RawMessage
from dsnwatch.policy import Policy
from dsnwatch.reading.reader import Reader
from dsnwatch.records import Sign
from dsnwatch.revival import revive
from dsnwatch.store import Store, open_store

from .test_ingest import a_bounce

TODAY = datetime(2026, 3, 31, 12, tzinfo=UTC)
DAY = timedelta(days=1)
ANNE = "anne@example.org"
POLICY = Policy.preset("default")
READER = Reader.load()


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    with closing(open_store(database)) as opened:
        yield opened


@pytest.fixture
def ingest(store: Store) -> Ingest:
    return Ingest(store, READER, POLICY, lambda: TODAY)


def soft(days_ago: float, number: int) -> RawMessage:
    data = a_bounce(
        status="4.3.0", text="451 4.3.0 local error", original=f"{number}@x.example", number=number
    )
    return RawMessage(data, f"m#{number}", "mbox", TODAY - days_ago * DAY, vouched=True)


def delivered(days_ago: float, number: int) -> RawMessage:
    data = a_bounce(
        action="delivered", status="2.0.0", text="250 ok", original=f"{number}@x.example",
        number=100 + number,
    )  # fmt: skip
    return RawMessage(data, f"d#{number}", "mbox", TODAY - days_ago * DAY, vouched=True)


def mail(days_ago: float, sender: str = ANNE, auto: str = "") -> RawMessage:
    head = f"From: Anne <{sender}>\nTo: news@x.example\nSubject: Re: News\n{auto}"
    data = f"{head}\nThank you!\n".encode()
    return RawMessage(data, "r#1", "mbox", TODAY - days_ago * DAY, vouched=True)


def sign(store: Store, days_ago: float, original: str | None = None) -> list[str]:
    """Note a sign of life as the import of a log does; tells who was freed."""
    message = message_key(original, ANNE) if original else None
    with store.write() as writer:
        signs = [Sign(ANNE, TODAY - days_ago * DAY, "sent", message)]
        return [row.address for row in revive(writer, POLICY, signs, TODAY)]


THREE = [soft(8, 1), soft(6, 2), soft(4, 3)]


def suppressed(store: Store) -> bool:
    return store.suppression(ANNE) is not None


def test_three_soft_failures_suppress_without_a_sign(store: Store, ingest: Ingest) -> None:
    ingest.commit(THREE)
    assert suppressed(store)


@pytest.mark.parametrize(
    "shown",
    [
        pytest.param(delivered(5, 9), id="a delivered report"),
        pytest.param(mail(5), id="a reply"),
        pytest.param(mail(5, auto="Auto-Submitted: auto-replied\n"), id="an automatic reply"),
    ],
)
@pytest.mark.parametrize("place", range(4))
def test_a_sign_of_life_between_starts_the_count_afresh(
    store: Store, ingest: Ingest, shown: RawMessage, place: int
) -> None:
    ingest.commit([*THREE[:place], shown, *THREE[place:]])
    assert not suppressed(store)


@pytest.mark.parametrize("place", range(4))
def test_a_sign_of_life_from_a_log_counts_in_any_order(
    store: Store, ingest: Ingest, place: int
) -> None:
    for number in range(4):
        if number == place:
            sign(store, 5)
        if number < 3:
            ingest.commit([THREE[number]])
    assert not suppressed(store)


def test_a_sign_after_a_soft_suppression_frees_and_is_kept_in_the_books(
    store: Store, ingest: Ingest
) -> None:
    ingest.commit(THREE)
    assert sign(store, 1) == [ANNE]
    assert not suppressed(store)
    with store.write() as writer:
        ((release,),) = writer.releases_of([ANNE]).values()
    assert release.because == "sign of life (sent) on 2026-03-30"
    assert release.who == "policy"


def test_a_sign_before_the_last_failures_leaves_what_rests_on_them(
    store: Store, ingest: Ingest
) -> None:
    ingest.commit([*THREE, soft(2, 4), soft(0.5, 5)])
    assert sign(store, 7) == []
    assert suppressed(store)


def test_a_dead_address_stays_dead(store: Store, ingest: Ingest) -> None:
    hard = RawMessage(a_bounce(), "h#1", "mbox", TODAY - 4 * DAY, vouched=True)
    ingest.commit([hard])
    assert sign(store, 1) == []
    assert suppressed(store)


def test_a_sign_of_the_message_that_failed_after_all_is_none(store: Store, ingest: Ingest) -> None:
    ingest.commit(THREE[:2])
    sign(store, 4.1, original="3@x.example")
    ingest.commit(THREE[2:])
    assert suppressed(store)


def test_the_sign_before_it_counts_again(store: Store, ingest: Ingest) -> None:
    ingest.commit(THREE[:2])
    sign(store, 5, original="other@x.example")
    sign(store, 4.1, original="3@x.example")
    ingest.commit(THREE[2:])
    assert not suppressed(store)


def test_a_delivered_report_of_a_message_that_failed_is_no_sign(
    store: Store, ingest: Ingest
) -> None:
    ingest.commit([*THREE, delivered(1, 3)])
    assert suppressed(store)


def test_a_reply_of_a_stranger_is_not_kept(store: Store, ingest: Ingest) -> None:
    ingest.commit([mail(1, sender="stranger@example.net")])
    with store.write() as writer:
        assert writer.addresses_alive() == 0


def test_a_relayed_report_shows_nothing(store: Store, ingest: Ingest) -> None:
    relayed = delivered(5, 9).data.replace(b"Action: delivered", b"Action: relayed")
    raw = RawMessage(relayed, "d#1", "mbox", TODAY - 5 * DAY, vouched=True)
    ingest.commit([*THREE[:2], raw, THREE[2]])
    assert suppressed(store)


def test_of_signs_out_of_order_the_last_one_counts(store: Store, ingest: Ingest) -> None:
    ingest.commit(THREE[:2])
    for days_ago in (5, 7, 6):
        sign(store, days_ago)
    with store.write() as writer:
        assert writer.life_of([ANNE])[ANNE].at == TODAY - 5 * DAY
