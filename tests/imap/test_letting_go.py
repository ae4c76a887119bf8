"""How many messages are let go of at once: what the server can take, and each of them once."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsnwatch.sources import imap_letting_go
from dsnwatch.sources.imap_letting_go import LINE_OCTETS, MOST, Pace, sets
from dsnwatch.sources.imap_session import uid_set
from tests.imap.builders import a_source, numbered, settle
from tests.servers.dovecot import Account


@pytest.mark.server
def test_stored_messages_wait_for_others_to_be_moved_with_them(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imap_letting_go, "SET", 4)
    account.deliver(numbered(9))
    source = a_source(account)
    moved = []
    for raw in source.messages():
        settle(source, [raw])
        moved.append(account.count("Processed"))
    assert moved == [0, 0, 0, 4, 4, 4, 4, 4, 4]
    settle(source, [])
    assert account.count("Processed") == 9
    assert account.count() == 0
    source.close()


@pytest.mark.server
def test_message_does_not_wait_for_long_to_be_moved(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imap_letting_go, "WAIT_SECONDS", 0.0)
    account.deliver(numbered(3))
    source = a_source(account)
    for number, raw in enumerate(source.messages(), start=1):
        settle(source, [raw])
        assert account.count("Processed") == number
    source.close()


@pytest.mark.parametrize(
    ("took", "at_once"),
    [((0.1,), 8), ((0.1, 0.1), 16), ((0.1, 5.0), 8), ((0.1, 11.0), 4), ((0.1,) * 20, MOST)],
    ids=["quick", "quick-again", "not-quick", "slow", "always-quick"],
)
def test_server_that_is_slow_is_asked_for_less(
    took: Sequence[float], at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imap_letting_go, "SET", 4)
    pace = Pace()
    for seconds in took:
        pace.took(pace.at_once, seconds)
    assert pace.at_once == at_once


@given(st.sets(st.integers(1, 2**32 - 1), max_size=3000), st.integers(1, 4000))
def test_sets_name_each_message_once_in_lines_a_server_takes(uids: set[int], at_once: int) -> None:
    named = [uid_set(some) for some in sets(sorted(uids), at_once)]
    assert all(len(text) <= LINE_OCTETS for text in named)
    spans = [span.partition(":") for text in named for span in text.split(",")]
    found = [uid for low, _, high in spans for uid in range(int(low), int(high or low) + 1)]
    assert found == sorted(uids)


def test_set_names_neighbours_by_the_first_and_the_last() -> None:
    assert uid_set([1, 2, 3, 7, 9, 10]) == "1:3,7,9:10"
