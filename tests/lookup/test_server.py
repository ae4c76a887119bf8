"""What is answered, over which socket, and what a bad client can do."""

import socket
import stat
import threading
from datetime import date
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dsnwatch.config.lookup import LookupSection
from dsnwatch.errors import StoreError, UnavailableError
from dsnwatch.lookup import Judge, Wire, WireError, said
from dsnwatch.lookup.policy import Policy
from dsnwatch.lookup.socketmap import _USUAL, Socketmap
from dsnwatch.lookups import server
from dsnwatch.model import Action, BounceReport, Kind, RecipientStatus, StatusCode
from dsnwatch.reading.classify import classify
from dsnwatch.rfc.address import key
from dsnwatch.rules import load
from dsnwatch.store import Store

from .builders import (
    NOW,
    WHY,
    Client,
    a_free_port,
    netstring,
    policy_question,
    serving,
    suppress,
)

ACTIONS = {"reject": "REJECT 5.7.1", "discard": "DISCARD", "defer": "DEFER 4.7.1"}


@pytest.mark.parametrize(("answer", "action"), ACTIONS.items())
def test_who_is_suppressed_gets_the_answer_and_others_none(
    store: Store, answer: str, action: str
) -> None:
    suppress(store, "anne@example.org")
    with serving(store.url, kind="socketmap", answer=answer) as served:
        client = Client(served.port)
        assert client.ask("anne@example.org") == f"OK {action} {WHY}"
        assert client.ask("Anne@Example.ORG") == f"OK {action} {WHY}"
        assert client.ask("bob@example.org") == "NOTFOUND "
    with serving(store.url, kind="policy", answer=answer) as served:
        client = Client(served.port)
        assert client.ask_policy("anne@example.org") == f"action={action} {WHY}"
        assert client.ask_policy("bob@example.org") == "action=DUNNO"


@pytest.mark.parametrize("key", ["example.org", "org", "anne@", "@example.org", "", "anne", "<>"])
def test_what_is_no_address_is_not_on_the_list(store: Store, key: str) -> None:
    suppress(store, "anne@example.org")
    with serving(store.url, kind="socketmap") as served:
        assert Client(served.port).ask(key) == "NOTFOUND "


def test_a_map_is_a_stream(store: Store) -> None:
    suppress(store, "anne@example.org", stream="newsletter")
    suppress(store, "bob@example.org")
    with serving(store.url, kind="socketmap", stream="invoices") as served:
        client = Client(served.port)
        assert client.ask("anne@example.org") == "NOTFOUND "
        assert client.ask("anne@example.org", "invoices") == "NOTFOUND "
        assert client.ask("anne@example.org", "newsletter").startswith("OK REJECT")
        assert client.ask("bob@example.org").startswith("OK REJECT")
        assert client.ask("bob@example.org", "newsletter").startswith("OK REJECT")


def test_a_policy_service_asks_for_its_stream(store: Store) -> None:
    suppress(store, "anne@example.org", stream="newsletter")
    for stream, action in (("newsletter", "action=REJECT"), ("invoices", "action=DUNNO")):
        with serving(store.url, kind="policy", stream=stream) as served:
            assert Client(served.port).ask_policy("anne@example.org").startswith(action)


def test_what_has_ended_no_longer_holds(store: Store) -> None:
    suppress(store, "anne@example.org", days=-1)
    suppress(store, "bob@example.org", days=1)
    with serving(store.url, kind="socketmap") as served:
        client = Client(served.port)
        assert client.ask("anne@example.org") == "NOTFOUND "
        assert client.ask("bob@example.org").startswith("OK")


def test_a_new_suppression_is_soon_known(store: Store) -> None:
    with serving(store.url, kind="socketmap") as served:
        client = Client(served.port)
        assert client.ask("anne@example.org") == "NOTFOUND "
        suppress(store, "anne@example.org")
        answers = (client.ask("anne@example.org") for _ in range(10_000))
        assert any(answer.startswith("OK") for answer in answers)


def test_odd_addresses_are_looked_up_as_they_are(store: Store) -> None:
    odd = ['"a b"@example.org', "o'brien@example.org", "a,b:c@example.org", "grüße@example.org"]
    suppress(store, *odd)
    with serving(store.url, kind="socketmap") as served:
        client = Client(served.port)
        for each in odd:
            assert client.ask(each).startswith("OK REJECT"), each
        assert client.ask(b"\xff\xfe@example.org") == "NOTFOUND "
        assert client.ask("\x00@example.org") == "NOTFOUND "
        client.send(netstring(b"\xff\xed\xa0\x80 anne@example.org"))
        assert client.receive(b",") == b"9:NOTFOUND ,"


