"""What the units leave it is enough: the daemon and the import run with no other system call."""

import ctypes.util
import smtplib
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.builders import a_bounce, an_mbox, many_bounces
from tests.servers.dovecot import a_port
from tests.servers.needs import lacking_is, need

from . import jailed

UNITS = Path(__file__).parents[2] / "systemd"

CONFIGURATION = """
[store]
url = "sqlite:///{folder}/a.db"

[[listener]]
listen = ["127.0.0.1:{port}"]
domains = ["bounce.test"]

[[hook]]
name = "program"
kind = "exec"
command = ["/bin/sh", "-c", "cat > {folder}/told; exec 1>&2; echo told"]
"""


@pytest.fixture(autouse=True)
def _can_be_shut_in() -> None:
    need("systemd-analyze")
    if ctypes.util.find_library("seccomp") is None:
        lacking_is("not installed: libseccomp2")


def command(unit: str, *arguments: object) -> list[str]:
    jail = [sys.executable, jailed.__file__, str(UNITS / unit)]
    return [*jail, sys.executable, "-m", "dsnwatch", *map(str, arguments)]


def test_what_is_not_allowed_is_refused(tmp_path: Path) -> None:
    asks = (
        "import os, mmap, socket\n"
        "for what in (lambda: os.setpriority(os.PRIO_PROCESS, 0, 5), lambda: os.chroot('.'),\n"
        "             lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_WRITE | mmap.PROT_EXEC),\n"
        "             lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)):\n"
        "    try: what(); print('may')\n"
        "    except OSError: print('may not')\n"
    )
    jail = command("dsnwatch.service")[:3]
    done = subprocess.run(  # noqa: S603  ours
        [*jail, sys.executable, "-c", asks],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    assert done.stdout.split("\n")[:-1] == ["may not"] * 4


def test_daemon_stores_tells_and_ends(tmp_path: Path) -> None:
    port, config = a_port(), tmp_path / "dsnwatch.toml"
    config.write_text(CONFIGURATION.format(folder=tmp_path, port=port))
    log = tmp_path / "log"
    with (
        log.open("w") as said,
        subprocess.Popen(  # noqa: S603  ours
            command("dsnwatch.service", "--config", config, "run"), stderr=said
        ) as run,
    ):
        try:
            while ": ready: " not in log.read_text():
                assert run.poll() is None, log.read_text()
                time.sleep(0.02)
            data = a_bounce("anne@example.com").replace(b"\n", b"\r\n")
            with smtplib.SMTP("127.0.0.1", port, timeout=20) as client:
                client.sendmail("", ["bounces@bounce.test"], data)
            while not (tmp_path / "told").exists() or not (tmp_path / "told").read_text():
                assert run.poll() is None, log.read_text()
                time.sleep(0.02)
            run.terminate()
            assert run.wait(20) == 0
        finally:
            run.kill()
    assert "anne@example.com" in (tmp_path / "told").read_text()


def test_import_in_several_processes_and_sweep_are_done(tmp_path: Path) -> None:
    mbox = an_mbox(tmp_path / "a.mbox", many_bounces(400))
    config = tmp_path / "dsnwatch.toml"
    config.write_text(f'[store]\nurl = "sqlite:///{tmp_path}/a.db"\n')
    for unit, arguments in (
        ("dsnwatch-import@.service", ["import", "--jobs", "2", mbox]),
        ("dsnwatch-sweep.service", ["db", "sweep"]),
    ):
        done = subprocess.run(  # noqa: S603  ours
            command(unit, "--config", config, *arguments),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    with closing(sqlite3.connect(tmp_path / "a.db")) as database:
        assert database.execute("SELECT count(*) FROM event").fetchone() == (400,)
