"""A real Postfix sends bounces to the listener; each configuration in docs/receiving.md is used."""

import re
import smtplib
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from dsnwatch.model import BounceClass, Kind
from dsnwatch.records import StoredEvent, StoredMessage
from dsnwatch.rfc.return_path import keys_of, sign
from tests.listener.builders import DOMAIN, RECIPIENT, a_bounce
from tests.servers.certificate import a_certificate
from tests.servers.daemon import Daemon, running
from tests.servers.postfix import Postfix, a_port, refusing_mx

pytestmark = pytest.mark.server
DOCUMENT = (Path(__file__).parents[2] / "docs" / "receiving.md").read_text()


def shown(heading: str, language: str, number: int = 0) -> str:
    """Give a block of the document, as it stands there but for the domain."""
    section = re.split(rf"^## {heading}$", DOCUMENT, flags=re.MULTILINE)[1].split("\n## ")[0]
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", section, flags=re.MULTILINE | re.DOTALL)
    return str(blocks[number]).replace("bounce.example.org", DOMAIN)


def messages(daemon: Daemon) -> list[StoredMessage]:
    with closing(daemon.opened()) as store:
        return list(store.messages())


def events(daemon: Daemon) -> list[StoredEvent]:
    with closing(daemon.opened()) as store:
        return list(store.events())


def arrived(daemon: Daemon, postfix: Postfix, count: int = 1) -> list[StoredMessage]:
    """Wait until messages are in the store; a minute at most."""
    for _ in range(600):
        if len(found := messages(daemon)) >= count:
            return found
        time.sleep(0.1)
    raise AssertionError(postfix.log)


def direct(port: int, folder: Path) -> str:
    """Give the configuration of a listener that is the MX."""
    files = a_certificate(folder, "mx.return.test")
    return (
        shown("Directly", "toml")
        .replace('"0.0.0.0:25", "[::]:25"', f'"127.0.0.1:{port}"')
        .replace("/etc/dsnwatch/tls/fullchain.pem", str(files.certificate))
        .replace("/etc/dsnwatch/tls/privkey.pem", str(files.key))
    )


def test_bounce_that_postfix_writes_reaches_the_listener_directly(tmp_path: Path) -> None:
    port = a_port()
    transport = shown("Directly", "text").replace("192.0.2.26]:25", f"127.0.0.1]:{port}")
    with (
        refusing_mx() as mx,
        running(tmp_path, direct(port, tmp_path)) as daemon,
        Postfix.running(
            shown("Directly", "ini") + "smtp_tls_security_level = may\n",
            {"transport": f"{transport}* smtp:[127.0.0.1]:{mx}\n"},
        ) as postfix,
    ):
        data = b"Message-ID: <1@sender.test>\r\nSubject: News\r\n\r\nHello\r\n"
        path = f"bounces+anne=example.net@{DOMAIN}"
        postfix.send(path, ["anne@example.net"], data)
        (message,) = arrived(daemon, postfix)
        (event,) = events(daemon)
    assert message.report.kind is Kind.BOUNCE
    assert message.report.dialect == "postfix"
    assert message.raw.recipients == (path,)
    assert message.raw.evidence is not None
    assert message.raw.evidence.sender == ""
    assert message.raw.evidence.helo == "mail.sender.test"
    assert message.raw.evidence.protocol == "ESMTPS"
    assert event.event.attribution.recipient == "anne@example.net"
    assert event.event.verdict is not None
    assert event.event.verdict.bounce_class is BounceClass.HARD


def lmtp(folder: Path, *, inet: bool) -> tuple[str, str]:
    """Give the configuration of a listener behind Postfix, and of Postfix's transport."""
    port = str(a_port())
    if inet:
        section = shown("Behind Postfix", "toml", 1).replace(":24", f":{port}")
        return section, shown("Behind Postfix", "text", 1).replace(":24", f":{port}")
    path = str(folder / "lmtp.sock")
    section = shown("Behind Postfix", "toml").replace("/run/dsnwatch/lmtp.sock", path)
    return section, shown("Behind Postfix", "text").replace("/run/dsnwatch/lmtp.sock", path)


@pytest.mark.parametrize("inet", [False, True], ids=["unix", "inet"])
def test_postfix_in_front_hands_on_over_lmtp(tmp_path: Path, *, inet: bool) -> None:
    with TemporaryDirectory() as name:  # where Postfix's own user gets to
        Path(name).chmod(0o755)
        section, transport = lmtp(Path(name), inet=inet)
        with (
            running(tmp_path, section) as daemon,
            Postfix.running(
                shown("Behind Postfix", "ini") + "address_verify_poll_delay = 1s\n",
                {"transport": transport},
            ) as postfix,
        ):
            paths = [f"bounces+{name}@{DOMAIN}" for name in ("a", "b")]
            postfix.send("", paths, a_bounce())
            (message,) = arrived(daemon, postfix)
            assert sorted(message.raw.recipients) == paths
            assert message.raw.source == "lmtp"
            refused = f"nobody@{DOMAIN}"
            with pytest.raises(smtplib.SMTPRecipientsRefused) as caught:
                postfix.send("", [refused], a_bounce(2))
            assert caught.value.recipients[refused][0] == 550
            # All that Postfix still had would come before this one.
            postfix.send("", [RECIPIENT], a_bounce(3))
            assert len(arrived(daemon, postfix, 2)) == 2
            assert "status=sent (250 2.0.0 Ok: stored as " in postfix.log
            assert "status=deferred" not in postfix.log


def test_postfix_keeps_what_cannot_be_taken_and_brings_it_again(tmp_path: Path) -> None:
    section, transport = lmtp(tmp_path, inet=True)
    main = shown("Behind Postfix", "ini").split("smtpd_recipient")[0]
    with Postfix.running(main, {"transport": transport}) as postfix:
        postfix.send("", [RECIPIENT], a_bounce(1))
        for _ in range(300):
            if "status=deferred" in postfix.log:
                break
            time.sleep(0.1)
        assert "status=deferred" in postfix.log
        with running(tmp_path, section) as daemon:
            assert len(arrived(daemon, postfix)) == 1
            assert daemon.stop() == 0


def test_signed_return_path_comes_back_through_postfix_and_a_forged_one_does_not(
    tmp_path: Path,
) -> None:
    port = a_port()
    keys = shown("Signed return paths", "text")
    (tmp_path / "return-path-keys").write_text(keys)
    listener = direct(port, tmp_path).replace("[[listener]]", "[[listener]]\nrequire_signed = true")
    today = datetime.now(UTC).date()
    key = keys_of(keys)[0]
    path = sign("anne@example.net", key, today, prefix="bounces", domain=DOMAIN)
    forged = path.replace("anne", "anna")
    transport = shown("Directly", "text").replace("192.0.2.26]:25", f"127.0.0.1]:{port}")
    with (
        refusing_mx() as mx,
        running(tmp_path, shown("Signed return paths", "toml") + listener) as daemon,
        Postfix.running(
            shown("Directly", "ini"), {"transport": f"{transport}* smtp:[127.0.0.1]:{mx}\n"}
        ) as postfix,
    ):
        for number, each in enumerate((forged, path)):
            data = b"Message-ID: <%d@sender.test>\r\nSubject: News\r\n\r\nHello\r\n" % number
            postfix.send(each, ["anne@example.net"], data)
        (message,) = arrived(daemon, postfix)
        assert message.raw.recipients == (path,)
        for _ in range(300):
            if "550 5.7.1 this return path" in postfix.log:
                break
            time.sleep(0.1)
        assert "550 5.7.1 this return path is not one that we made" in postfix.log
        assert len(messages(daemon)) == 1
