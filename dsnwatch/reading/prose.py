"""Read what systems write to people: who failed and why, out of the text of a report.

Which formats there are stands in `rules/dialects.toml`; here is how a text is gone through.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dsnwatch.model import Action, RecipientStatus
from dsnwatch.rfc.address import ADDRESS, find_all, normalise
from dsnwatch.rfc.headers import Headers
from dsnwatch.rfc.mime import returned_headers
from dsnwatch.rfc.status_code import told
from dsnwatch.rules.dialects import TOKEN, Dialect, DialectTable, masked
from dsnwatch.rules.phrases import flatten, lowered

MAX_LINES = 1500
MAX_LINE = 1000
MAX_SAID = 2000
"""Characters kept of what is said about one recipient."""
MAX_PROSE = 4000
MAX_RECIPIENTS = 2000
MAX_AIMED = 3
ROLES = frozenset(
    {
        "postmaster",
        "mailer-daemon",
        "abuse",
        "support",
        "help",
        "helpdesk",
        "admin",
        "administrator",
        "noreply",
        "no-reply",
        "hostmaster",
        "webmaster",
        "root",
        "info",
        "service",
    }
)
"""Local parts of people one is told to ask, not of people who did not get the mail."""

_FAILED, _DELAYED = Action.FAILED, Action.DELAYED

# By case, since to ignore it costs three times as much.
_HEADERS = (
    r"[>|]? ?(?=(?:Return-[Pp]ath|Received|X-Received|DKIM-Signature|Delivered-To|"
    r"X-Original-To|ARC-Seal|Message-I[Dd]|M(?:IME|ime)-[Vv]ersion):[ \t]?\S)"
)
_BEGINS_WITH_HEADERS = re.compile(_HEADERS)
_HEADERS_BEHIND_BLANK = re.compile(r"\n[-=_* \t]*\n" + _HEADERS)


def split_returned(text: str, table: DialectTable) -> tuple[str, str, Headers | None]:
    """Split the report from the message that came back in the same text.

    Returns:
        The report, the line that announced what came back ("" when none did), and the headers of
        that message; None where none came back.
    """
    found = None if _BEGINS_WITH_HEADERS.match(text) else _HEADERS_BEHIND_BLANK.search(text)
    cut_at = found.start() if found and found.start() else len(text)
    lines = text[:cut_at].split("\n")
    number = table.returned_line(lines)
    if number is not None:
        before = sum(map(len, lines[:number])) + number
        end = before + len(lines[number]) + 1
        return text[:before], lines[number], returned_headers(text[end:])
    if found is None or cut_at == len(text):
        return text, "", None
    return text[:cut_at], "", returned_headers(text[found.end() :])


@dataclass(slots=True)
class _Block:
    """A recipient and the lines said of him."""

    address: str
    lines: list[str]


def recipients(
    dialect: Dialect, text: str, hints: Sequence[str] = (), subject: str = ""
) -> list[RecipientStatus]:
    """Find the failed recipients in a text of a known format.

    Args:
        dialect: The format.
        text: The report without what it returns.
        hints: Whole addresses known from elsewhere (X-Failed-Recipients, the returned To), by
            which a bare local part is made whole.
        subject: The report's Subject, which may say that it is but a warning.

    Returns:
        One entry a recipient, in order; empty where the text names none.
    """
    blocks = _blocks(dialect, text[: 1 << 16].split("\n")[:MAX_LINES])
    if not blocks:
        return []
    delayed = dialect.delayed and dialect.delayed.stands_in(flatten(f"{subject}\n{text}"))
    action = _DELAYED if delayed else _FAILED
    said: dict[str, str] = {}
    for block in blocks:
        address = whole(normalise(block.address), hints)
        words = " ".join(" ".join(block.lines).split())[:MAX_SAID]
        if len(said) < MAX_RECIPIENTS and len(words) >= len(said.get(address, "")):
            said[address] = words
    prose = text.strip()[:MAX_PROSE] if len(said) == 1 or not all(said.values()) else ""
    return [
        _status(address, words, prose, _reached(dialect, words) or action)
        for address, words in said.items()
    ]


def _reached(dialect: Dialect, words: str) -> Action | None:
    """Say that somebody got the mail where the words about him do."""
    got = bool(dialect.delivered) and bool(words) and dialect.delivered.find(flatten(words))
    return Action.DELIVERED if got else None


def _status(address: str, words: str, prose: str, action: Action) -> RecipientStatus:
    reply_code, status = told(None, words, prose)
    return RecipientStatus(
        recipient=address,
        action=action,
        final_recipient=address,
        status=status,
        reply_code=reply_code,
        diagnostic=words,
        prose=prose,
        remote_mta=remote_host(words or prose),
    )


def whole(address: str, hints: Sequence[str]) -> str:
    """Make a bare local part a whole address, when exactly that local part is known."""
    if "@" in address:
        return address
    low = address.lower() + "@"
    return next((hint for hint in hints if hint.lower().startswith(low)), address)


def _blocks(dialect: Dialect, lines: list[str]) -> list[_Block]:
    """Go through the lines; each template that fits opens a recipient's block."""
    blocks: list[_Block] = []
    begin, end = dialect.begin, dialect.end
    started = not begin
    for raw in lines:
        line = raw.strip()[:MAX_LINE]
        if not line or (dialect.others and dialect.names_others(line)):
            continue
        if blocks and end and end.stands_in(lowered(line)):
            break
        if not started:
            started = begin.stands_in(lowered(line))
            if not started or "@" not in line:
                continue
        opened = _open(dialect, line)
        if opened is not None:
            blocks.append(opened)
        elif blocks and _SUBJECT.match(line) is None:
            blocks[-1].lines.append(line)
    return blocks


