"""Find reply codes and enhanced status codes in what SMTP servers say.

Source: RFC 5321 section 4.2 (reply codes), RFC 3463 and RFC 5248 (enhanced codes), RFC 2034
(where an enhanced code stands in a reply).
"""

import re

from dsnwatch.model import StatusCode

_CODE = r"([45]\.[0-9]{1,3}\.[0-9]{1,3})(?![0-9]|\.[0-9])"

_OPENING_REPLY = re.compile(r"\s*([45][0-9]{2})(?:[ \-]|$)")
_ANY_CODE = re.compile(r"[45]\.[0-9]{1,3}\.[0-9]")
_ANY_REPLY = re.compile(r"[45][0-57][0-9]")
_LEADING = re.compile(rf"([45][0-9]{{2}})[ \-]{_CODE}")

# After a reply code: "550 5.1.1", "550-5.1.1", "550 #5.1.0", "550 [5.1.1]", "550 <a@b>: 5.1.1".
_AFTER_REPLY = re.compile(
    rf"(?<![0-9.])[245][0-9]{{2}}(?:[ \-]+(?:<[^<> ]{{1,320}}>:? ?)?)[#(\[]?{_CODE}"
)

# Opening the text, or marked as a code: "5.1.1 ...", "(#5.1.1)", "status=5.1.1", "[5.1.1]".
_MARKED = re.compile(rf"(?:^|[#(\[=<]|[Ss]tatus:? |[Cc]ode:? |\b[Ss][Mm][Tt][Pp];? ?){_CODE}")

# Anywhere, when nothing marks one; not a version ("Exim 4.9.6") and no part of a dotted quad.
_LOOSE = re.compile(rf"(?<![0-9.\-/a-zA-Z_@])(?<![Ee]xim )(?<![Vv]ersion ){_CODE}(?![\-_/a-zA-Z@])")

# A reply code opens a line or follows a word that announces one.
_REPLY = re.compile(
    r"(?:^|[\s:;,>(\[\"'=|])(?:[Ss][Mm][Tt][Pp];? ?)?([45][0-57][0-9])"
    r"(?=(?:[ \-][#(\[<]?[245]\.[0-9]|[ \-]+[^\d\s]|[ \-]*$|[.,:;)\]] ?|\n))",
    re.MULTILINE,
)
_REPLY_BEFORE_CODE = re.compile(
    r"(?<![0-9.])([45][0-9]{2})[ \-]+[#(\[]?[245]\.[0-9]{1,3}\.[0-9]{1,3}"
)


def codes(text: str) -> tuple[str | None, StatusCode | None]:
    """Find the reply code and the enhanced status code in a line an SMTP server said.

    Args:
        text: One reply or Diagnostic-Code, unfolded; any case.

    Returns:
        The reply code (4xx or 5xx): the one before the enhanced code where there is one, else the
        first three digits that stand where one would. The enhanced code: the first that follows a
        reply code, else the first that opens the text or is marked as one, else the first that
        stands alone. None for what is not there. A dotted quad ("host 5.1.1.7") and a version
        ("Exim 4.9.6") are not codes. The class may contradict the reply code ("550 4.2.2"): both
        are kept, `classify` chooses.

    Raises:
        Nothing. Mail is never a reason to raise; it is a reason to record a defect.

    Source: RFC 5321 section 4.2; RFC 3463 section 2; where a code stands in a reply, RFC 2034.
    """
    leading = _LEADING.match(text)
    if leading is not None:  # most replies: nothing has to be searched for
        return leading[1], StatusCode.of(leading[2])
    return _reply(text), _status(text)


def told(
    reported: StatusCode | None, reply: str, prose: str
) -> tuple[str | None, StatusCode | None]:
    """Choose among the codes a report tells of one recipient.

    Args:
        reported: The Status field; None where there is none.
        reply: What the refusing server said.
        prose: What the report says besides.

    Returns:
        The reply code and the enhanced status code to go by: the one in the reply where it says
        more than its class, since relays rewrite the Status field; then the field; then prose.
    """
    reply_code, status = codes(reply)
    silent = status is None
    if status is None or (vague(status) and reported is not None):
        status = reported
    if prose and (reply_code is None or (silent and (status is None or vague(status)))):
        written_reply, written = codes(prose)
        reply_code = reply_code or written_reply
        if silent and written is not None and (status is None or not vague(written)):
            status = written if status is None or vague(status) else status
    return reply_code, status


def vague(code: StatusCode) -> bool:
    """Whether a code says nothing but its class (x.0.0)."""
    return code.subject == 0


def _status(text: str) -> StatusCode | None:
    if not _ANY_CODE.search(text):  # cheaper than to search for each of the three in vain
        return None
    found = _AFTER_REPLY.search(text) or _MARKED.search(text) or _LOOSE.search(text)
    return StatusCode.of(found[1]) if found else None


def _reply(text: str) -> str | None:
    if not _ANY_REPLY.search(text):
        return None
    if opening := _OPENING_REPLY.match(text):
        return opening[1]
    found = _REPLY_BEFORE_CODE.search(text) or _REPLY.search(text)
    return found[1] if found else None


def from_field(value: str) -> StatusCode | None:
    """Read a Status field, which may carry a comment (`5.1.2 (550 no such host)`).

    Source: RFC 3464 section 2.3.4.
    """
    found = _FIELD.match(value)
    return StatusCode.of(found[1]) if found else None


_FIELD = re.compile(r"\s*[#(\[]?([245]\.[0-9]{1,3}\.[0-9]{1,3})(?![0-9])")
