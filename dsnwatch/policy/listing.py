"""The suppression list: which row is to be written, and which rows hold."""

from datetime import datetime

from dsnwatch.records import Suppression


def merge(standing: Suppression | None, new: Suppression) -> Suppression | None:
    """Say which row of the suppression list is to be written when a new one comes.

    For ever beats limited, and a later end an earlier one. One that had run out when the new one
    began is replaced. Where nothing becomes longer, the first cause is kept.

    Args:
        standing: What the list has for this address and stream.
        new: What a decision asks for.

    Returns:
        The row to write; None where the list already says as much.
    """
    if standing is None:
        return new
    if standing.until is None or (new.until is not None and new.until <= standing.until):
        return None
    return new


def running(suppression: Suppression, at: datetime) -> bool:
    """Whether a suppression holds at that moment: it has not run out, and no trial lifts it."""
    lifted = suppression.lifted_until
    return (suppression.until is None or at < suppression.until) and (
        lifted is None or lifted <= at
    )
