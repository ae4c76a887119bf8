"""`dsnwatch rules`: what it says, and how it ends."""

import tomllib
from pathlib import Path

from tests.cli.builders import a_bounce, an_mbox
from tests.cli.conftest import Run

FISH = """\
[[cause]]
id = "our-fish"
reason = "policy"
phrases = ["refused because of fish"]
examples = ["550 refused because of fish"]
"""


def a_draft(folder: Path, text: str = FISH) -> Path:
    """Write a folder of rules."""
    draft = folder / "draft"
    draft.mkdir()
    (draft / "ours.toml").write_text(text, encoding="utf-8")
    return draft


def test_check_of_sound_rules_ends_with_0(run: Run) -> None:
    ran = run("rules", "check")
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.endswith("providers: all is well\n")


def test_check_names_what_is_to_be_mended_and_ends_with_1(run: Run, tmp_path: Path) -> None:
    draft = a_draft(tmp_path, FISH + FISH.replace("our-fish", "our-cod"))
    ran = run("rules", "check", "--rules", draft)
    assert ran.status == 1
    assert "ours.toml: row 'our-cod': is dead: our-fish always speaks first" in ran.out
    assert max(map(len, ran.out.splitlines())) <= 80


def test_check_for_machines_gives_a_row_a_finding(run: Run, tmp_path: Path) -> None:
    draft = a_draft(tmp_path, FISH + 'provider = "gogle"\n')
    ran = run("rules", "check", "--rules", draft, "--json")
    assert ran.status == 1
    assert [(row["file"], row["row"]) for row in ran.rows] == [("ours.toml", "our-fish")] * 2


def test_check_of_a_row_that_cannot_be_read_ends_with_2(run: Run, tmp_path: Path) -> None:
    draft = a_draft(tmp_path, FISH.replace("phrases", "phrase"))
    ran = run("rules", "check", "--rules", draft)
    assert (ran.status, ran.out) == (2, "")
    assert "ours.toml: row 'our-fish'" in ran.err


def test_rules_that_are_no_folder_end_with_2(run: Run) -> None:
    ran = run("rules", "check", "--rules", "nowhere")
    assert ran.status == 2
    assert "nowhere: is no folder" in ran.err


def test_try_says_reason_rule_and_where_it_matched(run: Run) -> None:
    ran = run("rules", "try", "550 5.1.1 User unknown in virtual mailbox table")
    assert ran.status == 0
    assert ran.out.startswith("user_unknown: there is no such mailbox\n")
    assert "\u00abuser unknown" in ran.out


def test_try_for_machines_gives_every_match_with_its_span(run: Run) -> None:
    (said,) = run("rules", "try", "--json", "550 5.1.1 User unknown").rows
    assert (said["reason"], said["class"], said["status"]) == ("user_unknown", "hard", "5.1.1")
    first = said["matches"][0]
    assert said["flat"][slice(*first["span"])] == first["text"]
    assert first["rule"] == said["rule"]


def test_try_goes_by_provider_and_status_given(run: Run) -> None:
    text = "550 Recipient address rejected: Access denied"
    (said,) = run("rules", "try", "--json", "--provider", "outlook", "--status", "5.4.1", text).rows
    assert (said["provider"], said["rule"]) == ("outlook", "m365-access-denied")


def test_try_goes_by_a_draft(run: Run, tmp_path: Path) -> None:
    draft = a_draft(tmp_path)
    (said,) = run("rules", "try", "--json", "--rules", draft, "550 refused because of fish").rows
    assert said["rule"] == "our-fish"


def test_try_reads_standard_input(run: Run) -> None:
    (said,) = run("rules", "try", "--json", "-", stdin=b"550 User\nunknown\n").rows
    assert said["text"] == "550 User unknown"


def test_try_of_unknown_names_says_the_nearest(run: Run) -> None:
    for option, name, near in (("provider", "gogle", "google"), ("dialect", "qmial", "qmail")):
        ran = run("rules", "try", f"--{option}", name, "550 no")
        assert ran.status == 2
        assert f"did you mean '{near}'?" in ran.err
    assert run("rules", "try", "--status", "5.1", "550 no").status == 2


STRICT = FISH.replace("refused because of fish", "mailbox full").replace("policy", "user_unknown")


def a_store(run: Run, folder: Path) -> None:
    """Import a dead address and a full mailbox."""
    letters = [
        a_bounce("anne@example.com"),
        a_bounce("bob@example.com", reason="mailbox_full").replace(b"4.2.2", b"5.2.2"),
    ]
    assert run("import", an_mbox(folder / "a.mbox", letters)).status == 0


