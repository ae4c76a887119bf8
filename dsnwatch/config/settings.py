"""What the configuration may say: each option with its description, unit and default.

One TOML file (`document.find` chooses it), over it the environment: `DSNWATCH_STORE__URL` is
`store.url`. Every value is checked here, once; an unknown key is an error that names the nearest
known one. Secrets stand in files of their own (`*_file`), never in this one.
"""

import os
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import get_args, get_origin
from urllib.parse import quote, urlsplit

from pydantic import BaseModel, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from dsnwatch.config import document
from dsnwatch.config.alerts import AlertsSection
from dsnwatch.config.document import ConfigFile
from dsnwatch.config.hook import HookSection
from dsnwatch.config.listener import ListenerSection, ReturnPathSection
from dsnwatch.config.lookup import ExportSection, LookupSection
from dsnwatch.config.mailbox import MailboxSection
from dsnwatch.config.policy import PolicySection
from dsnwatch.config.sections import (
    KeepSection,
    RulesSection,
    StoreSection,
    option,
)
from dsnwatch.config.trust import AttributionSection, TrustSection
from dsnwatch.config.web import WebSection
from dsnwatch.errors import ConfigError
from dsnwatch.rfc.return_path import Key as ReturnPathKey
from dsnwatch.rfc.return_path import keys_of

PREFIX = "DSNWATCH_"
DELIMITER = "__"
_MADE_BY = {"return_path.key_file": "`dsnwatch verp key rotate` makes one"}
"""How a secret comes to be that nobody else gives us."""

Key = tuple[str | int, ...]
"""Where a value stands: `("store", "url")`, `("mailbox", 0, "host")`."""


class Settings(BaseSettings):
    """Everything that can be configured, checked and frozen."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter=DELIMITER, extra="forbid", frozen=True
    )

    node: str = option(
        "",
        "Name of this machine on every row it writes. Without it, the host name.",
        unit="text",
    )
    stream: str = option(
        "",
        "The kind of mail (newsletter, invoices ...) that messages count for where neither the "
        "source nor --stream says.",
        unit="text",
    )
    store: StoreSection = option(StoreSection(), "Where everything is kept.", unit="section")
    rules: RulesSection = option(RulesSection(), "Rules of your own.", unit="section")
    policy: PolicySection = option(PolicySection(), "What suppresses.", unit="section")
    trust: TrustSection = option(
        TrustSection(), "What proves that a report is about mail of ours.", unit="section"
    )
    attribution: AttributionSection = option(
        AttributionSection(), "Where the returned message says what it was.", unit="section"
    )
    keep: KeepSection = option(KeepSection(), "How long things stay.", unit="section")
    alerts: AlertsSection = option(
        AlertsSection(), "When an operator is told that something is wrong.", unit="section"
    )
    mailbox: tuple[MailboxSection, ...] = option((), "Mailboxes to watch.", unit="sections")
    listener: tuple[ListenerSection, ...] = option(
        (), "Where bounces are received.", unit="sections"
    )
    return_path: ReturnPathSection = option(
        ReturnPathSection(), "How return paths are signed.", unit="section"
    )
    hook: tuple[HookSection, ...] = option((), "Systems to be told.", unit="sections")
    lookup: tuple[LookupSection, ...] = option((), "Sockets for mail servers.", unit="sections")
    export: tuple[ExportSection, ...] = option((), "Files for mail servers.", unit="sections")
    web: WebSection = option(WebSection(), "API and pages.", unit="section")

    @field_validator("mailbox", "hook")
    @classmethod
    def _names_differ(
        cls, value: tuple[MailboxSection | HookSection, ...]
    ) -> tuple[MailboxSection | HookSection, ...]:
        names = [each.name for each in value]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"two are called '{twice}'; give each a name of its own")
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  the signature is pydantic's
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  likewise
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment go before the file; nothing else is read."""
        assert issubclass(settings_cls, Settings)
        return env_settings, init_settings


