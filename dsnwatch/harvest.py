"""Texts that no cause row decided, brought to what they have in common: drafts of rows.

Pure. `masked` puts names in the place of what differs from one report to the next (addresses,
hosts, numbers, ids), so that two reports of the same thing read alike; `sample` makes of it a text
that names nobody, and `phrase_of` the words a row could go by.
"""

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

from dsnwatch.model import RecipientStatus
from dsnwatch.rfc.address import ADDRESS
from dsnwatch.rules.phrases import Phrase, flatten

MAX_LOOKED_AT = 600
"""Characters of a text that are looked at."""
MAX_PHRASE = 100
ENOUGH_LETTERS = 12
"""Letters that the longest stretch of words needs to stand alone; else all stretches are taken."""
LEAST_LETTERS = 10
"""Letters a phrase needs; fewer ("rejected") would take what other rows decide."""

_STANDS_FOR = {
    "url": "https://example.org/help",
    "addr": "user@example.com",
    "ip": "192.0.2.1",
    "host": "mx.example.net",
    "user": "user",
    "id": "A1B2C3D4",
    "n": "1",
}
"""What is masked, and what stands in its place in an example."""

_MASKS = re.compile(
    r"(?P<url>https?://[^\s<>\"']{1,500}+)"
    rf"|(?P<addr><[^<>@]{{0,100}}@[^<>@]{{1,255}}+>|<?{ADDRESS}>?"
    r"|<?[^\s<>\"',;:()\[\]@]{1,64}+@[^\s<>\"',;:()\[\]@]{1,255}+>?)"
    r"|(?P<code>(?<![\w.])[245]\d\d(?=[ \-])(?:[ \-]#?[245]\.\d{1,3}\.\d{1,3}(?![\w.]))?)"
    r"|(?P<status>(?<![\w.])[245]\.\d{1,3}\.\d{1,3}(?![\w]|\.\d))"
    r"|(?P<ip>(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w]|\.\d)"
    r"|(?<![\w:])(?=[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:]{0,34}:)[0-9A-Fa-f:]{2,39}(?![\w:]))"
    r"|(?P<host>(?<![\w.\-])(?:[A-Za-z0-9_\-]{1,63}+\.){1,9}[a-z]{2,24}(?![\w\-]|\.\w))"
    r"|(?P<id>(?<!\w)(?=[A-Za-z0-9_\-]{0,80}\d)(?=[A-Za-z0-9_\-]{0,80}[A-Za-z])"
    r"[A-Za-z0-9_\-]{6,200}+(?!\w))"
    r"|(?P<n>\d{1,200}+)"
)
_WORDS = re.compile(r"[^ ]* ?")
_HEADERS = re.compile(r"(?:^|\s)(?:subject|from|to|date|message-id)\s?:\s", re.IGNORECASE)
_PLACE = re.compile(r"\{(\w{1,6})\}")
_BESIDE = " .,;!?()"
"""What may stand beside a word without making it a name of something."""
_EDGES = " \t.,;:!?()[]<>{}\"'`*=#-_/\\|+~"


@dataclass(frozen=True, slots=True)
class Text:
    """What one report said, without what is its own.

    Attributes:
        masked: With `{addr}`, `{host}`, `{ip}`, `{url}`, `{id}`, `{n}` in the place of what
            differs; codes stay. Two texts with the same one tell the same.
        example: A text of the same form that names nobody.
        phrase: The words a row could go by; None where there are too few.
    """

    masked: str
    example: str
    phrase: str | None


def harvested(said: RecipientStatus) -> Text:
    """Bring what a report said of one recipient to what others say as well; never raises."""
    text = said.diagnostic
    if not text:  # prose may show headers of the returned message: that is nobody's business
        text = _HEADERS.split(said.prose[: 2 * MAX_LOOKED_AT], maxsplit=1)[0]
    text = " ".join(text.split())[:MAX_LOOKED_AT]
    form = masked(text, said.recipient)
    example = sample(form)
    return Text(form, example, phrase_of(form, example))


