"""`dsnwatch init` puts a service in place that works, and spoils nothing."""

import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import dsnwatch
from dsnwatch.config import loading
from tests.servers.dovecot import PASSWORD, Dovecot
from tests.servers.needs import need

REPOSITORY = Path(dsnwatch.__file__).parents[1]
BY_SCRIPT = ("--source", "listener", "--domain", "bounce.example.org", "--listen", "mx")


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    with Dovecot.running() as server:
        yield server


def environment(folder: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DSNWATCH")}
    return kept | {"PYTHONPATH": str(REPOSITORY), "HOME": str(folder)}


def init(root: Path, *arguments: object, typed: str = "") -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "dsnwatch", "init", "--root", str(root)]
    command += map(str, arguments)
    return subprocess.run(  # noqa: S603  ours
        command, input=typed, capture_output=True, text=True, check=False, env=environment(root)
    )


def files(root: Path) -> dict[str, int]:
    """Give each file and folder with its rights."""
    found = root.rglob("*")
    return {str(each.relative_to(root)): each.stat().st_mode & 0o7777 for each in found}


def test_mailbox_is_tried_and_its_secret_is_for_root_alone(
    dovecot: Dovecot, tmp_path: Path
) -> None:
    user = dovecot.a_user().user
    root = tmp_path / "root"
    done = init(
        root, "--source", "mailbox", "--host", "127.0.0.1", "--port", dovecot.port, "--tls", "none",
        "--user", user, "--password-file", "-", "--preset", "newsletter", typed=f"{PASSWORD}\n",
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert f"login         as {user}" in done.stdout
    assert "systemctl enable --now dsnwatch.service dsnwatch-sweep.timer" in done.stdout
    rights = files(root)
    name = user.partition("@")[0]
    assert rights["etc/dsnwatch/secrets"] == 0o700
    assert rights[f"etc/dsnwatch/secrets/{name}"] == 0o600
    assert rights["etc/dsnwatch/dsnwatch.toml"] == 0o644
    assert not [path for path in rights if path.endswith((".db", ".part"))]
    loaded = loading.load(root / "etc/dsnwatch/dsnwatch.toml")
    (mailbox,) = loaded.settings.mailbox
    assert mailbox.password_file is not None
    assert loaded.secret(mailbox.password_file, "mailbox.0.password_file") == PASSWORD
    assert loaded.settings.policy.preset == "newsletter"


def test_mailbox_that_cannot_be_entered_leaves_nothing_behind(
    dovecot: Dovecot, tmp_path: Path
) -> None:
    done = init(
        tmp_path / "root", "--source", "mailbox", "--host", "127.0.0.1", "--port", dovecot.port,
        "--tls", "none", "--user", "anne@example.org", "--password-file", "-", typed="wrong\n",
    )  # fmt: skip
    assert done.returncode == 66
    assert done.stderr.count("\n") == 1
    assert "login refused" in done.stderr
    assert "(nothing was written)" in done.stderr
    assert not (tmp_path / "root").exists()


def test_five_questions_are_asked_and_one_again(tmp_path: Path) -> None:
    answers = ["pigeon", "listener", "bounce.example.org", "lmtp", "", "transactional"]
    command = [sys.executable, "-m", "dsnwatch", "init", "--root", str(tmp_path / "root")]
    ours, theirs = pty.openpty()
    with subprocess.Popen(  # noqa: S603  ours
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment(tmp_path)
    ) as process:
        os.close(theirs)
        os.write(ours, "".join(f"{answer}\n" for answer in answers).encode())
        said = b""
        try:
            while chunk := os.read(ours, 4096):
                said += chunk
        except OSError:  # Linux says so when the other side is closed
            os.close(ours)
    assert process.returncode == 0, said
    assert said.count(b"?") == len(answers)
    (listener,) = loading.load(tmp_path / "root/etc/dsnwatch/dsnwatch.toml").settings.listener
    assert (listener.listen, listener.protocol) == (("systemd:lmtp",), "lmtp")
    assert listener.recipients == ("bounces", "bounces+*", "postmaster", "abuse")
    assert b"dsnwatch-lmtp.socket" in said
    assert b"'pigeon' is none of these" in said


def test_what_is_there_stays_unless_told_otherwise(tmp_path: Path) -> None:
    assert init(tmp_path, *BY_SCRIPT).returncode == 0
    assert init(tmp_path, *BY_SCRIPT).returncode == 0, "the same again is no quarrel"
    path = tmp_path / "etc/dsnwatch/dsnwatch.toml"
    path.write_text(path.read_text() + 'node = "mx1"\n')
    mine = path.read_text()
    before = files(tmp_path)
    refused = init(tmp_path, *BY_SCRIPT)
    assert refused.returncode == 2
    assert f"{path}: is there already" in refused.stderr
    assert (path.read_text(), files(tmp_path)) == (mine, before)
    assert init(tmp_path, "--units").returncode == 0
    assert path.read_text() == mine
    assert init(tmp_path, *BY_SCRIPT, "--force").returncode == 0
    assert path.read_text() != mine


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--source", "mailbox"], "--host is missing"),
        (["--source", "pigeon"], "'pigeon' is none of mailbox, listener, none"),
        ([*BY_SCRIPT, "--preset", "hot"], "'hot' is none of default, cold"),
        ([*BY_SCRIPT[:4], "--domain", "a b"], "listener.domains"),
    ],
)
def test_wrong_answer_is_one_line(arguments: list[str], said: str, tmp_path: Path) -> None:
    done = init(tmp_path / "root", *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "root").exists()


def test_units_in_place_are_what_systemd_likes(tmp_path: Path) -> None:
    (analyze,) = need("systemd-analyze")
    assert init(tmp_path, *BY_SCRIPT, "--program", "/usr/bin/env").returncode == 0
    units = sorted((tmp_path / "etc/systemd/system").iterdir())
    assert [each.name for each in units] == sorted(
        each.name
        for each in (REPOSITORY / "systemd").iterdir()
        if each.suffix in {".service", ".socket", ".timer"}
    )
    done = subprocess.run(  # noqa: S603  ours
        [analyze, "verify", "--man=no", *units], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "/usr/bin/env --config" in (tmp_path / "etc/systemd/system/dsnwatch.service").read_text()
