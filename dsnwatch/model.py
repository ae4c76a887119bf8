"""The nouns of reading: message, report, verdict. What we do about it is in `records`.

A report is what they said, a verdict what it means, a decision what we do; never fused.

Everything here is frozen; what one message has many of is a NamedTuple, made in a third of a frozen
dataclass's time and handed to another process as cheaply. Collections are tuples, times are aware
UTC, addresses have been normalised by `rfc.address`. `None` means that nobody said; `""` stands
for absent free text only.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple, Self

_LF = 0x0A
CR = 0x0D
"""As a number: a search for octets in octets first fails at taking them for one."""
_PIECE = 1 << 20
"""Octets whose line ends are changed at once, so that no large message is copied whole."""


class Kind(StrEnum):
    """What a message is, as a whole."""

    BOUNCE = "bounce"
    DELAY = "delay"
    SUCCESS = "success"
    COMPLAINT = "complaint"
    AUTO_REPLY = "auto_reply"
    CHALLENGE = "challenge"
    DISPOSITION = "disposition"
    UNSUBSCRIBE = "unsubscribe"
    OTHER = "other"


class Action(StrEnum):
    """What became of the mail to one recipient (RFC 3464 section 2.3.3)."""

    FAILED = "failed"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    RELAYED = "relayed"
    EXPANDED = "expanded"


class BounceClass(StrEnum):
    """What we conclude about the address."""

    HARD = "hard"
    SOFT = "soft"
    BLOCK = "block"
    UNDETERMINED = "undetermined"


class Fault(StrEnum):
    """Whose affair a failure is. Only the recipient's own may ever suppress the recipient."""

    RECIPIENT = "recipient"
    RECEIVER = "receiver"
    SENDER = "sender"
    MESSAGE = "message"
    UNKNOWN = "unknown"


class Trust(StrEnum):
    """How sure we are that the report is about mail of ours; strongest first."""

    SIGNED = "signed"
    MATCHED = "matched"
    VOUCHED = "vouched"
    DKIM = "dkim"
    CLAIMED = "claimed"
    BACKSCATTER = "backscatter"
    """It is about mail that was never ours: somebody used our name."""


class Scope(StrEnum):
    """What a token lets one do."""

    READ = "read"
    CHECK = "check"
    WRITE = "write"
    ADMIN = "admin"
    """All of it, hooks too."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Who handed a message over to our listener: what could be seen of him, and what he said.

    Attributes:
        client: The address that connected, as text; None over a Unix socket.
        helo: The name the client gave itself; anybody can give any.
        sender: The envelope sender, "" for the null one.
        protocol: `SMTP`, `ESMTP`, `ESMTPS`, `LMTP` ... (RFC 3848, RFC 6531 section 4.3).
        tls: Version and cipher, `TLSv1.3 TLS_AES_256_GCM_SHA384`; None where it came in clear.
    """

    client: str | None
    helo: str
    sender: str
    protocol: str
    tls: str | None = None


@dataclass(frozen=True, slots=True)
class RawMessage:
    """One message as it came, and what is known of how it came.

    Attributes:
        data: The octets, any line ending, without an mbox From_ line.
        locator: Where it lies, for people: `path`, `path#index`, `mailbox/folder;uid=7`.
        source: The kind of source: mbox, maildir, eml, stdin, imap, smtp, lmtp.
        arrived_at: When it reached our side (INTERNALDATE, reception, From_ line); None where
            the source cannot say and the topmost Received header must.
        stream: The stream the source is configured for; "" where none is.
        vouched: Whether the operator himself handed it in (a one-shot import).
        recipients: The envelope recipients it was addressed to, where the source knows.
        evidence: Who handed it over; None for what lay in a mailbox or a file.
    """

    data: bytes
    locator: str
    source: str
    arrived_at: datetime | None = None
    stream: str = ""
    vouched: bool = False
    recipients: tuple[str, ...] = ()
    evidence: Evidence | None = None

    @property
    def fingerprint(self) -> str:
        """SHA-256 in hex of the octets with LF line ends and no blank lines at the end.

        So the same message has one fingerprint whether it came over IMAP (CRLF) or out of an
        mbox (LF and a blank line more).
        """
        data = self.data
        if len(data) <= _PIECE:
            return fingerprint_of(with_line_feeds(data))
        end = len(data)
        while end and data[end - 1] == _LF:
            end -= 2 if data[end - 2 : end - 1] == b"\r" else 1
        digest = hashlib.sha256()
        start = 0
        while start < end:
            after = min(start + _PIECE, end)
            if data[after - 1 : after + 1] == b"\r\n" and after < end:
                after += 1
            digest.update(with_line_feeds(data[start:after]))
            start = after
        return digest.hexdigest()


def with_line_feeds(data: bytes) -> bytes:
    """End with LF what ends with CRLF; a CR that stands alone stays."""
    # In four fifths of the time of `replace`.
    return b"\n".join(data.split(b"\r\n")) if CR in data else data


def fingerprint_of(lines: bytes) -> str:
    """Give the fingerprint of a message whose lines end with LF."""
    return hashlib.sha256(lines.rstrip(b"\n")).hexdigest()


