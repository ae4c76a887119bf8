"""`kind = "exec"`: run a program for each event, which gets it on standard input.

Never a shell: the program and its arguments are those of the configuration, and nothing that a
stranger wrote is among them or in the environment. Its exit status is its answer.

* 0: it has the event for good.
* 65 (EX_DATAERR): it never wants this event; it becomes a dead letter.
* any other, a signal, or too late: it is run again later.
"""

import os
import selectors
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from dsnwatch.errors import HookError, HookGone
from dsnwatch.hooks import Delivery, Secrets
from dsnwatch.hooks.payloads import FORMATS, Context
from dsnwatch.rfc.printable import printable

if TYPE_CHECKING:
    from dsnwatch.config.hook import HookSection

NEVER = 65
"""EX_DATAERR of sysexits.h."""

KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ")
"""What the program gets of our own environment; the rest may hold secrets."""

SAID_AT_MOST = 4096
"""Octets of its standard error that are kept, from the end."""

_SHOWN = 200
_PIECE = 65536


class ExecHook:
    """Runs one program.

    Args:
        section: The command, the format and the timeout.
        node: The name of this machine.
        folder: Where relative names lie.
    """

    every = timedelta(0)

    def __init__(self, section: "HookSection", node: str, folder: Path) -> None:
        form = FORMATS[section.format]
        self.batch = section.batch if form.lists else 1
        self.timeout = section.timeout
        self._render = form.render
        self._name = section.name
        self._command = section.command
        self._context = Context(node=node, listed=section.batch > 1, topic=section.topic)
        self._folder = folder

    def deliver(self, delivery: Delivery) -> None:
        """Run the program and wait for it; see `Hook`."""
        context = replace(self._context, id=delivery.id, at=delivery.at)
        body = self._render(delivery.news, context)
        program = self._command[0]
        try:
            process = subprocess.Popen(  # noqa: S603  the operator's own command, without a shell
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                cwd=self._folder,
                env=self._environment(delivery),
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            raise HookError(f"{program} cannot be run: {why}") from error
        with process:
            status, said = _attend(process, body.data, self.timeout.total_seconds())
        if status == 0:
            return
        if status is None:
            raise HookError(f"{program} took longer than {self.timeout.total_seconds():g} s")
        how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
        text = f"{program} {how}{f': {said}' if said else ''}"
        raise HookGone(text) if status == NEVER else HookError(text)

    def close(self) -> None:
        """Nothing is kept open."""

    def _environment(self, delivery: Delivery) -> dict[str, str]:
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        return kept | {
            "DSNWATCH_HOOK": self._name,
            "DSNWATCH_ID": delivery.id,
            "DSNWATCH_EVENT": delivery.news[0].type if len(delivery.news) == 1 else "",
            "DSNWATCH_EVENTS": str(len(delivery.news)),
            "DSNWATCH_ATTEMPT": str(delivery.attempt),
        }


def _attend(
    process: "subprocess.Popen[bytes]", data: bytes, seconds: float
) -> tuple[int | None, str]:
    """Feed a program, hear what it complains of, and wait for its end.

    Its own end counts: a child of it may stay and hold its standard error open.

    Returns:
        Its exit status, None where it had to be ended; and the last line of its standard error.
    """
    deadline = time.monotonic() + seconds
    talk = _Talk(process, data)
    end = os.pidfd_open(process.pid)
    try:
        with selectors.DefaultSelector() as ready:
            ready.register(end, selectors.EVENT_READ)
            ready.register(talk.to, selectors.EVENT_WRITE, talk.feed)
            ready.register(talk.from_, selectors.EVENT_READ, talk.hear)
            while process.poll() is None and (left := deadline - time.monotonic()) > 0:
                for key, _ in ready.select(left):
                    if key.data is not None and not key.data():
                        ready.unregister(key.fd)
    finally:
        os.close(end)
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return None, ""
    talk.hear()
    return process.returncode, talk.last_line


class _Talk:
    """What goes to a program and comes from it, piece by piece."""

    def __init__(self, process: "subprocess.Popen[bytes]", data: bytes) -> None:
        assert process.stdin is not None
        assert process.stderr is not None
        self._input = process.stdin
        self.to, self.from_ = process.stdin.fileno(), process.stderr.fileno()
        self._rest = memoryview(data)
        self._said = b""
        for each in (self.to, self.from_):
            os.set_blocking(each, False)

    def feed(self) -> bool:
        """Write a piece; says whether there is more. A program need not read it."""
        try:
            self._rest = self._rest[os.write(self.to, self._rest[:_PIECE]) :]
        except BrokenPipeError:
            self._rest = self._rest[:0]
        if self._rest:
            return True
        self._input.close()
        return False

    def hear(self) -> bool:
        """Read a piece; says whether more may come."""
        try:
            piece = os.read(self.from_, _PIECE)
        except BlockingIOError:
            return True
        self._said = (self._said + piece)[-SAID_AT_MOST:]
        return bool(piece)

    @property
    def last_line(self) -> str:
        """The last line it complained in, fit for a log."""
        lines = self._said.decode(errors="replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        return printable(last)[-_SHOWN:]


def make(section: "HookSection", secrets: Secrets, key: str) -> ExecHook:  # noqa: ARG001  see `Make`
    """Make the hook of its section; see `Make`."""
    return ExecHook(section, secrets.node, secrets.beside(Path()))