_BARE = 6
"""A line no longer than this holds an address and its wrapping only."""


def _open(dialect: Dialect, line: str) -> _Block | None:
    """Open a block when one of the templates fits the line."""
    if "@" not in line and not dialect.local:
        return None
    mask, addresses = masked(line)
    if not addresses and not dialect.local:
        return None
    for template in dialect.recipient:
        found = template.match(mask)
        if found is None:
            continue
        named = found["addr"]
        if named == TOKEN:
            number = mask.count(TOKEN, 0, found.start("addr"))
            address = addresses[number]
        elif TOKEN in named or not any(map(str.isalnum, named)):
            continue  # a rule of stars or dashes is nobody
        else:
            address = named
        groups = found.groupdict()
        said = groups.get("text") or ""
        if said:
            if said[:1] not in _FAILURES:  # "554 <a@b>... 550 Host unknown": the inner one counts
                before = (groups.get("code"), groups.get("status"), said)
                said = " ".join(part for part in before if part)
            first = mask.count(TOKEN, 0, found.end("addr"))
        else:
            said = mask if len(mask) > _BARE else ""
            first = 0
        for token in addresses[first:]:
            said = said.replace(TOKEN, token, 1)
        return _Block(address, [said] if said else [])
    return None


_HOST = re.compile(
    r"\b(?:[Hh]ost|[Ss]erver|by|to|while talking to|from)\s+\[?"
    r"((?:[A-Za-z0-9](?:[A-Za-z0-9\-]{0,62})\.){1,10}[A-Za-z][A-Za-z0-9\-]{1,62})\b"
)


def strangers(named: Iterable[str], own: Iterable[str], hints: Sequence[str]) -> list[str]:
    """Leave those who can be meant: nobody who sends or reports, nobody whom one is told to ask.

    Args:
        named: Addresses that a text names.
        own: Addresses that are the sender's or the reporting system's.
        hints: Whom the returned message was for.

    Returns:
        Those whom the returned message was for; where there are none, those that are nobody's own
        and nobody's office.
    """
    ours = {address.lower() for address in own}
    meant = {hint.lower() for hint in hints}
    others = [address for address in named if address.lower() not in ours]
    return [address for address in others if address.lower() in meant] or [
        address for address in others if address.partition("@")[0].lower() not in ROLES
    ]


def aimed(
    dialect: Dialect, text: str, own: Sequence[str], hints: Sequence[str], *, named: bool = False
) -> list[RecipientStatus]:
    """Find whom a bounce of no known format is about, by who else could be meant.

    Args:
        dialect: The row that tells a delay from a failure.
        text: The report without what it returns.
        own: Addresses that are the sender's or the reporting system's.
        hints: Whom the returned message was for.
        named: Whether only somebody counts whom the text names and the returned message was for;
            where nothing came back, the one address that is left.

    Returns:
        One entry each of `strangers` in the text, when they are few; where the text has none, the
        one hint.
    """
    lines = [line for line in text[:MAX_PROSE].split("\n") if not dialect.names_others(line)]
    meant = strangers(find_all("\n".join(lines)), own, hints)
    if named:
        whom = {hint.lower() for hint in hints or meant}
        meant = [address for address in meant if address.lower() in whom]
    elif not meant and len(hints) == 1 and hints[0].lower() not in {one.lower() for one in own}:
        meant = list(hints)
    if len(meant) > (MAX_AIMED if hints or not named else 1):
        return []
    action = _DELAYED if dialect.delayed.stands_in(flatten(text)) else _FAILED
    return [_status(address, "", text.strip()[:MAX_PROSE], action) for address in meant]


