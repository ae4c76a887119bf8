"""Messages made to break a reader: big, deep, spoilt, or cut off. Used by tests and benchmarks."""

import base64
from collections.abc import Callable

HEAD = b"From: MAILER-DAEMON@mail.example.com\nSubject: Undelivered Mail Returned to Sender\n"
PLAIN = HEAD + b"Content-Type: text/plain; charset=utf-8\n\n"
HTML = HEAD + b"Content-Type: text/html\n\n"
QMAIL = PLAIN + b"Hi. This is the qmail-send program at mail.example.com.\n\n"
REPORT = HEAD + b'Content-Type: multipart/report; report-type=delivery-status; boundary="=b"\n\n'
GROUP = b"Final-Recipient: rfc822; u%d@example.org\nAction: failed\nStatus: 5.1.1\n\n"
KIB = 1 << 10
MIB = 1 << 20


def a_report(*parts: tuple[bytes, bytes]) -> bytes:
    """Write a report of parts, each its headers and its body."""
    return (
        REPORT
        + b"".join(b"--=b\n" + head + b"\n\n" + body + b"\n" for head, body in parts)
        + (b"--=b--\n")
    )


def a_status(body: bytes) -> bytes:
    """Write a report whose delivery-status part has this body."""
    return a_report(
        (b"Content-Type: text/plain", b"It failed."),
        (b"Content-Type: message/delivery-status", body),
    )


def nested(levels: int) -> bytes:
    """Write a multipart in a multipart in a multipart."""
    heads = [
        f'Content-Type: multipart/mixed; boundary="b{level}"\n\n--b{level}\n'.encode()
        for level in range(levels)
    ]
    return HEAD + b"".join(heads) + b"Content-Type: text/plain\n\nthe end\n"


def nested_messages(levels: int) -> bytes:
    """Write a message in a message in a message."""
    return HEAD + b"Content-Type: message/rfc822\n\n" * levels + b"the end\n"


