"""Bounces and mailboxes of them, made for the tests."""

from collections.abc import Iterable
from pathlib import Path

REPLIES = {
    "user_unknown": ("5.1.1", "550 5.1.1 User unknown"),
    "mailbox_full": ("4.2.2", "452 4.2.2 Mailbox full"),
}
UNREADABLE = b"\x00\x01\x02\xff" * 100
"""No header, no text: what goes into quarantine."""


def a_bounce(address: str, *, reason: str = "user_unknown", number: int = 1) -> bytes:
    """Write a report as Postfix does; `number` makes report and original distinct."""
    status, reply = REPLIES[reason]
    return f"""\
Return-Path: <>
Received: by mx.example.net; Thu, 5 Mar 2026 10:00:00 +0000
From: MAILER-DAEMON@mx.example.net (Mail Delivery System)
To: bounces@example.org
Subject: Undelivered Mail Returned to Sender
Message-ID: <report{number}@mx.example.net>
Date: Thu, 5 Mar 2026 10:00:00 +0000
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="frontier"

--frontier
Content-Type: text/plain

This is the mail system at host mx.example.net.

<{address}>: host mx.example.com[192.0.2.1] said: {reply}

--frontier
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net

Final-Recipient: rfc822; {address}
Action: failed
Status: {status}
Diagnostic-Code: smtp; {reply}

--frontier
Content-Type: message/rfc822-headers

From: news@example.org
To: {address}
Subject: News
Message-ID: <original{number}@example.org>

--frontier--
""".encode()


def an_mbox(path: Path, messages: Iterable[bytes]) -> Path:
    """Write messages as an mbox."""
    with path.open("wb") as file:
        for message in messages:
            file.write(b"From MAILER-DAEMON Thu Mar  5 10:00:00 2026\n" + message + b"\n")
    return path


def many_bounces(count: int) -> Iterable[bytes]:
    """Give bounces of distinct addresses, hard and soft by turns."""
    reasons = list(REPLIES)
    for number in range(count):
        yield a_bounce(
            f"user{number}@example.com", reason=reasons[number % len(reasons)], number=number
        )
