"""Runs commands in this process, away from the machine's own configuration and store."""

import io
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import dsnwatch
from dsnwatch.__main__ import main
from dsnwatch.config import document


@dataclass(frozen=True)
class Ran:
    """What a command said and how it ended."""

    status: int
    out: str
    err: str

    @property
    def rows(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


Run = Callable[..., Ran]


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("DSNWATCH_CONFIG", "DSNWATCH_STORE__URL", "STATE_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(document, "DEFAULT_PATH", tmp_path / "etc" / "dsnwatch.toml")
    monkeypatch.setenv("PYTHONPATH", str(Path(dsnwatch.__file__).parents[1]))
    monkeypatch.chdir(tmp_path)


def spawn(*arguments: object, **how: Any) -> "subprocess.Popen[str]":  # noqa: ANN401  what Popen takes
    """Start a command as a process of its own: `spawn("import", mbox, stdout=PIPE)`."""
    command = [sys.executable, "-m", "dsnwatch", *map(str, arguments)]
    return subprocess.Popen(command, text=True, **how)  # noqa: S603  our own program


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Give a function that runs one command: `run("check", "anne@example.com")`."""

    def command(*arguments: object, stdin: bytes = b"") -> Ran:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(stdin))))
        capsys.readouterr()
        status = main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return Ran(status, said.out, said.err)

    return command
