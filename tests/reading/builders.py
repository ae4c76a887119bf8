"""Messages with defaults, the fixtures with their answers, and one reader for all tests."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from dsnwatch.model import (
    Action,
    BounceReport,
    Kind,
    Reading,
    RecipientStatus,
    StatusCode,
    Verdict,
)
from dsnwatch.reading.reader import Reader

ROOT = Path(__file__).parents[2]
FIXTURES = ROOT / "fixtures"
READER = Reader.load()
MESSAGES = sorted(FIXTURES.rglob("*.eml"))


def short(path: Path) -> str:
    """Name a fixture the way a person would."""
    return path.relative_to(FIXTURES).with_suffix("").as_posix()


@cache
def answer_of(path: Path) -> dict[str, Any]:
    """Return what the `.toml` beside a message says of it."""
    return tomllib.loads(path.with_suffix(".toml").read_text(encoding="utf-8"))


@cache
def reading_of(path: Path) -> Reading:
    """Read a fixture; once for all tests."""
    return READER.read(path.read_bytes())


@dataclass(frozen=True, slots=True)
class Group:
    """What a delivery-status part says of one recipient; an empty field is left out."""

    final: str = "rfc822; anne@example.org"
    original: str = ""
    action: str = "failed"
    status: str = "5.1.1"
    diagnostic: str = "smtp; 550 5.1.1 <anne@example.org>: no such user here"
    remote: str = "dns; mx.example.org"

    def __str__(self) -> str:
        fields = {
            "Original-Recipient": self.original,
            "Final-Recipient": self.final,
            "Action": self.action,
            "Status": self.status,
            "Remote-MTA": self.remote,
            "Diagnostic-Code": self.diagnostic,
        }
        return "".join(f"{name}: {value}\n" for name, value in fields.items() if value)


RETURNED = """\
Message-ID: <letter-1@example.com>
From: News <news@example.com>
To: anne@example.org
Subject: The letter of March
List-Id: <letter.example.com>

Good morning.
"""


def a_bounce(
    *groups: Group,
    text: str = "Your message could not be delivered.",
    returned: str = RETURNED,
    from_: str = "MAILER-DAEMON@mail.example.com",
    subject: str = "Undelivered Mail Returned to Sender",
    headers: str = "",
) -> bytes:
    """Compose a report in the form of RFC 3464."""
    told = "\n".join(map(str, groups or (Group(),)))
    return f"""\
Received: from mail.example.com (mail.example.com [192.0.2.7])
\tby in.example.com with ESMTP id 1; Tue, 31 Mar 2026 12:00:03 +0000
From: {from_}
To: bounces@example.com
Subject: {subject}
Message-ID: <report-1@mail.example.com>
Date: Tue, 31 Mar 2026 12:00:00 +0000
{headers}MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="=b"

--=b
Content-Type: text/plain; charset=utf-8

{text}

--=b
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.example.com
Arrival-Date: Tue, 31 Mar 2026 11:59:00 +0000

{told}
--=b
Content-Type: message/rfc822

{returned}
--=b--
""".encode()


def a_letter(
    text: str = "Hello Bob,\nsee you on Friday.\nAnne",
    *,
    from_: str = "Anne <anne@example.org>",
    subject: str = "Friday",
    headers: str = "",
) -> bytes:
    """Compose a message in one part of plain text."""
    return f"""\
From: {from_}
To: bounces@example.com
Subject: {subject}
Message-ID: <letter-2@example.org>
Date: Tue, 31 Mar 2026 12:00:00 +0000
{headers}
{text}
""".encode()


def a_recipient(
    diagnostic: str = "",
    *,
    status: StatusCode | None = None,
    reply_code: str | None = None,
    prose: str = "",
    remote_mta: str | None = None,
    action: Action = Action.FAILED,
    recipient: str = "anne@example.org",
) -> RecipientStatus:
    """Say what a report said of one recipient."""
    return RecipientStatus(
        recipient,
        action,
        final_recipient=recipient,
        status=status,
        reply_code=reply_code,
        diagnostic=diagnostic,
        prose=prose,
        remote_mta=remote_mta,
    )


def a_report(
    recipients: Sequence[RecipientStatus] = (),
    *,
    dialect: str | None = "rfc3464",
    reporting_mta: str | None = "mail.example.com",
) -> BounceReport:
    """Say what a message said."""
    return BounceReport(
        Kind.BOUNCE, dialect=dialect, reporting_mta=reporting_mta, recipients=tuple(recipients)
    )


def the_verdict(data: bytes) -> Verdict:
    """Read a message that fails one recipient and return what that means."""
    (verdict,) = READER.read(data).verdicts
    assert verdict is not None
    return verdict
