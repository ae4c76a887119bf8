"""The formats of suppression lists: how each is known, read and written. A row a kind of file.

Source: the vendors' documentation of their suppression lists (SendGrid v3 /suppression, Amazon SES
v2 suppression list and bulk import, Mailgun /v3/.../bounces|unsubscribes|complaints/import,
Postmark Suppressions API), listmonk 4 (subscriber export and import), GNU Mailman 3.3 (REST,
`mailman members`), as of 2026-11.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import format_datetime
from types import MappingProxyType
from typing import Final

from dsnwatch.lists import HEADING, as_cells, as_dict
from dsnwatch.records import Suppression
from dsnwatch.rfc.date import rfc3339

UPSTREAM = "suppressed_upstream"
"""The reason where a system lists an address and does not say why."""

ADDRESS = ("address", "email", "emailaddress", "mail", "recipient", "subscribedaddresses")
_SINCE = ("since", "created", "createdat", "lastupdatetime", "date", "timestamp", "updatedat")
_REASONS: Mapping[str, str] = MappingProxyType(
    {
        "bounce": UPSTREAM,
        "bounced": UPSTREAM,
        "hardbounce": UPSTREAM,
        "complained": "complaint",
        "spam": "complaint",
        "spamcomplaint": "complaint",
        "spamreport": "complaint",
        "unsubscribed": "unsubscribe",
    }
)


@dataclass(frozen=True, slots=True)
class Format:
    """One kind of file.

    Attributes:
        name: Of the format; several kinds may share it.
        about: What the file is, for people.
        needs: Column names that give it away, as `squeezed` has them; a file that has them all.
        address: Names the column of the address may have, the best first; so with the rest.
        word: The column that says why, in words of its own.
        words: What its words mean. One that is not here says nothing against the address, unless
            `others`.
        others: Whether a word that is not in `words` may be a reason of ours, or an import's own.
        otherwise: The reason of a row that says none; None where such a row says nothing.
        code: The column of the status or reply code.
        text: The column of what the mail server said.
        own: Whether origin, rule and the rest are ours.
    """

    name: str
    about: str
    needs: frozenset[str]
    address: tuple[str, ...] = ADDRESS
    word: tuple[str, ...] = ()
    words: Mapping[str, str] = field(default_factory=dict)
    others: bool = False
    otherwise: str | None = UPSTREAM
    since: tuple[str, ...] = _SINCE
    code: str = ""
    text: str = ""
    tags: str = ""
    own: bool = False


def squeezed(title: str) -> str:
    """Bring the name of a column to the form it is known by: `Email Address` is `emailaddress`."""
    return "".join(one for one in title.lower() if one.isalnum())


def _kind(name: str, about: str, needs: str, **more: object) -> Format:
    return Format(name, about, frozenset(needs.split()), **more)  # type: ignore[arg-type]  # checked where the row is made


_POSTMARK = {
    "hardbounce": UPSTREAM,
    "spamcomplaint": "complaint",
    "manualsuppression": "manual",
    "manualsuppression recipient": "unsubscribe",
}
_SES = {"bounce": UPSTREAM, "complaint": "complaint"}

_ACCOUNT_LIST = _kind(
    "ses", "account suppression list", "emailaddress reason", word=("reason",), words=_SES
)

KINDS: Final[tuple[Format, ...]] = (
    _kind("dsnwatch", "an export of ours", "address origin rule", own=True),
    _kind(
        "sendgrid",
        "bounces or blocks",
        "email created reason status",
        code="status",
        text="reason",
    ),
    _kind("sendgrid", "spam reports", "email created ip", otherwise="complaint"),
    _kind(
        "sendgrid", "invalid addresses", "email created reason",
        otherwise="bad_address", text="reason",
    ),
    _kind(
        "mailgun", "bounces", "address code error",
        code="code", text="error",
    ),
    _kind("mailgun", "unsubscribes", "address tags", otherwise="unsubscribe", tags="tags"),
    _kind("mailgun", "unsubscribes", "address tag", otherwise="unsubscribe", tags="tag"),
    _kind(
        "postmark", "suppressions", "emailaddress suppressionreason",
        word=("suppressionreason", "origin"), words=_POSTMARK,
    ),
    _ACCOUNT_LIST,
    _kind(
        "listmonk", "subscribers", "email status attributes",
        word=("status",), words={"blocklisted": UPSTREAM}, otherwise=None,
    ),
    _kind(
        "listmonk", "subscribers", "email status attribs",
        word=("status",), words={"blocklisted": UPSTREAM}, otherwise=None,
    ),
    _kind(
        "mailman", "members", "email deliverystatus",
        word=("deliverystatus",), words={"bybounces": UPSTREAM}, otherwise=None,
    ),
    _kind(
        "mailman", "members", "email listid role",
        word=("deliverystatus",), words={"bybounces": UPSTREAM}, otherwise=None,
    ),
)  # fmt: skip
"""The kinds of file that are known by their columns; the first that fits."""

GENERIC: Final = _kind(
    "generic", "addresses", "", word=("reason", "type"), words=_REASONS, others=True,
    otherwise="manual",
)  # fmt: skip
"""Any file with a column of addresses."""

BARE: Final = (
    (2, frozenset(_SES), _ACCOUNT_LIST, ("emailaddress", "reason")),
    (1, frozenset[str](), GENERIC, ("address",)),
)
"""Files without a heading: how many cells, the words of the last, what it is, and its columns."""

EXACT: Final = (
    _kind("sendgrid", "unsubscribes", "email created", otherwise="unsubscribe"),
    _kind("mailgun", "complaints", "address createdat", otherwise="complaint"),
)
"""Known by having these columns and no other."""

WRAPPED: Final = ("suppresseddestinationsummaries", "suppressions", "items", "results", "entries")
"""Names of the list of rows in what an API answers: SES, Postmark, Mailgun, listmonk, Mailman."""


def recognise(titles: Sequence[str]) -> Format | None:
    """Say what a file is by its columns.

    Args:
        titles: Their names, squeezed.

    Returns:
        None where none of them can be one of addresses.
    """
    known = frozenset(titles)
    for kind in KINDS:
        if kind.needs <= known:
            return kind
    for kind in EXACT:
        if kind.needs == known:
            return kind
    return GENERIC if known & {*ADDRESS} else None


# Writing


@dataclass(frozen=True, slots=True)
class Form:
    """How a list is written for one system.

    Attributes:
        heading: The first row; empty for a file without one.
        cells: Makes a row, or None for what cannot stand in such a file.
        about: For people: what becomes of the file.
        lines: Makes a line of text, where it is no CSV.
        own: Whether those who were forgotten are in it too, by the names they have in the store.
    """

    about: str
    heading: tuple[str, ...] = ()
    cells: Callable[[Suppression], Sequence[str]] | None = None
    lines: Callable[[Suppression], str] | None = None
    own: bool = False


def _json(value: Mapping[str, object]) -> str:
    return f"{json.dumps(value)}\n"


def _by_complaint(one: Suppression, complaint: str, else_: str) -> str:
    return complaint if one.reason == "complaint" else else_


def _postmark(one: Suppression) -> dict[str, object]:
    by_hand = one.reason in {"manual", "unsubscribe"}
    reason = "ManualSuppression" if by_hand else _by_complaint(one, "SpamComplaint", "HardBounce")
    origin = "Customer" if one.reason == "manual" else "Recipient"
    return {
        "EmailAddress": one.address,
        "SuppressionReason": reason,
        "Origin": origin,
        "CreatedAt": rfc3339(one.since),
    }


FORMS: Final[Mapping[str, Form]] = MappingProxyType(
    {
        "csv": Form("for people and other programs", HEADING, as_cells, own=True),
        "json": Form("for another dsnwatch", lines=lambda one: _json(as_dict(one)), own=True),
        "addresses": Form("one address a line", lines=lambda one: f"{one.address}\n"),
        "sendgrid": Form(
            "for Suppressions, Global Unsubscribes, Upload a CSV",
            ("email",),
            lambda one: (one.address,),
        ),
        "ses": Form(
            "for CreateImportJob (SuppressionListAction PUT)",
            (),
            lambda one: (one.address, _by_complaint(one, "COMPLAINT", "BOUNCE")),
        ),
        "mailgun": Form(
            "for /v3/DOMAIN/bounces/import",
            ("address", "code", "error", "created_at"),
            lambda one: (one.address, "550", one.reason, format_datetime(one.since, usegmt=True)),
        ),
        "postmark": Form(
            "as the Suppressions API tells them", lines=lambda one: _json(_postmark(one))
        ),
        "listmonk": Form(
            "for Import with mode blocklist",
            ("email", "name", "attributes"),
            lambda one: (one.address, one.address, json.dumps({"reason": one.reason})),
        ),
        "mailman": Form(
            "one address a line, for `mailman delmembers -f FILE`",
            lines=lambda one: f"{one.address}\n",
        ),
    }
)
"""What can be written, by its name."""
