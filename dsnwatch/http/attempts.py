"""How often a client may try to sign in with what is no token."""

import ipaddress
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Lock

TRIES = 10
WITHIN = timedelta(minutes=5)
REMEMBERED = 4096
"""Clients that are counted; the one that failed longest ago is forgotten for a new one."""
NETWORK = 64
"""Bits of an IPv6 address: whoever has one has all the others of his network."""


class Attempts:
    """Counts failures by client; from any thread.

    Args:
        clock: Tells the time.
    """

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._clock = clock
        self._failed: OrderedDict[str, list[datetime]] = OrderedDict()
        self._lock = Lock()

    def wait(self, client: str) -> timedelta:
        """Say how long a client has to wait before it may try; nothing where it may now."""
        with self._lock:
            failed = self._failed.get(client, [])
            if len(failed) < TRIES:
                return timedelta()
            return max(failed[-TRIES] + WITHIN - self._clock(), timedelta())

    def failed(self, client: str) -> None:
        """Note that a client brought what lets nobody in."""
        with self._lock:
            self._failed[client] = [*self._failed.get(client, [])[1 - TRIES :], self._clock()]
            self._failed.move_to_end(client)
            if len(self._failed) > REMEMBERED:
                self._failed.popitem(last=False)

    def passed(self, client: str) -> None:
        """Note that a client got in."""
        with self._lock:
            self._failed.pop(client, None)


def client_of(peer: str | None, forwarded: str, *, believed: bool) -> str:
    """Name who asks, for counting.

    Args:
        peer: The other end of the connection; None over a unix socket.
        forwarded: `X-Forwarded-For`, each proxy adding at its end whom it was asked by; "" for
            none.
        believed: Whether the peer is a proxy that we trust.
    """
    named = forwarded.rpartition(",")[2].strip() if believed else ""
    try:
        address = ipaddress.ip_address(named or peer or "")
    except ValueError:
        return peer or "unix"
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:
        return str(ipaddress.ip_network((int(address), NETWORK), strict=False))
    return str(getattr(address, "ipv4_mapped", None) or address)
