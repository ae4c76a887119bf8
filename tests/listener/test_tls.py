"""STARTTLS: nothing said before it counts, and a renewed certificate is in use at once."""

import ssl
import threading
from pathlib import Path

import pytest

from dsnwatch.errors import ConfigError
from dsnwatch.sources.listener_tls import Certificate
from dsnwatch.sources.listener_wire import Patience
from tests.listener.builders import Client, Receiving, a_bounce, receiving
from tests.servers.certificate import Certificate as Files
from tests.servers.certificate import a_certificate


def used(files: Files) -> Certificate:
    return Certificate(files.certificate, files.key)


def in_folder(folder: Path, *names: str) -> Files:
    folder.mkdir(exist_ok=True)
    return a_certificate(folder, *names)


def under_tls(client: Client) -> str:
    """Switch to TLS; gives the host name on the certificate."""
    assert client.say("STARTTLS").startswith("220 ")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    client.socket = secured = context.wrap_socket(client.socket)
    return str(ssl.DER_cert_to_PEM_cert(secured.getpeercert(binary_form=True) or b""))


def test_message_comes_over_tls_and_that_is_kept(tmp_path: Path) -> None:
    certificate = used(in_folder(tmp_path / "tls"))
    with receiving(tmp_path, certificate=certificate) as at, at.connect() as client:
        assert "STARTTLS" in client.say("EHLO mx.example.net")
        under_tls(client)
        assert "STARTTLS" not in client.say("EHLO mx.example.net")
        assert client.say("STARTTLS").startswith("503 5.5.1")
        assert client.deliver(a_bounce()).startswith("250 ")
        (message,) = at.store.messages()
    assert message.raw.evidence is not None
    assert message.raw.evidence.protocol == "ESMTPS"
    assert (message.raw.evidence.tls or "").startswith("TLSv1.")


def test_what_was_said_before_tls_is_forgotten(tmp_path: Path) -> None:
    certificate = used(in_folder(tmp_path / "tls"))
    with receiving(tmp_path, certificate=certificate) as at, at.greeted() as client:
        client.begin()
        under_tls(client)
        assert client.say("RCPT TO:<bounces@return.test>").startswith("503 5.5.1")
        assert client.say("MAIL FROM:<>").startswith("503 5.5.1")


@pytest.mark.parametrize(
    "slipped", [b"MAIL FROM:<>\r\n", b"EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<bounces@return.test>\r\n"]
)
def test_command_slipped_in_behind_starttls_ends_it(tmp_path: Path, slipped: bytes) -> None:
    certificate = used(in_folder(tmp_path / "tls"))
    with receiving(tmp_path, certificate=certificate) as at, at.greeted() as client:
        client.send(b"STARTTLS\r\n" + slipped)
        assert client.reply().startswith("521 5.5.0")
        assert client.over()


def test_mail_is_taken_over_tls_only_where_that_is_wanted(tmp_path: Path) -> None:
    files = in_folder(tmp_path / "tls")
    with (
        receiving(
            tmp_path,
            certificate=used(files),
            tls_certificate_file=files.certificate,
            require_tls=True,
        ) as at,
        at.greeted() as client,
    ):
        assert client.say("MAIL FROM:<>").startswith("530 5.7.0")
        under_tls(client)
        client.say("EHLO mx.example.net")
        assert client.deliver(a_bounce()).startswith("250 ")


@pytest.mark.parametrize("said", [b"\x00" * 100, b"MAIL FROM:<>\r\n", b"", b"\x16\x03\x01\x02"])
@pytest.mark.parametrize("hangs_up", [True, False])
def test_handshake_that_fails_ends_the_connection_and_nothing_else(
    tmp_path: Path, said: bytes, *, hangs_up: bool, caplog: pytest.LogCaptureFixture
) -> None:
    certificate = used(in_folder(tmp_path / "tls"))
    patience = Patience(idle=0.3)
    with receiving(tmp_path, certificate=certificate, patience=patience) as at:
        with at.greeted() as client:
            assert client.say("STARTTLS").startswith("220 ")
            client.send(said)
            while not hangs_up and client.socket.recv(4096):
                pass
        at.until(lambda: not at.listener.connections)
        with at.greeted() as client:
            under_tls(client)
    assert [record.getMessage() for record in caplog.records] == []


def test_old_tls_is_not_spoken(tmp_path: Path) -> None:
    certificate = used(in_folder(tmp_path / "tls"))
    assert certificate.context().minimum_version == ssl.TLSVersion.TLSv1_2


def replace(old: Files, new: Files) -> None:
    """Put new files in the place of old ones, as certbot does."""
    new.key.replace(old.key)
    new.certificate.replace(old.certificate)


def test_renewed_certificate_is_in_use_at_once(tmp_path: Path) -> None:
    files = in_folder(tmp_path / "tls")
    with receiving(tmp_path, certificate=used(files)) as at:
        with at.greeted() as client:
            before = under_tls(client)
        replace(files, in_folder(tmp_path / "new"))
        with at.greeted() as client:
            after = under_tls(client)
    assert before != after
    assert after == files.certificate.read_text()


def test_certificate_that_is_not_whole_leaves_the_old_one_in_use(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = in_folder(tmp_path / "tls")
    before = files.certificate.read_text()
    with receiving(tmp_path, certificate=used(files)) as at:
        new = in_folder(tmp_path / "new")
        new.key.replace(files.key)
        with at.greeted() as client:
            assert under_tls(client) == before
        assert "the old one stays" in caplog.text
        new.certificate.replace(files.certificate)
        with at.greeted() as client:
            assert under_tls(client) == files.certificate.read_text()


def test_certificate_may_be_renewed_again_and_again_under_load(tmp_path: Path) -> None:
    files = in_folder(tmp_path / "tls")
    errors: list[BaseException] = []

    def deliver(at: Receiving, first: int) -> None:
        try:
            for number in range(first, first + 25):
                with at.greeted() as client:
                    under_tls(client)
                    client.say("EHLO mx.example.net")
                    assert client.deliver(a_bounce(number)).startswith("250 ")
        except BaseException as error:  # noqa: BLE001  it is looked at below
            errors.append(error)

    with receiving(tmp_path, certificate=used(files), messages_per_minute_per_ip=0) as at:
        threads = [threading.Thread(target=deliver, args=(at, 100 * n)) for n in range(4)]
        for thread in threads:
            thread.start()
        renewals = 0
        while any(thread.is_alive() for thread in threads):
            replace(files, in_folder(tmp_path / "new"))
            renewals += 1
        for thread in threads:
            thread.join()
        assert errors == []
        assert renewals > 1
        assert len(list(at.store.messages())) == 100


def test_certificate_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    files = in_folder(tmp_path / "tls")
    other = in_folder(tmp_path / "other")
    with pytest.raises(ConfigError, match=r"tls_certificate_file: .*belong together"):
        Certificate(files.certificate, other.key)
    with pytest.raises(ConfigError, match="No such file"):
        Certificate(tmp_path / "none.pem", None)
    Certificate(files.both, None)
