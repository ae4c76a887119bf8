"""A throw-away Dovecot: any user, the password `secret`, a Maildir each."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any

from imapclient import IMAPClient

from tests.servers.certificate import Certificate, a_certificate
from tests.servers.needs import need

PASSWORD = "secret"
UID = 65534  # mail may not belong to root
_NUMBERS = count(1)

_CONFIG = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
info_log_path = {folder}/info.log
protocols = imap
listen = 127.0.0.1
ssl = yes
ssl_cert = <{certificate}
ssl_key = <{key}
disable_plaintext_auth = no
auth_mechanisms = plain login{mechanisms}
auth_failure_delay = 0
auth_verbose = yes
mail_max_userip_connections = 0
mail_location = maildir:~/Maildir
mail_fsync = never
{passdb}
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={uid} home={folder}/mail/%u
}}
namespace inbox {{
  inbox = yes
  separator = {separator}
  prefix = {prefix}
  {junk}
}}
service imap-login {{
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
  }}
}}
service anvil {{
  client_limit = 1000
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
"""

_JUNK = "mailbox %s {\n    special_use = \\Junk\n    auto = create\n  }"


def a_port() -> int:
    """Find a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Dovecot:
    """A running server.

    Attributes:
        port: Plain, with STARTTLS.
        tls_port: TLS from the first octet.
    """

    folder: Path
    program: Path
    port: int
    tls_port: int
    certificate: Certificate

    @classmethod
    @contextmanager
    def running(
        cls,
        *,
        prefix: str = "",
        separator: str = "/",
        junk: str = "Spam",
        oauth: str = "",
        mechanisms: str = "XOAUTH2 OAUTHBEARER",
    ) -> Iterator["Dovecot"]:
        r"""Start one, and end it and remove its mail when the block ends.

        Args:
            prefix: Of the personal namespace.
            separator: Between levels.
            junk: What the folder marked \Junk is called; "" for none.
            oauth: Where tokens are looked at: the URL of a token information service.
            mechanisms: How tokens are shown.
        """
        program, _ = need("dovecot", "doveadm", root=True)
        # Not pytest's own folder: the next run of it shuts out everybody but root.
        folder = Path(mkdtemp(prefix="dsnwatch-dovecot-"))
        folder.chmod(0o755)
        for name in ("run", "state", "mail"):
            (folder / name).mkdir()
        os.chown(folder / "mail", UID, UID)
        certificate = a_certificate(folder)
        server = cls(folder, program, a_port(), a_port(), certificate)
        passdb = ""
        if oauth:
            (folder / "oauth.conf").write_text(
                f"introspection_url = {oauth}\nintrospection_mode = auth\n"
                "username_attribute = username\nactive_attribute = active\n"
                "active_value = true\nforce_introspection = yes\n"
            )
            passdb = (
                f"passdb {{\n  driver = oauth2\n  mechanisms = {mechanisms}\n"
                f"  args = {folder}/oauth.conf\n}}"
            )
        (folder / "dovecot.conf").write_text(
            _CONFIG.format(
                folder=folder,
                certificate=certificate.certificate,
                key=certificate.key,
                mechanisms=f" {mechanisms}" if oauth else "",
                passdb=passdb,
                password=PASSWORD,
                uid=UID,
                separator=separator,
                prefix=prefix,
                junk=_JUNK % f'"{junk}"' if junk else "",
                port=server.port,
                tls_port=server.tls_port,
            )
        )
        try:
            server.run()
            yield server
        finally:
            server.kill()
            rmtree(folder, ignore_errors=True)

    def run(self) -> None:
        """Start it, again after `stop`."""
        command: list[str | Path] = [self.program, "-c", self.folder / "dovecot.conf"]
        with (self.folder / "start.log").open("w+") as said:  # a pipe would stay open in the daemon
            done = subprocess.run(command, stdout=said, stderr=said, check=False)  # noqa: S603  ours
            said.seek(0)
            assert done.returncode == 0, said.read()
        for _ in range(200):
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 5):
                return
            time.sleep(0.02)
        raise AssertionError((self.folder / "dovecot.log").read_text())

    def stop(self, how: int = signal.SIGTERM) -> None:
        """End it; it does so asynchronously, so wait for it."""
        pid_file = self.folder / "run" / "master.pid"
        if not pid_file.exists():
            return
        pid = int(pid_file.read_text())
        os.kill(pid, how)
        for _ in range(500):
            if not _lives(pid):
                break
            time.sleep(0.01)
        pid_file.unlink(missing_ok=True)

    def kill(self) -> None:
        """End it and all its processes at once, connections and all."""
        pid_file = self.folder / "run" / "master.pid"
        # Whoever is interrupted while it starts finds no file yet.
        masters = [int(pid_file.read_text())] if pid_file.exists() else self._masters()
        pids = [*masters, *(child for master in masters for child in _children(master))]
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for _ in range(500):
            if not any(map(_lives, pids)):
                break
            time.sleep(0.01)
        pid_file.unlink(missing_ok=True)

    def _masters(self) -> list[int]:
        """Find what runs by our configuration, whether it has written down its id or not."""
        ours, found = str(self.folder / "dovecot.conf").encode(), []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                if ours in path.read_bytes().split(b"\0"):
                    found.append(int(path.parent.name))
        return found

    def a_user(self) -> "Account":
        """Give a user whose mailbox nobody has used."""
        return Account(self, f"user{next(_NUMBERS)}@example.org")


def _lives(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def _children(pid: int) -> list[int]:
    with suppress(OSError):  # it has ended
        found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [int(child) for child in found]
    return []


@dataclass
class Account:
    """A user of a server, and his mail."""

    server: Dovecot
    user: str

    @property
    def maildir(self) -> Path:
        """Where his mail lies."""
        return self.server.folder / "mail" / self.user / "Maildir"

    def client(self) -> Any:  # noqa: ANN401  IMAPClient ships no types
        """Log in beside whoever is tested; close it by `with`."""
        client = IMAPClient("127.0.0.1", self.server.port, ssl=False, timeout=20)
        client.login(self.user, PASSWORD)
        return client

    def deliver(self, messages: Iterable[bytes], folder: str = "INBOX") -> None:
        """Put messages into a folder as a delivery agent does, in this order."""
        place = self.maildir if folder == "INBOX" else self.maildir / f".{folder}"
        if not all((place / name).exists() for name in ("new", "cur", "tmp")):
            with self.client() as client:
                client.select_folder(folder)
        for data in messages:
            number = next(_NUMBERS)
            path = place / "tmp" / f"{1767225600 + number}.M{number}P1.example"
            path.write_bytes(data)
            os.chown(path, UID, UID)
            path.rename(place / "new" / path.name)

    def holds(self, folder: str = "INBOX") -> list[bytes]:
        """Give the messages of a folder, with LF line ends; none where there is no folder."""
        with self.client() as client:
            if not client.folder_exists(folder):
                return []
            client.select_folder(folder, readonly=True)
            found = client.fetch(client.search(), ["BODY.PEEK[]"])
            return [found[uid][b"BODY[]"].replace(b"\r\n", b"\n") for uid in sorted(found)]

    def count(self, folder: str = "INBOX") -> int:
        """Count the messages of a folder, without asking the server."""
        place = self.maildir if folder == "INBOX" else self.maildir / f".{folder}"
        return sum(1 for name in ("new", "cur") for _ in place.glob(f"{name}/*"))

    def is_empty(self) -> bool:
        """Whether the INBOX holds nothing; cheap, however much it holds."""
        for name in ("new", "cur"):
            with os.scandir(self.maildir / name) as entries:
                if next(entries, None) is not None:
                    return False
        return True

    def flags(self, folder: str = "INBOX") -> list[Sequence[bytes]]:
        """Give the flags of each message of a folder."""
        with self.client() as client:
            client.select_folder(folder, readonly=True)
            found = client.get_flags(client.search())
            return [found[uid] for uid in sorted(found)]

    def renumber(self) -> None:
        """Give the INBOX another UIDVALIDITY, as a server does that was restored from a backup."""
        uids = self.maildir / "dovecot-uidlist"
        header, *_ = uids.read_text().splitlines()
        for path in self.maildir.glob("dovecot*"):
            path.unlink()
        number = next(word for word in header.split() if word.startswith("V"))
        uids.write_text(f"3 V{int(number[1:]) + 1} N1 G{next(_NUMBERS):032x}\n")
        os.chown(uids, UID, UID)
