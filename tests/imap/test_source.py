"""What a mailbox gives and how it lets go, against a real Dovecot."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dsnwatch.model import Kind
from dsnwatch.sources import imap, imap_fetch
from dsnwatch.sources.imap import ImapSource
from dsnwatch.sources.imap_folders import DONE_KEYWORD, UNREAD_KEYWORD, Way
from dsnwatch.sources.imap_trouble import MailboxError, Trouble
from tests.imap.builders import Memory, a_source, numbered, settle, swept
from tests.servers.dovecot import Account, Dovecot
from tests.servers.proxy import Proxy

pytestmark = pytest.mark.server

Open = Callable[..., ImapSource]


@pytest.fixture
def opened(account: Account, proxy: Proxy) -> Iterator[Open]:  # noqa: ARG001  closed after ours
    """Give a function that makes a source of the account, closed in the end."""
    sources: list[ImapSource] = []

    def make(who: Account = account, **said: Any) -> ImapSource:  # noqa: ANN401  a_source's
        sources.append(a_source(who, **said))
        return sources[-1]

    yield make
    for source in sources:
        source.close()


@pytest.fixture
def proxy(dovecot: Dovecot) -> Iterator[Proxy]:
    """Something that may stand between."""
    with Proxy(dovecot.port) as between:
        yield between


def without(*capabilities: str) -> Callable[[bytes], bytes]:
    """Make a server that has never heard of these."""

    def rewrite(data: bytes) -> bytes:
        for each in capabilities:
            data = data.replace(f" {each}".encode(), b"")
        return data

    return rewrite


@pytest.mark.parametrize(
    ("lacking", "way"),
    [((), Way.MOVE), (("MOVE",), Way.COPY), (("MOVE", "UIDPLUS"), Way.KEYWORD)],
    ids=str,
)
def test_stored_messages_go_by_the_best_way_the_server_has(
    account: Account, opened: Open, proxy: Proxy, lacking: tuple[str, ...], way: Way
) -> None:
    account.deliver(numbered(3))
    proxy.rewrite = without(*lacking)
    source = opened(port=proxy.port)
    assert swept(source) == numbered(3)
    (folder,) = source.folders()
    assert set(folder.ways.values()) == {way}
    if way is Way.KEYWORD:
        assert all(DONE_KEYWORD.encode() in flags for flags in account.flags())
    else:
        assert account.holds() == []
        assert account.holds("Processed") == numbered(3)
    assert swept(source) == []
    assert "EXPUNGE" not in proxy.commands  # it would take what others have marked
    assert swept(opened(port=proxy.port)) == []


def test_a_server_without_keywords_is_read_by_cursor(
    account: Account, opened: Open, proxy: Proxy
) -> None:
    account.deliver(numbered(3))
    proxy.rewrite = lambda data: without("MOVE", "UIDPLUS")(data).replace(rb" \*)]", b")]")
    positions = Memory()
    assert swept(opened(port=proxy.port, positions=positions)) == numbered(3)
    account.deliver(numbered(2, first=4))
    assert swept(opened(port=proxy.port, positions=positions)) == numbered(2, first=4)
    assert account.holds() == numbered(5)


def test_messages_of_which_nothing_was_understood_go_elsewhere(
    account: Account, opened: Open
) -> None:
    account.deliver(numbered(2))
    swept(opened(), Kind.OTHER)
    assert account.holds("Unrecognised") == numbered(2)
    assert account.holds("Processed") == []


def test_delete_deletes_what_was_understood_and_moves_the_rest(
    account: Account, opened: Open
) -> None:
    account.deliver(numbered(4))
    source = opened(after="delete")
    raws = list(source.messages())
    settle(source, raws[:2])
    settle(source, raws[2:3], Kind.OTHER)
    assert account.holds() == numbered(1, first=4)
    assert account.holds("Unrecognised") == numbered(1, first=3)
    assert account.holds("Processed") == []


def test_delete_leaves_alone_what_others_have_marked_deleted(
    account: Account, opened: Open
) -> None:
    account.deliver(numbered(1))
    source = opened(after="delete")
    raws = list(source.messages())
    account.deliver(numbered(1, first=2))
    with account.client() as client:
        client.select_folder("INBOX")
        client.add_flags(client.search(), [b"\\Deleted"])
    settle(source, raws)
    assert account.holds() == numbered(1, first=2)


def test_flag_marks_and_leaves(account: Account, opened: Open) -> None:
    account.deliver(numbered(2))
    source = opened(after="flag")
    raws = list(source.messages())
    settle(source, raws[:1])
    settle(source, raws[1:], Kind.OTHER)
    assert [UNREAD_KEYWORD.encode() in flags for flags in account.flags()] == [False, True]
    assert all(DONE_KEYWORD.encode() in flags for flags in account.flags())
    assert swept(source) == []
    assert swept(opened(after="flag")) == []


@pytest.mark.parametrize("after", ["move", "flag", "keep"])
def test_seen_is_never_touched(account: Account, opened: Open, after: str) -> None:
    account.deliver(numbered(2))
    with account.client() as client:
        client.select_folder("INBOX")
        client.add_flags([1], [b"\\Seen"])
    swept(opened(after=after))
    flags = account.flags("Processed" if after == "move" else "INBOX")
    assert [b"\\Seen" in each for each in flags] == [True, False]


def test_kept_messages_are_given_once_over_restarts(account: Account, opened: Open) -> None:
    positions = Memory()
    account.deliver(numbered(3))
    assert swept(opened(after="keep", positions=positions)) == numbered(3)
    assert swept(opened(after="keep", positions=positions)) == []
    account.deliver(numbered(1, first=4))
    assert swept(opened(after="keep", positions=positions)) == numbered(1, first=4)


def test_cursor_does_not_pass_what_was_not_stored(account: Account, opened: Open) -> None:
    positions = Memory()
    account.deliver(numbered(4))
    source = opened(after="keep", positions=positions)
    raws = list(source.messages())
    settle(source, [raws[0], *raws[2:]])
    assert swept(source) == numbered(3, first=2)  # what lies above it comes once more
    assert swept(opened(after="keep", positions=positions)) == []


def test_another_uidvalidity_means_all_messages_anew(account: Account, opened: Open) -> None:
    positions = Memory()
    account.deliver(numbered(3))
    source = opened(after="keep", positions=positions)
    assert swept(source) == numbered(3)
    source.close()
    account.renumber()
    assert sorted(swept(source)) == numbered(3)
    assert swept(opened(after="keep", positions=positions)) == []


def test_folder_replaced_under_an_open_connection_is_read_by_a_new_one(
    account: Account, opened: Open
) -> None:
    account.deliver(numbered(2))
    source = opened(after="keep")
    swept(source)
    account.renumber()
    with pytest.raises(MailboxError) as caught:
        swept(source)
    assert caught.value.trouble is Trouble.REFUSED
    assert sorted(swept(source)) == numbered(2)


def test_uids_of_an_old_uidvalidity_are_never_moved(account: Account, opened: Open) -> None:
    account.deliver(numbered(2))
    source = opened()
    raws = list(source.messages())
    source.close()
    account.renumber()
    source.connect()
    settle(source, raws)
    assert sorted(account.holds()) == numbered(2)
    assert sorted(swept(source)) == numbered(2)
    assert sorted(account.holds("Processed")) == numbered(2)


def test_message_that_another_program_took_is_no_trouble(account: Account, opened: Open) -> None:
    account.deliver(numbered(3))
    source = opened()
    raws = list(source.messages())
    with account.client() as client:
        client.select_folder("INBOX")
        client.delete_messages([2])
        client.uid_expunge([2])
    settle(source, raws)
    assert account.holds() == []
    assert account.holds("Processed") == [numbered(3)[0], numbered(3)[2]]


def test_message_taken_between_search_and_fetch_is_left_out(
    account: Account, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.deliver(numbered(3))
    monkeypatch.setattr(imap, "SET", 1)
    source = opened()
    messages = source.messages()
    first = next(messages)
    with account.client() as client:
        client.select_folder("INBOX")
        client.delete_messages([2])
        client.uid_expunge([2])
    rest = list(messages)
    settle(source, [first, *rest])
    assert account.holds("Processed") == [numbered(3)[0], numbered(3)[2]]
    assert swept(source) == []
    assert source.folders()[0].missed == {}


def test_messages_are_moved_in_sets(account: Account, opened: Open, proxy: Proxy) -> None:
    account.deliver(numbered(1200))
    source = opened(port=proxy.port)
    assert swept(source) == numbered(1200)
    assert proxy.commands.count("UID FETCH") == 3
    assert proxy.commands.count("UID MOVE") == 3
    assert len(account.holds("Processed")) == 1200


def test_more_messages_than_one_answer_can_name_are_found(
    account: Account, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dsnwatch.sources.imap_session.SEARCH_AT_ONCE", 4)
    account.deliver(numbered(11))
    assert swept(opened()) == numbered(11)


@pytest.mark.parametrize("octets", [100, 1000, 1001, 2500, 9999])
def test_long_messages_are_fetched_in_parts(
    account: Account, opened: Open, monkeypatch: pytest.MonkeyPatch, octets: int
) -> None:
    monkeypatch.setattr(imap_fetch, "HEAD_OCTETS", 500)
    monkeypatch.setattr(imap_fetch, "PART_OCTETS", 500)
    monkeypatch.setattr(imap_fetch, "PARTS_AT_ONCE", 2)
    for module in (imap, imap_fetch):
        monkeypatch.setattr(module, "LARGEST_OCTETS", 5000)
    messages = [b"%d" % number + b"x" * octets for number in range(5)]
    account.deliver([*messages, b"short\n"])
    given = list(opened().messages())
    assert [raw.data for raw in given[:5]] == [data[:5000] for data in messages]
    assert given[5].data == b"short\r\n"
    assert all((";first=5000" in raw.locator) is (octets > 5000) for raw in given[:5])


def test_arrival_is_internaldate(account: Account, opened: Open) -> None:
    when = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
    with account.client() as client:
        client.append("INBOX", b"Subject: x\r\n\r\nText\r\n", (), when)
    (raw,) = opened().messages()
    assert raw.arrived_at == when
    assert raw.arrived_at.utcoffset() == timedelta()


def test_junk_is_read_by_what_it_is_for(account: Account, opened: Open) -> None:
    account.deliver(numbered(1))
    account.deliver(numbered(1, first=2), "Spam")
    source = opened(folders=("INBOX", "\\Junk"))
    assert sorted(swept(source)) == numbered(2)
    assert sorted(account.holds("Processed")) == numbered(2)


def test_folder_that_is_missing_is_told_and_the_others_are_read(
    account: Account, opened: Open
) -> None:
    account.deliver(numbered(2))
    source = opened(folders=("INBOX", "Nowhere", "\\Archive"))
    messages = source.messages()
    given = [next(messages), next(messages)]
    with pytest.raises(MailboxError, match="no folder 'Nowhere'") as caught:
        next(messages)
    assert caught.value.trouble is Trouble.REFUSED
    with account.client() as client:
        client.create_folder("Nowhere")
    settle(source, given)
    assert swept(source) == []  # the list has been read anew


@pytest.mark.parametrize(
    "name",
    ["Bounces/2026", "Rückläufer", "退信", "a b", 'say "no"', "back\\slash", "100%", "{5}", "&-"],
)
def test_folders_may_be_called_anything(account: Account, opened: Open, name: str) -> None:
    with account.client() as client:
        client.create_folder(name)
        client.append(name, b"Subject: x\r\n\r\nText\r\n")
    source = opened(folders=(name,), folder_done=f"{name} (done)")
    assert len(swept(source)) == 1
    assert len(account.holds(f"{name} (done)")) == 1


@pytest.mark.parametrize("separator", [".", "/"])
def test_folders_below_a_prefix_are_found_and_made(opened: Open, separator: str) -> None:
    prefix = f"INBOX{separator}"
    with Dovecot.running(prefix=prefix, separator=separator, junk="") as server:
        who = server.a_user()
        with who.client() as client:
            for name in (f"{prefix}Bounces", f"{prefix}Junk"):
                client.create_folder(name)
                client.append(name, f"Subject: {name}\r\n\r\nText\r\n".encode())
        source = opened(who, folders=("INBOX", "Bounces", "\\Junk"), folder_done="Done/2026")
        assert len(swept(source)) == 2
        assert len(who.holds(f"{prefix}Done{separator}2026")) == 2
        source.close()


def test_target_folder_that_is_deleted_is_made_again(account: Account, opened: Open) -> None:
    account.deliver(numbered(1))
    source = opened()
    swept(source)
    with account.client() as client:
        client.delete_folder("Processed")
    account.deliver(numbered(1, first=2))
    assert swept(source) == numbered(1, first=2)
    assert account.holds("Processed") == numbered(1, first=2)


def test_nothing_is_searched_where_nothing_has_changed(
    account: Account, opened: Open, proxy: Proxy
) -> None:
    account.deliver(numbered(1))
    source = opened(port=proxy.port, after="flag")
    for _ in range(4):
        swept(source)
    assert proxy.commands.count("UID SEARCH") == 2  # one that found it, and one that did not
    account.deliver(numbered(1, first=2))
    assert swept(source) == numbered(1, first=2)
