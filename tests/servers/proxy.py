"""Stands between an IMAP client and its server and misbehaves as it is told, in a thread."""

import selectors
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable


class Cut(StrEnum):
    """When a connection is cut, seen from the command it is cut at."""

    BEFORE = "before the server has got it"
    WITHIN = "within the answer"
    AFTER = "after the server has done it, without an answer"


@dataclass
class _Pair:
    """One connection of a client, and ours to the server for it."""

    client: socket.socket
    server: socket.socket
    waits_for: bytes = b""
    """The tag of the command whose answer is held back."""
    held: bytearray = field(default_factory=bytearray)
    within: bool = False
    tag: bytes = b""
    """Of the last command; what has none (DONE, an answer to a challenge) belongs to that."""
    said: bytes = b""
    """The beginning of a client's line."""


class Proxy:
    """A proxy; `with Proxy(port) as proxy: ... proxy.port`.

    Attributes:
        port: Where to connect.
        commands: What clients said, a word or two each (`UID FETCH`), over all connections.
        lines: The same, whole.
        cut_at: Numbers (from 0) of the commands at which the connection is cut.
        how: How it is cut.
        rewrite: Makes what the server says into what the client hears.
        on_command: Called with each line of a client before the server gets it.
        deaf: Takes octets and passes nothing on: a connection half of which is gone.
    """

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._selector = selectors.DefaultSelector()
        self._wake, self._woken = socket.socketpair()
        self._pairs: list[_Pair] = []
        self.port: int = self._listener.getsockname()[1]
        self.commands: list[str] = []
        self.lines: list[bytes] = []
        self.cut_at: set[int] = set()
        self.how = Cut.BEFORE
        self.rewrite: Callable[[bytes], bytes] = lambda data: data
        self.on_command: Callable[[bytes], None] = lambda _: None
        self.deaf = False
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._wake.send(b"x")
        self._thread.join(10)
        for pair in self._pairs:
            self._close(pair)
        for each in (self._listener, self._wake, self._woken):
            each.close()
        self._selector.close()

    def cut_all(self) -> None:
        """Cut every connection there is now."""
        for pair in list(self._pairs):
            for each in (pair.client, pair.server):
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def _run(self) -> None:
        self._selector.register(self._listener, selectors.EVENT_READ, None)
        self._selector.register(self._woken, selectors.EVENT_READ, None)
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._woken:
                    return
                if key.fileobj is self._listener:
                    self._accept()
                elif key.data in self._pairs:
                    self._pass_on(key.data, key.fileobj is key.data.client)

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        try:
            server = socket.create_connection(("127.0.0.1", self._server_port), 10)
        except OSError:
            client.close()
            return
        for each in (client, server):
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        pair = _Pair(client, server)
        self._pairs.append(pair)
        self._selector.register(client, selectors.EVENT_READ, pair)
        self._selector.register(server, selectors.EVENT_READ, pair)

    def _pass_on(self, pair: _Pair, from_client: bool) -> None:  # noqa: FBT001  one of two ways
        try:
            data = (pair.client if from_client else pair.server).recv(1 << 16)
        except OSError:
            data = b""
        if not data:
            self._close(pair)
        elif self.deaf:
            return
        elif from_client:
            self._from_client(pair, data)
        else:
            self._from_server(pair, data)

    def _from_client(self, pair: _Pair, data: bytes) -> None:
        lines = (pair.said + data).split(b"\r\n")
        pair.said = lines.pop()
        for line in lines:
            number = len(self.commands)
            words = line.decode("latin-1").split()
            self.commands.append(
                " ".join(words[1 : 3 if words[1:2] == ["UID"] else 2]) or line.decode()
            )
            self.lines.append(line)
            self.on_command(line)
            if b" " in line:
                pair.tag = line.split(b" ")[0]
            if number in self.cut_at:
                if self.how is Cut.BEFORE:
                    self._close(pair)
                    return
                pair.within = self.how is Cut.WITHIN
                pair.waits_for = pair.tag
            with suppress(OSError):
                pair.server.sendall(line + b"\r\n")

    def _from_server(self, pair: _Pair, data: bytes) -> None:
        if pair.waits_for:
            if pair.within:
                with suppress(OSError):
                    pair.client.sendall(data[: len(data) // 2])
                self._close(pair)
                return
            pair.held += data
            told = b"\r\n" + pair.held
            if b"\r\n" + pair.waits_for + b" " in told or b"\r\n+" in told:
                self._close(pair)
            return
        with suppress(OSError):
            pair.client.sendall(self.rewrite(data))

    def _close(self, pair: _Pair) -> None:
        for each in (pair.client, pair.server):
            with suppress(KeyError, ValueError):
                self._selector.unregister(each)
            with suppress(OSError):
                each.close()
        if pair in self._pairs:
            self._pairs.remove(pair)
