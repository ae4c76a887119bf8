"""TLS: asked for before anything else, checked, and never done without."""

from pathlib import Path
from typing import Any

import pytest

from dsnwatch.sources.imap import ImapSource
from dsnwatch.sources.imap_login import Password
from dsnwatch.sources.imap_trouble import MailboxError, Trouble
from tests.imap.builders import Memory, a_section_at, a_source, numbered, swept
from tests.servers.certificate import a_certificate
from tests.servers.dovecot import Account
from tests.servers.proxy import Proxy
from tests.servers.scripted import Scripted


def protected(account: Account, **said: Any) -> ImapSource:  # noqa: ANN401  a_source's
    ca_file = said.pop("ca_file", account.server.certificate.certificate)
    return a_source(account, ca_file=ca_file, **said)


@pytest.mark.server
@pytest.mark.parametrize("tls", ["implicit", "starttls"])
def test_mail_is_read_over_tls(account: Account, tls: str) -> None:
    account.deliver(numbered(2))
    port = account.server.tls_port if tls == "implicit" else account.server.port
    source = protected(account, tls=tls, port=port)
    assert swept(source) == numbered(2)
    assert source.connect().protection.startswith("TLSv1.")
    source.close()


@pytest.mark.server
@pytest.mark.parametrize("tls", ["implicit", "starttls"])
def test_certificate_nobody_vouches_for_is_refused(
    account: Account, tmp_path: Path, tls: str
) -> None:
    port = account.server.tls_port if tls == "implicit" else account.server.port
    other = a_certificate(tmp_path).certificate
    for ca_file in (other, None):
        with pytest.raises(MailboxError, match="certificate is not trusted") as caught:
            swept(protected(account, tls=tls, port=port, ca_file=ca_file))
        assert caught.value.trouble is Trouble.TLS
        assert "tls_ca_file" in str(caught.value)


@pytest.mark.server
def test_certificate_for_another_name_is_refused(account: Account) -> None:
    with pytest.raises(MailboxError, match="set host to a name in it"):
        swept(protected(account, tls="starttls", host="localhost"))


@pytest.mark.server
def test_wrong_kind_of_port_is_told(account: Account) -> None:
    with pytest.raises(MailboxError, match="993 is implicit, 143 is starttls") as caught:
        swept(protected(account, tls="implicit", port=account.server.port))
    assert caught.value.trouble is Trouble.TLS


@pytest.mark.server
def test_starttls_that_somebody_takes_out_is_not_done_without(account: Account) -> None:
    with Proxy(account.server.port) as proxy:
        proxy.rewrite = lambda data: data.replace(b" STARTTLS", b"")
        with pytest.raises(MailboxError, match="STARTTLS"):
            swept(protected(account, tls="starttls", port=proxy.port))
        assert not {"LOGIN", "AUTHENTICATE"} & set(proxy.commands)


def test_starttls_that_is_refused_is_not_done_without() -> None:
    with Scripted(capabilities="IMAP4rev1 STARTTLS AUTH=PLAIN") as server:
        server.instead["STARTTLS"] = b"%s NO not today\r\n"
        section = a_section_at(server.port, tls="starttls")
        with pytest.raises(MailboxError, match="Couldn't establish TLS"):
            swept(ImapSource(section, Password("anne", lambda: "secret"), Memory()))
        assert server.shown == []


def test_ca_file_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    for name in ("ca.pem", "none.pem"):
        section = a_section_at(1, tls="implicit")
        source = ImapSource(
            section, Password("anne", lambda: "secret"), Memory(), ca_file=tmp_path / name
        )
        with pytest.raises(MailboxError, match=r"tls_ca_file: .* cannot be used"):
            swept(source)
