"""Which tokens let one in: asked of the store, and remembered for a moment."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from threading import Lock
from typing import TYPE_CHECKING

from dsnwatch import tokens
from dsnwatch.errors import StoreError

if TYPE_CHECKING:
    from dsnwatch.records import Token
    from dsnwatch.store import Store

log = logging.getLogger(__name__)

FRESH = timedelta(seconds=2)
"""For how long an answer of the store is believed: a token that is revoked works no longer."""

USED_EVERY = timedelta(minutes=1)
"""How often it is written down that a token was used."""

REMEMBERED = 1000


class Keys:
    """Finds tokens; from any thread.

    Args:
        store: Has them.
        clock: Tells the time.
    """

    def __init__(
        self, store: "Store", clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._store = store
        self._clock = clock
        self._known: dict[bytes, tuple[Token, datetime]] = {}
        self._lock = Lock()

    def remembered(self, text: str) -> "Token | None":
        """Find a token that was found a moment ago, without asking the store."""
        known = self._known.get(_mark(text))
        if known is None or self._clock() - known[1] > FRESH:
            return None
        return known[0]

    def find(self, text: str) -> "Token | None":
        """Find the token or session that a text is; None where it lets nobody in.

        Raises:
            StoreError: The store cannot be read.
        """
        id_ = tokens.id_of(text)
        if id_ is None:
            return None
        now, token = self._clock(), self._store.token(id_)
        if token is None or not tokens.opens(token, text, now):
            self._known.pop(_mark(text), None)
            return None
        with self._lock:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[_mark(text)] = token, now
        self._note(token, now)
        return token

    def forget(self, text: str) -> None:
        """Ask the store again next time."""
        self._known.pop(_mark(text), None)

    def _note(self, token: "Token", now: datetime) -> None:
        """Write down that tokens were used; no request fails for it."""
        if token.used_at is not None and now - token.used_at < USED_EVERY:
            return
        used = [token.id] if token.parent is None else [token.id, token.parent]
        try:
            with self._store.write() as writer:
                writer.use_tokens(dict.fromkeys(used, now))
        except StoreError as error:
            log.debug("use of token %s is not written down: %s", token.id, error)


def _mark(text: str) -> bytes:
    """Give what a token is remembered under: how long finding it takes tells nothing about it."""
    return sha256(text.encode("utf-8", "replace")).digest()
