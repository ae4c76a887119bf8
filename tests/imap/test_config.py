"""What `[[mailbox]]` may say."""

from pathlib import Path

import pytest

from dsnwatch.config import loading, settings
from dsnwatch.errors import ConfigError
from tests.test_docs import blocks, text_of

WHOLE = """
[store]
url = "sqlite:////var/lib/dsnwatch/dsnwatch.db"
[[mailbox]]
name = "bounces"
host = "imap.example.org"
port = 993
tls = "implicit"
tls_ca_file = "/etc/ssl/our-ca.pem"
user = "bounces@example.org"
password_file = "imap-password"
folders = ["INBOX", "\\\\Junk"]
after = "move"
folder_done = "Processed"
folder_unread = "Unrecognised"
idle = true
poll_every = "15m"
stream = "newsletter"
"""

LEAST = '[[mailbox]]\nname = "m"\nhost = "imap.example.org"\nuser = "anne"\n'
IN = 'password_file = "p"\n'


def loaded(tmp_path: Path, text: str) -> settings.Configuration:
    path = tmp_path / "dsnwatch.toml"
    path.write_text(text)
    return loading.load(path)


def complaint(tmp_path: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, text)
    return str(caught.value).removeprefix(str(tmp_path / "dsnwatch.toml"))


def test_the_section_of_the_manual_is_one(tmp_path: Path) -> None:
    (section,) = loaded(tmp_path, WHOLE).settings.mailbox
    assert section.folders == ("INBOX", "\\Junk")
    assert section.poll_every.total_seconds() == 900


def test_sections_of_the_documents_are_some(tmp_path: Path) -> None:
    found = blocks(text_of("mailboxes.md"), "toml")
    assert len(found) > 4
    for block in found:
        (section,) = loaded(tmp_path, block).settings.mailbox
        assert section.name == "bounces"


@pytest.mark.parametrize(
    ("more", "port"),
    [("", 993), ('tls = "starttls"\n', 143), ("port = 10993\n", 10993)],
    ids=["implicit", "starttls", "said"],
)
def test_port_follows_from_tls(tmp_path: Path, more: str, port: int) -> None:
    (section,) = loaded(tmp_path, LEAST + IN + more).settings.mailbox
    assert section.port_in_use == port


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "[::1]", "localhost", "127.9.9.9"])
def test_without_tls_only_to_ourselves(tmp_path: Path, host: str) -> None:
    said = LEAST.replace("imap.example.org", host) + IN + 'tls = "none"\n'
    assert loaded(tmp_path, said).settings.mailbox[0].port_in_use == 143


@pytest.mark.parametrize("host", ["imap.example.org", "192.0.2.1", "localhost.example.org"])
def test_without_tls_to_nobody_else(tmp_path: Path, host: str) -> None:
    said = LEAST.replace("imap.example.org", host) + IN + 'tls = "none"\n'
    assert "would send the password in the clear" in complaint(tmp_path, said)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("", "has no way to log in; give password_file, token_command or auth"),
        (IN + 'auth = "google"\n', "password_file and auth exclude each other"),
        (IN + 'token_command = ["x"]\n', "password_file and token_command exclude each other"),
        ('auth = "microsoft"\n', 'auth = "microsoft" needs tenant'),
        ('auth = "google"\n', 'auth = "google" needs credentials_file'),
        (IN + 'client_id = "x"\n', 'client_id is for auth = "microsoft" only'),
        (IN + 'credentials_file = "x"\n', 'credentials_file is for auth = "google" only'),
        (IN + 'authority = "http://x"\n', "authority must begin with https://"),
        (IN + 'after = "moev"\n', "did you mean 'move'?"),
        (IN + "folders = []\n", 'name at least one folder: ["INBOX"]'),
        (IN + "port = 70000\n", "must lie between 1 and 65535"),
        (IN + 'poll_every = "10ms"\n', 'must lie between "1s" and "1d"'),
        (IN + "poll_every = 10\n", "a length of time needs its unit"),
        (IN + 'folder = "x"\n', "did you mean 'mailbox.folders'?"),
    ],
)
def test_what_cannot_be_meant_is_told(tmp_path: Path, more: str, said: str) -> None:
    found = complaint(tmp_path, LEAST + more)
    assert said in found
    assert ", line " in found


@pytest.mark.parametrize("host", ["a..b", "x" * 70, " ", ""])
def test_host_is_one(tmp_path: Path, host: str) -> None:
    complaint(tmp_path, LEAST.replace("imap.example.org", host) + IN)


@pytest.mark.parametrize("name", ["", "a b", "-x", "ä", "a/b", "a\\nb"])
def test_name_is_plain(tmp_path: Path, name: str) -> None:
    assert "is no name" in complaint(tmp_path, LEAST.replace('"m"', f'"{name}"') + IN)


def test_two_mailboxes_have_two_names(tmp_path: Path) -> None:
    assert "two are called 'm'" in complaint(tmp_path, (LEAST + IN) * 2)


def test_secret_of_one_of_many_is_told_with_its_line(tmp_path: Path) -> None:
    second = LEAST.replace('"m"', '"n"') + 'password_file = "none"\n'
    configuration = loaded(tmp_path, LEAST + IN + second)
    section = configuration.settings.mailbox[1]
    assert section.password_file is not None
    with pytest.raises(ConfigError, match=r"line 10: mailbox\.1\.password_file: .* cannot be read"):
        configuration.secret(section.password_file, "mailbox.1.password_file")
