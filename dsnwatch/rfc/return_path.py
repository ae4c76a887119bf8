"""Return paths: what others wrapped around them, and our signed form that nobody else can make.

A signed return path is `prefix+<id>.<tag>@domain`. The id names the recipient: `anne=example.org`
where that fits, else a digest that begins with `=`, else whatever the sender chose. The tag is one
letter for the key, two for the day, sixteen for 80 bits of HMAC-SHA256 over id, day and key; all
base32 in lower case, because mail servers fold local parts.

Unwrapping goes from the outside in: SRS, BATV, our signed form, plain VERP.

Source: D. J. Bernstein, Variable Envelope Return Paths (1997); the Sender Rewriting Scheme's
SRS0 and SRS1; draft-levine-smtp-batv-01; RFC 2104 (HMAC), RFC 4648 section 6 (base32), RFC 5321
section 4.5.3.1.1 (64 octets).
"""

import hashlib
import hmac
import re
from base64 import b32encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from dsnwatch.rfc.address import key as address_key

LIFE = timedelta(days=14)
"""How long a signed return path is good for: a server gives up after five days, and queues wait."""

SKEW = timedelta(days=1)
"""How far the clock of whoever signed may be ahead of ours."""

MAX_LOCAL_PART = 64
LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
_DAYS = len(LETTERS) ** 2
_MAC_OCTETS = 10
_DIGEST_OCTETS = 10
_ROUNDS = 4
_SEPARATORS = ("+", "-", "=")

_SIGNED = re.compile(
    r"(?P<prefix>[!-*,-?A-~]+)\+(?P<id>[!-?A-~]+)\."
    r"(?P<key>[a-z2-7])(?P<day>[a-z2-7]{2})(?P<mac>[a-z2-7]{16})",
    re.IGNORECASE | re.ASCII,
)
_ID = re.compile(r"[a-z0-9#$&'*+\-/=?^_`{|}~]+(?:\.[a-z0-9#$&'*+\-/=?^_`{|}~]+)*")
_PREFIX = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")
_KEY_LINE = re.compile(r"([a-z2-7])\s+([0-9A-Fa-f]{32,256})")
_VERP = re.compile(r"(?P<local>[^@\s]+)=(?P<domain>[^@\s=.]+(?:\.[^@\s=.]+)+)")
_WRAPPINGS = (
    (
        "srs",
        re.compile(
            r"srs0[=+\-][^=]+=[^=]+=(?P<domain>[^=]+)=(?P<local>.+)", re.IGNORECASE | re.ASCII
        ),
    ),
    (
        "srs",
        re.compile(
            r"srs1[=+\-][^=]+=[^=]+=[=+\-][^=]+=[^=]+=(?P<domain>[^=]+)=(?P<local>.+)",
            re.IGNORECASE | re.ASCII,
        ),
    ),
    ("batv", re.compile(r"prvs=[0-9a-f]{10}=(?P<local>.+)", re.IGNORECASE | re.ASCII)),
    ("batv", re.compile(r"prvs=(?P<local>.+)/[0-9a-f]{10}", re.IGNORECASE | re.ASCII)),
    ("batv", re.compile(r"btv1==[0-9a-f]+==(?P<local>.+)", re.IGNORECASE | re.ASCII)),
)
"""What is wrapped around a local part, outermost first. btv1 is what Barracuda writes."""


@dataclass(frozen=True, slots=True)
class Key:
    """What return paths are signed with.

    Attributes:
        id: One letter of base32; it stands in each tag.
        secret: At least 16 octets.
    """

    id: str
    secret: bytes


class Validity(StrEnum):
    """What the signature of a return path is worth."""

    UNSIGNED = "unsigned"
    VALID = "valid"
    EXPIRED = "expired"
    FORGED = "forged"


