"""The policy delegation protocol of Postfix: attributes in lines, an action back.

Source: Postfix SMTPD_POLICY_README, "Protocol description".
"""

from dsnwatch.errors import StoreError
from dsnwatch.lookup import Judge, WireError

QUESTION_AT_MOST = 65_536
"""Octets of a question; Postfix sends about a thousand."""

_RECIPIENT = b"\nrecipient="
_KIND = b"\nrequest=smtpd_access_policy\n"
DUNNO = b"action=DUNNO\n\n"


class Policy:
    """Answers with what is to become of mail to the recipient that is asked about.

    Args:
        judge: Says what is to become of mail.
        stream: The stream that is asked for.
        passing: Whether mail passes while the store cannot be read.
    """

    def __init__(self, judge: Judge, stream: str, *, passing: bool) -> None:
        self._judge = judge
        self._stream = stream
        self._on_error = (
            DUNNO if passing else b"action=DEFER 4.3.0 the suppression list cannot be read\n\n"
        )

    def answer(self, received: bytearray) -> bytes:
        """Answer every whole question; see `Wire`."""
        answers = []
        start = 0
        while (end := received.find(b"\n\n", start)) >= 0:
            answers.append(self._answer(b"\n" + bytes(received[start:end]) + b"\n"))
            start = end + 2
        del received[:start]
        if len(received) > QUESTION_AT_MOST:
            raise WireError("too long")
        return b"".join(answers)

    def _answer(self, question: bytes) -> bytes:
        if _KIND not in question:
            raise WireError("no question of smtpd's")
        # In the states that are about all recipients of a message it is empty.
        at = question.find(_RECIPIENT)
        if at < 0:
            return DUNNO
        start = at + len(_RECIPIENT)
        recipient = question[start : question.index(b"\n", start)]
        try:
            action = self._judge.action(recipient.decode(errors="surrogateescape"), self._stream)
        except StoreError:
            return self._on_error
        return DUNNO if action is None else f"action={action}\n\n".encode("ascii")
