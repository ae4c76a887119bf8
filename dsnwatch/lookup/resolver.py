"""DNS, many questions at once: whether a domain takes mail, and the texts of keys.

One thread and a few sockets, without asyncio: a question waits in a table until its answer comes or
its time is over. What comes must match server, number, name and type of what was asked.

Source: RFC 1035 (messages, UDP, truncation), RFC 5321 section 5.1 (MX, else the address), RFC 7505
(null MX).
"""

import os
import selectors
import socket
import time
from collections import OrderedDict
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Self, TypeVar

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.resolver

from dsnwatch.errors import UnavailableError

IN_FLIGHT = 200
TIMEOUT_SECONDS = 3.0
TRIES = 3
SOCKETS = 8
CACHED = 100_000
TEXT_SECONDS = 3600.0
NO_TEXT_SECONDS = 300.0
_MOST_OCTETS = 4096
_IDS = 1 << 16

T = TypeVar("T")
R = TypeVar("R")


class Question(NamedTuple):
    """What is asked: a name, and `MX`, `A`, `AAAA` or `TXT`."""

    name: str
    kind: str


class Answer(NamedTuple):
    """What was answered.

    Attributes:
        exists: Whether there is such a name; None where nobody answered.
        records: The records as text; those of MX without their preference, "." for none.
    """

    exists: bool | None
    records: tuple[str, ...] = ()


Asking = Generator[Question, Answer, R]
"""Asks one thing after the other, and comes to a result."""


class Fate(StrEnum):
    """Whether a domain takes mail."""

    MAIL = "mail"
    NO_DOMAIN = "no_domain"
    NULL_MX = "null_mx"
    NO_MAIL_HOST = "no_mail_host"
    UNKNOWN = "unknown"


def takes_mail(domain: str) -> Asking[Fate]:
    """Find out whether a domain takes mail: by MX, else by an address of its own."""
    mx = yield Question(domain, "MX")
    if mx.exists is None:
        return Fate.UNKNOWN
    if not mx.exists:
        return Fate.NO_DOMAIN
    if mx.records:
        return Fate.NULL_MX if set(mx.records) == {"."} else Fate.MAIL
    unknown = False
    for kind in ("A", "AAAA"):
        found = yield Question(domain, kind)
        if found.records:
            return Fate.MAIL
        unknown = unknown or found.exists is None
    return Fate.UNKNOWN if unknown else Fate.NO_MAIL_HOST


@dataclass(slots=True)
class _Asked:
    """A question under way."""

    task: int
    question: Question
    wire: bytes
    deadline: float = 0.0
    tries: int = 0
    server: int = 0


