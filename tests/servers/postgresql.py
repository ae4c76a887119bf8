"""A throw-away PostgreSQL: one server for a test session, a database a test."""

import os
import pwd
import secrets
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree, which

import psycopg

from dsnwatch.store import open_store
from tests.servers.dovecot import a_port
from tests.servers.needs import SERVER_PATHS, need

USER = "test"
LOCKED, PASSWORD = "locked", "sesame/@:"
"""Another user, who has to say his password."""

TEMPLATE = "dsnwatch_template"
FAST = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
"""For tests that cut no power."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server.

    Attributes:
        port: On 127.0.0.1; whoever connects is who he says.
    """

    folder: Path
    port: int
    programs: Path

    def url(self, database: str, user: str = USER) -> str:
        """Give the URL of a database."""
        return f"postgresql+psycopg://{user}@127.0.0.1:{self.port}/{database}"

    def run(self, statement: str, database: str = "postgres") -> None:
        """Do something as its owner."""
        with self.connect(database) as connection:
            connection.execute(statement.encode())

    def connect(self, database: str) -> "psycopg.Connection[tuple[object, ...]]":
        """Open a connection as its owner, each statement a transaction."""
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user=USER, dbname=database, autocommit=True
        )

    def a_database(self, template: str = "template0") -> str:
        """Make a database; gives its name."""
        name = f"t{secrets.token_hex(6)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return name

    def a_store(self) -> str:
        """Make a database with the tables of this version; gives its URL."""
        return self.url(self.a_database(TEMPLATE))

    def drop(self, database: str) -> None:
        """Let go of a database, whoever is still connected."""
        self.run(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")

    def stop(self) -> None:
        """End it as if the machine had stopped."""
        self._control("-m", "immediate", "-w", "stop")

    def start(self, settings: Mapping[str, str] = FAST) -> None:
        """Start it."""
        given = {
            "port": str(self.port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self.folder / "sock"),
            "max_connections": "60",
            "shared_buffers": "32MB",
            **settings,
        }
        options = " ".join(f"-c {name}={value}" for name, value in given.items())
        self._control(
            "-w", "-t", "60", "-l", str(self.folder / "data" / "log"), "-o", options, "start"
        )

    def _control(self, *arguments: str) -> None:
        _as_user(self.folder, self.programs / "pg_ctl", "-D", str(self.folder / "data"), *arguments)


def _user() -> str:
    """Name who runs it: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid()).pw_name
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        return "nobody"


def _as_user(folder: Path, *command: object) -> None:
    said = folder / "said"
    with said.open("wb") as out:  # not a pipe: the server inherits it, and it would never end
        done = subprocess.run(  # noqa: S603  programs of PostgreSQL
            [*map(str, command)],
            user=_user() if os.geteuid() == 0 else None,
            group=pwd.getpwnam(_user()).pw_gid if os.geteuid() == 0 else None,
            extra_groups=[] if os.geteuid() == 0 else None,
            env={"HOME": str(folder), "LC_ALL": "C", "PATH": SERVER_PATHS},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            check=False,
            cwd="/",
        )
    assert done.returncode == 0, said.read_text()


def _programs() -> Path:
    """Find PostgreSQL's programs, or skip the test."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    named = which("initdb", path=SERVER_PATHS)
    return Path(named).parent if named else need("initdb")[0].parent


@contextmanager
def running(settings: Mapping[str, str] = FAST) -> Iterator[Server]:
    """Start a server with a template of an empty store, and end it."""
    programs = _programs()
    user = pwd.getpwnam(_user())
    folder = Path(tempfile.mkdtemp(prefix="dsnwatch-pg-"))
    folder.chmod(0o711)
    for name in ("data", "sock"):
        (folder / name).mkdir(mode=0o700)
        if os.geteuid() == 0:
            os.chown(folder / name, user.pw_uid, user.pw_gid)
    server = Server(folder, a_port(), programs)
    try:
        _as_user(
            folder, programs / "initdb", "-D", str(folder / "data"), "-U", USER, "--auth=trust",
            "--no-sync", "-E", "UTF8",
        )  # fmt: skip
        hba = folder / "data" / "pg_hba.conf"
        hba.write_text(f"host all {LOCKED} 127.0.0.1/32 scram-sha-256\n{hba.read_text()}")
        server.start(settings)
        try:
            server.run(f"CREATE ROLE {LOCKED} LOGIN PASSWORD '{PASSWORD}'")
            server.run(f"CREATE DATABASE {TEMPLATE} TEMPLATE template0")
            open_store(server.url(TEMPLATE)).close()
            yield server
        finally:
            server.stop()
    finally:
        rmtree(folder, ignore_errors=True)
