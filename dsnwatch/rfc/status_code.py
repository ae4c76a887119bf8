"""Find reply codes and enhanced status codes in what SMTP servers say.

Source: RFC 5321 section 4.2 (reply codes), RFC 3463 and RFC 5248 (enhanced codes), RFC 2034
(where an enhanced code stands in a reply).
"""

import re

from dsnwatch.model import StatusCode

_CODE = r"([45]\.[0-9]{1,3}\.[0-9]{1,3})(?![0-9]|\.[0-9])"

# Most replies open with both, and nothing has to be searched for.
_LEADING = re.compile(rf"([45][0-9]{{2}})[ \-]{_CODE}")
_OPENING_REPLY = re.compile(r"\s*([45][0-9]{2})(?:[ \-]|$)")

# The digits stand first in each, so that a search only looks closer where there are some.
_ANY_CODE = re.compile(_CODE)
_BEFORE_CODE = re.compile(r"([45][0-9]{2})(?<![0-9.][0-9]{3})[ \-]+[#(\[]?[45]\.[0-9]{1,3}\.[0-9]")
_REPLY = re.compile(
    r"([45][0-57][0-9])(?<=[\s:;,>(\[\"'=|][0-9]{3})"
    r"(?=[ \-][#(\[<]?[45]\.[0-9]|[ \-]+\S|[ \-]*(?:\n|$)|[.,:;)\]](?: |$))"
)

# What stands before an enhanced code that follows a reply: "550 ", "550-", "550 <a@b>: ", "550 #",
# and "550-'" of a Cisco ESA that quotes the reply behind words and a code of its own.
_REPLY_THEN = re.compile(r"(?<![0-9.])[245][0-9]{2}[ \-]+(?:<[^<> ]{1,320}>:? ?)?['\"]?[#(\[]?$")
_BEHIND_REPLY = frozenset(" -#(['\"")
_MARKS = frozenset("#([=<")
_ANNOUNCED = ("status ", "status: ", "status:", "code ", "code: ", "code:", "smtp; ", "smtp;")
_NO_CODE = ("exim ", "version ")
_SPAN = 340
"""Characters before a code that are looked at: a reply code and an address in between."""
MAX_SEARCHED = 2000
"""Characters of one text that are searched for codes."""


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
    if silent and reply_code is not None and status is not None and not vague(status):
        # nullmailer 2.2 reads 4.1.1 out of "550 see RFC2821 4.1.1.1": the reply tells the class.
        status = status._replace(klass=int(reply_code[0])) if status.klass in _NOT_YET else status
    if prose and (reply_code is None or (silent and (status is None or vague(status)))):
        written_reply, written = codes(prose)
        reply_code = reply_code or written_reply
        if silent and written is not None and (status is None or not vague(written)):
            status = written if status is None or vague(status) else status
    return reply_code, status


_NOT_YET = frozenset({4, 5})


def vague(code: StatusCode) -> bool:
    """Whether a code says nothing but its class (x.0.0)."""
    return code.subject == 0


def _status(text: str) -> StatusCode | None:
    """Find the enhanced code that is best marked as one, the first of several alike."""
    best, found_rank = None, _NONE
    for found in _ANY_CODE.finditer(text, 0, MAX_SEARCHED):
        rank = _rank(text, found.start(), found.end())
        if rank < found_rank:
            best, found_rank = found[1], rank
            if rank == _REPLIED:
                break
    return StatusCode.of(best) if best else None


_REPLIED, _MARKED, _LOOSE, _NONE = range(4)


def _rank(text: str, start: int, end: int) -> int:
    """Say how well what stands around a code marks it as one."""
    if not start or not text[:start].strip():
        return _MARKED
    before = text[max(0, start - _SPAN) : start]
    last = before[-1]
    if last in _BEHIND_REPLY and _REPLY_THEN.search(before):
        return _REPLIED
    low = before[-10:].lower()
    if last in _MARKS or last == "\n" or low.endswith(_ANNOUNCED):
        return _MARKED
    if last.isalnum() or last in ".-/_@" or low.endswith(_NO_CODE):
        return _NONE
    return _LOOSE if end == len(text) or text[end] not in _JOINED else _NONE


_JOINED = frozenset("-_/@abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


def _reply(text: str) -> str | None:
    opening = _OPENING_REPLY.match(text)
    if opening is not None:
        return opening[1]
    found = _BEFORE_CODE.search(text, 0, MAX_SEARCHED) or _REPLY.search(text, 0, MAX_SEARCHED)
    return found[1] if found else None


def from_field(value: str) -> StatusCode | None:
    """Read a Status field, which may carry a comment (`5.1.2 (550 no such host)`).

    Source: RFC 3464 section 2.3.4.
    """
    found = _FIELD.match(value)
    return StatusCode.of(found[1]) if found else None


_FIELD = re.compile(r"\s*[#(\[]?([245]\.[0-9]{1,3}\.[0-9]{1,3})(?![0-9])")
