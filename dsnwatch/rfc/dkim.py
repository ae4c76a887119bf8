"""DKIM on returned headers: was that mail ours, and to whom did it say it went?

Reports return headers far more often than bodies, so the body hash is left aside: what is proven
is that the header fields named in the signature were written by who holds the key. Those must
name the recipient; else one signed message to somebody would prove anything about anybody.

Source: RFC 6376 (signatures, key records); dkimpy does the arithmetic.
"""

import binascii
import logging
from collections.abc import Callable, Collection, Iterator

from dsnwatch.rfc.address import find_all, key

KeyText = Callable[[str], str | None]
"""Gives the text of a key record, `v=DKIM1; k=rsa; p=...`, by its name in DNS; None if none."""

SIGNATURES_AT_MOST = 5
MAX_HEADERS = 1 << 16
MAX_MESSAGE = 1 << 20
_SIGNED_AT_LEAST = frozenset({b"from", b"to"})
_SMALLEST_KEY = 1024


def signed_for(headers: bytes, domains: Collection[str], key_text: KeyText) -> tuple[str, ...]:
    """List the recipients whom the signed `To:` of returned headers names.

    Args:
        headers: The block of headers, any line ends; what came back of the message.
        domains: Only signatures of these (d=, in lower case) are looked at.
        key_text: Where key records are.

    Returns:
        Normalised addresses; none where no signature of these domains verifies, or it leaves From
        or To out. A signature that has run out proves nothing.

    Raises:
        Nothing, whatever the headers are.
    """
    block = headers[:MAX_HEADERS]
    if b"dkim-signature" not in block.lower():
        return ()
    from dkim import DKIM, DKIMException  # noqa: PLC0415  slow at import, seldom needed
    from dkim.util import InvalidTagValueList  # noqa: PLC0415  likewise

    logger = logging.getLogger("dkim")
    logger.disabled = True  # it logs what strangers write
    try:
        message = DKIM(block.rstrip(b"\r\n") + b"\r\n\r\n", logger, minkey=_SMALLEST_KEY)
    except (DKIMException, ValueError, IndexError, TypeError):
        return ()
    for number in range(SIGNATURES_AT_MOST):
        try:
            prepared = message.verify_headerprep(number)
            if not prepared:
                return ()
            fields, names, signatures = prepared
            if not _ours(fields, domains) or not {*names} >= _SIGNED_AT_LEAST:
                continue
            del fields[b"bh"]  # without it dkimpy leaves the body alone
            if message.verify_sig(fields, names, signatures[number], _asking(key_text)):
                return _recipients(message.headers)
        except (
            DKIMException,
            InvalidTagValueList,
            ValueError,
            IndexError,
            KeyError,
            TypeError,
            AttributeError,
            AssertionError,
            binascii.Error,
            OverflowError,
        ):
            continue
    return ()


def returned_blocks(data: bytes) -> Iterator[bytes]:
    """Give the blocks of headers within a message that bear a signature, but for its own.

    What a report returns stands in it as it is; a part in base64 is not looked into.

    Args:
        data: The whole message, any line ends.
    """
    text = data[:MAX_MESSAGE].replace(b"\r\n", b"\n")
    own = text.find(b"\n\n", 1)
    low, start = text.lower(), own
    for _ in range(SIGNATURES_AT_MOST):
        at = low.find(b"\ndkim-signature:", start) if start >= 0 else -1
        if at < 0:
            return
        begin, end = text.rfind(b"\n\n", own, at + 1), text.find(b"\n\n", at)
        yield text[begin + 2 : end if end >= 0 else len(text)]
        start = end


def _ours(fields: dict[bytes, bytes], domains: Collection[str]) -> bool:
    return fields.get(b"d", b"").decode("ascii", "replace").lower().rstrip(".") in domains


def _asking(key_text: KeyText) -> Callable[..., bytes | None]:
    def ask(name: bytes, timeout: int = 5) -> bytes | None:  # noqa: ARG001  the signature is dkimpy's
        text = key_text(name.decode("ascii", "replace").lower().rstrip("."))
        return None if text is None else text.encode("ascii", "replace")

    return ask


def _recipients(headers: list[list[bytes]]) -> tuple[str, ...]:
    """List whom the last To field names: of several that one is signed."""
    for name, value in reversed(headers):
        if name.lower() == b"to":
            return tuple(key(one) for one in find_all(value.decode("utf-8", "replace")[:8000]))
    return ()
