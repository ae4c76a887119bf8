"""The way in: version, help, wrong usage, and what becomes of errors."""

import subprocess
import sys
from pathlib import Path
from subprocess import PIPE

import pytest

from dsnwatch import __version__, cli
from dsnwatch.cli import COMMANDS
from tests.cli.builders import a_bounce
from tests.cli.conftest import Run, spawn

LEAVES = [
    ("import",), ("parse",), ("explain",), ("check",), ("suppressions", "list"),
    ("suppressions", "add"), ("suppressions", "remove"), ("suppressions", "export"),
    ("suppressions", "import"), ("events", "list"), ("events", "show"), ("quarantine", "list"),
    ("quarantine", "show"), ("quarantine", "retry"), ("config", "check"), ("config", "show"),
    ("db", "upgrade"), ("db", "sweep"), ("rules", "check"), ("rules", "try"), ("rules", "replay"),
    ("rules", "harvest"), ("docs",),
]  # fmt: skip


def modules_loaded_by(*arguments: str) -> set[str]:
    code = (
        "import sys; from dsnwatch.__main__ import main; main(sys.argv[1:]);"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(  # noqa: S603  our own program
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    return {name.partition(".")[0] for name in done.stderr.split()}


@pytest.mark.parametrize("before", [(), ("-v",)])
def test_version_is_said(run: Run, before: tuple[str, ...]) -> None:
    assert run(*before, "--version").out == f"dsnwatch {__version__}\n"


def test_version_loads_nothing_but_itself() -> None:
    assert not modules_loaded_by("--version") & {"typer", "pydantic", "rich", "sqlite3", "logging"}


def test_check_loads_nothing_heavy(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text('[store]\nurl = "sqlite:///none.db"\n')
    loaded = modules_loaded_by("--config", str(tmp_path / "c.toml"), "check", "anne@example.com")
    assert "typer" in loaded
    assert not loaded & {"pydantic", "pydantic_settings", "rich", "sqlalchemy", "sqlmodel"}


@pytest.mark.parametrize("command", LEAVES, ids=" ".join)
def test_help_of_every_command_has_an_example(run: Run, command: tuple[str, ...]) -> None:
    ran = run(*command, "--help")
    assert ran.status == 0
    assert f"  dsnwatch {command[0]}" in ran.out
    assert max(map(len, ran.out.splitlines())) <= 80


def test_documents_are_listed_and_printed_as_they_stand(run: Run) -> None:
    written = Path(cli.__file__).parents[2] / "docs"
    assert {path.stem for path in written.glob("*.md")} == {
        row.split()[0] for row in run("docs").out.splitlines()[1:]
    }
    assert run("docs", "docs/mailboxes.md").out == (written / "mailboxes.md").read_text()
    wrong = run("docs", "mailbxes")
    assert wrong.status == 2
    assert "did you mean 'mailboxes'?" in wrong.err


def test_help_lists_every_command(run: Run) -> None:
    out = run("--help").out
    assert all(f"\n  {name} " in out for name in COMMANDS)
    assert "..." not in out.partition("Commands:")[2]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "missing command; see `dsnwatch --help`"),
        (("chekc",), "no command 'chekc'; did you mean 'check'?"),
        (("check",), "missing argument 'ADDRESS'; see `dsnwatch check --help`"),
        (("check", "--sotre", "x", "a@example.com"), "no such option: --sotre"),
        (("import", "--jobs", "0", "x"), "invalid value for '--jobs'"),
        (("import", "--jobs", "many", "x"), "invalid value for '--jobs'"),
        (("--config", "none.toml", "db", "upgrade"), "none.toml: no such file"),
        (("db", "upgrade", "--store", "mysql://x"), "store: databases of the kind 'mysql'"),
        (("check", "anne"), "'anne' is no address; write it as name@domain"),
        (("events", "list", "--class", "hrad"), "invalid value for '--class'"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(
    run: Run, arguments: tuple[str, ...], said: str
) -> None:
    ran = run(*arguments)
    assert ran.status == 2
    assert ran.err.startswith(f"dsnwatch: {said}")
    assert ran.err.count("\n") == 1
    assert not ran.out


def test_v_says_where_configuration_and_store_lie_before_and_after_the_name(
    run: Run, tmp_path: Path
) -> None:
    (tmp_path / "c.toml").write_text('[store]\nurl = "sqlite:///here.db"\n')
    for arguments in (
        ("-v", "--config", "c.toml", "check", "a@example.com"),
        ("check", "-v", "--config", "c.toml", "a@example.com"),
        ("-v", "--config", "c.toml", "suppressions", "list"),
    ):
        err = run(*arguments).err
        assert "dsnwatch: configuration: c.toml\n" in err
        assert "dsnwatch: store: here.db\n" in err


def test_store_option_goes_before_the_configuration(run: Run, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text('[store]\nurl = "sqlite:///here.db"\n')
    run("--config", "c.toml", "db", "upgrade", "--store", "there.db")
    assert (tmp_path / "there.db").exists()
    assert not (tmp_path / "here.db").exists()


def test_ctrl_c_ends_with_130_and_says_how_to_go_on(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("dsnwatch.store.lookup.SuppressionLookup.find_many", interrupted)
    ran = run("check", "anne@example.com")
    assert ran.status == 130
    assert "run the same command again" in ran.err


def test_our_own_mistake_is_a_traceback_and_never_status_1(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dsnwatch.store.lookup.SuppressionLookup.find_many", lambda *_: 1 / 0)
    ran = run("check", "anne@example.com")
    assert ran.status == cli.EX_SOFTWARE
    assert "ZeroDivisionError" in ran.err


def test_reader_of_our_output_may_go_away(tmp_path: Path) -> None:
    listed = tmp_path / "list.txt"
    listed.write_text("".join(f"user{n}@example.com\n" for n in range(20_000)))
    with listed.open() as stdin:
        process = spawn("check", "--json", "-", stdin=stdin, stdout=PIPE, stderr=PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait() == 141
    assert not process.stderr.read()
    process.stderr.close()


@pytest.mark.parametrize(
    "command",
    [
        ("suppressions", "export"),
        ("export", "postfix"),
        ("events", "list"),
        ("report",),
        ("check", "anne@example.com"),
    ],
    ids=" ".join,
)
def test_store_that_is_mistyped_is_no_empty_one(
    run: Run, tmp_path: Path, command: tuple[str, ...]
) -> None:
    ran = run(*command, "--store", "typo.db")
    assert (ran.status, ran.out) == (66, "")
    assert ran.err.startswith("dsnwatch: typo.db: no such store; check --store, or import")
    assert not (tmp_path / "typo.db").exists()


def test_store_that_is_mistyped_is_not_copied(run: Run, tmp_path: Path) -> None:
    assert run("db", "copy", "typo.db", "there.db").status == 66
    assert [*tmp_path.glob("*.db")] == []


@pytest.mark.parametrize("since", ["2026-03-05", "2026-03-05T10:00", "2026-03-05T11:00+01:00"])
def test_moments_are_days_or_times(run: Run, since: str) -> None:
    run("import", "-", stdin=a_bounce("anne@example.com"))
    assert len(run("events", "list", "--json", "--since", since).rows) == 1
    assert len(run("events", "list", "--json", "--until", since).rows) == 0


def test_moments_may_be_so_long_ago(run: Run) -> None:
    run("import", "-", stdin=a_bounce("anne@example.com"))
    assert len(run("events", "list", "--json", "--since", "3650d").rows) == 1
    assert len(run("events", "list", "--json", "--until", "3650d").rows) == 0


def test_what_is_no_moment_is_told_how_it_is_written(run: Run) -> None:
    ran = run("events", "list", "--since", "yesterday")
    assert ran.status == 2
    assert "'yesterday' is no time; write it like 2026-03-05, 2026-03-05T10:00 or 7d" in ran.err
