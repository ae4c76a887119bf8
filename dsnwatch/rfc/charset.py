"""Text out of octets, by the charset somebody named or by a guess.

Source: RFC 2046 section 4.1.2 (charset), RFC 1468 (ISO-2022-JP).
"""

MAX_GUESSED = 400
"""Octets by which a charset is guessed that nobody declared."""


def by_charset(octets: bytes, charset: str) -> str:
    """Decode by a charset a stranger named; a LookupError for one that is no charset of mail."""
    name = charset.lower()
    if name.startswith(_NO_CHARSETS):
        raise LookupError(name)
    return octets.decode(_WIDER.get(name, name), "replace")


_NO_CHARSETS = (
    "utf-7",
    "utf7",
    "unicode",
    "raw_unicode",
    "raw-unicode",
    "idna",
    "punycode",
    "undefined",
)
"""Python decodes these too, some to halves of characters that cannot be written down again."""

_ESCAPE = 0x1B


def decoded(octets: bytes, charset: str | None) -> str:
    """Decode by the declared charset, by UTF-8, by ISO-2022-JP escapes, by guess, by Latin-1."""
    if (
        octets.isascii()
        and _ESCAPE not in octets
        and not (charset or "").lower().startswith("utf-16")
    ):
        return octets.decode("ascii")
    if charset:
        try:
            return by_charset(octets, charset)
        except (LookupError, ValueError):
            pass
    for guess in ("iso-2022-jp", "utf-8") if b"\x1b$" in octets else ("utf-8",):
        try:
            return octets.decode(guess)
        except UnicodeDecodeError:
            continue
    return _guessed(octets)


_HIGH = bytes(range(0x80, 0x100))
_FEW = 12
"""A text with one letter in this many beyond ASCII is in a language of few accents."""
_WIDER = {
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "ks_c_5601-1987": "cp949",
    "euc-kr": "cp949",
    "iso-8859-1": "cp1252",
    "us-ascii": "utf-8",
    "shift_jis": "cp932",
}
"""Charsets that are declared where a larger one is meant."""


def _guessed(octets: bytes) -> str:
    """Decode 8-bit text that declares nothing: a few accents are Latin, more are guessed at."""
    high = len(octets) - len(octets.translate(None, _HIGH))
    if high * _FEW < len(octets):
        return octets.decode("cp1252", "replace")
    import charset_normalizer  # noqa: PLC0415  100 ms at import, needed by few messages

    telling = b"\n".join(line for line in octets.split(b"\n") if not line.isascii())
    best = charset_normalizer.from_bytes(telling[:MAX_GUESSED]).best()
    return octets.decode(best.encoding if best else "latin-1", "replace")
