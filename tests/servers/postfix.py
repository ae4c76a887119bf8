"""A throw-away Postfix with a queue of its own, on loopback, and an MX that refuses its mail."""

import asyncio
import smtplib
import socket
import subprocess
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import chown, copy, rmtree
from tempfile import mkdtemp

from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.servers.needs import need

MASTER = Path("/usr/share/postfix/master.cf.dist")

_MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/spool
data_directory = {folder}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
maillog_file = {folder}/postfix.log
maillog_file_prefixes = {folder}
multi_instance_name = postfix-dsnwatch-test
myhostname = mail.sender.test
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
local_recipient_maps =
alias_maps =
alias_database =
smtp_host_lookup = native
smtp_dns_support_level = disabled
smtpd_client_connection_count_limit = 0
minimal_backoff_time = 1s
maximal_backoff_time = 1s
queue_run_delay = 1s
transport_retry_time = 1s
{more}
"""


def a_port() -> int:
    """Find a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Postfix:
    """A running server; it takes mail for anybody on `port`."""

    folder: Path
    port: int

    @classmethod
    @contextmanager
    def running(cls, main: str, files: dict[str, str] | None = None) -> Iterator["Postfix"]:
        """Start one, and end it and remove its queue when the block ends.

        Args:
            main: Lines for main.cf; `/etc/postfix` in them is its configuration's folder.
            files: What else lies in that folder, by name.
        """
        postfix, postconf = need("postfix", "postconf", root=True)
        # Not pytest's own folder: Postfix runs as a user of its own, and must get there.
        folder = Path(mkdtemp(prefix="dsnwatch-postfix-"))
        folder.chmod(0o755)
        for name in ("conf", "spool", "data"):
            (folder / name).mkdir()
        chown(folder / "data", "postfix")
        conf = folder / "conf"
        copy(MASTER, conf / "master.cf")
        more = main.replace("/etc/postfix", str(conf))
        (conf / "main.cf").write_text(_MAIN.format(folder=folder, more=more))
        for name, text in (files or {}).items():
            (conf / name).write_text(text)
        server = cls(folder, a_port())
        service = f"{server.port}/inet"
        for change in (
            ["-F", "*/*/chroot=n"],
            ["-MX", "smtp/inet"],
            ["-Me", f"{service}={server.port} inet n - n - - smtpd"],
        ):
            _run([postconf, "-c", conf, *change])
        try:
            _run([postfix, "-c", conf, "start"])
            server.wait()
            yield server
        finally:
            with suppress(subprocess.CalledProcessError):
                _run([postfix, "-c", conf, "stop"])
            rmtree(folder, ignore_errors=True)

    def wait(self) -> None:
        """Wait until it takes connections."""
        for _ in range(500):
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 5):
                return
            time.sleep(0.02)
        raise AssertionError(self.log)

    @property
    def log(self) -> str:
        """What it has logged."""
        path = self.folder / "postfix.log"
        return path.read_text() if path.exists() else ""

    def flush(self) -> None:
        """Have it try at once all that waits, whatever it has put it off to."""
        (postqueue,) = need("postqueue", root=True)
        _run([postqueue, "-c", self.folder / "conf", "-f"])

    def send(self, sender: str, recipients: Sequence[str], data: bytes) -> None:
        """Give it a message to deliver."""
        with smtplib.SMTP("127.0.0.1", self.port, timeout=20) as client:
            client.ehlo("app.sender.test")
            client.sendmail(sender, recipients, data)


def _run(command: Sequence[str | Path]) -> None:
    """Run a command of Postfix; its daemon keeps what it inherits, so no pipe."""
    subprocess.run(  # noqa: S603 - ours
        command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )


class _Refusing:
    """What an MX does that knows few, or nobody."""

    def __init__(self, known: Collection[str]) -> None:
        self._known = known

    async def handle_RCPT(  # noqa: N802  the name is aiosmtpd's
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Say no."""
        del server, session, options
        if address in self._known:
            envelope.rcpt_tos.append(address)
            return "250 2.1.5 Ok"
        return f"550 5.1.1 <{address}>: Recipient address rejected: User unknown"


@contextmanager
def refusing_mx(known: Collection[str] = ()) -> Iterator[int]:
    """Run an MX that refuses every recipient as unknown but for some; gives its port."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    listening = socket.create_server(("127.0.0.1", 0))

    async def serve() -> asyncio.Server:
        handler = _Refusing(known)
        return await loop.create_server(
            lambda: SMTP(handler, hostname="mx.receiver.test", loop=loop), sock=listening
        )

    server = asyncio.run_coroutine_threadsafe(serve(), loop).result(10)
    try:
        yield int(listening.getsockname()[1])
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
