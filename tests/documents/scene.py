"""A machine for one document: a root of its own, a store with mail in it, a shell."""

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from shutil import copyfile

import pytest

from dsnwatch.__main__ import main
from dsnwatch.store import ids
from tests.servers.needs import SERVER_PATHS

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "fixtures" / "demo.mbox"
STORE = "var/lib/dsnwatch/dsnwatch.db"

_AT_ROOT = re.compile(r"(?<![\w./])/(?=(?:etc|opt|run|srv|usr/local|var)/)")
_SHELL = frozenset({"|", "&&", ";"})


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended, and what it said."""

    status: int
    out: str
    err: str = ""


@dataclass(slots=True)
class Scene:
    """Where the commands of one document are run, one after the other.

    Attributes:
        root: Stands for `/`: of what a document names below /etc, /var and their like.
        home: Where the commands are run.
        values: What stands for what is written as `{name}` in the table of changes.
        said: All that was said so far.
        more: What ends with the scene.
    """

    root: Path
    home: Path
    capture: pytest.CaptureFixture[str]
    values: dict[str, str] = field(default_factory=dict)
    more: ExitStack = field(default_factory=ExitStack)
    said: str = ""
    _shell: "subprocess.Popen[str] | None" = None

    @property
    def configuration(self) -> Path:
        """The configuration file of all commands."""
        return self.root / "etc" / "dsnwatch" / "dsnwatch.toml"

    def at_root(self, text: str) -> str:
        """Put what lies below / below our root."""
        return _AT_ROOT.sub(f"{self.root}/", text)

    def run(self, text: str) -> Ran:
        """Run a command: dsnwatch in this process, whatever asks for a shell in one."""
        text = self.at_root(text)
        words = shlex.shlex(text, posix=True, punctuation_chars=True)
        words.whitespace_split = True
        parts = list(words)
        if parts[0] != "dsnwatch" or _SHELL & {*parts} or "$(" in text or "<" in parts:
            return self._in_shell(text)
        target = parts[parts.index(">") + 1] if ">" in parts else None
        if parts[1:] == ["run"]:
            return self._stopped(self.daemon())
        self.capture.readouterr()
        status = main(parts[1 : parts.index(">") if target else None])
        said = self.capture.readouterr()
        self.said += said.out + said.err
        if target is None:
            return Ran(status, said.out, said.err)
        (self.home / target).write_text(said.out)
        return Ran(status, "", said.err)

    def _in_shell(self, text: str) -> Ran:
        """Run it in the one shell of the document, which remembers what was set before."""
        if self._shell is None:
            self._shell = self.more.enter_context(
                subprocess.Popen(
                    ["/bin/bash", "--noprofile", "--norc"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    cwd=self.home,
                    env={**os.environ, "PATH": f"{self.root}/bin:{SERVER_PATHS}"},
                    text=True,
                    start_new_session=True,
                )
            )
            self.more.callback(self._shell.stdin.close)  # type: ignore[union-attr]  # it is a pipe
        stdin, stdout = self._shell.stdin, self._shell.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(f"{{ {text}\n}} </dev/null\nprintf '\\n-- ended with %d\\n' $?\n")
        stdin.flush()
        said = ""
        while (found := re.search(r"\n-- ended with (\d+)\n$", said)) is None:
            one = stdout.readline()
            assert one, f"the shell has gone: {said}"
            said += one
        return Ran(int(found[1]), said[: found.start()])

    def daemon(self) -> "subprocess.Popen[bytes]":
        """Run the daemon until the scene ends; gives it when it is ready."""
        log = self.root / "daemon.log"
        with log.open("w") as said:
            process = subprocess.Popen([sys.executable, "-m", "dsnwatch", "run"], stderr=said)
        self.more.enter_context(process)
        self.more.callback(process.terminate)
        while ": ready: " not in log.read_text():
            assert process.poll() is None, log.read_text()
            time.sleep(0.02)
        return process

    def _stopped(self, daemon: "subprocess.Popen[bytes]") -> Ran:
        """End a daemon as a person does who looked at it."""
        daemon.send_signal(signal.SIGINT)
        return Ran(daemon.wait(30), "", (self.root / "daemon.log").read_text())


@contextmanager
def a_scene(
    folder: Path, demo: Path, capture: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch
) -> Iterator[Scene]:
    """Make a machine whose store holds the demo, and take it away again."""
    root, home = folder / "root", folder / "home"
    for place in ("bin", "etc/dsnwatch", "etc/postfix", "srv/backup", "var/mail", "var/log"):
        (root / place).mkdir(parents=True)
    (root / STORE).parent.mkdir(parents=True)
    copyfile(demo, root / STORE)
    home.mkdir()
    (home / "fixtures").symlink_to(ROOT / "fixtures")
    program = root / "bin" / "dsnwatch"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m dsnwatch "$@"\n')
    program.chmod(0o755)
    scene = Scene(root, home, capture)
    write(scene, {"/etc/dsnwatch/dsnwatch.toml": ""})
    for name in [name for name in os.environ if name.startswith(("DSNWATCH_", "STATE_"))]:
        patch.delenv(name)
    patch.setenv("PYTHONPATH", str(ROOT))
    patch.setenv("DSNWATCH_CONFIG", str(scene.configuration))
    patch.setenv("DSNWATCH_STORE__URL", f"sqlite:///{root / STORE}")
    patch.setenv("XDG_STATE_HOME", str(folder / "state"))
    patch.chdir(home)
    with_ids_of_its_own(patch)
    with scene.more:
        yield scene


def with_ids_of_its_own(patch: pytest.MonkeyPatch) -> None:
    """Forget the ids of the tests before us, whose clocks may have been ahead of today's."""
    patch.setattr(ids, "_ulids", ids.Ulids())


def write(scene: Scene, files: Mapping[str, str | bytes]) -> None:
    """Write files: those that begin with / below the root, others beside the commands."""
    for name, content in files.items():
        path = scene.root / name[1:] if name.startswith("/") else scene.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        path.chmod(0o600)