def mixed(size: int) -> bytes:
    """Write octets that are no text, always the same."""
    return bytes((number * 7919 + number // 251) % 256 for number in range(size))


HOSTILE: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "one newline": lambda: b"\n",
    "one NUL": lambda: b"\0",
    "headers only": lambda: HEAD,
    "binary": lambda: mixed(256 * KIB),
    "binary behind a header": lambda: PLAIN + mixed(256 * KIB),
    "NULs": lambda: b"\0" * MIB,
    "NULs in the text": lambda: QMAIL + b"<\0>:\n\0gone\n<a\0@example.org>: \0\n" * 100,
    "50 MB of text": lambda: (
        QMAIL + b"<anne@example.org>:\nno such user here at all\n\n" * 1_100_000
    ),
    "50 MB without a line end": lambda: PLAIN + b"x" * (50 * MIB),
    "50 MB of base64": lambda: a_report(
        (
            b"Content-Type: message/delivery-status\nContent-Transfer-Encoding: base64",
            base64.encodebytes(GROUP % 1 * 550_000),
        )
    ),
    "50 MB returned": lambda: a_report(
        (b"Content-Type: text/plain", b"It failed."),
        (b"Content-Type: message/rfc822", b"Subject: x\n\n" + b"a line of it\n" * 4_000_000),
    ),
    "10,000 parts": lambda: a_report(*[(b"Content-Type: text/plain", b"x")] * 10_000),
    "10,000 empty parts": lambda: REPORT + b"--=b\n" * 10_000,
    "10,000 status parts": lambda: a_report(
        *[(b"Content-Type: message/delivery-status", GROUP % 1)] * 10_000
    ),
    "1,000 levels of multipart": lambda: nested(1000),
    "1,000 levels of message": lambda: nested_messages(1000),
    "boundary of one letter": lambda: REPORT.replace(b"=b", b"-") + b"---" * 300_000,
    "wrong charset": lambda: PLAIN.replace(b"utf-8", b"utf-16") + b"odd octets \xff\xfe\xd8" * 999,
    "charset of escapes": lambda: (
        PLAIN.replace(b"utf-8", b"unicode_escape")
        + b"\\ud800 \\x \xff\nFinal-Recipient: rfc822; a\n"
    ),
    "charset utf-7": lambda: (
        PLAIN.replace(b"utf-8", b"utf-7")
        + b"Final-Recipient: rfc822; +2AA-@example.org \xff\n" * 99
    ),
    "charset punycode": lambda: PLAIN.replace(b"utf-8", b"punycode") + b"a\xff-" + b"b9" * 32_000,
    "8-bit text of no charset": lambda: PLAIN.replace(b"utf-8", b"x-none") + mixed(64 * KIB),
    "header bomb of 5 MB": lambda: (
        HEAD + b"".join(b"X-%d: %d\n" % (n, n) for n in range(330_000)) + b"\nwords\n"
    ),
    "one header of 5 MB": lambda: HEAD + b"X: " + b"x" * (5 * MIB) + b"\n\nwords\n",
    "header folded 500,000 times": lambda: HEAD + b"X: y" + b"\n z" * 500_000 + b"\n\nwords\n",
    "header of encoded words": lambda: (
        b"From: " + b"=?utf-8?b?w6k=?= " * 50_000 + b"\n" + HEAD + b"\nwords\n"
    ),
    "header of =?": lambda: b"Subject: " + b"=?" * 300_000 + b"\n" + HEAD + b"\nwords\n",
    "content type of 200 KB": lambda: (
        HEAD + b"Content-Type: multipart/report;" + b" boundary=" * 20_000 + b"\n\nwords\n"
    ),
    "64 KB of <": lambda: QMAIL + b"<" * (64 * KIB),
    "64 KB of < as HTML": lambda: HTML + b"<" * (64 * KIB),
    "64 KB of >": lambda: QMAIL + b">" * (64 * KIB),
    "64 KB of @": lambda: QMAIL + b"@" * (64 * KIB),
    "64 KB of a@": lambda: QMAIL + b"a@" * (32 * KIB),
    "64 KB of a@ in lines": lambda: QMAIL + b"a@\n" * (21 * KIB),
    "64 KB of a@b,": lambda: QMAIL + b"a@b," * (16 * KIB),
    "64 KB of letters and @": lambda: QMAIL + b"a" * (64 * KIB - 1) + b"@",
    "64 KB of <style": lambda: HTML + b'"<style' * (9 * KIB),
    "64 KB of <style>": lambda: HTML + b"<style></style>" * (4 * KIB),
    "64 KB of <p": lambda: HTML + b"<p" * (32 * KIB),
    "64 KB of <p and blanks": lambda: HTML + (b"<p" + b" " * 1998) * 33,
    "64 KB of &": lambda: HTML + b"&#" * (32 * KIB),
    "64 KB of (": lambda: QMAIL + b"(" * (64 * KIB),
    "64 KB of {*}": lambda: QMAIL + b"{*}" * (21 * KIB),
    "64 KB of line ends": lambda: QMAIL + b"x" + b"\n" * (64 * KIB) + b"y",
    "64 KB of dashes": lambda: QMAIL + b"-" * (64 * KIB),
    "64 KB of lines of dashes": lambda: QMAIL + b"-\n" * (32 * KIB),
    "64 KB of blanks": lambda: QMAIL + b" " * (64 * KIB) + b"x",
    "64 KB of lines of blanks": lambda: QMAIL + b" \n" * (32 * KIB) + b"x",
    "64 KB of tabs and line ends": lambda: QMAIL + b"\n\t" * (32 * KIB) + b"x",
    "64 lines of 990 blanks and an address": lambda: (
        PLAIN + b"It could not be delivered\n" + (b"x" + b" " * 980 + b"<a@b.example> x\n") * 64
    ),
    "1,500 lines of 40 blanks": lambda: (
        PLAIN + b"It could not be delivered to a@b.example\n" + (b"x" + b" " * 40 + b"x\n") * 1500
    ),
    "64 KB of 550 5.1.1": lambda: QMAIL + b"550-5.1.1 " * (6 * KIB),
    "64 KB of 5.1.": lambda: QMAIL + b"5.1." * (16 * KIB),
    "64 KB of field names": lambda: PLAIN + b"Final-Recipient:\n" * (4 * KIB),
    "64 KB of X: before a recipient": lambda: (
        PLAIN + b"X-Y:\n" * (12 * KIB) + b"Final-Recipient: a\n"
    ),
    "64 KB of opening templates": lambda: (
        PLAIN.replace(b"qmail", b"x") + b"delivered to delivered to " * (2 * KIB) + b"a@b.example"
    ),
    "one line of 1 MB": lambda: QMAIL + b"word " * (200 * KIB),
    "one line of 1 MB in the status": lambda: a_status(
        b"Final-Recipient: rfc822; " + b"a" * MIB + b"@example.org\nAction: failed\n"
    ),
    "diagnostic of 1 MB": lambda: a_status(
        GROUP.strip() % 1 + b"\nDiagnostic-Code: smtp; " + b"550 5.1.1 no@where " * 50_000 + b"\n"
    ),
    "diagnostic folded 100,000 times": lambda: a_status(
        GROUP.strip() % 1 + b"\nDiagnostic-Code: smtp;" + b"\n 550" * 100_000 + b"\n"
    ),
    "diagnostic of octal escapes": lambda: a_status(
        GROUP.strip() % 1 + b"\nDiagnostic-Code: smtp; 550 " + rb"\320\237" * 50_000 + b"\n"
    ),
    "20,000 recipients": lambda: a_status(b"".join(GROUP % n for n in range(20_000))),
    "20,000 recipients in the text": lambda: (
        QMAIL + b"".join(b"<u%d@example.org>:\ngone\n\n" % n for n in range(20_000))
    ),
    "20,000 recipients and a long text": lambda: a_report(
        (b"Content-Type: text/plain", b"It failed, and so on. " * 3000),
        (
            b"Content-Type: message/delivery-status",
            b"".join(GROUP % n for n in range(20_000)),
        ),
    ),
    "recipient of routes": lambda: a_status(GROUP.replace(b"u%d@", b"@a,@b:" * 10_000 + b"u@")),
    "base64 bomb": lambda: a_report(
        (
            b"Content-Type: text/plain\nContent-Transfer-Encoding: base64",
            base64.encodebytes(b"\0" * (10 * MIB)),
        ),
    ),
    "base64 of nothing but =": lambda: a_report(
        (
            b"Content-Type: message/delivery-status\nContent-Transfer-Encoding: base64",
            b"=" * MIB,
        ),
    ),
    "quoted-printable of nothing but =": lambda: a_report(
        (
            b"Content-Type: message/delivery-status\nContent-Transfer-Encoding: quoted-printable",
            b"=" * MIB,
        ),
    ),
    "notification nested 5,000 deep": lambda: (
        PLAIN + b'{"notificationType":"Bounce","bounce":' + b"[" * 5000 + b"]" * 5000 + b"}"
    ),
    "notification of half a character": lambda: (
        PLAIN
        + b'{"notificationType":"Bounce","bounce":{"bouncedRecipients":[{"emailAddress":'
        + b'"\\ud800@example.org","diagnosticCode":"smtp; 550 \\udfff"}]}}'
    ),
}
"""Each kind by its name; made when asked for, since some are big."""
