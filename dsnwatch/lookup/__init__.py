"""May this address be mailed? Asked by a mail server at the moment of sending, and answered.

A protocol is a file here that keeps `Wire`, and a line in `WIRES`; `server` speaks them all.
"""

from collections.abc import Callable, Mapping
from datetime import date
from functools import lru_cache
from types import MappingProxyType
from typing import Final, Protocol

from dsnwatch.rfc.address import key

Find = Callable[[str, str], date | None]
"""Says since which day an address (normalised) is suppressed for a stream; None where it is not.

It raises StoreError where that cannot be looked up.
"""

ANSWERS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {"reject": ("REJECT", "5.7.1"), "discard": ("DISCARD", ""), "defer": ("DEFER", "4.7.1")}
)
"""What each answer is in the words of Postfix (access(5)), and the status code it takes."""

WIRES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "socketmap": "dsnwatch.lookup.socketmap:Socketmap",
        "policy": "dsnwatch.lookup.policy:Policy",
    }
)
"""The protocols, and the `module:class` of each."""


class WireError(Exception):
    """What came is no question; the connection is closed."""


class Source(Protocol):
    """What `Find` looks into: `store.lookup.HeldLookup`."""

    def hold(self) -> None:
        """Answer from the state of this moment until `release`."""
        ...

    def release(self) -> None:
        """Answer each question from the state of its own moment."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class Wire(Protocol):
    """One protocol: takes whole questions from what has come, and gives the answers to send."""

    def answer(self, received: bytearray) -> bytes:
        """Answer every whole question that has come, and take it out of `received`.

        Raises:
            WireError: That is no question, or one that is too long.
        """
        ...


class Judge:
    """Says what is to become of mail to an address.

    Args:
        find: Looks addresses up.
        answer: A key of `ANSWERS`.
    """

    def __init__(self, find: Find, answer: str) -> None:
        self._find = find
        self._answer = answer

    def action(self, recipient: str, stream: str) -> str | None:
        """Give the action for a recipient in a line of ASCII; None where he may be mailed.

        Raises:
            StoreError: It cannot be looked up.
        """
        address = key(recipient)
        return self.of(address, stream) if all(address.rpartition("@")[::2]) else None

    def of(self, address: str, stream: str) -> str | None:
        """Do the same for an address that is normalised."""
        since = self._find(address, stream)
        return None if since is None else action_since(since, self._answer)


@lru_cache(maxsize=4096)
def action_since(day: date, answer: str) -> str:
    """Write the action for somebody who is suppressed since a day."""
    return f"{ANSWERS[answer][0]} {said(day, answer)}"


def said(day: date, answer: str) -> str:
    """Say in a line of ASCII that somebody is not mailed, with the status code of the answer.

    The reason is not in it: it is nobody's business who is refused, and a bounce made of this line
    is not to be read as one of the address itself, which would make a suppression of weeks one
    for ever.
    """
    return f"{ANSWERS[answer][1]} stopped by dsnwatch since {day}".lstrip()
