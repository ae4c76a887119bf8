"""`dsnwatch policy`: the policy in words, and another one tried on the past."""

from pathlib import Path

import pytest

from dsnwatch.policy import PRESETS

from .builders import a_bounce
from .conftest import Run

DRAFT = """
[policy]
preset = "transactional"
require_trust = "dkim"
never_suppress = ["@example.com"]
keep = { mailbox_full = "180d" }

[[policy.rule]]
id = "outlook_full"
reason = "mailbox_full"
provider = "outlook"
count = 3
within = "60d"
then = "hold"
for = "30d"

[[policy.stream]]
name = "news"
preset = "cold"
"""


@pytest.fixture
def draft(tmp_path: Path) -> Path:
    path = tmp_path / "draft.toml"
    path.write_text(DRAFT)
    return path


def test_each_row_of_the_policy_in_force_is_a_sentence(run: Run) -> None:
    rows = run("policy", "show", "--json").rows
    assert [row["row"] for row in rows] == [row.id for row in PRESETS["default"]]
    said = {row["row"]: f"{row['describes']} {row['follows']}" for row in rows}
    assert said["soft"] == (
        "a failure of class soft or undetermined except mailbox_full with fault recipient, "
        "receiver or unknown suppresses after 3 messages on 3 days over at least 72 h within "
        "30 days, for 90 days from the last"
    )
    assert said["backscatter"].startswith("whatever is about mail that was never yours leads to")


def test_people_read_it_with_the_guards(run: Run, draft: Path) -> None:
    out = run("policy", "show", "--policy", draft).out
    assert max(map(len, out.splitlines())) <= 80
    flowing = " ".join(out.split())
    for words in (
        "Every stream but news",
        "Stream news",
        "outlook_full: a failure for mailbox_full at outlook is held for a person after 3 messages",
        "and is held where its trust is less than dkim",
        "Never suppressed: @example.com.",
        "Suppressions for mailbox_full leave the list after 180 days.",
        "suppress 50 addresses an hour",
    ):
        assert words in flowing


def test_a_draft_is_tried_on_what_is_stored(run: Run, tmp_path: Path) -> None:
    run("import", "-", stdin=a_bounce("anne@example.com"))
    run("import", "-", stdin=a_bounce("bob@example.org", number=2))
    spares = tmp_path / "spares.toml"
    spares.write_text('[policy]\nnever_suppress = ["@example.com"]\n')
    *rows, last = run("policy", "simulate", "--policy", spares, "--days", 3650, "--json").rows
    assert [(row["address"], row["difference"]) for row in rows] == [
        ("anne@example.com", "release")
    ]
    assert last["summary"]["events"] == 2
    assert last["summary"]["release"] == {"addresses": 1, "alive": 0}
    out = run("policy", "simulate", "--policy", spares, "--days", 3650).out
    assert out.startswith("2 events of 2 addresses in 3650 days\n")
    assert "without the guards against floods and your own troubles" in out
    assert max(map(len, out.splitlines())) <= 80
    assert run("check", "anne@example.com").status == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param((), "say which: --policy", id="no draft"),
        pytest.param(("--policy", "nowhere.toml"), "is no file", id="no file"),
        pytest.param(
            ("--policy", "bad.toml"), "bad.toml, line 3: ", id="a row that cannot be meant"
        ),
        pytest.param(("--policy", "draft.toml", "--days", "0"), "is not from 1", id="no days"),
    ],
)
@pytest.mark.usefixtures("draft")
def test_what_cannot_be_meant_is_refused(run: Run, words: tuple[str, ...], said: str) -> None:
    Path("bad.toml").write_text('[policy]\n\n[[policy.rule]]\nid = "X"\nthen = "ignore"\n')
    ran = run("policy", "simulate", *words)
    assert ran.status == 2
    assert said in ran.err


def test_without_events_that_is_said(run: Run, draft: Path) -> None:
    ran = run("policy", "simulate", "--policy", draft)
    assert (ran.status, ran.out) == (0, "")
    assert ran.err == "dsnwatch: no events in the last 90 days\n"
