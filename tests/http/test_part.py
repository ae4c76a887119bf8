"""The daemon serves API and pages: over TCP, TLS and a Unix socket, and ends in time."""

import json
import re
import signal
import socket
import ssl
import time
from http.client import HTTPConnection
from pathlib import Path
from smtplib import SMTP

import pytest
from pydantic import ValidationError

from dsnwatch import tokens
from dsnwatch.config.web import WebSection
from dsnwatch.model import Scope
from tests.http.builders import FIXTURES, NOW
from tests.lookup.builders import a_free_port
from tests.servers.certificate import a_certificate
from tests.servers.daemon import Daemon, running

FIXTURE = FIXTURES / "dsn/postfix/unknown-user.eml"


def token_in(daemon: Daemon, *scopes: Scope) -> str:
    token, text = tokens.made("t", scopes, now=NOW, who="t")
    store = daemon.opened()
    with store.write() as writer:
        writer.add_token(token)
    store.close()
    return text


def ask(connection: HTTPConnection, path: str, token: str = "") -> tuple[int, bytes]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


class Local(HTTPConnection):
    """Speaks over a Unix socket, or TLS."""

    def __init__(self, made: socket.socket) -> None:
        super().__init__("localhost")
        self.sock = made


def test_daemon_serves_tcp_and_ends_in_time(tmp_path: Path) -> None:
    port = a_free_port()
    with running(tmp_path, f'[web]\nlisten = "127.0.0.1:{port}"\n') as daemon:
        token = token_in(daemon, Scope.READ)
        connection = HTTPConnection("127.0.0.1", port)
        assert ask(connection, "/healthz") == (200, b"ok\n")
        status, body = ask(connection, "/v1/check?address=anne@example.com", token)
        assert (status, json.loads(body)["suppressed"]) == (200, False)
        assert ask(connection, "/v1/events")[0] == 401
        daemon.process.send_signal(signal.SIGHUP)
        while "read anew" not in daemon.log.read_text():
            time.sleep(0.02)
        assert ask(connection, "/v1/events", token)[0] == 200
        connection.close()
        assert daemon.stop() == 0
        assert "did not end in time" not in daemon.log.read_text()


def test_daemon_tells_how_its_listeners_fare(tmp_path: Path) -> None:
    web, smtp = a_free_port(), a_free_port()
    listener = (
        f'[[listener]]\nlisten = ["127.0.0.1:{smtp}"]\ndomains = ["bounce.example.org"]\n'
        'recipients = ["b"]\n'
    )
    served = f'[web]\nlisten = "127.0.0.1:{web}"\nopen_metrics = true\n'
    with running(tmp_path, served + listener), SMTP("127.0.0.1", smtp) as client:
        client.sendmail("", ["b@bounce.example.org"], FIXTURE.read_text())
        connection = HTTPConnection("127.0.0.1", web)
        status, told = ask(connection, "/metrics")
        connection.close()
    assert status == 200
    name = b'dsnwatch_listener_happened_total{listener="listener 1",what='
    assert name + b'"message stored"} 1.0' in told
    assert b'dsnwatch_listener_connections{listener="listener 1"} 1.0' in told


def test_daemon_serves_a_unix_socket_and_takes_it_away(tmp_path: Path) -> None:
    path = tmp_path / "web.sock"
    configuration = (
        f'[web]\nlisten = "unix:{path}"\nmode = "0600"\n'
        'proxy_user_header = "X-Remote-User"\nproxy_from = ["unix"]\n'
    )
    with running(tmp_path, configuration) as daemon:
        assert path.stat().st_mode & 0o777 == 0o600
        made = socket.socket(socket.AF_UNIX)
        made.connect(str(path))
        connection = Local(made)
        connection.request("GET", "/", headers={"X-Remote-User": "anne"})
        answer = connection.getresponse()
        assert answer.status == 200
        assert re.search(rb"<span>anne</span>", answer.read())
        connection.close()
        assert daemon.stop() == 0
    assert not path.exists()


def test_daemon_serves_tls(tmp_path: Path) -> None:
    port = a_free_port()
    certificate = a_certificate(tmp_path)
    configuration = (
        f'[web]\nlisten = "127.0.0.1:{port}"\ntls_cert_file = "{certificate.certificate}"\n'
        f'tls_key_file = "{certificate.key}"\n'
    )
    with running(tmp_path, configuration):
        context = ssl.create_default_context(cafile=str(certificate.certificate))
        context.check_hostname = False
        with socket.create_connection(("127.0.0.1", port)) as plain:
            connection = Local(context.wrap_socket(plain))
            assert ask(connection, "/healthz")[0] == 200
            connection.close()


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ({"listen": "0.0.0.0:8025"}, "no loopback address"),
        ({"listen": "[::]:8025"}, "no loopback address"),
        ({"listen": "192.0.2.1:8025"}, "no loopback address"),
        ({"listen": "127.0.0.1"}, "no port"),
        ({"listen": "unix:web.sock"}, "no absolute path"),
        ({"proxy_user_header": "X-Remote-User"}, "needs proxy_from"),
        ({"proxy_from": ["127.0.0.1"]}, "needs proxy_user_header"),
        ({"proxy_user_header": "X User", "proxy_from": ["unix"]}, "no name of a header"),
        ({"proxy_user_header": "X-User", "proxy_from": ["nowhere"]}, "write an address"),
        ({"tls_key_file": "key.pem"}, "needs tls_cert_file"),
    ],
)
def test_what_would_let_strangers_in_wants_a_decision(said: dict[str, object], wrong: str) -> None:
    with pytest.raises(ValidationError, match=wrong):
        WebSection.model_validate(said)


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"listen": "localhost:1"},
        {"listen": "[::1]:8025"},
        {"listen": "0.0.0.0:8025", "allow_remote": True},
        {"listen": "0.0.0.0:8025", "tls_cert_file": "c.pem"},
        {"listen": "unix:/run/web.sock"},
    ],
)
def test_what_lets_nobody_in_or_was_decided_is_taken(said: dict[str, object]) -> None:
    assert WebSection.model_validate(said)
