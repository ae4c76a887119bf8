"""Commands on a store that lies on a PostgreSQL server."""

from pathlib import Path

import pytest

from tests.cli.builders import a_bounce, an_mbox, many_bounces
from tests.cli.conftest import Run
from tests.servers.postgresql import LOCKED, PASSWORD, Server

pytestmark = pytest.mark.server


def test_import_and_check_find_the_same_list(run: Run, tmp_path: Path, postgresql: Server) -> None:
    url = postgresql.a_store()
    mbox = an_mbox(tmp_path / "a.mbox", [*many_bounces(6), a_bounce("anne@example.net")])
    (said,) = run("import", mbox, "--store", url, "--json").rows
    assert (said["stored"], said["duplicates"]) == (7, 0)
    (again,) = run("import", mbox, "--store", url, "--json").rows
    assert (again["stored"], again["duplicates"]) == (0, 7)
    assert run("check", "anne@example.net", "--store", url).status == 1
    assert run("check", "bert@example.net", "--store", url).status == 0
    for command in (["db", "sweep"], ["db", "recount"], ["status"], ["rules", "replay"]):
        assert run(*command, "--store", url).err == "", command


def test_password_comes_from_its_file_for_every_command(
    run: Run, tmp_path: Path, postgresql: Server
) -> None:
    name = postgresql.a_database()
    postgresql.run(f"ALTER DATABASE {name} OWNER TO {LOCKED}")
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    config = tmp_path / "dsnwatch.toml"
    config.write_text(
        f'[store]\nurl = "{postgresql.url(name, LOCKED)}"\npassword_file = "password"\n'
    )
    assert run("db", "upgrade", "--config", config).status == 0
    assert run("check", "anne@example.net", "--config", config).status == 0


def test_password_in_the_url_is_never_shown(run: Run, tmp_path: Path, postgresql: Server) -> None:
    name = postgresql.a_database()
    config = tmp_path / "dsnwatch.toml"
    config.write_text(f'[store]\nurl = "{postgresql.url(name, f"{LOCKED}:hidden")}"\n')
    for command in (
        ["config", "show"],
        ["config", "check"],
        ["status", "-v"],
        ["check", "a@b.test"],
    ):
        ran = run(*command, "--config", config)
        assert "hidden" not in ran.out + ran.err, command


def test_dry_run_on_a_server_says_what_to_do_instead(run: Run, postgresql: Server) -> None:
    ran = run("import", "--dry-run", "x.mbox", "--store", postgresql.url("postgres"))
    assert ran.status == 2
    assert "--store /tmp/trial.db" in ran.err