def masked(text: str, recipient: str = "") -> str:
    """Put names in the place of what differs from report to report.

    Args:
        text: On one line, at most `MAX_LOOKED_AT` characters.
        recipient: Whom it is about; his local part is masked where it stands alone.
    """
    form = text.replace("{", "(").replace("}", ")")
    if "@" in form:  # an address may have blanks in it, nothing else has
        form = _MASKS.sub(_mask, form)
    else:
        # Most words are letters alone, and the expression tries all it knows at each of them.
        plain = [(word, word.strip(_BESIDE).isalpha()) for word in _WORDS.findall(form)]
        form = "".join([word if is_plain else _MASKS.sub(_mask, word) for word, is_plain in plain])
    local = recipient.rpartition("@")[0]
    if len(local) > 1 and local in form:
        form = re.sub(rf"(?<![\w{{.\-]){re.escape(local)}(?![\w}}]|[.\-]\w)", "{user}", form)
    return form


def _mask(found: re.Match[str]) -> str:
    name = found.lastgroup or "n"
    return found[0] if name in {"code", "status"} else f"{{{name}}}"


def sample(form: str) -> str:
    """Make an example of a masked text: of the same form, and about nobody."""
    return _PLACE.sub(lambda found: _STANDS_FOR.get(found[1], found[0]), form)


def phrase_of(form: str, example: str) -> str | None:
    """Find the words of a masked text that a row could go by.

    Args:
        form: The masked text.
        example: The example made of it, in which the phrase must stand.

    Returns:
        The longest stretch of words between what is masked, or where that is short all stretches
        with `{*}` between; None where the text has too few words.
    """
    # What the remote server said is behind its code; before it the reporting one speaks.
    said = _CODES.split(form)
    pieces = _pieces(said[1:]) or _pieces(said)
    if not pieces:
        return None
    longest = max(pieces, key=_letters)
    for words in (
        (longest, "{*}".join(pieces)) if _letters(longest) < ENOUGH_LETTERS else (longest,)
    ):
        chosen = _cut(words)
    return chosen if _letters(chosen) >= LEAST_LETTERS and _stands(chosen, example) else None


_CODES = re.compile(
    r"(?<![\w.])(?:[245]\d\d(?=[ \-]|$)(?:[ \-]#?[245]\.\d{1,3}\.\d{1,3}(?![\w.]))?"
    r"|[245]\.\d{1,3}\.\d{1,3}(?![\w.]))"
)


def _pieces(texts: Iterable[str]) -> list[str]:
    """Cut texts where something is masked; what has no word is left out."""
    cut = (piece.strip(_EDGES).lower() for text in texts for piece in _PLACE.split(text)[::2])
    return [piece for piece in cut if _letters(piece) > 1]


def _letters(text: str) -> int:
    """Count letters; one of a script without blanks says as much as three."""
    return sum(3 if letter >= _CJK else 1 for letter in text if letter.isalpha())


_CJK = "\u2e80"


def _cut(words: str) -> str:
    """Shorten to whole words."""
    if len(words) <= MAX_PHRASE:
        return words
    head = words[:MAX_PHRASE]
    return (head.rpartition(" ")[0] or head).removesuffix("{*}").strip(_EDGES)


def _stands(phrase: str, example: str) -> bool:
    try:
        return Phrase.of(phrase).find(flatten(example)) is not None
    except ValueError:
        return False


def draft(phrase: str, reason: str, examples: Iterable[str], source: str) -> str:
    """Write a row of a rules file, to be looked over by a person.

    Args:
        phrase: Its only phrase.
        reason: The reason its texts have had so far.
        examples: Texts that name nobody.
        source: Whence it is known.
    """
    listed = ", ".join(map(_toml, examples))
    return (
        "[[cause]]\n"
        f"id = {_toml(_id(phrase))}\n"
        f"reason = {_toml(reason)}\n"
        f"phrases = [{_toml(phrase)}]\n"
        f"source = {_toml(source)}\n"
        f"examples = [{listed}]\n"
    )


def _id(phrase: str) -> str:
    """Name a row after its words; with some digits, so that no two are called the same."""
    words = re.findall(r"[a-z0-9]+", phrase.replace("{*}", " "))
    digest = hashlib.sha256(phrase.encode("utf-8", "replace")).hexdigest()[:6]
    return "-".join(["draft", *words[:5], digest])


def _toml(text: str) -> str:
    """Write a text as TOML does: as JSON, with DEL escaped and without halves of characters."""
    whole = text.encode("utf-8", "replace").decode()
    return json.dumps(whole, ensure_ascii=False).replace("\x7f", "\\u007f")