class Resolver:
    """Asks DNS servers; for one thread.

    Args:
        servers: Addresses with ports; none takes those of the system.
        timeout_seconds: How long an answer is waited for before the next server is asked.

    Raises:
        UnavailableError: The system names no server.
    """

    def __init__(
        self, servers: Sequence[tuple[str, int]] = (), timeout_seconds: float = TIMEOUT_SECONDS
    ) -> None:
        self._servers = tuple(servers) or _servers_of_system()
        self._timeout = timeout_seconds
        self._cache: OrderedDict[Question, Answer] = OrderedDict()

    def run(self, tasks: Iterable[tuple[T, Asking[R]]]) -> Iterator[tuple[T, R]]:
        """Let many ask at once; gives each with its result, as they come to one.

        Args:
            tasks: Taken as there is room for them: at most `IN_FLIGHT` are under way.
        """
        with _Sockets(self._servers) as sockets:
            yield from self._run(iter(tasks), sockets)

    def _run(
        self, tasks: Iterator[tuple[T, Asking[R]]], sockets: "_Sockets"
    ) -> Iterator[tuple[T, R]]:
        under_way: dict[int, tuple[T, Asking[R]]] = {}
        waiting: dict[tuple[int, int], _Asked] = {}
        number, more = 0, True
        while more or under_way:
            while more and len(under_way) < IN_FLIGHT:
                task = next(tasks, None)
                if task is None:
                    more = False
                    break
                number += 1
                under_way[number] = task
                yield from self._go_on(number, None, under_way, waiting, sockets)
            for asked, answer in self._answers(waiting, sockets):
                self._remember(asked.question, answer)
                yield from self._go_on(asked.task, answer, under_way, waiting, sockets)

    def _go_on(
        self,
        number: int,
        answer: Answer | None,
        under_way: dict[int, tuple[T, Asking[R]]],
        waiting: dict[tuple[int, int], _Asked],
        sockets: "_Sockets",
    ) -> Iterator[tuple[T, R]]:
        """Hand one asker its answer, and the next ones out of memory; send what he asks then."""
        key, asking = under_way[number]
        while True:
            try:
                question = asking.send(answer) if answer is not None else next(asking)
            except StopIteration as end:
                del under_way[number]
                yield key, end.value
                return
            answer = self._cache.get(question)
            if answer is None:
                answer = self._send(number, question, waiting, sockets)
            if answer is None:
                return

    def _send(
        self,
        number: int,
        question: Question,
        waiting: dict[tuple[int, int], _Asked],
        sockets: "_Sockets",
    ) -> Answer | None:
        """Ask; gives an answer at once where the name cannot be asked for."""
        try:
            wire = dns.message.make_query(question.name, question.kind, use_edns=0).to_wire()
        except (dns.exception.DNSException, ValueError, UnicodeError):
            return Answer(exists=False)
        self._post(_Asked(number, question, wire), waiting, sockets)
        return None

    def _post(
        self, asked: _Asked, waiting: dict[tuple[int, int], _Asked], sockets: "_Sockets"
    ) -> None:
        asked.tries += 1
        asked.server = (asked.tries - 1) % len(self._servers)
        asked.deadline = time.monotonic() + self._timeout
        place, id_ = sockets.free(asked.server, waiting)
        waiting[place, id_] = asked
        sockets.send(place, id_.to_bytes(2, "big") + asked.wire[2:])

    def _answers(
        self, waiting: dict[tuple[int, int], _Asked], sockets: "_Sockets"
    ) -> Iterator[tuple[_Asked, Answer]]:
        """Wait for answers, and ask again what nobody answered in time."""
        if not waiting:
            return
        now = time.monotonic()
        first = min(asked.deadline for asked in waiting.values())
        for place, octets in sockets.receive(max(first - now, 0.0)):
            asked = waiting.get((place, int.from_bytes(octets[:2], "big")))
            answer = None if asked is None else self._read(asked, octets)
            if asked is not None and answer is not None:
                del waiting[place, int.from_bytes(octets[:2], "big")]
                if answer.exists is None and asked.tries < TRIES:
                    self._post(asked, waiting, sockets)
                else:
                    yield asked, answer
        now = time.monotonic()
        for where in [where for where, asked in waiting.items() if asked.deadline <= now]:
            asked = waiting.pop(where)
            if asked.tries < TRIES:
                self._post(asked, waiting, sockets)
            else:
                yield asked, Answer(None)

    def _read(self, asked: _Asked, octets: bytes) -> Answer | None:
        """Read an answer; None for what is none to this question."""
        try:
            message = dns.message.from_wire(octets, ignore_trailing=True)
            if message.flags & dns.flags.TC:
                query = dns.message.make_query(asked.question.name, asked.question.kind)
                host, port = self._servers[asked.server]
                message = dns.query.tcp(query, host, self._timeout, port)
            name = dns.name.from_text(asked.question.name)
            kind = dns.rdatatype.from_text(asked.question.kind)
            if not message.question or (message.question[0].name, message.question[0].rdtype) != (
                name,
                kind,
            ):
                return None
            if message.rcode() == dns.rcode.NXDOMAIN:
                return Answer(exists=False)
            if message.rcode() != dns.rcode.NOERROR:
                return Answer(None)
            return Answer(exists=True, records=tuple(_records(message, kind)))
        except (dns.exception.DNSException, ValueError, OSError, EOFError):
            return Answer(None)

    def _remember(self, question: Question, answer: Answer) -> None:
        if answer.exists is None:
            return
        if len(self._cache) >= CACHED:
            self._cache.popitem(last=False)
        self._cache[question] = answer