@dataclass(frozen=True, slots=True)
class SignedPath:
    """The parts of a return path in our signed form; nothing is verified yet.

    Attributes:
        prefix: What stands before the `+`, in lower case.
        id: In lower case.
        key_id: The letter of the key.
        day: Two letters: the ordinal of the day, modulo 1,024.
        mac: Sixteen letters.
    """

    prefix: str
    id: str
    key_id: str
    day: str
    mac: str

    @property
    def recipient(self) -> str | None:
        """The recipient that the id spells out; None where it is a digest or the sender's own."""
        local, _, domain = self.id.rpartition("=")
        return f"{local}@{domain}" if local and "." in domain else None

    def is_about(self, recipient: str, keys: Sequence[Key]) -> bool:
        """Say whether the id names this recipient, spelt out or by its digest."""
        address = address_key(recipient)
        if (named := self.recipient) is not None:
            return address_key(named) == address
        return any(
            hmac.compare_digest(self.id.encode(), _digest(address, key).encode())
            for key in keys
            if key.id == self.key_id
        )


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found out about a return path.

    Attributes:
        validity: Whether we made it, and not too long ago.
        path: Its parts; None for one that is not in the signed form.
        made_on: The day it was made on, in UTC; None unless we made it.
    """

    validity: Validity
    path: SignedPath | None = None
    made_on: date | None = None


@dataclass(frozen=True, slots=True)
class Unwrapped:
    """An address without what others wrapped around it.

    Attributes:
        address: As it was before.
        layers: What was taken off, outermost first: `srs`, `batv`.
    """

    address: str
    layers: tuple[str, ...] = ()


def unwrap(address: str) -> Unwrapped:
    """Take SRS and BATV off an address.

    Args:
        address: A mailbox, any case.

    Returns:
        The address inside; with SRS its domain is the one that was rewritten. An address that has
        none of it comes back as it is.

    Raises:
        Nothing.
    """
    layers: list[str] = []
    for _ in range(_ROUNDS):
        local, at, domain = address.rpartition("@")
        for name, form in _WRAPPINGS:
            if found := form.fullmatch(local):
                parts = found.groupdict()
                address = f"{parts['local']}{at}{parts.get('domain', domain)}"
                layers.append(name)
                break
        else:
            break
    return Unwrapped(address, tuple(layers))


def verp(address: str, prefix: str | None = None) -> str | None:
    """Find the recipient in a plain, unsigned VERP address: `bounces+anne=example.org@...`.

    Args:
        address: The return path, already unwrapped; any case.
        prefix: What it begins with, before the letter that separates; without it that letter is
            the first `+`.

    Returns:
        The recipient as it stands there; None where there is none. Anybody can write it.
    """
    local = address.rpartition("@")[0]
    if prefix is None:
        inside = local.partition("+")[2]
    elif local[: len(prefix)].lower() == prefix.lower() and local[len(prefix) :][:1] in _SEPARATORS:
        inside = local[len(prefix) + 1 :]
    else:
        return None
    found = _VERP.fullmatch(inside)
    return f"{found['local']}@{found['domain']}" if found else None


def sign(recipient: str, key: Key, day: date, *, prefix: str, domain: str) -> str:
    """Make the return path for mail to one recipient.

    Args:
        recipient: His address; its case does not matter.
        key: The key to sign with.
        day: Today, in UTC.
        prefix: What bounces come to without a tag: `bounces`.
        domain: Of the return path.

    Returns:
        `prefix+anne=example.org.<tag>@domain`; with a digest of the address where that is too
        long, or has letters that a mail server might change.

    Raises:
        ValueError: The prefix is none, or so long that no tag fits.
    """
    address = address_key(recipient)
    local, _, host = address.rpartition("@")
    spelt = f"{local}={host}"
    room = _room_for_id(prefix)
    if not (local and host.count(".") and len(spelt) <= room and _ID.fullmatch(spelt)):
        spelt = _digest(address, key)
    return sign_id(spelt, key, day, prefix=prefix, domain=domain)


def sign_id(id_: str, key: Key, day: date, *, prefix: str, domain: str) -> str:
    """Make a return path with an id of the sender's own: a number of his list, say.

    Raises:
        ValueError: Id or prefix have letters that cannot stand there, or are too long together.
    """
    id_ = id_.lower()
    room = _room_for_id(prefix)
    if not _ID.fullmatch(id_) or len(id_) > room:
        raise ValueError(
            f"'{id_}' cannot be the id of a return path; take at most {room} letters, digits, "
            "hyphens and single dots"
        )
    letters = _day_letters(day)
    return f"{prefix}+{id_}.{key.id}{letters}{_mac(id_, day, key)}@{domain}"


def signed_path(address: str) -> SignedPath | None:
    """Read the parts of a return path in our signed form, without verifying anything."""
    found = _SIGNED.fullmatch(address.rpartition("@")[0])
    return SignedPath(*(part.lower() for part in found.groups())) if found else None


def check(address: str, keys: Sequence[Key], day: date) -> Checked:
    """Say what the signature of a return path is worth.

    Args:
        address: The return path, already unwrapped; any case.
        keys: Those that are live; none verifies nothing.
        day: Today in UTC, or the day a bounce came in on.

    Returns:
        `forged` where it has our form and no key of ours made it.
    """
    path = signed_path(address)
    if path is None:
        return Checked(Validity.UNSIGNED)
    made_on = _made_on(path.day, day)
    for key in keys:
        if key.id == path.key_id and hmac.compare_digest(_mac(path.id, made_on, key), path.mac):
            valid = day - LIFE <= made_on
            return Checked(Validity.VALID if valid else Validity.EXPIRED, path, made_on)
    return Checked(Validity.FORGED, path)


def keys_of(text: str) -> tuple[Key, ...]:
    """Read the keys out of their file: a line each, `LETTER HEX`, the first one signs.

    Args:
        text: The file; empty lines and those that begin with `#` say nothing.

    Raises:
        ValueError: A line is no key, or two have one letter. The text never shows a key.
    """
    keys: list[Key] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        found = _KEY_LINE.fullmatch(line.strip())
        if found is None or len(found[2]) % 2:
            raise ValueError(
                f"line {number} is no key; write a letter (a-z, 2-7), a space and at least 32 "
                "hexadecimal digits"
            )
        if any(key.id == found[1] for key in keys):
            raise ValueError(f"line {number}: another key has the letter '{found[1]}'")
        keys.append(Key(found[1], bytes.fromhex(found[2])))
    return tuple(keys)


def _room_for_id(prefix: str) -> int:
    """Say how many letters are left for the id."""
    tag = 1 + len("dd") + _base32_length(_MAC_OCTETS)
    room = MAX_LOCAL_PART - len(prefix) - len("+") - len(".") - tag
    least = len("=") + _base32_length(_DIGEST_OCTETS)
    if not _PREFIX.fullmatch(prefix) or room < least:
        raise ValueError(
            f"'{prefix}' cannot begin a return path; take at most {len(prefix) + room - least} "
            'letters, digits and hyphens, like "bounces"'
        )
    return room


def _base32_length(octets: int) -> int:
    return octets * 8 // 5


def _mac(id_: str, day: date, key: Key) -> str:
    told = f"dsnwatch return path\0{id_}\0{day.toordinal()}\0{key.id}"
    return _base32(hmac.digest(key.secret, told.encode(), hashlib.sha256)[:_MAC_OCTETS])


def _digest(address: str, key: Key) -> str:
    """Name a recipient by 80 bits that only the key's owner can tell."""
    told = f"dsnwatch recipient\0{address}".encode("utf-8", "surrogatepass")
    return "=" + _base32(hmac.digest(key.secret, told, hashlib.sha256)[:_DIGEST_OCTETS])


def _base32(octets: bytes) -> str:
    return b32encode(octets).decode("ascii").lower()


def _day_letters(day: date) -> str:
    high, low = divmod(day.toordinal() % _DAYS, len(LETTERS))
    return LETTERS[high] + LETTERS[low]


def _made_on(letters: str, today: date) -> date:
    """Find the last day, tomorrow at the latest, that is written with these letters."""
    number = LETTERS.index(letters[0]) * len(LETTERS) + LETTERS.index(letters[1])
    latest = today + SKEW
    return latest - timedelta(days=(latest.toordinal() - number) % _DAYS)
