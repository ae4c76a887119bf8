"""Where a listener listens: addresses, Unix sockets, and sockets that systemd hands over."""

import os
import socket
from contextlib import closing
from pathlib import Path

import pytest

from dsnwatch.config.listener import place_of
from dsnwatch.errors import ConfigError, UnavailableError
from dsnwatch.sources.listener_sockets import sockets_of
from tests.listener.builders import Client, a_bounce, receiving
from tests.servers.daemon import running

NOTHING: dict[str, str] = {}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "25",
        "192.0.2.1",
        ":25",
        "0.0.0.0:99999",
        "::1:25",
        "[::1]",
        "unix:x.sock",
        "unix:",
        "x y:1",
    ],
)
def test_what_is_no_place_to_listen_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"place to listen|slash"):
        place_of(text)


def test_both_kinds_of_internet_are_listened_on_side_by_side(tmp_path: Path) -> None:
    with closing(sockets_of(["127.0.0.1:0"], NOTHING)[0]) as found:
        port = found.getsockname()[1]
    with receiving(tmp_path, listen=(f"0.0.0.0:{port}", f"[::]:{port}")):
        for place in ("127.0.0.1", "::1"):
            with Client(socket.create_connection((place, port), timeout=10)) as client:
                assert client.reply().startswith("220 ")


def test_message_comes_over_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "lmtp.sock"
    with receiving(tmp_path, listen=(f"unix:{path}",), protocol="lmtp") as at:
        with socket.socket(socket.AF_UNIX) as connected:
            connected.settimeout(10)
            connected.connect(str(path))
            client = Client(connected)
            assert client.reply().startswith("220 mx.return.test LMTP")
            client.say("LHLO mail.return.test")
            client.deliver(a_bounce())
        (message,) = at.store.messages()
        assert message.raw.evidence is not None
        assert message.raw.evidence.client is None
        assert path.stat().st_mode & 0o777 == 0o666
    assert not path.exists()


def test_socket_that_a_dead_process_left_makes_way(tmp_path: Path) -> None:
    path = tmp_path / "lmtp.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    for each in sockets_of([f"unix:{path}"], NOTHING):
        with each, pytest.raises(UnavailableError, match="in use"):
            sockets_of([f"unix:{path}"], NOTHING)


def test_file_that_is_no_socket_stays(tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("x")
    with pytest.raises(UnavailableError, match="in use"):
        sockets_of([f"unix:{path}"], NOTHING)
    assert path.read_text() == "x"


def test_place_that_is_taken_is_an_error_with_the_next_step() -> None:
    (held,) = sockets_of(["127.0.0.1:0"], NOTHING)
    with held, pytest.raises(UnavailableError, match="in use; see what listens there with `ss"):
        sockets_of([f"127.0.0.1:{held.getsockname()[1]}"], NOTHING)


def test_host_that_is_none_is_an_error() -> None:
    with pytest.raises(ConfigError, match="write an address"):
        sockets_of(["no-such-host.invalid:25"], NOTHING)


@pytest.mark.parametrize(
    "environ",
    [{}, {"LISTEN_FDS": "1", "LISTEN_PID": "1"}, {"LISTEN_PID": str(os.getpid())}],
    ids=["none", "somebody else's", "not one"],
)
def test_nothing_from_systemd_is_an_error_with_the_next_step(environ: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=r"\.socket unit"):
        sockets_of(["systemd"], environ)


ACTIVATED = """
[[listener]]
listen = ["systemd:mx"]
domains = ["return.test"]

[[listener]]
listen = ["systemd:lmtp"]
protocol = "lmtp"
domains = ["return.test"]
"""


def test_sockets_come_from_systemd(tmp_path: Path) -> None:
    path = tmp_path / "lmtp.sock"
    with socket.create_server(("127.0.0.1", 0)) as mx, socket.socket(socket.AF_UNIX) as lmtp:
        lmtp.bind(str(path))
        lmtp.listen()
        # What waits from before the daemon runs is served, too: that is the point of it.
        early = Client(socket.create_connection(mx.getsockname(), timeout=30))
        handed = {"mx": mx.fileno(), "lmtp": lmtp.fileno()}
        with running(tmp_path, ACTIVATED, handed=handed) as daemon:
            with early:
                assert early.reply().startswith("220 ")
                early.say("EHLO mx.example.net")
                assert early.deliver(a_bounce(1)).startswith("250 ")
            with socket.socket(socket.AF_UNIX) as connected:
                connected.settimeout(10)
                connected.connect(str(path))
                client = Client(connected)
                assert " LMTP " in client.reply()
                client.say("LHLO mail.return.test")
                assert client.deliver(a_bounce(2)).startswith("250 ")
            assert daemon.stop() == 0
            with closing(daemon.opened()) as store:
                assert [message.raw.source for message in store.messages()] == ["smtp", "lmtp"]
        assert path.exists()
