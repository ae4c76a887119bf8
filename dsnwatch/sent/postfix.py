"""Postfix's log: who took our mail, and who would not.

Source: the log lines of Postfix 3.7, `src/global/log_adhoc.c` (recipient lines) and cleanup(8) and
qmgr(8); syslog's own time stamps (RFC 3164 section 4.1.2, RFC 3339) and `journalctl -o json`.
"""

import json
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo

from dsnwatch.rfc.address import key
from dsnwatch.sent import Rejected, Sent

QUEUED_AT_MOST = 100_000
"""Messages whose ids are remembered until they leave the queue; past that the oldest goes."""
MAX_LINE = 8192

_MONTHS = {
    name: number
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
        start=1,
    )
}
_LINE = re.compile(
    r"(?:(?:(?P<year>\d{4}) )?(?P<month>[A-Z][a-z]{2}) +(?P<day>\d{1,2})"
    r"(?: (?P<after>\d{4}))? (?P<clock>\d\d:\d\d:\d\d)"
    r"|(?P<stamp>\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\S{0,20}))"
    r" (?P<host>\S{1,255}) (?P<program>[\w.\-/]{1,100})(?:\[\d+\])?: (?P<text>.*)"
)
_PROGRAM = re.compile(r"postfix(?:[\w\-]*)(?:/[\w\-]+)*/(?P<daemon>[\w\-]+)")
_QUEUED = re.compile(r"(?P<id>[0-9A-Za-z]{5,25}): (?P<rest>.*)")
_MESSAGE_ID = re.compile(r"message-id=<?(?P<id>[^>\s]{1,998})>?")
_FROM = re.compile(r"from=<(?P<address>[^>]{0,320})>, ")
_RECIPIENT = re.compile(
    r"to=<(?P<to>[^>]{1,320})>, (?:orig_to=<(?P<original>[^>]{1,320})>, )?"
    r"relay=(?P<relay>[^,\s]{1,300}), .{0,300}?\bdsn=(?P<dsn>\d\.\d{1,3}\.\d{1,3}), "
    r"status=(?P<status>sent|bounced) \((?P<text>.*)\)"
)
_HOST = re.compile(r"(?P<name>[^\[]+)\[(?P<address>[^\]]+)\]")
_LOOPBACK = ("127.", "::1", "localhost")


class PostfixLog:
    """Reads a log line by line; what it says of a message is put together by its queue id.

    Args:
        now: A time stamp without a year is of the last one that is not later than this.
        zone: The time zone of time stamps without one.
        relays: Hosts that only pass our mail on: that they took it shows nothing.
    """

    def __init__(self, now: datetime, zone: tzinfo, relays: Iterable[str] = ()) -> None:
        self._now = now
        self._zone = zone
        self._relays = frozenset(name.lower() for name in relays)
        self._queue: dict[tuple[str, str], list[str | None]] = {}

    def read(self, lines: Iterable[bytes], name: str) -> Iterator[Sent | Rejected]:
        """Give what the lines tell; those of other programs, and odd ones, are passed over.

        Args:
            lines: Octets of one line each: syslog's, or JSON objects of journald.
            name: The file, for `Rejected.place`.
        """
        for number, line in enumerate(lines, start=1):
            if b"postfix" in line and len(line) <= MAX_LINE:
                fact = self._fact(line, f"{name}#{number}")
                if fact is not None:
                    yield fact

    def _fact(self, line: bytes, place: str) -> Sent | Rejected | None:
        text = line.decode("utf-8", "replace").strip()
        if text.startswith("{"):
            text = _of_journal(text)
        found = _LINE.fullmatch(text)
        program = _PROGRAM.fullmatch(found["program"]) if found else None
        queued = _QUEUED.fullmatch(found["text"]) if found and program else None
        if found is None or program is None or queued is None:
            return None
        this, rest = (found["host"], queued["id"]), queued["rest"]
        daemon = program["daemon"]
        if rest.startswith("to=<"):
            # What local and lmtp hand over is mail for our own users, from anybody.
            return self._handed_over(found, this, rest, line, place) if daemon == "smtp" else None
        if daemon == "cleanup" and (said := _MESSAGE_ID.match(rest)):
            self._remember(this)[0] = said["id"]
        elif rest == "removed":
            self._queue.pop(this, None)
        elif daemon == "qmgr" and (said := _FROM.match(rest)):
            self._remember(this)[1] = said["address"]
        return None

    def _remember(self, this: tuple[str, str]) -> list[str | None]:
        known = self._queue.get(this)
        if known is None:
            while len(self._queue) >= QUEUED_AT_MOST:
                del self._queue[next(iter(self._queue))]
            known = self._queue[this] = [None, None]
        return known

    def _handed_over(
        self,
        found: re.Match[str],
        this: tuple[str, str],
        rest: str,
        line: bytes,
        place: str,
    ) -> Sent | Rejected | None:
        said = _RECIPIENT.match(rest)
        at = self._moment(found) if said else None
        if said is None or at is None:
            return None
        relay, address = said["relay"], said["original"] or said["to"]
        if not all(address.rpartition("@")[::2]) or relay.startswith(_LOOPBACK):
            return None  # a local user; or a filter of our own, from which the message comes again
        message_id, sender = self._queue.get(this, (None, None))
        host = _HOST.match(relay)
        remote = host["name"].lower() if host else None
        if host is not None and host["address"].startswith(_LOOPBACK):
            return None
        if said["status"] == "sent":
            if remote is None:
                return None
            delivered = remote not in self._relays
            mark = f"{this[0]}\0{this[1]}"
            return Sent(
                at, key(address), message_id=message_id, delivered=delivered, mark=mark,
                sender=sender,
            )  # fmt: skip
        return Rejected(
            line=line,
            place=place,
            at=at,
            host=this[0].lower(),
            message_id=message_id,
            sender=sender,
            recipient=address,
            final_recipient=said["to"],
            status=said["dsn"],
            text=said["text"],
            remote=remote,
        )

    def _moment(self, found: re.Match[str]) -> datetime | None:
        """Read a line's time stamp; None where it is none."""
        try:
            if stamp := found["stamp"]:
                moment = datetime.fromisoformat(stamp)
                return (moment if moment.tzinfo else moment.replace(tzinfo=self._zone)).astimezone(
                    UTC
                )
            hour, minute, second = map(int, found["clock"].split(":"))
            latest = self._now + timedelta(days=1)
            said = found["year"] or found["after"]
            for year in (int(said),) if said else (latest.year, latest.year - 1):
                if (month := _MONTHS.get(found["month"])) is None:
                    return None
                moment = datetime(
                    year, month, int(found["day"]), hour, minute, min(second, 59), tzinfo=self._zone
                )
                if moment <= latest:
                    return moment.astimezone(UTC)
        except (ValueError, OverflowError):
            return None
        return None


def _of_journal(text: str) -> str:
    """Turn an object of `journalctl -o json` into the line syslog would have written."""
    try:
        entry = json.loads(text)
        moment = datetime.fromtimestamp(int(entry["__REALTIME_TIMESTAMP"]) / 1e6, UTC)
        host, program, said = (
            entry[name] for name in ("_HOSTNAME", "SYSLOG_IDENTIFIER", "MESSAGE")
        )
    except (ValueError, KeyError, TypeError, OverflowError, OSError, RecursionError):
        return ""
    if isinstance(said, list):  # octets that are no UTF-8
        said = bytes(one for one in said if isinstance(one, int) and 0 <= one < 256)  # noqa: PLR2004  an octet
        said = said.decode("utf-8", "replace")
    return f"{moment.isoformat()} {host} {program}: {said}"