class StatusCode(NamedTuple):
    """An enhanced status code `class.subject.detail` (RFC 3463)."""

    klass: int
    subject: int
    detail: int

    @lru_cache(maxsize=4096)  # noqa: B019  codes are small, few, and written many times
    def __str__(self) -> str:
        return f"{self.klass}.{self.subject}.{self.detail}"

    @property
    def permanent(self) -> bool | None:
        """True for 5, False for 4, None for 2."""
        return {5: True, 4: False}.get(self.klass)

    @property
    def generic(self) -> bool:
        """Whether it says no more than its class: x.0.0, x.1.0, x.7.0, x.7.1 and their like."""
        return self.detail == 0 or (self.subject, self.detail) == (7, 1)

    @classmethod
    @lru_cache(maxsize=4096)
    def of(cls, text: str) -> Self:
        """Make one from `5.1.1`; the caller has seen to it that the text has this form."""
        klass, subject, detail = text.split(".")
        return cls(int(klass), int(subject), int(detail))


class RecipientStatus(NamedTuple):
    """What one report said about one recipient.

    Attributes:
        recipient: The address that was mailed: the original recipient where told, else the final
            one; domain in lower case. It need not be a valid address (pipes, bare local parts).
        action: What became of it.
        original_recipient: Original-Recipient without its address type.
        final_recipient: Final-Recipient without its address type.
        status: The enhanced status code as reported, from the Status field or the text.
        reply_code: The SMTP reply code, three digits, where there is one.
        diagnostic: Diagnostic-Code without its type, or the line of prose that stands for it.
        prose: What the human-readable part says of this recipient besides, at most 4,000
            characters.
        remote_mta: The host that said no, lower case, without its type.
    """

    recipient: str
    action: Action
    original_recipient: str | None = None
    final_recipient: str | None = None
    status: StatusCode | None = None
    reply_code: str | None = None
    diagnostic: str = ""
    prose: str = ""
    remote_mta: str | None = None


class OriginalMessage(NamedTuple):
    """What came back of the message that failed.

    Attributes:
        headers: The returned headers worth keeping (`rfc.mime.KEPT_HEADERS`), names in lower
            case, in order of appearance, decoded and unfolded.
    """

    message_id: str | None = None
    envelope_id: str | None = None
    from_: str | None = None
    subject: str | None = None
    headers: tuple[tuple[str, str], ...] = ()


class BounceReport(NamedTuple):
    """What a message said, before anyone judged it.

    Attributes:
        kind: What the message is.
        dialect: The id of the dialect row that read it, or `rfc3464` and kin; None when none did.
        message_id: Of the report itself, without angle brackets.
        reporting_mta: Host that wrote the report, lower case, without its type.
        arrival_date: Arrival-Date of the failed message at the reporting MTA.
        received_at: When the report reached our side by its own headers (topmost Received, else
            Date); None where neither can be read.
        original: What came back of the failed message.
        recipients: One entry a recipient, in the report's order; without repetition.
        defects: What was wrong with the message, one phrase each, in order of discovery.
        return_path: The address the report itself came to, where it says more than a mailbox: one
            with `+` or `=` in it.
    """

    kind: Kind
    dialect: str | None = None
    message_id: str | None = None
    reporting_mta: str | None = None
    arrival_date: datetime | None = None
    received_at: datetime | None = None
    original: OriginalMessage = OriginalMessage()
    recipients: tuple[RecipientStatus, ...] = ()
    defects: tuple[str, ...] = ()
    return_path: str | None = None


class Match(NamedTuple):
    """One rule that spoke for a verdict, and the span it rests on.

    Attributes:
        rule: The row's id.
        field: Where it matched: `diagnostic`, `prose`, `status`, `reply_code`, `dialect`.
        span: Start and end in the normalised text of that field; (0, 0) for codes.
        text: The words or the code that matched.
    """

    rule: str
    field: str
    span: tuple[int, int]
    text: str


class Verdict(NamedTuple):
    """What a failure or delay means.

    Attributes:
        permanent: What the report said: True for 5.x.x, False for 4.x.x, None for neither.
        status: The enhanced status code we go by; None where there is none.
        rule: Id of the row that decided.
        confidence: 0 to 1; falls where code and text disagree.
        provider: Id of the provider whose host refused, or else who runs the recipient's domain;
            None where no row knows it.
    """

    permanent: bool | None
    bounce_class: BounceClass
    reason: str
    fault: Fault
    status: StatusCode | None
    reply_code: str | None
    rule: str
    confidence: float
    provider: str | None = None


@dataclass(frozen=True, slots=True)
class Details:
    """What a refusal says besides its reason.

    Attributes:
        blocklist: Id of the block list it names, or the zone of one that no row knows.
        blocked_ip: The sending address that is refused.
        retry_after: How long the server wants us to wait.
        queue_id: Under which the refusing server knows the message.
        forwarded_to: Where mail for the recipient went on to, or should go, by what was said.
        help_url: The page that explains it.
    """

    blocklist: str | None = None
    blocked_ip: str | None = None
    retry_after: timedelta | None = None
    queue_id: str | None = None
    forwarded_to: str | None = None
    help_url: str | None = None


class Reading(NamedTuple):
    """A report with one verdict for each of its recipients (None for those who got the mail).

    Attributes:
        fingerprint: That of the message (`RawMessage.fingerprint`); "" where it was too large to
            be read whole, or has lines that end in CR alone.
    """

    report: BounceReport
    verdicts: tuple[Verdict | None, ...]
    fingerprint: str = ""

    @property
    def kind(self) -> Kind:
        """What the message is."""
        return self.report.kind

    @property
    def recipients(self) -> tuple[tuple[RecipientStatus, Verdict | None], ...]:
        """Each recipient with the verdict on him; for who got the mail it is None."""
        return tuple(zip(self.report.recipients, self.verdicts, strict=True))
