"""Nobody holds more of the listener than he should, and nobody for ever."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from dsnwatch.sources.listener_wire import Patience
from tests.listener.builders import Client, Receiving, a_bounce, receiving

QUICK = Patience(idle=0.3, idle_when_crowded=0.3, data=0.6, whole=60.0)


@pytest.fixture
def hurried(tmp_path: Path) -> Iterator[Receiving]:
    """Give a listener that loses its patience soon."""
    with receiving(tmp_path, patience=QUICK) as at:
        yield at


def refused(at: Receiving) -> str:
    with Client(socket.create_connection(at.place, timeout=10)) as client:
        reply = client.reply()
        assert client.over()
        return reply


def test_more_connections_than_allowed_are_turned_away(tmp_path: Path) -> None:
    with receiving(tmp_path, max_connections=2) as at, ExitStack() as open_:
        for _ in range(2):
            open_.enter_context(at.greeted())
        assert refused(at).startswith("421 4.7.0 too many connections;")
        open_.close()
        at.until(lambda: not at.listener.connections)
        at.greeted().close()


def test_more_connections_of_one_client_than_allowed_are_turned_away(tmp_path: Path) -> None:
    with receiving(tmp_path, max_connections_per_ip=2) as at, ExitStack() as open_:
        for _ in range(2):
            open_.enter_context(at.greeted())
        assert refused(at).startswith("421 4.7.0 too many connections of yours")
        open_.close()
        at.until(lambda: not at.listener.connections)
        at.greeted().close()


def test_more_messages_in_a_minute_than_allowed_come_again_later(tmp_path: Path) -> None:
    with receiving(tmp_path, messages_per_minute_per_ip=2) as at, at.greeted() as client:
        for number in range(2):
            client.deliver(a_bounce(number))
        assert client.say("MAIL FROM:<>").startswith("450 4.7.28")
        with at.greeted() as other:
            assert other.say("MAIL FROM:<>").startswith("450 4.7.28")


def test_server_of_our_own_has_no_limits(tmp_path: Path) -> None:
    with (
        receiving(
            tmp_path, protocol="lmtp", max_connections_per_ip=1, messages_per_minute_per_ip=1
        ) as at,
        at.greeted() as one,
        at.greeted() as two,
    ):
        for number in range(2):
            assert one.deliver(a_bounce(number)).startswith("250 ")
            assert two.deliver(a_bounce(number)).startswith("250 ")


def test_clients_are_counted_by_network_where_they_have_one_each(tmp_path: Path) -> None:
    with receiving(tmp_path, max_connections_per_ip=1) as at:
        listener = at.listener
        assert listener.welcome("2001:db8::1") is None
        assert listener.welcome("2001:db8::ffff:1") is not None
        assert listener.welcome("2001:db8:0:1::1") is None
        assert listener.welcome("::ffff:192.0.2.1") is None
        assert listener.welcome("192.0.2.1") is not None
        assert listener.welcome("fe80::1%eth0") is None
        assert listener.welcome(None) is None


def test_who_says_nothing_is_cut_off(hurried: Receiving) -> None:
    with hurried.connect() as client:
        assert client.reply().startswith("421 4.4.2")
        assert client.over()


def test_who_dribbles_a_command_is_cut_off(hurried: Receiving) -> None:
    with hurried.connect() as client:
        client.socket.settimeout(0.05)
        assert dribbled(client, b"N").startswith("421 4.4.2")


def test_who_dribbles_a_message_is_cut_off(hurried: Receiving) -> None:
    with hurried.greeted() as client:
        client.begin()
        client.say("DATA")
        client.socket.settimeout(0.05)
        assert dribbled(client, b"x").startswith("421 4.4.2")
        assert list(hurried.store.messages()) == []


def dribbled(client: Client, octet: bytes) -> str:
    """Send an octet whenever nothing has come for a while, until something comes."""
    for _ in range(200):
        try:
            client.send(octet)
            return client.reply()
        except TimeoutError:
            continue
        except ConnectionError:
            return client.reply()
    raise AssertionError("was listened to for ten seconds")


def test_who_talks_for_too_long_is_cut_off(tmp_path: Path) -> None:
    patience = Patience(idle=0.5, idle_when_crowded=0.5, whole=0.8)
    with receiving(tmp_path, patience=patience) as at, at.connect() as client:
        for _ in range(90):
            if not client.say("NOOP").startswith("250"):
                break
            client.socket.settimeout(0.02)
            with suppress(TimeoutError):
                client.line()
            client.socket.settimeout(10)
        assert at.listener.counts["too slow"] == 1


def test_who_says_nothing_is_cut_off_sooner_in_a_crowd(tmp_path: Path) -> None:
    patience = Patience(idle=3600.0, idle_when_crowded=0.2)
    with receiving(tmp_path, patience=patience, max_connections=5) as at, ExitStack() as open_:
        clients = [open_.enter_context(at.greeted()) for _ in range(4)]
        assert clients[0].reply().startswith("421 4.4.2")


def test_message_that_is_being_stored_is_waited_for(tmp_path: Path) -> None:
    with receiving(tmp_path, patience=QUICK) as at, at.greeted() as client, at.greeted() as idle:
        client.begin()
        client.say("DATA")
        with at.store.write():
            client.send(a_bounce() + b".\r\n")
            assert idle.reply().startswith("421 4.4.2")
            time.sleep(QUICK.data)  # to be slow is the point
        assert client.reply().startswith("250 ")


def test_silent_client_who_is_turned_away_does_not_stay(tmp_path: Path) -> None:
    with receiving(tmp_path, max_connections=1) as at, at.greeted():
        assert refused(at).startswith("421")
        assert at.listener.connections == 1
