"""Access tokens: fetched, kept while they are good, renewed before they end, never shown."""

import base64
import json
import stat
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from dsnwatch.config.mailbox import MailboxSection
from dsnwatch.errors import ConfigError
from dsnwatch.sources import imap, imap_tokens
from dsnwatch.sources.imap_login import Bearer, Fetch
from dsnwatch.sources.imap_tokens import GOOGLE_SCOPE, fetch_of, log_in_person
from dsnwatch.sources.imap_trouble import MailboxError, Trouble
from tests.imap.builders import Watch, a_source, numbered, swept
from tests.servers.certificate import a_certificate
from tests.servers.dovecot import Dovecot
from tests.servers.oauth import OAuth


def a_fetch(folder: Path, secrets: dict[str, str] | None = None, **said: Any) -> Fetch:  # noqa: ANN401  options
    section = a_mailbox(**said)
    return fetch_of(section, (secrets or {}).__getitem__, folder / "tokens.json")


def a_mailbox(**said: Any) -> MailboxSection:  # noqa: ANN401  options
    return MailboxSection(name="m", host="imap.example.org", user="anne@example.org", **said)


def writes(folder: Path, text: str) -> tuple[str, ...]:
    """A token_command that runs this."""
    script = folder / "command.py"
    script.write_text(text)
    return (sys.executable, str(script))


@pytest.mark.parametrize(
    "said",
    ["tok-1", "tok-1\nmore\n", '{"access_token": "tok-1", "expires_in": 60}'],
    ids=["line", "lines", "json"],
)
def test_command_gives_a_token(tmp_path: Path, said: str) -> None:
    token = a_fetch(tmp_path, token_command=writes(tmp_path, f"print({said!r})"))(renew=False)
    assert token.text == "tok-1"
    assert (token.expires_at is not None) is said.startswith("{")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("", "wrote no token"),
        ("print('two words')", "wrote no token"),
        ("print('\\x1b[31mred')", "wrote no token"),
        ("print('{\"x\": 1}')", "wrote no token"),
        ("import sys; sys.exit('no such account')", "status 1 no such account"),
        ("import time; time.sleep(60)", "timed out"),
    ],
    ids=["nothing", "words", "escapes", "other-json", "status", "hangs"],
)
def test_command_that_gives_none_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, said: str
) -> None:
    monkeypatch.setattr(imap_tokens, "TIMEOUT_SECONDS", 5.0 if "sleep" not in code else 0.2)
    fetch = a_fetch(tmp_path, token_command=writes(tmp_path, code))
    with pytest.raises(MailboxError, match=said) as caught:
        fetch(renew=False)
    assert "run token_command by hand" in str(caught.value)
    assert caught.value.trouble is Trouble.LOGIN


def test_command_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(MailboxError, match="No such file"):
        a_fetch(tmp_path, token_command=(str(tmp_path / "none"),))(renew=False)


def test_extra_that_is_not_installed_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("msal", "google.auth.transport.requests"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigError, match=r'pip install "dsnwatch\[google\]"'):
        a_fetch(tmp_path, auth="google", credentials_file=Path("x"))
    with pytest.raises(ConfigError, match=r'pip install "dsnwatch\[microsoft\]"'):
        a_fetch(tmp_path, auth="microsoft", tenant="t", client_id="c", client_secret_file=Path("x"))


@pytest.fixture
def oauth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OAuth]:
    """A server that speaks TLS, and is trusted by this process alone."""
    certificate = a_certificate(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate.certificate))
    with OAuth(certificate) as server:
        yield server


def service_account(server: OAuth) -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return json.dumps(
        {
            "type": "service_account",
            "client_email": "robot@example.iam.gserviceaccount.com",
            "private_key": pem.decode(),
            "private_key_id": "1",
            "token_uri": f"{server.url}/token",
        }
    )


def a_person(server: OAuth) -> str:
    return json.dumps(
        {
            "type": "authorized_user",
            "client_id": "id",
            "client_secret": "hush",
            "refresh_token": "refresh",
            "token_uri": f"{server.url}/token",
        }
    )


def from_google(server: OAuth, folder: Path, text: Callable[[OAuth], str] = a_person) -> Fetch:
    return a_fetch(
        folder, {"credentials_file": text(server)}, auth="google", credentials_file=Path("x")
    )


def from_microsoft(server: OAuth, folder: Path, **said: Any) -> Fetch:  # noqa: ANN401  options
    secrets = {"client_secret_file": "hush"}
    said.setdefault("client_secret_file", Path("x"))
    return a_fetch(
        folder,
        secrets,
        auth="microsoft",
        tenant="tenant",
        client_id="id",
        authority=server.url,
        **said,
    )


BOTH = pytest.mark.parametrize("from_", [from_google, from_microsoft], ids=["google", "microsoft"])