def test_a_policy_question_without_a_recipient_is_none_of_ours(store: Store) -> None:
    with serving(store.url, kind="policy") as served:
        client = Client(served.port)
        assert client.ask_policy("", ("sender", "anne@example.org")) == "action=DUNNO"
        client.send(policy_question([("recipient_count", "3")]))
        assert client.receive(b"\n\n") == b"action=DUNNO\n\n"


def test_many_questions_at_once_and_a_question_in_pieces(store: Store) -> None:
    suppress(store, "anne@example.org")
    with serving(store.url, kind="socketmap") as served:
        client = Client(served.port)
        question = netstring(b"suppressed anne@example.org")
        client.send(question * 50)
        for _ in range(50):
            assert b"OK REJECT" in client.receive(b",")
        for octet in question:
            client.send(bytes([octet]))
        assert b"OK REJECT" in client.receive(b",")


@pytest.mark.parametrize(
    "nonsense",
    [
        b"GET / HTTP/1.0\r\n\r\n",
        b"99999999999:",
        b"-1:x,",
        b"3:abcd",
        b"10001:",
        b"5:abcde,",
        b"x" * 99,
    ],
)
def test_nonsense_is_hung_up_on_and_nobody_else_suffers(store: Store, nonsense: bytes) -> None:
    with serving(store.url, kind="socketmap") as served:
        bad, good = Client(served.port), Client(served.port)
        bad.send(nonsense)
        assert bad.closed
        assert good.ask("anne@example.org") == "NOTFOUND "


@pytest.mark.parametrize("nonsense", [b"\n\n", b"request=other\n\n", b"x" * 70_000])
def test_a_policy_client_that_talks_nonsense_is_hung_up_on(store: Store, nonsense: bytes) -> None:
    with serving(store.url, kind="policy") as served:
        bad = Client(served.port)
        bad.send(nonsense)
        assert bad.closed