class Texts:
    """Finds the TXT record of a name, and remembers it for a while."""

    def __init__(self, servers: Sequence[tuple[str, int]] = ()) -> None:
        self._given = tuple(servers)
        self._known: dict[str, tuple[float, str | None]] = {}

    def find(self, name: str) -> str | None:
        """Find the text; None where there is none, or nobody answers."""
        now = time.monotonic()
        if (known := self._known.get(name)) is not None and known[0] > now:
            return known[1]
        try:
            ((_, text),) = Resolver(self._given).run([(name, _text_of(name))])
        except UnavailableError:
            text = None
        if len(self._known) > CACHED:
            self._known.clear()
        self._known[name] = (now + (TEXT_SECONDS if text else NO_TEXT_SECONDS), text)
        return text


def _text_of(name: str) -> Asking[str | None]:
    answer = yield Question(name, "TXT")
    return answer.records[0] if answer.records else None


def _records(message: dns.message.Message, kind: dns.rdatatype.RdataType) -> Iterator[str]:
    """Give the records of a kind, whichever alias they stand under."""
    for rows in message.answer:
        if rows.rdtype != kind:
            continue
        for row in rows:
            if kind == dns.rdatatype.MX:
                yield str(row.exchange)
            elif kind == dns.rdatatype.TXT:
                yield b"".join(row.strings).decode("ascii", "replace")
            else:
                yield str(row)


class _Sockets:
    """Some sockets a server: their ports are part of what an answer must know."""

    def __init__(self, servers: Sequence[tuple[str, int]]) -> None:
        self._selector = selectors.DefaultSelector()
        self._sockets: list[socket.socket] = []
        self._count = len(servers)
        for _ in range(SOCKETS):
            for host, port in servers:
                family = socket.AF_INET6 if ":" in host else socket.AF_INET
                one = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
                one.connect((host, port))  # the kernel drops what comes from elsewhere
                self._selector.register(one, selectors.EVENT_READ, len(self._sockets))
                self._sockets.append(one)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._selector.close()
        for one in self._sockets:
            one.close()

    def free(self, server: int, taken: dict[tuple[int, int], _Asked]) -> tuple[int, int]:
        """Choose a socket of a server and an id by chance, of those that are free."""
        while True:
            chance = int.from_bytes(os.urandom(4), "big")
            where = (chance // _IDS % SOCKETS * self._count + server, chance % _IDS)
            if where not in taken:
                return where

    def send(self, place: int, octets: bytes) -> None:
        """Send; what cannot be sent is as what nobody answers."""
        try:
            self._sockets[place].send(octets)
        except OSError:
            return

    def receive(self, seconds: float) -> Iterator[tuple[int, bytes]]:
        """Give what has come, after waiting for it at most so long."""
        for key, _ in self._selector.select(seconds):
            one = self._sockets[key.data]
            while True:
                try:
                    octets = one.recv(_MOST_OCTETS)
                except OSError:  # nothing more; or nobody listens there
                    break
                yield key.data, octets


def _servers_of_system() -> tuple[tuple[str, int], ...]:
    try:
        found = dns.resolver.Resolver().nameservers
    except dns.resolver.NoResolverConfiguration as error:
        raise UnavailableError(
            "no DNS server is known; name one in /etc/resolv.conf, or leave DNS out"
        ) from error
    return tuple((str(host), 53) for host in found[:3])
