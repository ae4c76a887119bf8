"""What was sent, as senders and mail servers tell it: one fact a message and recipient. Pure."""

from datetime import datetime
from typing import NamedTuple

from dsnwatch.matching import message_key, sent_key


class Sent(NamedTuple):
    """Mail went out.

    Attributes:
        at: When.
        recipient: To whom, normalised; "" where only a number is told, or nobody says.
        messages: How many it were.
        stream: The kind of mail; "" where unknown.
        message_id: Without angle brackets.
        envelope_id: The ENVID it was sent with.
        delivered: Whether another host took it: a sign of life.
        mark: What tells it from other facts where no message is named.
        sender: The envelope sender; None where unknown.
    """

    at: datetime
    recipient: str = ""
    messages: int = 1
    stream: str = ""
    campaign: str = ""
    message_id: str | None = None
    envelope_id: str | None = None
    delivered: bool = False
    mark: str = ""
    sender: str | None = None

    @property
    def keys(self) -> tuple[int, ...]:
        """The keys it is known under; the first tells whether it was told before."""
        ids = [each for each in (self.message_id, self.envelope_id) if each] or [self.mark]
        return tuple(sent_key(message_key(each, self.recipient), self.at) for each in ids)


class Rejected(NamedTuple):
    """A mail server would not take a message, and told ours so in the session.

    Attributes:
        line: The octets of the log line that tells it.
        place: Which line it is, for people.
        host: Our mail server.
        sender: The envelope sender; "" for the null one, None where unknown.
        recipient: As it was mailed.
        final_recipient: As it was handed over, after aliases.
        status: The enhanced status code, `5.1.1`.
        text: What was said.
        remote: The host that said it; None where it was our own.
    """

    line: bytes
    place: str
    at: datetime
    host: str
    message_id: str | None
    sender: str | None
    recipient: str
    final_recipient: str
    status: str | None
    text: str
    remote: str | None
