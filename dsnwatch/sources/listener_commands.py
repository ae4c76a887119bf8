"""What stands behind MAIL and RCPT, and which recipients are ours: text in, an answer out.

Source: RFC 5321 sections 3.3, 4.1.1.2, 4.1.1.3 and 4.1.2; RFC 1870 (SIZE), RFC 6152 (BODY), RFC
6531 (SMTPUTF8), RFC 3461 sections 4.1 to 4.4 (NOTIFY, ORCPT, RET, ENVID).
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

from dsnwatch.config.listener import ListenerSection
from dsnwatch.rfc.address import normalise
from dsnwatch.rfc.return_path import Checked, Key, Validity, check, unwrap

MAX_LOCAL_PART = 256
"""RFC 5321 says 64; SRS and BATV make more of it, and nobody gains by our refusing them."""

_PATH = r":\s*<(?P<path>[^<>\s\x00-\x1f\x7f]{0,1000})>(?:\s+(?P<parameters>\S.*))?"
_FROM = re.compile("(?i:FROM)" + _PATH)
_TO = re.compile("(?i:TO)" + _PATH)
_PARAMETER = re.compile(
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9-]*)(?:=(?P<value>[^\s\x00-\x1f\x7f]+))?", re.ASCII
)
_SIZE = re.compile(r"[0-9]{1,20}")

_ANY = re.compile(r".*")
_MAIL_PARAMETERS: Mapping[str, re.Pattern[str]] = MappingProxyType(
    {
        "SIZE": _SIZE,
        "BODY": re.compile(r"7BIT|8BITMIME", re.IGNORECASE),
        "SMTPUTF8": re.compile(r""),
        "RET": re.compile(r"FULL|HDRS", re.IGNORECASE),
        "ENVID": _ANY,
        "AUTH": _ANY,
    }
)
_RCPT_PARAMETERS: Mapping[str, re.Pattern[str]] = MappingProxyType({"NOTIFY": _ANY, "ORCPT": _ANY})
"""What may stand there, and what it may say. DSN parameters are not offered, but nobody who gives
them is turned away: no report is ever sent from here, so there is nothing to promise."""

_ALWAYS = frozenset({"postmaster", "abuse"})
_RELAY = "550 5.7.1 no mail is relayed here"
_NOT_OURS = _RELAY + "; {domain} is none of our domains"
_UNKNOWN = "550 5.1.1 no such recipient here"
_FORGED = "550 5.7.1 this return path is not one that we made"
_EXPIRED = "550 5.7.1 this return path was good for two weeks, and they are over"
_UNSIGNED = "550 5.7.1 only signed return paths are taken here"


@dataclass(frozen=True, slots=True)
class Named:
    """A path with its parameters.

    Attributes:
        address: As it was written; "" is the null sender.
        size: Octets announced by SIZE; None where nothing was.
        utf8: Whether SMTPUTF8 was asked for.
    """

    address: str
    size: int | None = None
    utf8: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """What to answer instead of taking a command."""

    reply: str


def sender(argument: str | None, *, extended: bool) -> Named | Refused:
    """Read what stands behind MAIL: `FROM:<anne@example.org> SIZE=1000`."""
    return _read(argument, _FROM, _MAIL_PARAMETERS, extended=extended)


def recipient(argument: str | None, *, extended: bool) -> Named | Refused:
    """Read what stands behind RCPT: `TO:<bounces@example.org> NOTIFY=NEVER`."""
    return _read(argument, _TO, _RCPT_PARAMETERS, extended=extended)


def _read(
    argument: str | None,
    form: re.Pattern[str],
    known: Mapping[str, re.Pattern[str]],
    *,
    extended: bool,
) -> Named | Refused:
    found = form.fullmatch(argument or "")
    if found is None:
        keyword = "MAIL FROM" if form is _FROM else "RCPT TO"
        return Refused(f"501 5.5.4 write {keyword}:<address>")
    try:
        address = found["path"].encode("utf-8", "surrogateescape").decode()
    except UnicodeDecodeError:
        return Refused("501 5.5.4 the address is not UTF-8")
    said: dict[str, str] = {}
    for text in (found["parameters"] or "").split():
        parameter = _PARAMETER.fullmatch(text)
        name = parameter["name"].upper() if parameter else ""
        if parameter is None or not extended or name not in known:
            return Refused("555 5.5.4 a parameter is not known here")
        value = parameter["value"] or ""
        if name in said or not known[name].fullmatch(value):
            return Refused(f"501 5.5.4 {name} cannot say that")
        said[name] = value
    size = int(said["SIZE"]) if "SIZE" in said else None
    return Named(address, size, "SMTPUTF8" in said)


class Recipients:
    """Who is ours: domains, local parts and signed return paths of one listener.

    Args:
        section: What the configuration says of it.
        keys: Those return paths are signed with; none verifies nothing.
        today: The day in UTC.
    """

    def __init__(
        self, section: ListenerSection, keys: Iterable[Key], today: Callable[[], date]
    ) -> None:
        self._domains = frozenset(section.domains)
        self._home = section.domains[0]
        self._local_part = re.compile(
            "|".join(re.escape(text.lower()).replace(r"\*", ".*") for text in section.recipients)
        )
        self._require_signed = section.require_signed
        self._keys = tuple(keys)
        self._today = today

    def judge(self, address: str) -> str | Refused:
        """Say whether mail for an address is taken.

        Args:
            address: As it stood in RCPT.

        Returns:
            The address, normalised; or what to answer. Whatever looks like a way to somebody
            else's host is refused, whichever domain it ends with: a source route, a quoted local
            part, a percent sign, a bang.
        """
        if address.lower() == "postmaster":  # RFC 5321 section 4.5.1: the one without a domain
            address += "@" + self._home
        local, at, _ = address.rpartition("@")
        if not at or not local:
            return Refused("501 5.1.3 the address has no local part or no domain")
        if set(local) & set('@%!"\\,:;()[]'):
            return Refused(_RELAY)
        if len(local.encode()) > MAX_LOCAL_PART:
            return Refused("553 5.1.3 the local part is too long")
        found = normalise(address)
        local, _, domain = found.rpartition("@")
        if domain not in self._domains:
            shown = domain if domain.isascii() and domain.isprintable() else "that"
            return Refused(_NOT_OURS.format(domain=shown))
        return self._refusal(found) or found

    def _refusal(self, address: str) -> Refused | None:
        inside = normalise(unwrap(address).address)
        if inside.rpartition("@")[2] not in self._domains:
            inside = address  # somebody else's address in it: no way to him
        local = inside.rpartition("@")[0].lower()
        if not self._local_part.fullmatch(local):
            return Refused(_UNKNOWN)
        checked = (
            check(inside, self._keys, self._today()) if self._keys else Checked(Validity.UNSIGNED)
        )
        match checked.validity:
            case Validity.FORGED:
                return Refused(_FORGED)
            case Validity.EXPIRED:
                return Refused(_EXPIRED)
            case Validity.UNSIGNED if self._require_signed and local not in _ALWAYS:
                return Refused(_UNSIGNED)
            case _:
                return None
