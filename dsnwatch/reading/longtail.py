"""Signs of failure in messages that no dialect reads, and the library that is asked last."""

import logging
from collections.abc import Iterator, Mapping

from dsnwatch.model import Action, Fault
from dsnwatch.rfc.address import normalise
from dsnwatch.rules import Rules
from dsnwatch.rules.causes import Where
from dsnwatch.rules.phrases import flatten

MAX_LIBRARY = 1 << 15
"""Characters of a text that flufl.bounce looks at."""


def blames_receiver(text: str, rules: Rules) -> bool:
    """Whether a text gives a cause that lies with a recipient or his host.

    Args:
        text: A mail system's message without what it returns; any case.
        rules: The tables; rows that are believed only after a code do not count.
    """
    found = rules.causes.find(flatten(text), Where())
    faults = {rules.categories[one.cause.reason].fault for one in found if not one.cause.weak}
    return not faults.isdisjoint({Fault.RECIPIENT, Fault.RECEIVER})


def by_library(headers: Mapping[str, str], text: str) -> Iterator[tuple[str, Action]]:
    """Let flufl.bounce name the recipients.

    Args:
        headers: From, To and Subject of the message, decoded.
        text: Its text without what it returns.

    Returns:
        Addresses in one order, those that failed for good before those that wait.
    """
    if "@" not in text:
        return
    from email.message import Message  # noqa: PLC0415  slow at import, seldom needed

    from flufl.bounce import all_failures  # noqa: PLC0415  likewise

    logging.getLogger("flufl.bounce").disabled = True  # it logs what its detectors trip over
    message = Message()
    for name, value in headers.items():
        message[name] = value.replace("\n", " ")
    message.set_payload(text[:MAX_LIBRARY])
    try:
        temporary, permanent = all_failures(message)
    except (AttributeError, TypeError, ValueError, LookupError):
        return  # a detector that did not expect such a message
    for found, action in ((permanent, Action.FAILED), (temporary, Action.DELAYED)):
        for raw in sorted(found):
            address = normalise(raw.decode("utf-8", "replace"))
            if "@" in address:  # it takes "<>:" for somebody
                yield address, action
