"""`dsnwatch rollback`: a bad hour, as a person takes it back."""

import re

import pytest

from .builders import a_bounce
from .conftest import Run

HOURS = ("--since", "2026-03-05T09:00", "--until", "2026-03-05T11:00")


@pytest.fixture(autouse=True)
def _suppressed(run: Run) -> None:
    for number, name in enumerate(("anne", "bob")):
        run("import", "-", stdin=a_bounce(f"{name}@example.com", number=number))


def test_looked_at_first_then_done_then_undone(run: Run) -> None:
    looked = run("rollback", *HOURS, "--preview")
    assert looked.status == 0
    assert looked.out.splitlines()[1].split() == [
        "anne@example.com", "user_unknown", "may", "be", "mailed",
    ]  # fmt: skip
    assert looked.out.endswith("events that would count for nothing: 2; --because TEXT does it\n")
    assert run("check", "anne@example.com").status == 1
    done = run("rollback", *HOURS, "--because", "the server lied")
    assert run("check", "anne@example.com").status == 0
    (id_,) = re.findall(r"dsnwatch rollback --undo (\S+) --because", done.out)
    undone = run("rollback", "--undo", id_, "--because", "it did not")
    assert undone.out == f"{id_}: 2 suppressed again\n"
    assert run("check", "anne@example.com").status == 1


def test_machines_are_told_the_same(run: Run) -> None:
    *rows, last = run("rollback", *HOURS, "--json", "--because", "x").rows
    assert [(row["address"], row["after"]) for row in rows] == [
        ("anne@example.com", None),
        ("bob@example.com", None),
    ]
    assert rows[0]["before"]["rule"] == "hard"
    assert last["events"] == 2
    undone = run("rollback", "--undo", last["rollback"], "--because", "y", "--json").rows
    assert [row["address"] for row in undone] == ["anne@example.com", "bob@example.com"]


def test_nothing_to_take_back_is_said(run: Run) -> None:
    ran = run("rollback", "--since", "2020-01-01", "--until", "2020-01-02", "--preview")
    assert (ran.status, ran.out) == (0, "")
    assert ran.err.startswith("dsnwatch: nothing to take back")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param((*HOURS,), "say --preview to look first", id="no reason"),
        pytest.param(("--preview",), "say from when on", id="no hours"),
        pytest.param(
            ("--since", "2026-03-05", "--until", "2026-03-05", "--preview"), "not later", id="none"
        ),
        pytest.param((*HOURS, "--preview", "--fingerprint", "xyz"), "12 digits", id="fingerprint"),
        pytest.param(("--undo", "xyz", "--because", "y"), "is no id", id="id"),
    ],
)
def test_what_cannot_be_meant_is_refused(run: Run, words: tuple[str, ...], said: str) -> None:
    ran = run("rollback", *words)
    assert ran.status == 2
    assert said in ran.err


def test_an_event_names_its_fingerprint_for_it(run: Run) -> None:
    event = run("events", "list", "--json").rows[0]["id"]
    shown = run("events", "show", event, "--json").rows[0]["fingerprint"]
    found = run("rollback", *HOURS, "--fingerprint", shown, "--preview", "--json").rows
    assert found[-1]["events"] == 2
    assert shown in run("events", "show", event).out
