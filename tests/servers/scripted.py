"""A small IMAP server that says what it is told to: the answers that no Dovecot ever gives.

It knows one folder with mail in it, and as much of the protocol as our client speaks.
"""

import base64
import re
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

Answer = bytes | Callable[["Line"], bytes]
"""What is said instead; with `%s` where the command's tag goes. b"" ends the connection."""


@dataclass
class Line:
    """A command of the client: `tag verb rest`."""

    tag: bytes
    verb: str
    rest: bytes


@dataclass
class Scripted:
    """The server; `with Scripted(...) as server: ... server.port`.

    Attributes:
        messages: By UID.
        capabilities: What it says it can do.
        uidvalidity: Of the INBOX.
        instead: By verb (`UID FETCH`): what to say instead, one after another; then it is good
            again. An answer that is not in a list is said each time.
        passwords: What may be shown at AUTHENTICATE and LOGIN; empty takes all.
        shown: What was shown.
        commands: Verbs, over all connections.
        greeting: The first line.
    """

    messages: dict[int, bytes] = field(default_factory=dict)
    capabilities: str = "IMAP4rev1 AUTH=PLAIN IDLE MOVE UIDPLUS NAMESPACE"
    uidvalidity: int = 7
    instead: dict[str, Answer | list[Answer]] = field(default_factory=dict)
    passwords: set[str] = field(default_factory=set)
    shown: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    greeting: bytes = b"* OK ready\r\n"
    moved: dict[int, bytes] = field(default_factory=dict)
    folders: list[str] = field(default_factory=lambda: ["INBOX"])

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for each in (self._listener, *self._open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def send(self, data: bytes) -> None:
        """Say something unasked, to the last who came."""
        self._open[-1].sendall(data)

    def hang_up(self) -> None:
        """End every connection."""
        for each in self._open:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._open.append(client)
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError, ValueError), client, client.makefile("rb") as lines:
            client.sendall(self.greeting)
            for raw in lines:
                answer = self._answer(raw.rstrip(b"\r\n"), client, lines.readline)
                if not answer:
                    return
                client.sendall(answer)

    def _answer(self, raw: bytes, client: socket.socket, readline: Callable[[], bytes]) -> bytes:
        if raw == b"DONE":
            return b"IDLE1 OK done\r\n"
        tag, verb, *rest = raw.split(b" ", 2)
        if verb.upper() == b"UID":
            second, *rest = rest[0].split(b" ", 1)
            verb = b"UID " + second
        line = Line(tag, verb.decode().upper(), rest[0] if rest else b"")
        self.commands.append(line.verb)
        instead = self.instead.get(line.verb)
        if isinstance(instead, list):
            instead = instead.pop(0) if instead else None
        if instead is not None:
            said = instead if isinstance(instead, bytes) else instead(line)
            return said.replace(b"%s", tag)
        if line.verb == "AUTHENTICATE":
            return self._authenticate(line, client, readline)
        if line.verb == "IDLE":
            return b"+ idling\r\n"
        return self._said(line) + tag + b" OK done\r\n"

    def _authenticate(
        self, line: Line, client: socket.socket, readline: Callable[[], bytes]
    ) -> bytes:
        client.sendall(b"+ \r\n")
        secret = base64.b64decode(readline()).decode()
        self.shown.append(secret)
        if not self.passwords or any(each in secret for each in self.passwords):
            return line.tag + b" OK in\r\n"
        if line.rest != b"PLAIN":
            client.sendall(b"+ " + base64.b64encode(b'{"status":"400"}') + b"\r\n")
            readline()
        return line.tag + b" NO [AUTHENTICATIONFAILED] no\r\n"

    def _said(self, line: Line) -> bytes:
        """Say what goes before the OK."""
        said = {
            "CAPABILITY": lambda _: f"* CAPABILITY {self.capabilities}\r\n".encode(),
            "NAMESPACE": lambda _: b'* NAMESPACE (("" "/")) NIL NIL\r\n',
            "LIST": self.listed,
            "LOGOUT": lambda _: b"* BYE\r\n",
            "CREATE": self._create,
            "SELECT": self.selected,
            "UID SEARCH": self._search,
            "UID FETCH": self.fetched,
            "UID MOVE": self._move,
        }.get(line.verb)
        return said(line) if said is not None else b""

    def listed(self, _: Line) -> bytes:
        """Answer LIST, without the line with the tag."""
        return "".join(f'* LIST () "/" "{name}"\r\n' for name in self.folders).encode()

    def _create(self, line: Line) -> bytes:
        self.folders.append(line.rest.decode().strip('"'))
        return b""

    def selected(self, _: Line) -> bytes:
        """Answer SELECT, without the line with the tag."""
        return (
            "* FLAGS (\\Seen)\r\n* OK [PERMANENTFLAGS (\\Seen \\*)] x\r\n"
            f"* {len(self.messages)} EXISTS\r\n* 0 RECENT\r\n"
            f"* OK [UIDVALIDITY {self.uidvalidity}] x\r\n"
            f"* OK [UIDNEXT {max(self.messages, default=0) + 1}] x\r\n"
        ).encode()

    def _search(self, line: Line) -> bytes:
        named = re.search(
            rb"UID [\d:,*]+", line.rest
        )  # what stands before it are numbers, not UIDs
        found = " ".join(str(uid) for uid in sorted(self._named(named[0][4:] if named else b"")))
        return f"* SEARCH {found}\r\n".encode()

    def _move(self, line: Line) -> bytes:
        for uid in self._named(line.rest):
            self.moved[uid] = self.messages.pop(uid)
        return b""

    def fetched(self, line: Line) -> bytes:
        """Answer FETCH, without the line with the tag."""
        part = re.search(rb"<(\d+)\.(\d+)>", line.rest)
        assert part is not None
        start, length = int(part[1]), int(part[2])
        out = b""
        for number, uid in enumerate(sorted(self._named(line.rest)), start=1):
            data = self.messages[uid][start : start + length]
            out += (
                b'* %d FETCH (UID %d INTERNALDATE "01-Mar-2026 12:00:00 +0000" '
                b"BODY[]<%d> {%d}\r\n%b)\r\n" % (number, uid, start, len(data), data)
            )
        return out

    def _named(self, rest: bytes) -> set[int]:
        """Find the messages a command names: `1,3:4 ...`; without any all of them."""
        found = re.match(rb"([\d,:*]+)(?: |$)", rest)
        if found is None:
            return set(self.messages)
        wanted: set[int] = set()
        for term in found[1].decode().split(","):
            low, _, high = term.partition(":")
            last = max(self.messages, default=0) if high == "*" else int(high or low)
            wanted |= {uid for uid in self.messages if int(low) <= uid <= last}
        return wanted