def test_replay_of_a_draft_shows_what_would_differ(run: Run, tmp_path: Path) -> None:
    a_store(run, tmp_path)
    ran = run("rules", "replay", "--rules", a_draft(tmp_path, STRICT))
    assert ran.status == 0
    assert "2 events judged again: 1 mean something else" in ran.out
    assert "soft mailbox_full, for ever" in ran.out
    assert "would be newly suppressed           1" in ran.out
    assert "bob@example.com" in ran.out
    assert max(map(len, ran.out.splitlines())) <= 80
    assert run("check", "bob@example.com").status == 0


def test_replay_for_machines_names_every_change(run: Run, tmp_path: Path) -> None:
    a_store(run, tmp_path)
    verdict, effect, summary = run(
        "rules", "replay", "--json", "--rules", a_draft(tmp_path, STRICT)
    ).rows
    assert (verdict["change"], verdict["recipient"]) == ("verdict", "bob@example.com")
    assert (verdict["before"]["reason"], verdict["after"]["reason"]) == (
        "mailbox_full",
        "user_unknown",
    )
    assert (effect["change"], effect["before"], effect["after"]["until"]) == (
        "suppress",
        None,
        None,
    )
    assert (summary["events"], summary["otherwise"], summary["suppress"]) == (2, 1, 1)


def test_replay_is_applied_by_the_rules_in_service_only(run: Run, tmp_path: Path) -> None:
    a_store(run, tmp_path)
    draft = a_draft(tmp_path, STRICT)
    ran = run("rules", "replay", "--apply", "--rules", draft)
    assert ran.status == 2
    assert "move the draft into rules.d first" in ran.err
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "dsnwatch.toml").write_text("")
    draft.rename(tmp_path / "etc" / "rules.d")
    ran = run("rules", "replay", "--apply", "--because", "new rows")
    assert ran.status == 0
    assert "\nnewly suppressed           1\n" in ran.out
    assert run("check", "bob@example.com").status == 1


def odd(address: str, text: str, number: int) -> bytes:
    """Report something that no row knows."""
    letter = a_bounce(address, number=number)
    return letter.replace(b"User unknown", text.encode()).replace(b"5.1.1", b"5.0.0")


def test_harvest_drafts_rows_the_most_frequent_first(run: Run, tmp_path: Path) -> None:
    letters = [
        odd("anne@example.com", "Gone sailing for good", 1),
        odd("bob@example.com", "Box asleep since 2019-03-01 on n0d3-17xq", 2),
        odd("cid@example.com", "Box asleep since 2021-11-30 on n0d3-22ab", 3),
        a_bounce("dora@example.com", number=4),
    ]
    assert run("import", an_mbox(tmp_path / "a.mbox", letters)).status == 0
    ran = run("rules", "harvest")
    assert ran.status == 0
    assert "4 failures and delays: no row decided 3" in ran.err
    rows = tomllib.loads(ran.out)["cause"]
    assert [row["phrases"] for row in rows] == [["box asleep since"], ["gone sailing for good"]]
    assert ran.out.startswith("# 2 times: undetermined 2")
    assert "example.com" not in ran.out.replace("user@example.com", "")
    again = run("rules", "harvest", tmp_path / "a.mbox")
    assert again.out == ran.out


def test_harvest_goes_by_a_draft_and_can_be_limited(run: Run, tmp_path: Path) -> None:
    letters = [
        odd("anne@example.com", "Refused because of fish", 1),
        odd("bob@example.com", "Gone sailing for good", 2),
    ]
    mbox = an_mbox(tmp_path / "a.mbox", letters)
    rows = run("rules", "harvest", "--json", mbox, "--rules", a_draft(tmp_path)).rows
    assert [(row["count"], row["phrase"]) for row in rows] == [(1, "gone sailing for good")]
    assert run("rules", "harvest", "--least", 2, mbox).out == ""
    assert len(run("rules", "harvest", "--json", "--limit", 1, mbox).rows) == 1


def test_harvested_output_is_a_rules_file_that_can_be_checked(run: Run, tmp_path: Path) -> None:
    letters = [odd("anne@example.com", 'Gone "sailing"\u202e for good', 1)]
    ran = run("rules", "harvest", an_mbox(tmp_path / "a.mbox", letters))
    assert "\u202e" not in ran.out
    assert run("rules", "check", "--rules", a_draft(tmp_path, ran.out)).status == 0
