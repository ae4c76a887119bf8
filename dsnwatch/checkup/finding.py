"""What was looked at, how it is, and what to do."""

from dataclasses import dataclass
from enum import StrEnum


class Health(StrEnum):
    """How something is."""

    OK = "ok"
    LOOK = "look"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        subject: What: `store`, `DMARC of example.org`.
        says: How it is, in a line.
        cure: What to do; "" where all is well.
    """

    subject: str
    health: Health
    says: str
    cure: str = ""


def well(subject: str, says: str) -> Finding:
    """Say that something is as it should be."""
    return Finding(subject, Health.OK, says)


def look(subject: str, says: str, cure: str) -> Finding:
    """Say that something works, and might be better."""
    return Finding(subject, Health.LOOK, says, cure)


def wrong(subject: str, says: str, cure: str) -> Finding:
    """Say that something does not work."""
    return Finding(subject, Health.WRONG, says, cure)
