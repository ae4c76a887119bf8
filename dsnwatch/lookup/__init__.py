"""May this address be mailed? Asked by a mail server at the moment of sending, and answered.

A protocol is a file here that keeps `Wire`, and a line in `WIRES`; `server` speaks them all.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final, Protocol

from dsnwatch.rfc.address import key


class Listed(Protocol):
    """What keeps an address from being mailed: `store.lookup.Found`, `model.Suppression`."""

    @property
    def since(self) -> datetime:
        """From when on."""
        ...


Find = Callable[[str, str], Listed | None]
"""Looks an address (normalised) up for a stream; raises StoreError where it cannot."""

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
        if not all(address.rpartition("@")[::2]):
            return None
        listed = self._find(address, stream)
        return (
            None if listed is None else f"{ANSWERS[self._answer][0]} {said(listed, self._answer)}"
        )


def said(listed: Listed, answer: str) -> str:
    """Say in a line of ASCII that somebody is not mailed, with the status code of the answer.

    The reason is not in it: it is nobody's business who is refused, and a bounce made of this line
    is not to be read as one of the address itself, which would make a suppression of weeks one
    for ever.
    """
    code = ANSWERS[answer][1]
    return f"{code} stopped by dsnwatch since {listed.since:%Y-%m-%d}".lstrip()
