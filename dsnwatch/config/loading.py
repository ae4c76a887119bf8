"""The configuration in force, read and checked; what is wrong with it is said in one line."""

import os
import re
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError
from pydantic_settings import (
    SettingsError,
)

from dsnwatch.config import document
from dsnwatch.config.document import ConfigFile
from dsnwatch.config.settings import (
    DELIMITER,
    PREFIX,
    Configuration,
    Settings,
    options,
    sections,
    variable_of,
)
from dsnwatch.errors import ConfigError


def load(argument: Path | None = None) -> Configuration:
    """Read and check the configuration in force.

    Args:
        argument: The file `--config` named, if any.

    Raises:
        ConfigError: It names the file, the line and the key (or the environment variable), what
            is wrong, and for an unknown key the nearest known one.
    """
    file = document.read(document.find(argument, os.environ))
    for name in os.environ:
        _refuse_unknown_variable(name)
    for key in file.data:
        if key.startswith("_"):  # pydantic-settings takes these as arguments of its own
            raise ConfigError(f"{file.place((key,))}: unknown key '{key}'; {nearest(key)}")
    try:
        return Configuration(Settings(**cast("dict[str, Any]", file.data)), file)
    except SettingsError as error:
        cause = f" ({error.__cause__})" if error.__cause__ else ""
        raise ConfigError(f"the environment: {error}{cause}; write plain values") from error
    except ValidationError as error:
        raise ConfigError(_first_complaint(error, file)) from error


def nearest(key: str) -> str:
    """Say which known option an unknown one stands nearest to, as the end of an error."""
    known = [name for name, _ in options()]
    sections = sorted({name.partition(".")[0] for name in known if "." in name})
    if near := get_close_matches(key, [*known, *sections], n=1):
        return f"did you mean '{near[0]}'?"
    last_parts = {name.rpartition(".")[2]: name for name in reversed(known)}
    if near := get_close_matches(key.rpartition(".")[2], last_parts, n=1):
        return f"did you mean '{last_parts[near[0]]}'?"
    section = key.rpartition(".")[0]
    here = [name for name in known if name.rpartition(".")[0] == section]
    return f"known here: {', '.join(here if section else [*here, *sections])}"


def _refuse_unknown_variable(name: str) -> None:
    """Refuse `DSNWATCH_STROE__URL`, and `DSNWATCH_STREEM`, which stands near a known one.

    One without `__` that stands near none may be another program's affair.
    """
    if not name.startswith(PREFIX) or name == document.VARIABLE:
        return
    many = tuple(f"{section}." for section, repeated in sections() if repeated)
    known = [variable_of(key.split(".")) for key, _ in options() if not key.startswith(many)]
    if name in known:
        return
    like = _LIKE if DELIMITER in name else _VERY_LIKE
    near = get_close_matches(name, [*known, document.VARIABLE], n=1, cutoff=like)
    if near or DELIMITER in name:
        hint = f"did you mean '{near[0]}'?" if near else f"known are {', '.join(known)}"
        raise ConfigError(f"${name}: no such option; {hint}")


_LIKE, _VERY_LIKE = 0.6, 0.85
"""How like a known variable another must be to be taken for it, mistyped; one without `__` more."""


def _first_complaint(error: ValidationError, file: ConfigFile) -> str:
    complaints = error.errors(include_url=False)
    first = complaints[0]
    key = first["loc"]
    dotted = ".".join(part for part in key if isinstance(part, str))
    variable = variable_of(key)
    place = f"${variable}" if variable in os.environ else file.place(key)
    if first["type"] == "extra_forbidden":
        said = f"unknown key '{dotted}'; {nearest(dotted)}"
    else:
        said = f"{dotted}: {_plain(first)}"
    more = len(complaints) - 1
    return f"{place}: {said}" + (f" (and {more} more)" if more else "")


def _plain(complaint: Mapping[str, Any]) -> str:
    """Say in our words what pydantic found."""
    match complaint["type"]:
        case "value_error":
            return str(complaint["ctx"]["error"])
        case "literal_error":
            given = complaint["input"]
            known = re.findall("'([^']*)'", complaint["ctx"]["expected"])
            near = get_close_matches(str(given), known, n=1)
            hint = f"; did you mean '{near[0]}'?" if near else ""
            return f"'{given}' is none of {complaint['ctx']['expected']}{hint}"
        case "model_type" | "model_attributes_type" | "dict_type":
            return "must be a section of its own, not a value"
        case "string_type" | "path_type":
            return f"must be text in quotes, not {complaint['input']!r}"
        case _:
            return str(complaint["msg"])