class Configuration:
    """The settings in force, the file they came from, and what follows from both.

    Attributes:
        settings: Checked values.
        file: What was read; `file.path` is None where there is no file.
    """

    def __init__(self, settings: Settings, file: ConfigFile) -> None:
        self.settings = settings
        self.file = file

    @property
    def node(self) -> str:
        """The name of this machine on rows: the configured one, else the host name."""
        return self.settings.node or socket.gethostname()

    def store_url(self) -> str | None:
        """Get the database URL with its password in it; None stands for the default place.

        Raises:
            ConfigError: The password file cannot be read.
        """
        store = self.settings.store
        if store.url is None or store.password_file is None:
            return store.url
        parts = urlsplit(store.url)
        password = quote(self.secret(store.password_file, "store.password_file"), safe="")
        host = parts.netloc.rpartition("@")[2]
        return parts._replace(netloc=f"{parts.username}:{password}@{host}").geturl()

    @property
    def web(self) -> WebSection | None:
        """Where API and pages are served; None where nothing says `[web]`."""
        return self.settings.web if "web" in self.settings.model_fields_set else None

    @property
    def parts(self) -> tuple[str, ...]:
        """What a daemon runs because it is asked for, by the names it gives to its parts."""
        asked = self.settings
        several = {"listener": asked.listener, "lookup": asked.lookup, "export": asked.export}
        return (
            *(f"hook {each.name}" for each in asked.hook),
            *(f"mailbox {each.name}" for each in asked.mailbox),
            *(
                f"{kind} {n + 1}"
                for kind, sections in several.items()
                for n in range(len(sections))
            ),
            *(("web",) if self.web else ()),
        )

    def rules_directory(self) -> Path | None:
        """Get the folder with the user's own rules; None where there is none.

        Raises:
            ConfigError: It is configured and does not exist.
        """
        configured = self.settings.rules.directory
        if configured is None:
            beside = (self.file.path or document.DEFAULT_PATH).parent / "rules.d"
            return beside if beside.is_dir() else None
        found = self.beside(configured)
        if not found.is_dir():
            raise ConfigError(
                f"{self._place(('rules', 'directory'))}: rules.directory: {found} is no folder; "
                "make it, or take the line out"
            )
        return found

    def return_path_keys(self) -> tuple[ReturnPathKey, ...]:
        """Read the keys that return paths are signed with; none where none are configured.

        Raises:
            ConfigError: The file cannot be read, or a line of it is no key.
        """
        path = self.settings.return_path.key_file
        if path is None:
            return ()
        try:
            return keys_of(self.secret(path, "return_path.key_file"))
        except ValueError as error:
            place = self._place(("return_path", "key_file"))
            raise ConfigError(f"{place}: return_path.key_file: {path}: {error}") from error

    def secret(self, path: Path, key: str) -> str:
        """Read a secret from its file, without the line end behind it.

        Args:
            path: As configured; see `secret_place`.
            key: The option that names it, for the error; `mailbox.0.password_file` for one of
                many sections.

        Raises:
            ConfigError: The file cannot be read, or is empty.
        """
        found = self.secret_place(path)
        try:
            text = found.read_text().rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise ConfigError(
                f"{self._place(_path_of(key))}: {key}: {found} cannot be read ({why}); "
                f"{_MADE_BY.get(key, 'make the file')}, or give it to the service with "
                "LoadCredential="
            ) from error
        if not text:
            raise ConfigError(f"{self._place(_path_of(key))}: {key}: {found} is empty")
        return text

    def secret_place(self, path: Path) -> Path:
        """Find a secret's file: among systemd's credentials, else beside the configuration file."""
        return document.credential(path, os.environ) or self.beside(path)

    def values(self) -> Iterator[tuple[str, object, str]]:
        """Give each option as (dotted key, value for TOML or JSON, where the value comes from).

        Passwords inside URLs are replaced by `***`.
        """
        for key, value in _leaves(self.settings.model_dump(mode="json", by_alias=True)):
            if key[-1] == "url" and isinstance(value, str):
                # One that may be shown: what stands behind the ? of a hook's is often a token.
                value = redacted(value, all_of_query=key[0] == "hook")  # noqa: PLW2901
            yield ".".join(map(str, key)), value, self._origin(key)

    def _origin(self, key: Sequence[str | int]) -> str:
        variable = variable_of(key)
        if variable in os.environ:
            return f"${variable}"
        return self.file.place(key) if self.file.has(key) else "default"

    def _place(self, key: Sequence[str | int]) -> str:
        variable = variable_of(key)
        return f"${variable}" if variable in os.environ else self.file.place(key)

    def beside(self, path: Path) -> Path:
        """Find a file the configuration names: a relative path lies beside it."""
        return path if self.file.path is None else self.file.path.parent / path


def options() -> Iterator[tuple[str, FieldInfo]]:
    """Give every option there is, as its dotted key and its field.

    Those of a section that may stand there many times (`[[mailbox]]`) have a key without a number.
    """

    def walk(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, FieldInfo]]:
        for field, info in model.model_fields.items():
            name, section = info.alias or field, _section_of(info)
            if section is not None:
                yield from walk(section, f"{prefix}{name}.")
            else:
                yield f"{prefix}{name}", info

    return walk(Settings, "")


def sections() -> Iterator[tuple[str, bool]]:
    """Give every section, as its dotted name and whether it may stand there many times."""

    def walk(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, bool]]:
        for name, info in model.model_fields.items():
            section = _section_of(info)
            if section is not None:
                yield f"{prefix}{name}", get_origin(info.annotation) is tuple
                yield from walk(section, f"{prefix}{name}.")

    return walk(Settings, "")


def _section_of(info: FieldInfo) -> type[BaseModel] | None:
    """Get the model of a field that is a section, or a tuple of sections."""
    kinds = (info.annotation, *get_args(info.annotation))
    return next((k for k in kinds if isinstance(k, type) and issubclass(k, BaseModel)), None)


def _leaves(value: object, key: tuple[str | int, ...] = ()) -> Iterator[tuple[Key, object]]:
    """Give each value in a dump of the settings, with its path; lists of plain values are one."""
    if isinstance(value, dict) and key not in _TABLES:
        for name, inner in value.items():
            yield from _leaves(inner, (*key, name))
    elif isinstance(value, list) and (key in _MANY or any(isinstance(v, dict) for v in value)):
        for number, inner in enumerate(value):
            yield from _leaves(inner, (*key, number))
    else:
        yield key, value


_MANY = frozenset(tuple(name.split(".")) for name, many in sections() if many)
_TABLES = frozenset(
    tuple(key.split(".")) for key, info in options() if get_origin(info.annotation) is dict
)
"""Options whose value is a table of its own: one value."""


def redacted(url: str, *, all_of_query: bool = False) -> str:
    """Write a URL without the password in it."""
    parts = urlsplit(url)
    if "password" in parts.query.lower() or (all_of_query and parts.query):
        parts = parts._replace(query="***")
    if parts.password is None:
        return parts.geturl() if parts.query == "***" else url
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{parts.username}:***@{host}").geturl()


def _path_of(key: str) -> Key:
    """Take a dotted key apart: `mailbox.0.host` is ("mailbox", 0, "host")."""
    return tuple(int(part) if part.isdigit() else part for part in key.split("."))


def variable_of(key: Sequence[str | int]) -> str:
    """Name the environment variable that stands for an option."""
    return PREFIX + DELIMITER.join(str(part).upper() for part in key)
