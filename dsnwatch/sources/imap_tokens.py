"""Where OAuth 2 access tokens come from: a command, Microsoft through msal, Google.

msal and google-auth are extras, imported when a mailbox asks for them.
"""

import json
import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from dsnwatch.config.mailbox import MailboxSection
from dsnwatch.errors import ConfigError, installing
from dsnwatch.sources.imap_login import AccessToken, Fetch
from dsnwatch.sources.imap_trouble import MailboxError, Trouble

Secret = Callable[[str], str]
"""Reads the secret that a key of the section names: `client_secret_file`."""

TIMEOUT_SECONDS: Final = 30.0
SPARE: Final = timedelta(minutes=2)
"""A token that ends sooner is not used any more."""

APP_SCOPE: Final = "https://outlook.office365.com/.default"
PERSON_SCOPE: Final = "https://outlook.office.com/IMAP.AccessAsUser.All"
GOOGLE_SCOPE: Final = "https://mail.google.com/"
GOOGLE_TOKENS: Final = "https://oauth2.googleapis.com/token"

_MOST_OCTETS: Final = 1 << 16


def fetch_of(section: MailboxSection, secret: Secret, cache: Path) -> Fetch:
    """Say how to get tokens for a mailbox that logs in with them.

    Args:
        section: With `token_command` or `auth`.
        secret: Reads a secret of the section.
        cache: Where tokens of a person's own login are kept.

    Raises:
        ConfigError: The extra that it needs is not installed.
    """
    if section.token_command is not None:
        return _from_command(section.name, section.token_command)
    if section.auth == "google":
        return _from_google(section, secret)
    if section.client_secret_file or section.client_certificate_file:
        return _from_microsoft_for_an_app(section, secret)
    return _from_microsoft_for_a_person(section, cache)


