"""`rulecheck` finds what is wrong with a table, and nothing wrong with ours."""

from pathlib import Path

import pytest

from dsnwatch.rulecheck import check
from dsnwatch.rules import load

OURS = load()
PHRASES = '["refused because of fish"]'
BOTH = '["refused because of fish", "{}"]'
FISH = """\
[[cause]]
id = "our-fish"
reason = "policy"
phrases = ["refused because of fish"]
examples = ["550 refused because of fish"]
"""
HOST = '[[provider]]\nid = "our-fish"\nhosts = ["fish.example"]\n'


def found(folder: Path, text: str) -> list[tuple[str, str, str]]:
    """Check the built-in table with one file of the user's; give file, row and what is said."""
    (folder / "ours.toml").write_text(text, encoding="utf-8")
    return [(one.file, one.row, one.says) for one in check(load(folder))]


def test_our_table_is_sound() -> None:
    assert [*check(OURS)] == []


def test_sound_row_of_the_user_is_not_found_fault_with(tmp_path: Path) -> None:
    assert found(tmp_path, FISH) == []


WRONG = {
    "dead": (
        FISH + FISH.replace("our-fish", "our-cod").replace("of fish", "of fish today"),
        ("our-cod", "is dead: our-fish always speaks first"),
    ),
    "one phrase shadowed": (
        FISH
        + FISH.replace("our-fish", "our-cod")
        .replace('["refused because of fish"]', '["cod for tea", "refused because of fish today"]')
        .replace("550 refused because of fish", "550 cod for tea"),
        ("our-cod", "phrase 'refused because of fish today' is shadowed by row 'our-fish'"),
    ),
    "phrase twice": (
        FISH.replace(PHRASES, BOTH.format("refused because of fish")),
        ("our-fish", "stands there twice"),
    ),
    "vetoes itself": (
        FISH + 'unless = ["of fish"]\n',
        ("our-fish", "which takes the row out of play"),
    ),
    "cannot stand in a text": (
        FISH.replace(PHRASES, BOTH.format("ask anne@example.org")),
        ("our-fish", "can stand in no text"),
    ),
    "unknown provider": (FISH + 'provider = "gogle"\n', ("our-fish", "provider 'gogle'")),
    "unknown dialect": (FISH + 'dialect = ["qmial"]\n', ("our-fish", "dialect 'qmial'")),
    "status no code": (FISH + 'status = "5.x"\n', ("our-fish", "status '5.x'")),
    "reply no code": (FISH + 'reply = "55"\n', ("our-fish", "reply '55'")),
    "example of another row": (
        FISH.replace("550 refused because of fish", "550 5.1.1 user unknown"),
        ("our-fish", "is decided by"),
    ),
    "counterexample decided": (
        FISH + 'not = ["550 refused because of fish, they said"]\n',
        ("our-fish", "stands under its `not`"),
    ),
    "takes an example of ours": (
        FISH.replace("refused because of fish", "user unknown"),
        ("our-fish", "takes '"),
    ),
    "dialect without signs": (
        '[[dialect]]\nid = "our-fish"\nrecipient = ["{addr}"]',
        ("our-fish", "no signs"),
    ),
    "dialect without templates": (
        '[[dialect]]\nid = "our-fish"\nsigns = [{ text = "the fish came back" }]',
        ("our-fish", "no template"),
    ),
    "provider of nothing": (
        '[[provider]]\nid = "our-fish"',
        ("our-fish", "neither hosts nor texts"),
    ),
    "host with a dot": (
        HOST.replace("fish.example", ".fish.example"),
        ("our-fish", "'.fish.example'"),
    ),
    "host twice": (
        HOST + HOST.replace("our-fish", "our-cod"),
        ("our-cod", "that of 'our-fish' already"),
    ),
}


@pytest.mark.parametrize(("text", "expected"), WRONG.values(), ids=WRONG)
def test_wrong_row_is_found_with_its_file_and_the_next_step(
    tmp_path: Path, text: str, expected: tuple[str, str]
) -> None:
    said = found(tmp_path, text)
    row, words = expected
    assert any(file == "ours.toml" and name == row and words in says for file, name, says in said)


def test_bound_row_is_not_shadowed_by_one_with_narrower_conditions(tmp_path: Path) -> None:
    narrow = FISH + 'provider = "google"\n'
    wide = FISH.replace("our-fish", "our-cod") + 'provider = ["google", "yahoo"]\n'
    assert not any("dead" in says for _, _, says in found(tmp_path, narrow + wide))
    assert any("dead" in says for _, _, says in found(tmp_path, wide + narrow))
