"""What is built holds everything, and works where nothing else is."""

import os
import re
import shlex
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

import dsnwatch
from tests.servers.needs import lacking_is

REPOSITORY = Path(dsnwatch.__file__).parents[1]
PACKAGE = REPOSITORY / "dsnwatch"


def call(
    *command: object, cwd: Path | None = None, more: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DSNWATCH", "PYTHON", "STATE_", "XDG_"))
    }
    return subprocess.run(  # noqa: S603  ours
        list(map(str, command)),
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env=kept | {"PIP_DISABLE_PIP_VERSION_CHECK": "1"} | dict(more or {}),
    )


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Build the sdist, and from it alone the wheel."""
    folder = tmp_path_factory.mktemp("built")
    done = call(sys.executable, "-m", "build", "--sdist", "--wheel", "-o", folder, REPOSITORY)
    if "Successfully built" not in done.stdout:
        if "No matching distribution" in done.stdout + done.stderr:
            lacking_is("no package index to build with")
        pytest.fail(done.stdout + done.stderr)
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return sdist, wheel


@pytest.fixture(scope="module")
def program(built: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel by pipx, into an empty environment of its own; gives the program."""
    folder = tmp_path_factory.mktemp("installed")
    pipx = folder / "tools" / "bin" / "pipx"
    places = {
        "PIPX_HOME": str(folder / "home"),
        "PIPX_BIN_DIR": str(folder / "bin"),
        "PIPX_MAN_DIR": str(folder / "man"),
        "PIPX_DEFAULT_PYTHON": sys.executable,
    }
    steps: list[list[object]] = [
        [sys.executable, "-m", "venv", folder / "tools"],
        [folder / "tools" / "bin" / "python", "-m", "pip", "install", "--quiet", "pipx"],
        [pipx, "install", "--pip-args=--no-compile --quiet", built[1]],
    ]
    for step in steps:
        done = call(*step, more=places)
        if done.returncode:
            if "No matching distribution" in done.stderr:
                lacking_is("no package index to install from")
            pytest.fail(done.stdout + done.stderr)
    return folder / "bin" / "dsnwatch"


def files_below(folder: Path) -> set[str]:
    """Name the files of the package, as the repository knows them."""
    listed = call("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=folder)
    if listed.returncode == 0:
        return {name for name in listed.stdout.split("\0") if name and (folder / name).is_file()}
    found = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {str(path.relative_to(folder)) for path in found}


def test_wheel_holds_the_whole_package_the_units_and_the_licence(built: tuple[Path, Path]) -> None:
    names = set(zipfile.ZipFile(built[1]).namelist())
    wanted = {f"dsnwatch/{name}" for name in files_below(PACKAGE)}
    wanted |= {f"dsnwatch/systemd/{name}" for name in files_below(REPOSITORY / "systemd")}
    wanted |= {f"dsnwatch/docs/{name}" for name in files_below(REPOSITORY / "docs")}
    assert wanted <= names
    assert {f"dsnwatch-{dsnwatch.__version__}.dist-info/licenses/LICENSE"} <= names
    assert not [name for name in names if name.startswith(("tests", "fixtures"))]


def test_sdist_holds_what_tests_and_packagers_need(built: tuple[Path, Path]) -> None:
    with tarfile.open(built[0]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {"README.md", "LICENSE", "CHANGELOG.md", "pyproject.toml", "tests/run"}
    wanted |= {f"dsnwatch/{name}" for name in files_below(PACKAGE)}
    wanted |= {f"systemd/{name}" for name in files_below(REPOSITORY / "systemd")}
    assert wanted <= names


def test_installed_alone_it_does_its_work(program: Path, tmp_path: Path) -> None:
    mail = REPOSITORY / "fixtures" / "demo.mbox"
    store = f"sqlite:///{tmp_path}/a.db"
    wanted: list[tuple[list[object], int, str]] = [
        (["--version"], 0, f"dsnwatch {dsnwatch.__version__}\n"),
        (["docs", "mailboxes"], 0, "# Mailboxes\n"),
        (["parse", "--json", mail], 0, '"kind": "bounce"'),
        (["import", mail, "--store", store], 0, "newly suppressed"),
        (["check", "ash.crane@lapsed.test", "--store", store], 1, "suppressed, domain_unknown"),
        (["init", "--root", tmp_path / "root", "--source", "none"], 0, "dsnwatch.service"),
        (["verp", "snippet", "--help"], 0, "Usage: dsnwatch"),
    ]
    for arguments, status, said in wanted:
        done = call(program, *arguments, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (status, ""), arguments
        assert said in done.stdout
    unit = (tmp_path / "root" / "etc/systemd/system/dsnwatch.service").read_text()
    assert f"ExecStart={program} --config /etc/dsnwatch/dsnwatch.toml run" in unit


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_installed_alone_it_completes_what_is_typed(program: Path, shell: str) -> None:
    """As the shell asks that has `dsnwatch supp` typed."""
    typed = {
        "_DSNWATCH_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": "dsnwatch supp",
        "COMP_CWORD": "1",
        "_TYPER_COMPLETE_ARGS": "dsnwatch supp",
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }
    done = call(program, more=typed)
    assert "suppressions" in done.stdout, done.stderr


def walk_of_the_readme() -> list[tuple[str, str]]:
    """Give each command that the README shows, with what it shows of its output."""
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    (first, shown) = re.findall(
        r"^```sh\npython3 -m venv.*?(dsnwatch import .*?)\n```\n\n```text\n(.*?)^```$",
        text,
        flags=re.MULTILINE | re.DOTALL,
    )[0]
    walk = [(first, shown)]
    for block in re.findall(r"^```console\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            walk.append((command, output))
    return walk


def like(text: str) -> list[str]:
    """Take out of an output what differs from run to run: ids, days, speeds, widths."""
    masked = re.sub(r"\b[0-9A-HJKMNP-TV-Z]{26}\b", "ID", text)
    masked = re.sub(r"\d{4}-\d\d-\d\d", "DAY", masked)
    masked = re.sub(r"[\d.]+ s, \d+ messages a second", "SPEED", masked)
    return [" ".join(line.split()) for line in masked.strip().splitlines()]


def test_walk_through_the_readme_shows_what_it_shows(program: Path, tmp_path: Path) -> None:
    (tmp_path / "fixtures").symlink_to(REPOSITORY / "fixtures")
    walk = walk_of_the_readme()
    assert len(walk) > 3
    for command, shown in walk:
        words, _, _target = command.partition(" > ")
        done = call(program, *shlex.split(words)[1:], cwd=tmp_path)
        assert done.returncode == (1 if words.startswith("dsnwatch check") else 0), done.stderr
        if shown:
            assert like(done.stdout) == like(shown), command
