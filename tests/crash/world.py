"""All that takes part: the daemon, the servers around it, and those who send to it."""

import os
import queue
import signal
import smtplib
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

import dsnwatch
from tests.cli.builders import an_mbox
from tests.crash import clocked
from tests.crash.ledger import Input, Ledger
from tests.crash.pipe import Pipe
from tests.hooks.builders import Receiver, a_receiver
from tests.servers.disk import Disk, a_disk
from tests.servers.dovecot import PASSWORD, Account, Dovecot, a_port
from tests.servers.postfix import Postfix
from tests.servers.proxy import Proxy

REPOSITORY = Path(dsnwatch.__file__).parents[1]

# Octets that a mad clock makes old must be there to be counted: nothing is swept.
CONFIGURATION = """
node = "{node}"

[store]
url = "{store}"

[keep]
raw_messages = "never"

[policy.flood]
at_least = 1000000
share = 1

[[mailbox]]
name = "bounces"
host = "127.0.0.1"
port = {imap}
tls = "none"
user = "{user}"
password_file = "{folder}/password"
poll_every = "1s"

[[listener]]
listen = ["127.0.0.1:{smtp}"]
domains = ["bounce.test"]
max_connections_per_ip = 0
messages_per_minute_per_ip = 0

[[hook]]
name = "crm"
kind = "webhook"
url = "{hook}"
allow_private = true
format = "cloudevents"
batch = 5
workers = 2
timeout = "2s"
events = ["bounce.hard", "bounce.soft", "suppression.added"]
"""
"""What a daemon is told, here and in `daemons`."""


@dataclass
class Program:
    """Something that runs, is ended by faults, and is started again as systemd does.

    Attributes:
        again: Whether it is started again when it has ended well.
        done: Set when it has ended well.
    """

    command: list[str]
    log: Path
    again: bool = True
    wanted: bool = False
    starts: int = 0
    done: threading.Event = field(default_factory=threading.Event)
    process: "subprocess.Popen[bytes] | None" = None
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Keep it running from now on."""
        self.wanted = True
        self._thread = threading.Thread(target=self._keep, daemon=True)
        self._thread.start()

    def _keep(self) -> None:
        environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
        while self.wanted:
            with self.log.open("ab") as log:
                self.process = subprocess.Popen(  # noqa: S603  ours
                    self.command, stderr=log, stdout=log, env=environment
                )
            self.starts += 1
            if self.process.wait() == 0 and not self.again:
                self.done.set()
                return
            time.sleep(0.1)

    def signal(self, number: int) -> None:
        """Send a signal to it, where it runs."""
        if self.process is not None and self.process.poll() is None:
            with suppress(ProcessLookupError):
                self.process.send_signal(number)

    def end(self) -> None:
        """End it for good: gently, and after ten seconds at once."""
        self.wanted = False
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        if self.process is not None:
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
        if self._thread is not None:
            self._thread.join(15)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Hold it where it is."""
        self.signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.signal(signal.SIGCONT)


@dataclass
class Sender:
    """Hands messages to the listener over SMTP, each until it is told 250; one at a time."""

    port: int
    waiting: "queue.Queue[Input]" = field(default_factory=queue.Queue)
    acknowledged: set[str] = field(default_factory=set)
    """Addresses of messages that were answered 250."""
    over: bool = False
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to send."""
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Send no more."""
        self.over = True
        if self._thread is not None:
            self._thread.join(30)

    def _run(self) -> None:
        client: smtplib.SMTP | None = None
        while not self.over:
            try:
                made = self.waiting.get(timeout=0.2)
            except queue.Empty:
                continue
            while not self.over:
                try:
                    if client is None:
                        client = smtplib.SMTP("127.0.0.1", self.port, timeout=20)
                    data = made.data.replace(b"\n", b"\r\n")
                    client.sendmail("", ["bounces@bounce.test"], data)
                except (OSError, smtplib.SMTPException):
                    if client is not None:
                        client.close()
                    client = None
                    time.sleep(0.05)
                else:
                    self.acknowledged.add(made.address)
                    break
            self.waiting.task_done()
        if client is not None:
            client.close()


