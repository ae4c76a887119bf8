"""What docs/sending.md says of Postfix, done with a real one."""

import os
import smtplib
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from dsnwatch.config.lookup import ExportSection
from dsnwatch.lookups import Export
from dsnwatch.store import Store, open_store
from tests.hooks.mail import MailServer, a_mail_server

from .builders import NOW, a_free_port, serving, suppress
from .postfix import a_postfix, blocks, needed, rcpt

pytestmark = pytest.mark.server

DOCUMENT = Path(__file__).parents[2] / "docs" / "sending.md"
WHY = "stopped by dsnwatch since 2026-03-30"
HERE = f"127.{os.getpid() >> 16 & 255}.{os.getpid() >> 8 & 255}.{os.getpid() & 255}"
"""A loopback address of our own: while we are down, nobody else may answer at our ports."""

LISTEN = {"socketmap": 10030, "policy": 10031}
ANNE, BOB = "anne@example.org", "bob@example.org"


@dataclass
class Setup:
    """A Postfix with an smtpd for each configuration that the document shows."""

    store: Store
    sink: MailServer
    spool: Path
    ports: dict[str, int]

    def section(self, name: str) -> dict[str, object]:
        """Give the `[[lookup]]` that belongs to one of them."""
        if name == "socketmap-unix":
            return {"kind": "socketmap", "listen": f"unix:{self.spool}/dsnwatch/socketmap"}
        kind = name.partition("-")[0]
        return {"kind": kind, "listen": f"{HERE}:{LISTEN[kind]}"}


@pytest.fixture(scope="module")
def setup() -> Iterator[Setup]:
    needed()
    shown = blocks(DOCUMENT.read_text(encoding="utf-8"))
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dsnwatch-")))
        place.chmod(0o755)
        ours = {
            **{f"127.0.0.1:{port}": f"{HERE}:{port}" for port in LISTEN.values()},
            "/var/lib/dsnwatch/postfix/suppressed": f"{place}/suppressed",
        }
        services = {}
        ports = {}
        for name, restrictions in shown.items():
            for theirs, here in ours.items():
                restrictions = restrictions.replace(theirs, here)  # noqa: PLW2901  ours from here on
            ports[name] = a_free_port()
            services[ports[name]] = restrictions
        store = stack.enter_context(closing(open_store(f"sqlite:///{place}/dsnwatch.db")))
        suppress(store, ANNE)
        sink = stack.enter_context(a_mail_server())
        write_file(store, place)
        folder = place / "postfix"
        folder.mkdir()
        spool = stack.enter_context(a_postfix(folder, sink.port, services))
        yield Setup(store, sink, spool, ports)


def write_file(store: Store, place: Path) -> None:
    path = place / "suppressed"
    command = ("postmap", f"hash:{path}")
    section = ExportSection(kind="postfix", path=path, command=command)
    Export(section, store, path, lambda: NOW).look()


ALL = ("socketmap-tcp", "socketmap-unix", "policy-flows", "policy-defers", "file")
SOCKETS = ALL[:4]


def test_the_document_shows_these() -> None:
    assert tuple(blocks(DOCUMENT.read_text(encoding="utf-8"))) == ALL


@pytest.mark.parametrize("name", SOCKETS)
def test_a_suppressed_recipient_is_refused_and_others_pass(setup: Setup, name: str) -> None:
    with serving(setup.store.url, **setup.section(name)):
        refused, passes = rcpt(setup.ports[name], ANNE, BOB)
    assert refused == (554, f"5.7.1 <{ANNE}>: Recipient address rejected: {WHY}")
    assert passes[0] == 250


def test_a_file_refuses_and_lets_pass_with_nothing_running(setup: Setup) -> None:
    refused, passes = rcpt(setup.ports["file"], ANNE.title(), BOB)
    assert refused[0] == 554
    assert WHY in refused[1]
    assert passes[0] == 250


@pytest.mark.parametrize(
    ("name", "code", "says"),
    [
        ("socketmap-tcp", 451, "4.3.5"),
        ("socketmap-unix", 451, "4.3.5"),
        ("policy-flows", 250, ""),
        ("policy-defers", 450, "4.7.1"),
    ],
)
def test_while_dsnwatch_is_down_mail_flows_or_defers_as_configured(
    setup: Setup, name: str, code: int, says: str
) -> None:
    for recipient in (ANNE, BOB):
        ((said, text),) = rcpt(setup.ports[name], recipient)
        assert said == code
        assert says in text


@pytest.mark.parametrize("name", SOCKETS)
def test_after_a_restart_it_is_asked_again(setup: Setup, name: str) -> None:
    for _ in range(2):
        with serving(setup.store.url, **setup.section(name)):
            ((refused, _),) = rcpt(setup.ports[name], ANNE)
        assert refused == 554


@pytest.mark.parametrize("name", ["socketmap-tcp", "policy-flows"])
@pytest.mark.parametrize(("answer", "code"), [("defer", 450), ("discard", 250)])
def test_the_answer_is_the_operators(setup: Setup, name: str, answer: str, code: int) -> None:
    with serving(setup.store.url, **setup.section(name) | {"answer": answer}):
        ((said, _),) = rcpt(setup.ports[name], ANNE)
    assert said == code


def test_discarded_mail_is_accepted_and_goes_nowhere(setup: Setup) -> None:
    section = setup.section("socketmap-tcp") | {"answer": "discard"}
    with (
        serving(setup.store.url, **section),
        smtplib.SMTP("127.0.0.1", setup.ports["socketmap-tcp"], timeout=30) as client,
    ):
        client.sendmail("news@example.com", [ANNE], "Subject: to Anne\n\nHello\n")
        client.sendmail("news@example.com", [BOB], "Subject: to Bob\n\nHello\n")
    for _ in range(1500):
        if setup.sink.got:
            break
        time.sleep(0.01)
    subprocess.run(["postqueue", "-c", str(setup.spool.parent / "conf"), "-f"], check=True)  # noqa: S603, S607  our own Postfix
    assert [mail.recipients for mail in setup.sink.got] == [[BOB]]


def test_a_stream_of_its_own_is_asked_for_by_its_name(setup: Setup) -> None:
    suppress(setup.store, "carl@example.org", stream="newsletter")
    with serving(setup.store.url, **setup.section("policy-flows") | {"stream": "newsletter"}):
        ((refused, _),) = rcpt(setup.ports["policy-flows"], "carl@example.org")
    with serving(setup.store.url, **setup.section("policy-flows")):
        ((passes, _),) = rcpt(setup.ports["policy-flows"], "carl@example.org")
    assert (refused, passes) == (554, 250)