def test_a_client_that_never_reads_holds_nobody_up(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "socketmap"
    with serving(store.url, kind="socketmap", listen=f"unix:{path}"):
        bad, good = Client(path), Client(path)
        bad.socket.settimeout(0.1)
        with pytest.raises(TimeoutError):
            bad.send(netstring(b"suppressed anne@example.org") * 100_000)
        assert good.ask("anne@example.org") == "NOTFOUND "


def test_a_unix_socket_has_its_rights_and_goes_with_the_server(
    store: Store, tmp_path: Path
) -> None:
    path = tmp_path / "socketmap"
    suppress(store, "anne@example.org")
    with serving(store.url, kind="socketmap", listen=f"unix:{path}", mode="0600"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert Client(path).ask("anne@example.org").startswith("OK")
    assert not path.exists()


def test_a_socket_that_was_left_behind_is_replaced(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "socketmap"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    with serving(store.url, kind="socketmap", listen=f"unix:{path}"):
        assert Client(path).ask("anne@example.org") == "NOTFOUND "


def test_a_socket_in_use_and_a_file_in_its_place_are_left_alone(
    store: Store, tmp_path: Path
) -> None:
    path = tmp_path / "socketmap"
    section = LookupSection(kind="socketmap", listen=f"unix:{path}")
    with serving(store.url, kind="socketmap", listen=f"unix:{path}"):
        with pytest.raises(UnavailableError, match="cannot listen on unix:"):
            server(section, store.url)
        assert Client(path).ask("anne@example.org") == "NOTFOUND "
    path.write_text("mine")
    with pytest.raises(UnavailableError):
        server(section, store.url)
    assert path.read_text() == "mine"


def test_a_port_in_use_is_said(store: Store) -> None:
    with serving(store.url, kind="socketmap") as served:
        section = LookupSection(kind="socketmap", listen=f"127.0.0.1:{served.port}")
        with pytest.raises(UnavailableError, match="Address already in use"):
            server(section, store.url)


@pytest.mark.parametrize(
    ("on_error", "socketmap", "policy"),
    [
        ("defer", "TEMP the store cannot be read", "action=DEFER 4.3.0"),
        ("pass", "NOTFOUND ", "action=DUNNO"),
    ],
)
def test_while_the_store_cannot_be_read_mail_defers_or_flows_as_configured(
    tmp_path: Path, on_error: str, socketmap: str, policy: str
) -> None:
    (tmp_path / "broken.db").write_bytes(b"no database at all" * 1000)
    url = f"sqlite:///{tmp_path / 'broken.db'}"
    with serving(url, kind="socketmap", on_error=on_error) as served:
        assert Client(served.port).ask("anne@example.org") == socketmap
    with serving(url, kind="policy", on_error=on_error) as served:
        assert Client(served.port).ask_policy("anne@example.org").startswith(policy)


def test_a_store_that_is_not_there_yet_suppresses_nobody(tmp_path: Path) -> None:
    with serving(f"sqlite:///{tmp_path / 'absent.db'}", kind="socketmap") as served:
        assert Client(served.port).ask("anne@example.org") == "NOTFOUND "


def test_a_hundred_clients_at_once(store: Store) -> None:
    suppress(store, "anne@example.org")
    wrong: list[str] = []

    def ask() -> None:
        client = Client(served.port)
        for number in range(20):
            answer = client.ask("anne@example.org" if number % 2 else "bob@example.org")
            if answer.startswith("OK") is not bool(number % 2):
                wrong.append(answer)

    with serving(store.url, kind="socketmap") as served:
        threads = [threading.Thread(target=ask) for _ in range(100)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


def test_stopped_before_it_ran_it_does_not_run(store: Store) -> None:
    section = LookupSection(kind="socketmap", listen=f"127.0.0.1:{a_free_port()}")
    served = server(section, store.url)
    served.stop()
    served.run()
    served.stop()


def found(address: str, stream: str) -> date | None:  # noqa: ARG001  the signature is `Find`
    if "broken" in address:
        raise StoreError("no")
    return NOW.date() if address.startswith("a") else None


WIRES: list[Wire] = [
    Socketmap(Judge(found, "reject"), "", passing=False),
    Policy(Judge(found, "reject"), "", passing=False),
]


@given(octets=st.binary(max_size=300), wire=st.sampled_from(WIRES))
@example(octets=b"0:,", wire=WIRES[0])
@example(octets=b"2: a,", wire=WIRES[0])
@example(octets=b"1:\xff,", wire=WIRES[0])
@example(octets=b"request=smtpd_access_policy\nrecipient=\xff@\x00\n\n", wire=WIRES[1])
def test_any_octets_are_answered_or_refused(octets: bytes, wire: Wire) -> None:
    received = bytearray(octets)
    try:
        answered = wire.answer(received)
    except WireError:
        return
    assert len(received) <= len(octets)
    assert answered.isascii()


@given(
    questions=st.lists(st.binary(max_size=60)),
    cuts=st.lists(st.integers(1, 30)),
)
def test_however_the_octets_come_the_answers_are_the_same(
    questions: list[bytes], cuts: list[int]
) -> None:
    octets = b"".join(netstring(b"m " + each) for each in questions)
    whole = WIRES[0].answer(bytearray(octets))
    received, answers, start = bytearray(), b"", 0
    for cut in [*cuts, len(octets)]:
        received += octets[start : start + cut]
        start += cut
        answers += WIRES[0].answer(received)
    assert (answers, received) == (whole, bytearray())
    assert answers.count(b"\n") == 0


@pytest.mark.parametrize("answer", ["reject", "defer"])
@pytest.mark.parametrize("before", ["{} <anne@example.org>: Recipient address rejected: ", "{} "])
def test_a_bounce_made_of_our_own_answer_says_nothing_of_the_address(
    answer: str, before: str
) -> None:
    code, _, text = said(NOW.date(), answer).partition(" ")
    line = before.format(f"{'550' if answer == 'reject' else '450'} {code}") + text
    status = RecipientStatus(
        "anne@example.org", Action.FAILED, status=StatusCode.of(code), diagnostic=line
    )
    verdict = classify(status, BounceReport(Kind.BOUNCE), load())
    assert verdict is not None
    assert (verdict.reason, verdict.bounce_class) == ("policy", "block")


@given(st.from_regex(_USUAL, fullmatch=True))
@example(b"17:suppressed smtp=a@b1,")
def test_a_question_that_is_taken_as_it_is_is_as_it_should_be(question: bytes) -> None:
    name, _, address = question.partition(b":")[2][:-1].decode().partition(" ")
    assert key(address) == address
    assert name.isascii()


@given(
    address=st.from_regex(r"[a-zA-Z0-9._+-]+@[a-z.]+", fullmatch=True),
    name=st.text("ab-", min_size=1),
)
def test_the_quick_way_and_the_long_way_say_the_same(address: str, name: str) -> None:
    question = netstring(f"{name} {address}".encode())
    alone = WIRES[0].answer(bytearray(question))
    assert WIRES[0].answer(bytearray(question * 2)) == alone * 2
