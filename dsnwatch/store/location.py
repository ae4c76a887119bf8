"""Where the store lies: from a URL, or from the environment."""

from collections.abc import Mapping
from pathlib import Path

from dsnwatch.errors import UsageError

SQLITE = "sqlite:///"


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
    state = environ.get("STATE_DIRECTORY", "").partition(":")[0]
    if state:
        return f"{SQLITE}{Path(state).absolute() / 'dsnwatch.db'}"
    xdg = environ.get("XDG_STATE_HOME", "")
    # A relative XDG path is to be ignored (XDG Base Directory Specification 0.8).
    home = environ.get("HOME") or "~"
    base = Path(xdg) if xdg.startswith("/") else Path(home).expanduser() / ".local" / "state"
    return f"{SQLITE}{base.absolute() / 'dsnwatch' / 'dsnwatch.db'}"


def sqlite_path(url: str) -> Path:
    """Find the database file a store URL names.

    Args:
        url: `sqlite:///relative/path`, `sqlite:////absolute/path`, or a plain path; `~` is the
            home folder.

    Raises:
        UsageError: Another kind of database, or no file named.
    """
    scheme, mark, _ = url.partition("://")
    if mark and not url.startswith(SQLITE) and scheme != "sqlite":
        # Only the scheme is repeated: the rest may hold a password.
        raise UsageError(
            f"store: databases of the kind '{scheme}' are not known; give sqlite:///PATH"
        )
    text = url.removeprefix(SQLITE) if mark else url
    if not text or text.startswith("sqlite:") or text == ":memory:" or "\0" in text:
        raise UsageError(f"store: {url!r} names no file; give sqlite:///PATH")
    return Path(text).expanduser()