@BOTH
def test_token_is_kept_while_it_is_good(
    oauth: OAuth, tmp_path: Path, from_: Callable[[OAuth, Path], Fetch]
) -> None:
    fetch = from_(oauth, tmp_path)
    first = fetch(renew=False)
    assert fetch(renew=False).text == first.text == "token-1"
    assert first.expires_at is not None
    left = first.expires_at - datetime.now(UTC)
    assert timedelta(minutes=50) < left <= timedelta(hours=1)
    assert fetch(renew=True).text == "token-2"


@BOTH
def test_token_is_renewed_before_it_ends(
    oauth: OAuth, tmp_path: Path, from_: Callable[[OAuth, Path], Fetch]
) -> None:
    oauth.lifetime = 60
    fetch = from_(oauth, tmp_path)
    assert [fetch(renew=False).text, fetch(renew=False).text] == ["token-1", "token-2"]


@BOTH
def test_refusal_is_told_without_the_secret(
    oauth: OAuth, tmp_path: Path, from_: Callable[[OAuth, Path], Fetch]
) -> None:
    oauth.error = {"error": "invalid_grant", "error_description": "it has been revoked"}
    with pytest.raises(MailboxError, match="it has been revoked") as caught:
        from_(oauth, tmp_path)(renew=False)
    assert caught.value.trouble is Trouble.LOGIN
    assert "hush" not in str(caught.value)
    assert "check" in str(caught.value)


@BOTH
def test_server_that_cannot_be_reached_is_no_refusal(
    oauth: OAuth, tmp_path: Path, from_: Callable[[OAuth, Path], Fetch]
) -> None:
    fetch = from_(oauth, tmp_path)
    oauth.__exit__()
    with pytest.raises(MailboxError, match="no access token") as caught:
        fetch(renew=False)
    assert caught.value.trouble is Trouble.LOST


def test_google_service_account_acts_for_the_user(oauth: OAuth, tmp_path: Path) -> None:
    assert from_google(oauth, tmp_path, service_account)(renew=False).text == "token-1"
    ((_, form),) = oauth.asked
    claims = form["assertion"].split(".")[1]
    said = json.loads(decoded(claims))
    assert said["sub"] == "anne@example.org"
    assert said["scope"] == GOOGLE_SCOPE


def decoded(part: str) -> bytes:
    """Decode a part of a JSON web token."""
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def test_google_file_that_is_another_one_is_told(oauth: OAuth, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="download it anew"):
        from_google(oauth, tmp_path, lambda _: '{"type": "external_account"}')(renew=False)


def test_microsoft_certificate_is_shown_instead_of_a_secret(oauth: OAuth, tmp_path: Path) -> None:
    fetch = a_fetch(
        tmp_path,
        {"client_certificate_file": an_rsa_certificate(tmp_path)},
        auth="microsoft",
        tenant="tenant",
        client_id="id",
        authority=oauth.url,
        client_certificate_file=Path("x"),
    )
    assert fetch(renew=False).text == "token-1"
    ((_, form),) = oauth.asked
    assert "client_secret" not in form
    assert form["client_assertion_type"].endswith("jwt-bearer")


def an_rsa_certificate(folder: Path) -> str:
    """Microsoft takes RSA only."""
    place = folder / "rsa"
    place.mkdir()
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return a_certificate(place, key=key).both.read_text()


def test_person_logs_in_once_and_the_tokens_are_kept_for_him_alone(
    oauth: OAuth, tmp_path: Path
) -> None:
    fetch = from_microsoft(oauth, tmp_path, client_secret_file=None)
    with pytest.raises(MailboxError, match="run `dsnwatch mailbox login m`"):
        fetch(renew=False)
    section = a_mailbox(auth="microsoft", tenant="tenant", client_id="id", authority=oauth.url)
    oauth.pending = 1
    (said,) = log_in_person(section, tmp_path / "tokens.json")
    assert said == "go to https://example.org/device and enter ABCD"
    kept = tmp_path / "tokens.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert "access_token" not in said


def no_secret(key: str) -> str:
    """A person's login needs no file with a secret."""
    raise AssertionError(key)


def a_person_at_microsoft(server: OAuth, folder: Path) -> Fetch:
    """What gets the tokens of somebody who has logged in once, by device code."""
    server.user = "anne@example.org"
    section = a_mailbox(auth="microsoft", tenant="tenant", client_id="id", authority=server.url)
    assert len(list(log_in_person(section, folder / "tokens.json"))) == 1
    return fetch_of(section, no_secret, folder / "tokens.json")


def test_person_who_logged_in_is_not_asked_again_while_the_token_is_good(
    oauth: OAuth, tmp_path: Path
) -> None:
    fetch = a_person_at_microsoft(oauth, tmp_path)
    assert [fetch(renew=False).text for _ in range(3)] == ["token-1"] * 3
    assert len(oauth.asked) == 1