def remote_host(text: str) -> str | None:
    """Find the host that said no in a line of prose ("host mx.example.org [192.0.2.1] said")."""
    found = _HOST.search(text[:MAX_SAID])
    return found[1].lower() if found else None


def about(text: str, address: str) -> str:
    """Find what a report's text says of one recipient.

    Returns:
        The lines from the one that names him, be it by his local part alone, up to an empty line
        or to one that begins with another address; the whole text up to its cap where those lines
        say nothing more, or none names him; "" for no text.
    """
    name, at = address, text.find(address) if address and text else -1
    if at < 0 and "@" in address and text:
        name = address.partition("@")[0]
        at = text.find(f"\n{name}\n") + 1 or -1
    if at < 0:
        return text[:MAX_PROSE]
    start = text.rfind("\n", 0, at) + 1
    said, *lines = text[start : start + MAX_PROSE].partition("\n\n")[0].split("\n")
    for line in lines:
        if not line.strip() or ("@" in line and _OPENS.match(line) and address not in line):
            break
        said += "\n" + line
    block = said.strip()
    return block if len(block) > len(name) + _SAYS_MORE else text[:MAX_PROSE]


_SUBJECT = re.compile(
    r"^[ \t>*|]*(?:subject|betreff|objet|asunto|oggetto|assunto|onderwerp|temat|ämne|"
    r"тема|件名|主题|主題|主旨|제목)[ \t]*[:\uff1a].*$",
    re.IGNORECASE | re.MULTILINE,
)


def without_subject(text: str) -> str:
    """Take out the lines that tell the subject of the returned message, in any language."""
    return _SUBJECT.sub("", text) if ":" in text or "\uff1a" in text else text


def has_transcript(text: str) -> bool:
    """Whether a report's text holds Sendmail's transcript of the session."""
    return _TRANSCRIPT in text


def replied(text: str, address: str, *, alone: bool) -> str:
    """Find what the remote host said of a recipient in Sendmail's transcript of the session.

    Args:
        text: The report's text.
        address: The recipient as the report names him.
        alone: Whether the report is about him only, so that whatever was said was said of him.

    Returns:
        The reply, or Sendmail's own line about him; "" where the text has no transcript, or the
        transcript says nothing of him.
    """
    at = text.find(_TRANSCRIPT)
    if at < 0:
        return ""
    heard = ""
    for line in text[at : at + MAX_PROSE].split("\n"):
        deferred = line.find("... Deferred: ")
        if line.startswith("<<< ") and line[4:5] in _FAILURES:
            heard = line[4:]
            if alone or address in line:
                return heard
        elif address in line and deferred >= 0 and line[deferred + 14 : deferred + 15] in _FAILURES:
            return line[deferred + 14 :]
        elif line[:1] in _FAILURES and (alone or address in line):
            return heard or line
        elif line.startswith("... while talking to"):
            heard = ""
    return ""


def in_full(text: str, address: str, diagnostic: str) -> str:
    """Make whole what Sendmail's Diagnostic-Code says, by the transcript of the session.

    Sendmail 8.17 puts only the first line of a reply into the field, and of a recipient who was
    deferred what the host answered last, be it to QUIT (fixtures/dsn/sendmail).

    Args:
        text: The report's text, with a transcript in it.
        address: The recipient as the report names him.
        diagnostic: The field, unfolded.

    Returns:
        All lines of the reply in one; the field as it is where the transcript has no more.
    """
    deferred = text.find(f"<{address}>... Deferred: ")
    if deferred >= 0 and diagnostic[:1] == "5":
        said = text[deferred + len(address) + _DEFERRED :].partition("\n")[0]
        diagnostic = said if said[:1] == "4" and said[:3].isdigit() else diagnostic
    if diagnostic[3:4] != "-" or not diagnostic[:3].isdigit():
        return diagnostic
    at = text.find("<<< " + diagnostic[:_AS_HEARD])
    lines = text[at : at + MAX_SAID].split("\n") if at >= 0 else []
    heard: list[str] = []
    for line in lines:
        if line[:7] != f"<<< {diagnostic[:3]}":
            break
        heard.append(line[4:])
        if line[7:8] != "-":
            break
    return " ".join(heard) or diagnostic


_DEFERRED = len("<>... Deferred: ")
_AS_HEARD = 40
"""Characters of a reply's first line by which it is found again; the field may be cut short."""
_TRANSCRIPT = "Transcript of session follows"
_FAILURES = frozenset("45")
_SAYS_MORE = 8
_OPENS = re.compile(rf"\s*<?{ADDRESS}>?(?::|\s*$)")
