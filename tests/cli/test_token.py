"""`dsnwatch token`: made once, listed without its secret, revoked."""

from dsnwatch import tokens
from tests.cli.conftest import Run

LIST = ("token", "list", "--json")


def test_token_is_printed_once_and_listed_without_its_secret(run: Run) -> None:
    text = run("token", "create", "crm", "--scope", "check", "--scope", "write").out.strip()
    assert tokens.id_of(text) is not None
    ran = run(*LIST)
    assert text.rpartition("_")[2] not in ran.out
    (row,) = ran.rows
    assert (row["name"], row["scopes"], row["until"]) == ("crm", ["check", "write"], None)
    assert run("token", "list").out.startswith("id")


def test_token_may_run_out(run: Run) -> None:
    run("token", "create", "crm", "--scope", "read", "--for", "90d")
    assert run(*LIST).rows[0]["until"] is not None


def test_token_is_revoked_by_its_name(run: Run) -> None:
    run("token", "create", "crm", "--scope", "read")
    assert run("token", "revoke", "crm", "--because", "gone").status == 0
    assert run(*LIST).rows == []
    assert run("token", "revoke", "crm").status == 1


def test_token_needs_a_scope_that_there_is(run: Run) -> None:
    assert run("token", "create", "crm").status == 2
    assert run("token", "create", "crm", "--scope", "all").status == 2
    assert run("token", "create", " ", "--scope", "read").status == 2
    assert run("token", "create", "crm", "--scope", "read", "--for", "long").status == 2


def test_help_fits_a_terminal(run: Run) -> None:
    for command in ("create", "list", "revoke"):
        out = run("token", command, "--help").out
        assert "  dsnwatch token" in out
        assert max(map(len, out.splitlines())) <= 80
