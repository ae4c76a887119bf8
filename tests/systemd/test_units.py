"""The units say what systemd knows, shut the service in, and fit what the program does."""

import re
import subprocess
import sys
from configparser import RawConfigParser
from pathlib import Path

import pytest

from dsnwatch.config.listener import place_of
from tests.servers.needs import need

UNITS = Path(__file__).parents[2] / "systemd"
SERVICES = sorted(UNITS.glob("*.service"))
SOCKETS = sorted(UNITS.glob("*.socket"))
PROGRAM = "/usr/bin/dsnwatch"
MOST_EXPOSED = "15"
"""In tenths; 10.0 is a service that is not shut in at all."""


def settings(path: Path) -> RawConfigParser:
    found = RawConfigParser(strict=False)
    found.optionxform = str  # type: ignore[assignment]  # keys as they are
    found.read(path)
    return found


@pytest.fixture
def placed(tmp_path: Path) -> Path:
    """Put the units where their program is one that is there, for systemd looks."""
    for path in UNITS.iterdir():
        (tmp_path / path.name).write_text(path.read_text().replace(PROGRAM, sys.executable))
    return tmp_path


def test_systemd_has_nothing_to_say_against_the_units(placed: Path) -> None:
    (analyze,) = need("systemd-analyze")
    units = [path for path in placed.iterdir() if path.suffix in {".service", ".socket", ".timer"}]
    done = subprocess.run(  # noqa: S603  ours
        [analyze, "verify", "--man=no", *sorted(units)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("service", [path.name for path in SERVICES])
def test_service_is_shut_in(placed: Path, service: str) -> None:
    (analyze,) = need("systemd-analyze")
    limit = f"--threshold={MOST_EXPOSED}"
    done = subprocess.run(  # noqa: S603  ours
        [analyze, "security", "--offline=true", limit, placed / service],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.name)
def test_service_runs_as_its_own_user_and_keeps_its_secrets_from_him(path: Path) -> None:
    service = settings(path)["Service"]
    assert service["User"] == "dsnwatch"
    assert service["StateDirectory"] == "dsnwatch"
    assert service["LoadCredential"] == "secrets:/etc/dsnwatch/secrets"
    assert "d /etc/dsnwatch/secrets  0700 root root" in (UNITS / "dsnwatch.tmpfiles").read_text()
    assert service["ExecStart"].startswith(f"{PROGRAM} --config /etc/dsnwatch/dsnwatch.toml ")


@pytest.mark.parametrize("path", SOCKETS, ids=lambda path: path.name)
def test_socket_is_called_as_its_comment_tells_the_listener(path: Path) -> None:
    told = re.findall(r'"(systemd:[a-z]+)"', path.read_text())
    assert told
    names = {place_of(text).activated for text in told}
    assert names == {settings(path)["Socket"]["FileDescriptorName"]}
    assert settings(path)["Socket"].get("Accept", "no") == "no"
    assert settings(path)["Socket"]["Service"] == "dsnwatch.service"


def test_user_and_folders_are_made_as_the_units_want_them(tmp_path: Path) -> None:
    sysusers, tmpfiles = need("systemd-sysusers", "systemd-tmpfiles", root=True)
    (tmp_path / "etc").mkdir()
    for program, name in ((sysusers, "dsnwatch.sysusers"), (tmpfiles, "dsnwatch.tmpfiles")):
        command = [str(program), f"--root={tmp_path}", str(UNITS / name)]
        command += ["--create"] if program == tmpfiles else []
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  ours
        assert done.returncode == 0, done.stderr
    (entry,) = [
        line.split(":")
        for line in (tmp_path / "etc/passwd").read_text().splitlines()
        if line.startswith("dsnwatch:")
    ]
    assert entry[5:] == ["/var/lib/dsnwatch", "/usr/sbin/nologin"]
    state, secrets = tmp_path / "var/lib/dsnwatch", tmp_path / "etc/dsnwatch/secrets"
    assert (state.stat().st_uid, state.stat().st_mode & 0o777) == (int(entry[2]), 0o700)
    assert (secrets.stat().st_uid, secrets.stat().st_mode & 0o777) == (0, 0o700)
