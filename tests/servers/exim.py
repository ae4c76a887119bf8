"""Exim, which cannot be installed beside Postfix: its program alone, for as long as a test runs."""

import os
import subprocess
from pathlib import Path
from shutil import which

import pytest

from tests.servers.needs import SERVER_PATHS

UNPACKED = Path(__file__).parents[2] / ".venv" / "exim" / "usr" / "sbin" / "exim4"
"""Where `tests/run` unpacks it."""


def exim() -> Path:
    """Find one that runs, or skip the test with a plain reason.

    Root runs it, for only he may bring a configuration of his own.
    """
    if os.geteuid() != 0:
        pytest.skip("only root may run Exim with a configuration of his own")
    installed = which("exim4", path=SERVER_PATHS) or which("exim", path=SERVER_PATHS)
    program = Path(installed) if installed else UNPACKED
    if not program.exists():
        pytest.skip("no Exim here; it cannot be installed beside Postfix")
    command = (str(program), "-C", "/dev/null", "-bV")
    tried = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  Exim
    if not tried.stdout.startswith("Exim version"):
        pytest.skip(f"{program} does not run: {(tried.stderr or tried.stdout)[:100]}")
    return program


def settings(program: Path, folder: Path) -> str:
    """Give what a configuration of one's own begins with; it writes below a folder for all."""
    return (
        f"exim_path = {program}\nspool_directory = {folder}/spool\n"
        f"log_file_path = {folder}/%s.log\nprimary_hostname = mx.mta.test\n"
        "keep_environment =\nnever_users =\n"
    )


def log_of(folder: Path) -> str:
    """Give what it has logged."""
    return "".join(path.read_text() for path in sorted(folder.glob("*.log")))
