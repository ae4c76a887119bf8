"""Where the store lies: from a URL, or from the environment."""

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from dsnwatch.errors import UsageError

SQLITE = "sqlite:///"
SERVER = "postgresql+psycopg"
SERVERS = frozenset({SERVER, "postgresql", "postgres"})
"""Schemes that name a PostgreSQL server."""


def default_url(environ: Mapping[str, str]) -> str:
    """Say where the store lies when nobody said.

    Args:
        environ: The process environment. `STATE_DIRECTORY` (set by systemd, perhaps several
            folders with colons between, of which the first is ours) goes before
            `XDG_STATE_HOME`, and that before `~/.local/state`.

    Returns:
        A `sqlite:///` URL with an absolute path. Nothing is made here; `open_store` makes the
        folder, for its owner only.
    """
    return f"{SQLITE}{state_folder(environ) / 'dsnwatch.db'}"


def state_folder(environ: Mapping[str, str]) -> Path:
    """Find the folder for what we keep on this machine; see `default_url`."""
    state = environ.get("STATE_DIRECTORY", "").partition(":")[0]
    if state:
        return Path(state).absolute()
    xdg = environ.get("XDG_STATE_HOME", "")
    # A relative XDG path is to be ignored (XDG Base Directory Specification 0.8).
    home = environ.get("HOME") or "~"
    base = Path(xdg) if xdg.startswith("/") else Path(home).expanduser() / ".local" / "state"
    return base.absolute() / "dsnwatch"


def is_server(url: str) -> bool:
    """Say whether a store URL names a PostgreSQL server, and not a file."""
    scheme, mark, _ = url.partition("://")
    return bool(mark) and scheme.lower() in SERVERS


def server_url(url: str) -> str:
    """Give the URL of a server as libpq reads it.

    Raises:
        UsageError: It cannot be read; the text repeats nothing of it.

    Source: https://www.postgresql.org/docs/current/libpq-connect.html section 34.1.1.2.
    """
    rest = url.partition("://")[2]
    authority = re.split("[/?#]", rest, maxsplit=1)[0]
    if not rest.count("@") == authority.count("@") <= 1 or any(sign in rest for sign in "# \0"):
        raise UsageError(
            "store: the URL cannot be read; write each of @ / # : in a password as %40 %2F %23 "
            "%3A, or put the password into store.password_file"
        )
    return f"postgresql://{rest}"


def where_of(url: str) -> str:
    """Say where the store lies, for people: a path, or the server's URL without the password.

    Raises:
        UsageError: As `sqlite_path` and `server_url` do.
    """
    if not is_server(url):
        return str(sqlite_path(url))
    parts = urlsplit(server_url(url))
    host = parts.netloc.rpartition("@")[2]
    user = f"{parts.username}@" if parts.username else ""
    return f"postgresql://{user}{host}{parts.path}"


def sqlite_path(url: str) -> Path:
    """Find the database file a store URL names.

    Args:
        url: `sqlite:///relative/path`, `sqlite:////absolute/path`, or a plain path; `~` is the
            home folder.

    Raises:
        UsageError: Another kind of database, a server, or no file named.
    """
    if is_server(url):
        raise UsageError(
            "store: this needs a store in a file, and the configured one is on a PostgreSQL "
            "server; give sqlite:///PATH with --store"
        )
    scheme, mark, _ = url.partition("://")
    if mark and not url.startswith(SQLITE) and scheme != "sqlite":
        # Only the scheme is repeated: the rest may hold a password.
        raise UsageError(
            f"store: databases of the kind '{scheme}' are not known; give sqlite:///PATH or "
            "postgresql+psycopg://USER@HOST/DATABASE"
        )
    text = url.removeprefix(SQLITE) if mark else url
    if not text or text.startswith("sqlite:") or text == ":memory:" or "\0" in text:
        raise UsageError(f"store: {url!r} names no file; give sqlite:///PATH")
    return Path(text).expanduser()
