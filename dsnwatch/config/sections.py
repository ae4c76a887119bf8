"""The sections of the configuration that stand alone, and what every section is made of.

A section with a room of its own has its file beside this one: `mailbox.py` and so on.
"""

from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator

from dsnwatch.config.values import Keep


def option(default: object, description: str, *, unit: str, alias: str | None = None) -> Any:  # noqa: ANN401  pydantic reads the field's type from its annotation
    """Define one option: what it is without being set, what it says, and its unit.

    Args:
        default: What holds where nobody says anything; `...` where it must be said.
        description: For docs/configuration.md and for errors.
        unit: What a value is, in words.
        alias: Its name in the file, where Python has that word for itself.
    """
    return Field(
        default=default, description=description, json_schema_extra={"unit": unit}, alias=alias
    )


class Section(BaseModel):
    """What every section shares: nothing unknown is in it, and nothing changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class StoreSection(Section):
    """`[store]`: where messages, events and suppressions lie."""

    url: str | None = option(
        None,
        "The database: sqlite:////path/to/dsnwatch.db, or a PostgreSQL server that several "
        "machines share: postgresql+psycopg://USER@HOST/DATABASE (docs/scaling.md). Without it "
        "$STATE_DIRECTORY/dsnwatch.db, else $XDG_STATE_HOME/dsnwatch/dsnwatch.db, else "
        "~/.local/state/dsnwatch/dsnwatch.db.",
        unit="database URL",
    )
    password_file: Path | None = option(
        None,
        "File with the password for a database server; it is put into the URL. A relative path is "
        "looked for in $CREDENTIALS_DIRECTORY, else beside the configuration file.",
        unit="path",
    )

    @model_validator(mode="after")
    def _password_has_a_user(self) -> "StoreSection":
        if self.password_file is not None and not urlsplit(self.url or "").username:
            raise ValueError("password_file needs a url with a user name in it")
        return self


class RulesSection(Section):
    """`[rules]`: rows of your own, beside those that come with the program."""

    directory: Path | None = option(
        None,
        "Folder whose *.toml files are read as rules before ours. Without it, rules.d beside the "
        "configuration file (/etc/dsnwatch/rules.d), where that exists.",
        unit="path",
    )


class KeepSection(Section):
    """`[keep]`: how long what was read stays; suppressions and the audit log are not touched."""

    raw_messages: Keep = option(
        timedelta(days=30),
        "How long the bytes of a message stay; the facts read from it stay longer.",
        unit='length of time ("1d" to "3650d", or "never")',
    )
    events: Keep = option(
        timedelta(days=400),
        "How long events and the facts of their messages stay.",
        unit='length of time ("1d" to "3650d", or "never")',
    )
    dead_letters: Keep = option(
        timedelta(days=90),
        "How long what a hook could not be told stays (`dsnwatch hooks dead`).",
        unit='length of time ("1d" to "3650d", or "never")',
    )
    sent: Keep = option(
        timedelta(days=60),
        "How long is known which messages were sent (`dsnwatch sent import`).",
        unit='length of time ("1d" to "3650d", or "never")',
    )