@dataclass
class World:
    """Everything, running.

    Attributes:
        hook_does: What the receiver of hooks does: `answer`, `refuse` (503), `hang`, `cut`.
        wrong: By how many seconds the daemon's clock is wrong.
    """

    folder: Path
    disk: Disk
    account: Account
    imap: Proxy
    smtp: Pipe
    postfix: Postfix
    receiver: Receiver
    daemon: Program
    sender: Sender
    ledger: Ledger = field(default_factory=Ledger)
    imports: list[Program] = field(default_factory=list)
    hook_does: str = "answer"
    wrong: float = 0.0

    @property
    def store(self) -> Path:
        """The store's file."""
        return self.disk.folder / "a.db"

    @property
    def clock(self) -> Path:
        """Where the daemon's clock looks."""
        return self.folder / "clock"

    def set_clock(self, seconds: float) -> None:
        """Make the daemon's clock wrong by so much."""
        self.wrong = seconds
        clocked.move(self.clock, seconds)

    def put(self, way: str, made: Input) -> None:
        """Send a message on its way."""
        if way == "imap":
            self.account.deliver([made.data])
        elif way == "direct":
            self.sender.waiting.put(made)
        else:
            assert way == "postfix"
            self.postfix.send("", ["bounces@bounce.test"], made.data)

    def an_import(self, count: int) -> None:
        """Import a file of bounces, from now until it has been done."""
        made = [self.ledger.make("import") for _ in range(count)]
        number = len(self.imports)
        mbox = an_mbox(self.folder / f"{number}.mbox", (each.data for each in made))
        program = Program(
            self.command("import", str(mbox)), self.folder / "import.log", again=False
        )
        self.imports.append(program)
        program.start()

    def command(self, *arguments: str) -> list[str]:
        """Give a command of dsnwatch that goes by the clock that may be wrong."""
        config = str(self.folder / "dsnwatch.toml")
        return [
            sys.executable, "-m", "tests.crash.clocked", str(self.clock), "--config", config,
            *arguments,
        ]  # fmt: skip

    def hear(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer a hook, as it is told to."""
        does = self.hook_does
        if does == "hang":
            time.sleep(3)
            return
        if does == "refuse":
            handler.send_response(503)
        else:
            self.ledger.hear(self.receiver.requests[-1].body)
            if does == "cut":
                handler.close_connection = True
                return
            handler.send_response(204)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    def queued(self) -> int:
        """Count what waits in Postfix."""
        names = ("maildrop", "incoming", "active", "deferred")
        spool = self.postfix.folder / "spool"
        return sum(1 for name in names for each in (spool / name).rglob("*") if each.is_file())


@contextmanager
def a_world(disk_kib: int) -> Iterator[World]:
    """Start everything; all of it is ended when the block ends."""
    with ExitStack() as stack:
        folder = Path(mkdtemp(prefix="dsnwatch-crash-"))
        stack.callback(rmtree, folder, ignore_errors=True)
        disk = stack.enter_context(a_disk(disk_kib))
        server = stack.enter_context(Dovecot.running())
        account = server.a_user()
        account.deliver([])  # his mailbox is made
        imap = stack.enter_context(Proxy(server.port))
        smtp_port = a_port()
        smtp = stack.enter_context(Pipe(smtp_port))
        postfix = stack.enter_context(
            Postfix.running(
                f"transport_maps = inline:{{ bounce.test=smtp:[127.0.0.1]:{smtp.port} }}"
            )
        )
        receiver = stack.enter_context(a_receiver())
        (folder / "password").write_text(f"{PASSWORD}\n")
        clocked.move(folder / "clock", 0)
        (folder / "dsnwatch.toml").write_text(
            CONFIGURATION.format(
                node="n1",
                store=f"sqlite:///{disk.folder / 'a.db'}",
                imap=imap.port,
                user=account.user,
                folder=folder,
                smtp=smtp_port,
                hook=receiver.url,
            )
        )
        sender = Sender(smtp.port)
        daemon = Program([], folder / "daemon.log")
        world = World(folder, disk, account, imap, smtp, postfix, receiver, daemon, sender)
        daemon.command = world.command("run")
        receiver.respond = world.hear
        daemon.start()
        sender.start()
        try:
            yield world
        finally:
            sender.end()
            for each in (daemon, *world.imports):
                each.end()
