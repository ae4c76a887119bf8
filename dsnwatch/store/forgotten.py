"""Names for addresses that were forgotten: keyed hashes, with the key beside the store.

The key lies in a file of its own, so that a copy of the database tells nobody who was forgotten.
Without it those who were forgotten may be mailed again: keep it with the store's backup.
"""

import os
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from dsnwatch.errors import StoreError, UsageError
from dsnwatch.rfc.keyed_hash import keyed_hash
from dsnwatch.store.location import default_url, sqlite_path
from dsnwatch.whole_file import beside

KEY_OCTETS = 32
LOOK_SECONDS = 1.0
"""How long it may take until a key is noticed that another process made."""


def read_key(path: Path) -> bytes | None:
    """Read a key: hexadecimal digits, in lines; those that begin with # say nothing.

    Returns:
        None where there is no file.

    Raises:
        StoreError: It cannot be read, or is no key.
    """
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "is no text"
        raise StoreError(f"{path}: {why}; give this user the right to read it") from error
    try:
        key = bytes.fromhex("".join(line for line in lines if not line.startswith("#")))
    except ValueError:
        key = b""
    if len(key) < KEY_OCTETS // 2:
        raise StoreError(
            f"{path}: is no key; make one with `openssl rand -hex {KEY_OCTETS}`, where nobody uses "
            "the old one any more"
        )
    return key


def key_file(url: str) -> Path:
    """Say where the key of a store lies: beside the database file, else in the state folder."""
    try:
        path = sqlite_path(url)
    except UsageError:  # a database server; sqlite_path says so
        return sqlite_path(default_url(os.environ)).with_name("dsnwatch.key")
    return path.with_name(f"{path.name}.key")


class Forgotten:
    """Knows the names of those who were forgotten; threads may share it.

    Args:
        path: The file of the key; it is there from the first time somebody is forgotten.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._key: bytes | None = None
        self._looked = float("-inf")

    def name(self, address: str) -> str | None:
        """Give the name an address would have; None as long as nobody was forgotten.

        Raises:
            StoreError: The key cannot be read.
        """
        names = self.names([address])
        return next(iter(names), None)

    def names(self, addresses: Iterable[str]) -> dict[str, str]:
        """Give addresses by the names they would have; none as long as nobody was forgotten.

        Raises:
            StoreError: The key cannot be read.
        """
        if self._key is None:
            if self._path is None or time.monotonic() < self._looked + LOOK_SECONDS:
                return {}
            self._looked = time.monotonic()
            self._key = read_key(self._path)
            if self._key is None:
                return {}
        return {keyed_hash(address, self._key): address for address in addresses}

    def make_key(self) -> None:
        """Make the key where there is none, for its owner's eyes only.

        Raises:
            StoreError: It cannot be made.
        """
        import secrets  # noqa: PLC0415  as above

        assert self._path is not None
        self._looked = float("-inf")
        if self._path.exists():
            return
        text = (
            "# It names those who were forgotten; keep it with the store's backup.\n"
            f"{secrets.token_hex(KEY_OCTETS)}\n"
        )
        try:
            with beside(self._path, [text], 0o600) as whole, suppress(FileExistsError):
                os.link(whole, self._path)  # unlike a rename it never replaces another's
        except OSError as error:
            raise StoreError(
                f"{self._path}: cannot be made ({error.strerror}); the key of those who are "
                "forgotten goes there"
            ) from error


NOBODY = Forgotten(None)
"""Where nobody is ever forgotten."""
