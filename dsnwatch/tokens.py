"""Tokens: `dsnw_<id>_<secret>`; the id finds the row, and the secret is compared by its hash.

A secret has 160 bits of chance, so a plain hash of it is as good as a slow one.
"""

import re
import secrets
from base64 import b32encode
from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256
from hmac import compare_digest

from dsnwatch.model import Scope
from dsnwatch.records import Token

_TOKEN = re.compile(r"dsnw_([a-z2-7]{8})_([a-z2-7]{32})")
_ID_OCTETS = 5
_SECRET_OCTETS = 20


def made(
    name: str,
    scopes: Iterable[Scope],
    *,
    now: datetime,
    who: str,
    until: datetime | None = None,
    parent: str | None = None,
) -> tuple[Token, str]:
    """Make a token, or with `parent` a session.

    Returns:
        What is to be stored, and the token itself, which nobody sees again.
    """
    id_, secret = _by_chance(_ID_OCTETS), _by_chance(_SECRET_OCTETS)
    token = Token(id_, name, _hash(secret), frozenset(scopes), now, who, until, parent=parent)
    return token, f"dsnw_{id_}_{secret}"


def id_of(text: str) -> str | None:
    """Find the id in a token; None where the text is none."""
    found = _TOKEN.fullmatch(text)
    return found[1] if found else None


def opens(token: Token, text: str, now: datetime) -> bool:
    """Say whether a text is this token, and it still lets one in; in the same time either way."""
    found = _TOKEN.fullmatch(text)
    secret = found[2] if found else ""
    return compare_digest(_hash(secret), token.hash) and (token.until is None or token.until > now)


def _hash(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()


def _by_chance(octets: int) -> str:
    return b32encode(secrets.token_bytes(octets)).decode().lower()
