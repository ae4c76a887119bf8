"""The man page and the completions say what the commands say, in what their readers accept."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from dsnwatch.cli import COMMANDS, run
from dsnwatch.cli.command_tree import Entry, entries
from dsnwatch.cli.manual import KINDS
from tests.servers.needs import need

ENTRIES = list(entries())


def test_every_command_is_in_the_tree_with_its_options() -> None:
    assert ENTRIES[0].children == tuple(COMMANDS)
    found = {" ".join(each.path): each for each in ENTRIES}
    assert {"db sweep", "import", "suppressions list"} <= set(found)
    assert "--dry-run" in [name for each in found["import"].options for name in each.names]
    assert found["import"].arguments == ("PATH...",)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: " ".join(entry.path) or "dsnwatch")
def test_help_fits_eighty_columns_and_is_no_programmers(
    entry: Entry, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert run([*entry.path, "--help"]) == 0
    shown = capsys.readouterr().out
    assert [line for line in shown.splitlines() if len(line) > 80] == []
    assert not re.search(r"<(str|int|path|list|Path)|{|^  \w+  .*\.\.\.$", shown, re.MULTILINE)


def test_man_page_has_every_command_and_nothing_to_complain_of(tmp_path: Path) -> None:
    (man,) = need("man")
    path = tmp_path / "dsnwatch.1"
    path.write_text(KINDS["man"]())
    done = subprocess.run(  # noqa: S603  ours
        [man, "--warnings=w", "-E", "UTF-8", "-l", "-Tutf8", path],
        capture_output=True,
        text=True,
        check=True,
        env={
            "LC_ALL": "C.UTF-8",
            "MANWIDTH": "80",
            "PATH": "/usr/bin:/bin",
        },
    )
    assert done.stderr == ""
    shown = re.sub(".\b", "", done.stdout)  # bold, as printers did it
    for entry in ENTRIES[1:]:
        if not entry.children:
            assert f"\n   {' '.join(entry.path)} " in shown


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script(shell: str, tmp_path: Path) -> None:
    (program,) = need(shell)
    path = tmp_path / "completion"
    path.write_text(KINDS[shell]())
    done = subprocess.run(  # noqa: S603  ours
        [program, "-n", path], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("s", {"status", "suppressions", "sent"}),
        ("db sw", {"sweep"}),
        ("--config FILE suppressions ex", {"export"}),
        ("import --unt", {"--untrusted"}),
        ("parse /etc/hos", set()),
    ],
)
def test_bash_offers_what_fits(typed: str, offered: set[str], tmp_path: Path) -> None:
    (program,) = need("bash")
    path = tmp_path / "completion"
    path.write_text(KINDS["bash"]())
    asks = (
        f"source {path}; COMP_WORDS=(dsnwatch {typed}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); "
        '_dsnwatch; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(  # noqa: S603  ours
        [program, "-c", asks], capture_output=True, text=True, check=True
    )
    assert set(done.stdout.split()) == offered


def test_packagers_get_each_from_the_command_line() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dsnwatch.cli.manual", "fish"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == KINDS["fish"]()
