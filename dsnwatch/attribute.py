"""Which recipient and which mail of ours an event is about, and how far that is to be believed.

Pure: a report and the way it came in go in, attributed events come out. What there is to know of
our own mail (keys of signed return paths, domains, how streams are recognised) is told once, to
`Attributor`.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from dsnwatch.config.trust import AttributionSection, StreamSection, TrustSection
from dsnwatch.matching import event_key
from dsnwatch.model import Action, BounceReport, Kind, RawMessage, Reading, RecipientStatus, Trust
from dsnwatch.reading.details import NOTHING, details
from dsnwatch.records import Attribution, BounceEvent
from dsnwatch.rfc.address import domain_of, find_all, like, normalise
from dsnwatch.rfc.address import key as address_key
from dsnwatch.rfc.return_path import Checked, Key, Validity, check, signed_path, unwrap, verp

_KIND_OF = {Action.FAILED: Kind.BOUNCE, Action.DELAYED: Kind.DELAY}
_REPORTS = frozenset({Kind.BOUNCE, Kind.DELAY, Kind.SUCCESS})
_NAMES_RECIPIENT = ("x-hmxmroriginalrecipient",)
_OTHER, _SUCCESS = Kind.OTHER, Kind.SUCCESS
_CLAIMED = Trust.CLAIMED

Signers = Callable[[bytes], Sequence[str]]
"""Says for which recipients the returned headers of a message bear a DKIM signature of ours."""


class _Origin(NamedTuple):
    """What is known of the mail a report is about, whoever of its recipients is meant.

    Attributes:
        signed: Our signed return path that it came back by, with what it is worth.
        paths: All return paths, unwrapped.
        named: Who is named by plain VERP and by header fields: way and address.
        trust: How far it is believed, but for a signed return path.
        dkim: Whom a signed To of ours names.
    """

    signed: Checked | None
    paths: tuple[str, ...]
    named: tuple[tuple[str, str], ...]
    trust: Trust
    dkim: tuple[str, ...]
    stream: str
    campaign: str | None
    list_id: str | None


class Attributor:
    """Makes events of reports.

    Args:
        attribution: Where the returned message says what it was.
        trust: What proves that mail was ours.
        keys: Those of signed return paths.
        dkim: Verifies signatures of ours; None where none are looked for.
    """

    def __init__(
        self,
        attribution: AttributionSection | None = None,
        trust: TrustSection | None = None,
        keys: Sequence[Key] = (),
        dkim: Signers | None = None,
    ) -> None:
        self._section = attribution or AttributionSection()
        self._trust = trust or TrustSection()
        self._keys = tuple(keys)
        self._key_ids = frozenset(key.id for key in keys)
        self._dkim = dkim
        self._streams = tuple(_Stream(section) for section in self._section.stream)
        self._kinds = (
            ("list", self._section.list_headers),
            ("campaign", self._section.campaign_headers),
            ("stream", self._section.stream_headers),
        )
        self._recipient_headers = (*self._section.recipient_headers, *_NAMES_RECIPIENT)
        names = [name for _, names in self._kinds for name in names]
        self._telling = frozenset((*names, "feedback-id"))

    def events_of(
        self, raw: RawMessage, reading: Reading, fingerprint: str, arrived_at: datetime
    ) -> Iterator[BounceEvent]:
        """Make an event of each recipient a message tells of; ordinary mail has none.

        A report's recipients fare differently, so each event has its own kind. The key is the same
        for each telling of the same thing, and the message's own where it names no original.
        """
        report = reading.report
        if not report.recipients or report.kind is _OTHER:
            return
        is_report = report.kind in _REPORTS
        original = report.original.message_id or report.original.envelope_id or fingerprint
        origin = self._origin(raw, report, arrived_at)
        for recipient, verdict in zip(report.recipients, reading.verdicts, strict=True):
            kind = _KIND_OF.get(recipient.action, _SUCCESS) if is_report else report.kind
            attribution = self._attribute(origin, recipient)
            key = event_key(kind, original, attribution.recipient)
            meant = verdict if is_report else None  # who complains or is away has not failed
            told_besides = details(recipient, meant) if meant is not None else NOTHING
            yield BounceEvent(key, kind, arrived_at, recipient, meant, attribution, told_besides)

    def stream_of_sender(self, sender: str | None) -> str:
        """Name the kind of mail that has this return path, as a mail server logs it; "" if none."""
        paths = (unwrap(sender).address.lower(),) if sender else ()
        return next((each.name for each in self._streams if each.by_path(paths)), "")

    def _origin(self, raw: RawMessage, report: BounceReport, arrived_at: datetime) -> _Origin:
        """Work out what all recipients of a report share."""
        headers = dict(report.original.headers)
        came_back = raw.recipients or report.return_path or "return-path" in headers
        paths = tuple(_return_paths(raw, report, headers)) if came_back else ()
        signed = self._signed(paths, arrived_at) if self._keys else None
        list_id, campaign, stream = self._named_kinds(headers)
        for each in self._streams:
            if each.fits(paths, report, headers, list_id):
                stream = each.name
                break
        if campaign is None and signed and signed.path and signed.validity is Validity.VALID:
            own = signed.path.recipient is None and not signed.path.id.startswith("=")
            campaign = signed.path.id if own else None
        trust = self._believed(raw, report, headers, signed)
        looks = self._dkim is not None and trust is _CLAIMED
        return _Origin(
            signed,
            paths,
            tuple(self._named_besides(paths, headers)),
            trust,
            tuple(self._dkim(raw.data)) if looks and self._dkim else (),
            stream or raw.stream,
            campaign,
            list_id,
        )

    def _signed(self, paths: Sequence[str], arrived_at: datetime) -> Checked | None:
        """Find the return path that is signed, if one is; a valid one before all others."""
        found = [check(path, self._keys, arrived_at.date()) for path in paths]
        found = [one for one in found if one.validity is not Validity.UNSIGNED]
        return min(found, key=lambda one: one.validity is not Validity.VALID, default=None)

    def _believed(
        self,
        raw: RawMessage,
        report: BounceReport,
        headers: dict[str, str],
        signed: Checked | None,
    ) -> Trust:
        """Say how far a report is believed, leaving a valid signed return path aside."""
        if signed is not None and signed.validity is Validity.FORGED:
            assert signed.path is not None
            if signed.path.key_id in self._key_ids:
                return Trust.BACKSCATTER  # it claims a key of ours and was not made with it
        unsigned = signed is None or signed.validity is Validity.FORGED
        report_came = report.kind in _REPORTS and not raw.vouched
        if unsigned and self._trust.all_signed and report_came and self._keys:
            return Trust.BACKSCATTER
        if self._trust.domains and self._is_foreign(report, headers):
            return Trust.BACKSCATTER
        return Trust.VOUCHED if raw.vouched else _CLAIMED

    def _is_foreign(self, report: BounceReport, headers: dict[str, str]) -> bool:
        """Whether the message that came back is from none of our domains."""
        original = report.original
        hosts = [
            domain_of(address)
            for text in (original.from_, headers.get("return-path"), original.message_id)
            if text
            for address in find_all(text)[:1]
        ]
        return bool(hosts) and not any(
            host == ours or host.endswith(f".{ours}")
            for host in hosts
            for ours in self._trust.domains
        )

    def _named_kinds(self, headers: dict[str, str]) -> tuple[str | None, str | None, str]:
        """Read list, campaign and stream out of header fields."""
        if self._telling.isdisjoint(headers):
            return None, None, ""
        found: dict[str, str | None] = {}
        for what, names in self._kinds:
            for name in names:
                if (value := headers.get(name)) and (value := value.strip()[:200]):
                    found[what] = _inside(value) if what == "list" else value
                    break
        if feedback := headers.get("feedback-id"):
            parts = feedback.split(":")
            for what, part in zip(self._section.feedback_id, parts, strict=False):
                if what and not found.get(what):
                    found[what] = part.strip()[:200] or None
        return found.get("list"), found.get("campaign"), found.get("stream") or ""

    def _named_besides(
        self, paths: Sequence[str], headers: dict[str, str]
    ) -> Iterator[tuple[str, str]]:
        """Give who is named by plain VERP, then by header fields of the returned message."""
        for path in paths:
            form = signed_path(path)  # made with whatever key: its tag is no part of a domain
            if found := form.recipient if form else verp(path):
                yield "verp", address_key(found)
        for name in self._recipient_headers:
            if value := headers.get(name):
                yield from (("header", address_key(one)) for one in find_all(value)[:1])

    def _attribute(self, origin: _Origin, recipient: RecipientStatus) -> Attribution:
        """Say whom to count one recipient's entry against.

        The address is what the signed return path names; else the original recipient, since the
        sender's list knows no other; what plain VERP and header fields name; the final recipient;
        what the text names. Where none of them has a domain the first that was named stands,
        perhaps a login or a pipe.

        Source: RFC 3464 section 2.3.1 and 2.3.2.
        """
        named = _named(recipient, origin.named)
        trust = origin.trust
        found_by, address = named[0]
        if not _mailable(address):
            found_by, address = next((name for name in named if _mailable(name[1])), named[0])
        if origin.signed is not None and (signed := self._by_signature(origin.signed, named)):
            found_by, address = "return_path", signed
            if origin.signed.validity is Validity.VALID:
                trust = Trust.SIGNED
        if origin.dkim and trust is _CLAIMED and address in origin.dkim:
            trust = Trust.DKIM
        return Attribution(address, found_by, trust, origin.stream, origin.campaign, origin.list_id)

    def _by_signature(self, signed: Checked, named: Sequence[tuple[str, str]]) -> str | None:
        """Find the recipient whom a return path of ours was made for."""
        path = signed.path
        if path is None or signed.validity not in {Validity.VALID, Validity.EXPIRED}:
            return None
        if path.recipient is not None:
            return address_key(path.recipient)
        return next((one for _, one in named if path.is_about(one, self._keys)), None)


class _Stream:
    """One row of `[[attribution.stream]]`, ready to be asked."""

    def __init__(self, section: StreamSection) -> None:
        self.name = section.name
        self._path = _glob(section.return_path)
        self._sender = _glob(section.sender)
        self._list = _glob(section.list_id)
        self._header = section.header
        self._value = _glob(section.value)

    def by_path(self, paths: Sequence[str]) -> bool:
        """Whether a return path alone is enough to know it."""
        return self._path is not None and any(map(self._path.fullmatch, paths))

    def fits(
        self,
        paths: Sequence[str],
        report: BounceReport,
        headers: dict[str, str],
        list_id: str | None,
    ) -> bool:
        """Whether the mail a report is about was of this kind."""
        if self._path is not None and not any(map(self._path.fullmatch, paths)):
            return False
        if self._sender is not None:
            sender = find_all(report.original.from_ or "")[:1]
            if not sender or not self._sender.fullmatch(address_key(sender[0])):
                return False
        if self._list is not None and not (list_id and self._list.fullmatch(list_id)):
            return False
        value = headers.get(self._header) if self._header else None
        return self._header is None or bool(
            value is not None and self._value and self._value.fullmatch(value.strip().lower())
        )


def _glob(pattern: str | None) -> re.Pattern[str] | None:
    if pattern is None:
        return None
    if "@" in pattern:
        return like([pattern])
    return re.compile(".*".join(map(re.escape, pattern.lower().split("*"))), re.DOTALL)


def _return_paths(raw: RawMessage, report: BounceReport, headers: dict[str, str]) -> Iterator[str]:
    """Give the addresses a report can have come back by, in lower case, unwrapped."""
    told = (*raw.recipients, report.return_path or "", headers.get("return-path", ""))
    for text in dict.fromkeys(told):
        if "+" in text or "=" in text:
            yield unwrap(normalise(text)).address.lower()


def _named(recipient: RecipientStatus, besides: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """List every address the entry and the message name, best first, and the way it was found."""
    original, final, text = (
        recipient.original_recipient,
        recipient.final_recipient,
        recipient.recipient,
    )
    named = []
    if original and (address := address_key(original)):
        named.append(("original_recipient", address))
    named += besides
    if final and (address := address_key(final)):
        named.append(("final_recipient", address))
    if text and text not in {original, final} and (address := address_key(text)):
        named.append(("text", address))
    return named or [("text", "")]


def _mailable(address: str) -> bool:
    local, _, domain = address.rpartition("@")
    return bool(local and domain)


def _inside(value: str) -> str | None:
    """Read the identifier out of a List-Id (RFC 2919): what stands in its angle brackets."""
    return value.rpartition("<")[2].partition(">")[0].strip().lower() or None
