"""`dsnwatch export`: the suppressions as a file for a mail server."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.cli.conftest import Run

TODAY = datetime.now(UTC).strftime("%Y-%m-%d")
SAID = f"5.7.1 stopped by dsnwatch since {TODAY}"


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        (("postfix",), [f"anne@example.com REJECT {SAID}"]),
        (("postfix", "--answer", "discard"), [f"anne@example.com DISCARD {SAID[6:]}"]),
        (("exim",), [f"anne@example.com: {SAID}"]),
        (
            ("exim", "--stream", "letters"),
            [f"anne@example.com: {SAID}", f"bob@example.com: {SAID}"],
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_everybody_who_is_not_to_be_mailed_is_in_it(
    run: Run, arguments: tuple[str, ...], lines: list[str]
) -> None:
    run("suppressions", "add", "anne@example.com")
    run("suppressions", "add", "bob@example.com", "--stream", "letters")
    assert run("export", *arguments).out.splitlines() == lines


def test_a_file_appears_whole(run: Run) -> None:
    run("suppressions", "add", "anne@example.com")
    assert run("export", "postfix", "--output", "suppressed").status == 0
    assert Path("suppressed").read_text().startswith("anne@example.com REJECT")
    assert run("export", "postfix", "--output", "absent/suppressed").status == 74


def test_what_cannot_be_in_it_is_said(run: Run) -> None:
    run("suppressions", "add", '"a b"@example.com')
    ran = run("export", "postfix")
    assert ran.out == ""
    assert ran.err.startswith("dsnwatch: 1 addresses cannot stand in such a file")


@pytest.mark.parametrize("arguments", [("sendmail",), ("postfix", "--answer", "no"), ()])
def test_what_is_not_known_is_refused(run: Run, arguments: tuple[str, ...]) -> None:
    assert run("export", *arguments).status == 2