def test_token_of_a_person_is_renewed_without_him(oauth: OAuth, tmp_path: Path) -> None:
    """Each refresh token is used once: the next one is kept, and found by the next daemon."""
    oauth.lifetime = 60  # less than msal calls good
    fetch = a_person_at_microsoft(oauth, tmp_path)
    assert [fetch(renew=False).text, fetch(renew=False).text] == ["token-2", "token-3"]
    section = a_mailbox(auth="microsoft", tenant="tenant", client_id="id", authority=oauth.url)
    after_a_restart = fetch_of(section, no_secret, tmp_path / "tokens.json")
    assert after_a_restart(renew=False).text == "token-4"
    renewals = [form for _, form in oauth.asked[1:]]
    assert [form["grant_type"] for form in renewals] == ["refresh_token"] * 3
    assert [form["refresh_token"] for form in renewals] == ["refresh-1", "refresh-2", "refresh-3"]
    kept = tmp_path / "tokens.json"
    assert "refresh-4" in kept.read_text()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_token_of_a_person_that_was_refused_is_renewed(oauth: OAuth, tmp_path: Path) -> None:
    fetch = a_person_at_microsoft(oauth, tmp_path)
    assert fetch(renew=True).text == "token-2"


@pytest.mark.parametrize(
    ("error", "trouble", "step"),
    [
        ("invalid_grant", Trouble.LOGIN, "run `dsnwatch mailbox login m`"),
        ("interaction_required", Trouble.LOGIN, "run `dsnwatch mailbox login m`"),
        ("temporarily_unavailable", Trouble.LOST, ""),
    ],
)
def test_renewal_that_is_refused_is_told_in_a_line(
    oauth: OAuth, tmp_path: Path, error: str, trouble: Trouble, step: str
) -> None:
    fetch = a_person_at_microsoft(oauth, tmp_path)
    oauth.error = {"error": error, "error_description": "AADSTS700082: it\r\nhas expired"}
    with pytest.raises(MailboxError, match="AADSTS700082: it has expired") as caught:
        fetch(renew=True)
    assert caught.value.trouble is trouble
    assert step in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "refresh-1" not in str(caught.value)
    oauth.error = {}
    assert fetch(renew=True).text == "token-3"  # what was kept is not thrown away


def test_kept_tokens_that_cannot_be_read_are_told(oauth: OAuth, tmp_path: Path) -> None:
    fetch = a_person_at_microsoft(oauth, tmp_path)
    (tmp_path / "tokens.json").write_text("{")
    with pytest.raises(ConfigError, match="remove it and run `dsnwatch mailbox login m`"):
        fetch(renew=False)


@pytest.mark.server
@pytest.mark.parametrize("mechanism", ["OAUTHBEARER", "XOAUTH2"])
def test_dovecot_lets_a_token_in_until_it_expires(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mechanism: str
) -> None:
    with (
        OAuth() as server,
        Dovecot.running(oauth=f"{server.url}/introspect", mechanisms=mechanism) as dovecot,
    ):
        account = dovecot.a_user()
        server.user = account.user
        account.deliver(numbered(2))
        fetch = from_google(server, tmp_path)
        login = Bearer(account.user, fetch)
        monkeypatch.setattr(imap, "LEAST", timedelta())
        source = a_source(account, login=login)
        assert swept(source) == numbered(2)
        assert source.connects == 1
        server.lifetime = 0  # the connections from now on are good for one sweep
        server.good.clear()
        source.close()
        account.deliver(numbered(1, first=3))
        assert swept(source) == numbered(1, first=3)
        assert len(server.asked) == 2
        account.deliver(numbered(1, first=4))
        assert swept(source) == numbered(1, first=4)
        assert source.connects == 3
        source.close()
        server.good.clear()
        server.error = {"error": "invalid_grant"}
        with pytest.raises(MailboxError, match="invalid_grant"):
            swept(source)


@pytest.mark.parametrize(
    ("lasts", "good"),
    [
        (None, None),
        (timedelta(hours=1), timedelta(minutes=58)),
        (timedelta(minutes=3), timedelta(minutes=1, seconds=30)),
        (timedelta(seconds=10), timedelta(minutes=1)),
        (timedelta(days=-1), timedelta(minutes=1)),
    ],
    ids=str,
)
def test_connection_is_good_till_shortly_before_its_token_ends(
    lasts: timedelta | None, good: timedelta | None
) -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    found = imap.renewal(None if lasts is None else now + lasts, now)
    assert found == (imap.NEVER if good is None else now + good)


@pytest.mark.server
def test_idle_ends_in_time_for_the_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imap, "LEAST", timedelta(seconds=0.3))
    with OAuth() as server, Dovecot.running(oauth=f"{server.url}/introspect") as dovecot:
        account = dovecot.a_user()
        server.user = account.user
        server.lifetime = 0
        source = a_source(account, login=Bearer(account.user, from_google(server, tmp_path)))
        with Watch(source, tmp_path) as watching:
            watching.until(lambda: watching.watcher.figures.connects > 2)
        assert watching.watcher.figures.failures == 0
