"""Find the one configuration file, read it, and say on which line a key of it stands.

Only the standard library: `dsnwatch check` asks for `store.url` here and must start fast. What
the file may hold is in `config`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dsnwatch.errors import ConfigError

DEFAULT_PATH = Path("/etc/dsnwatch/dsnwatch.toml")
"""Read where neither `--config` nor `$DSNWATCH_CONFIG` names another file."""

VARIABLE = "DSNWATCH_CONFIG"

_PART = r"""(?:"(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+)"""
_DOTTED = rf"{_PART}(?:\s*\.\s*{_PART})*"
_HEADER = re.compile(rf"\s*(\[\[?)\s*({_DOTTED})\s*\]\]?")
_KEY = re.compile(rf"\s*({_DOTTED})\s*=")


@dataclass(frozen=True)
class ConfigFile:
    """What stands in the configuration file, before anyone judged it.

    Attributes:
        path: Where it lies; None where there is none and the defaults hold.
        text: The file as it is.
        data: The same, read as TOML.
    """

    path: Path | None = None
    text: str = ""
    data: Mapping[str, object] = field(default_factory=dict)

    def has(self, key: Sequence[str | int]) -> bool:
        """Say whether the file sets this key, given as its path: `("store", "url")`."""
        found: Any = self.data
        for part in key:
            try:
                found = found[part]
            except (KeyError, IndexError, TypeError):
                return False
        return True

    def place(self, key: Sequence[str | int]) -> str:
        """Name the file and the line of a key, for an error: `/etc/x.toml, line 3`."""
        line = line_of(self.text, key)
        return f"{self.path}, line {line}" if line else str(self.path)


def find(argument: Path | None, environ: Mapping[str, str]) -> Path | None:
    """Choose the configuration file: `--config`, else `$DSNWATCH_CONFIG`, else the default place.

    Returns:
        None where nobody named a file and the default one does not exist.

    Raises:
        ConfigError: A named file does not exist.
    """
    if argument is not None:
        return _existing(argument, "--config")
    if named := environ.get(VARIABLE):
        return _existing(Path(named), f"${VARIABLE}")
    return DEFAULT_PATH if DEFAULT_PATH.exists() else None


def read(path: Path | None) -> ConfigFile:
    """Read a configuration file as `find` gave it.

    Raises:
        ConfigError: It cannot be opened, is not UTF-8, or is not TOML; with the line.
    """
    if path is None:
        return ConfigFile()
    import tomllib  # noqa: PLC0415  a third of a bare Python, where there is no file

    try:
        text = path.read_bytes().decode()
        return ConfigFile(path, text, tomllib.loads(text))
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read ({error.strerror}); "
            "check its permissions, or name another file with --config"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path}: is not UTF-8 (octet {error.start}); save it as UTF-8"
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: is not TOML: {error}") from error


def credential(path: Path, environ: Mapping[str, str]) -> Path | None:
    """Find a secret among those that systemd handed over, by the relative path it is configured as.

    Returns:
        `$CREDENTIALS_DIRECTORY/imap`; for `secrets/imap` the file `secrets_imap` too, as
        `LoadCredential=secrets:/etc/dsnwatch/secrets` calls it. None where there is no such file:
        then the secret lies beside the configuration file.

    Source: systemd.exec(5), LoadCredential=.
    """
    folder = environ.get("CREDENTIALS_DIRECTORY")
    if not folder or path.is_absolute():
        return None
    places = (Path(folder) / path, Path(folder) / "_".join(path.parts))
    return next((each for each in places if each.is_file()), None)


def store_url(file: ConfigFile, environ: Mapping[str, str]) -> str | None:
    """Get `store.url` alone, the environment first; None where nobody set it.

    A value that is no text counts as unset here: `config.load` is what complains.
    """
    if url := environ.get("DSNWATCH_STORE__URL"):
        return url
    section = file.data.get("store")
    url = section.get("url") if isinstance(section, Mapping) else None
    return url if isinstance(url, str) and url else None


def line_of(text: str, key: Sequence[str | int]) -> int | None:
    """Find the line, from 1, on which a key stands, or the table nearest around it.

    Args:
        text: TOML that can be read.
        key: Path of the key; an int picks the element of an array of tables.

    Returns:
        None where not even its first part is in the text.
    """
    wanted = tuple(key)
    best: tuple[int, int] | None = None
    table: tuple[str | int, ...] = ()
    elements: dict[tuple[str | int, ...], int] = {}
    inside = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if inside:
            inside = "" if inside in line else inside
            continue
        here: tuple[str | int, ...] | None = None
        if header := _HEADER.match(line):
            table = _in_elements(_parts(header[2]), elements, new=header[1] == "[[")
            here = table
        elif found := _KEY.match(line):
            here = table + _parts(found[1])
        if here and here[-1] == 0 and here[:-1] == wanted:
            here = wanted  # many tables are meant: the first one says where
        if here and wanted[: len(here)] == here and (best is None or len(here) > best[0]):
            best = (len(here), number)
        inside = next((mark for mark in ('"""', "'''") if line.count(mark) % 2), "")
    return best[1] if best else None


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in re.findall(_PART, dotted))


def _in_elements(
    parts: tuple[str, ...], elements: dict[tuple[str | int, ...], int], *, new: bool
) -> tuple[str | int, ...]:
    """Put the number of the current element behind each name of an array of tables."""
    path: tuple[str | int, ...] = ()
    for depth, part in enumerate(parts, start=1):
        path = (*path, part)
        if new and depth == len(parts):
            elements[path] = elements.get(path, -1) + 1
        if path in elements:
            path = (*path, elements[path])
    return path


def _existing(path: Path, named_by: str) -> Path:
    if not path.exists():
        raise ConfigError(
            f"{path}: no such file, though {named_by} names it; make it, or correct {named_by}"
        )
    return path