def extra(module: str, name: str, package: str) -> Any:  # noqa: ANN401  whatever is in it
    """Import what an extra brings.

    Raises:
        ConfigError: It is not installed; says what to do.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise ConfigError(f'auth = "{name}" needs {package}: {installing(name)}') from error


def failed(name: str, why: str, *, step: str, network: bool = False) -> MailboxError:
    """Say that no token could be had."""
    plain = " ".join(why.split())[:300]
    return MailboxError(
        f"mailbox '{name}': no access token ({plain}); {step}",
        Trouble.LOST if network else Trouble.LOGIN,
    )


def _from_command(name: str, command: Sequence[str]) -> Fetch:
    def fetch(*, renew: bool) -> AccessToken:  # noqa: ARG001  each of its tokens is new
        step = "run token_command by hand as the user dsnwatch runs as"
        try:
            done = subprocess.run(  # noqa: S603  what the operator configured, and no shell
                list(command),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=TIMEOUT_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired, ValueError) as error:
            raise failed(name, f"{command[0]}: {error}", step=step) from error
        if done.returncode:
            said = done.stderr[-200:].decode(errors="replace").strip()
            raise failed(name, f"{command[0]}: status {done.returncode} {said}", step=step)
        token = _read_token(done.stdout[:_MOST_OCTETS])
        if token is None:
            raise failed(name, f"{command[0]} wrote no token on its first line", step=step)
        return token

    return fetch


def _read_token(out: bytes) -> AccessToken | None:
    """Read a token from its own line, or from JSON as an OAuth 2 server answers (RFC 6749 5.1)."""
    text = out.decode("ascii", errors="replace").strip()
    expires = None
    if text.startswith("{"):
        try:
            answer = json.loads(text)
            text, lasts = str(answer["access_token"]), answer.get("expires_in")
            expires = None if lasts is None else _in(float(lasts))
        except (ValueError, KeyError, TypeError, OverflowError):
            return None
    token = text.partition("\n")[0].strip()
    plain = token.isascii() and token.isprintable() and " " not in token
    return AccessToken(token, expires) if token and plain else None


def _in(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


def _from_google(section: MailboxSection, secret: Secret) -> Fetch:
    transport = extra("google.auth.transport.requests", "google", "google-auth and requests")
    exceptions = extra("google.auth.exceptions", "google", "google-auth")
    state: dict[str, Any] = {}

    def fetch(*, renew: bool) -> AccessToken:
        text = secret("credentials_file")
        if state.get("text") != text:  # the first time, or the file has changed
            state.update(text=text, credentials=_google_credentials(section, text))
        credentials = state["credentials"]
        spare = datetime.now(UTC) + SPARE
        if renew or not credentials.token or _google_expiry(credentials) < spare:
            try:
                credentials.refresh(_with_timeout(transport.Request()))
            except exceptions.TransportError as error:
                raise failed(
                    section.name, str(error), step="dsnwatch tries again by itself", network=True
                ) from error
            except exceptions.GoogleAuthError as error:
                raise failed(
                    section.name,
                    str(error),
                    step="check credentials_file, and that the account may use "
                    f"{GOOGLE_SCOPE} for {section.user}",
                    network=bool(getattr(error, "retryable", False)),
                ) from error
        return AccessToken(credentials.token, _google_expiry(credentials))

    return fetch


def _with_timeout(request: Callable[..., object]) -> Callable[..., object]:
    def asked(*args: object, **named: object) -> object:
        return request(*args, **{**named, "timeout": TIMEOUT_SECONDS})

    return asked


def _google_expiry(credentials: Any) -> datetime:  # noqa: ANN401  google-auth's
    naive = credentials.expiry  # google-auth keeps UTC without saying so
    return _in(3600) if naive is None else naive.replace(tzinfo=UTC)


def _google_credentials(section: MailboxSection, text: str) -> Any:  # noqa: ANN401  google-auth's
    try:
        info = json.loads(text)
        if info.get("type") == "authorized_user":
            person = extra("google.oauth2.credentials", "google", "google-auth")
            return person.Credentials(
                None,
                refresh_token=info["refresh_token"],
                client_id=info["client_id"],
                client_secret=info["client_secret"],
                token_uri=info.get("token_uri", GOOGLE_TOKENS),
            )
        service = extra("google.oauth2.service_account", "google", "google-auth")
        return service.Credentials.from_service_account_info(
            info, scopes=[GOOGLE_SCOPE], subject=section.user
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"mailbox '{section.name}': credentials_file is neither a service account's nor an "
            f"authorized_user's ({error}); download it anew"
        ) from error


def _from_microsoft_for_an_app(section: MailboxSection, secret: Secret) -> Fetch:
    msal = extra("msal", "microsoft", "msal")
    state: dict[str, Any] = {}

    def fetch(*, renew: bool) -> AccessToken:
        if section.client_certificate_file:
            pem = secret("client_certificate_file")
            credential: object = {"private_key": pem, "public_certificate": pem}
        else:
            credential = secret("client_secret_file")
        scopes = [section.scope or APP_SCOPE]
        try:
            if state.get("credential") != credential:
                app = msal.ConfidentialClientApplication(
                    section.client_id, client_credential=credential, **_authority(section)
                )
                state.update(credential=credential, app=app)
            if renew:
                state["app"].remove_tokens_for_client()
            answer = state["app"].acquire_token_for_client(scopes=scopes)
        except (OSError, ValueError) as error:
            raise _unreached(section, error) from error
        return microsoft_token(section, answer)

    return fetch


def _from_microsoft_for_a_person(section: MailboxSection, cache: Path) -> Fetch:
    def fetch(*, renew: bool) -> AccessToken:
        scopes = [section.scope or PERSON_SCOPE]
        with PersonApp(section, cache) as app:
            accounts = app.get_accounts(username=section.user) or app.get_accounts()
            try:
                answer = app.acquire_token_silent_with_error(
                    scopes, account=accounts[0] if accounts else None, force_refresh=renew
                )
            except (OSError, ValueError) as error:
                raise _unreached(section, error) from error
        if answer is None:
            raise failed(
                section.name,
                "nobody has logged in yet, or that has expired",
                step=f"run `dsnwatch mailbox login {section.name}`",
            )
        return microsoft_token(section, answer)

    return fetch


def log_in_person(section: MailboxSection, cache: Path) -> Iterator[str]:
    """Log a person in by device code (RFC 8628), and keep the tokens.

    Returns:
        What to tell the person, as it comes; it ends when the tokens are kept.

    Raises:
        DsnwatchError: It came to nothing.
    """
    with PersonApp(section, cache) as app:
        try:
            flow = app.initiate_device_flow(scopes=[section.scope or PERSON_SCOPE])
            if "message" not in flow:
                microsoft_token(section, flow)
            yield str(flow["message"])
            microsoft_token(section, app.acquire_token_by_device_flow(flow))
        except (OSError, ValueError) as error:
            raise _unreached(section, error) from error


class PersonApp:
    """Msal's application for a person's login, with its tokens kept in a file.

    Args:
        cache: The file; made for its owner's eyes only.
    """

    def __init__(self, section: MailboxSection, cache: Path) -> None:
        self._msal = extra("msal", "microsoft", "msal")
        self._section = section
        self._path = cache
        self._cache = self._msal.SerializableTokenCache()

    def __enter__(self) -> Any:  # noqa: ANN401  msal ships no types
        try:
            self._cache.deserialize(self._path.read_text())
        except FileNotFoundError:
            pass
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"mailbox '{self._section.name}': {self._path} cannot be read ({error}); remove it "
                f"and run `dsnwatch mailbox login {self._section.name}`"
            ) from error
        try:
            return self._msal.PublicClientApplication(
                self._section.client_id, token_cache=self._cache, **_authority(self._section)
            )
        except (OSError, ValueError) as error:
            raise _unreached(self._section, error) from error

    def __exit__(self, *_: object) -> None:
        if self._cache.has_state_changed:
            write_secret(self._path, self._cache.serialize())


def write_secret(path: Path, text: str) -> None:
    """Put a secret into a file that only its owner reads; whole, or not at all."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def microsoft_token(section: MailboxSection, answer: dict[str, Any]) -> AccessToken:
    """Take the token out of msal's answer.

    Raises:
        MailboxError: There is an error in it instead.
    """
    if "access_token" in answer:
        return AccessToken(answer["access_token"], _in(float(answer.get("expires_in", 3600))))
    said = f"{answer.get('error')}: {answer.get('error_description', '')}"
    step = "check tenant, client_id, its secret or certificate, and its permission for IMAP"
    if section.client_secret_file is None and section.client_certificate_file is None:
        step = f"run `dsnwatch mailbox login {section.name}`"
    later = answer.get("error") in {"temporarily_unavailable", "server_error"}
    raise failed(section.name, said, step=step, network=later)


def _authority(section: MailboxSection) -> dict[str, object]:
    return {
        "authority": f"{section.authority.rstrip('/')}/{section.tenant}",
        "timeout": TIMEOUT_SECONDS,
        # The operator named who he trusts; nobody else needs to be asked.
        "instance_discovery": False,
    }


def _unreached(section: MailboxSection, error: Exception) -> MailboxError:
    return failed(
        section.name,
        str(error),
        step=f"check authority and tenant, and that {section.authority} can be reached",
        network=isinstance(error, OSError),
    )
