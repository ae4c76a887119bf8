"""The tables hold what they promise; these tests are generated from the rows themselves."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from dsnwatch.errors import ConfigError, RuleError
from dsnwatch.reading.classify import classify
from dsnwatch.reading.reader import Reader
from dsnwatch.rfc.status_code import codes
from dsnwatch.rulecheck import code_for, places, verdict_on
from dsnwatch.rules import FILES, HERE, Rules, load
from dsnwatch.rules.causes import Cause, Where
from dsnwatch.rules.findings import findings
from dsnwatch.rules.phrases import flatten
from tests.reading.builders import READER, a_recipient, a_report

RULES = READER.rules
CAUSES = RULES.causes.rows
EXAMPLES = [
    pytest.param(row, text, id=f"{row.id}-{number}")
    for row in CAUSES
    for number, text in enumerate(row.examples, 1)
]
COUNTEREXAMPLES = [
    pytest.param(row, text, id=f"{row.id}-{number}")
    for row in CAUSES
    for number, text in enumerate(row.counterexamples, 1)
]
GENERIC = ("x.0.0", "x.1.0", "x.7.0", "x.7.1")

TAXONOMY = {
    ("hard", "recipient"): (
        "user_unknown mailbox_disabled mailbox_moved owner_changed bad_address domain_unknown "
        "domain_accepts_no_mail suppressed_upstream"
    ),
    ("soft", "recipient"): "mailbox_full mailbox_unavailable recipient_refused",
    ("soft", "receiver"): (
        "expired network_error routing_loop system_error system_full mailer_error protocol_error "
        "tls_failure greylisted"
    ),
    ("soft", "sender"): "rate_limited",
    ("block", "sender"): (
        "auth_failure no_reverse_dns reputation policy sender_rejected relay_denied"
    ),
    ("block", "message"): "spam_content virus content_rejected not_compliant",
    ("soft", "message"): "message_too_big",
    ("undetermined", "unknown"): "undetermined",
}


def table(file: str) -> dict[str, Any]:
    """Read one of the built-in files as it stands."""
    return tomllib.loads((HERE / file).read_text(encoding="utf-8"))


def raw_rows(kind: str) -> list[dict[str, Any]]:
    """List the built-in rows of a kind as they stand in their files."""
    return [row for file in FILES[kind] for row in table(file)[kind]]


def unconditional(row: Cause) -> bool:
    """Whether the row speaks wherever its words stand."""
    return not (row.bound or row.statuses or row.replies or row.unless)


# ------------------------------------------------------------------------------- cause rows


@pytest.mark.parametrize(("row", "text"), EXAMPLES)
def test_example_is_decided_by_its_own_row(row: Cause, text: str) -> None:
    decided = {place: verdict_on(row, text, place, RULES).rule for place in places(row)}
    assert decided == dict.fromkeys(places(row), row.id)


@pytest.mark.parametrize(("row", "text"), EXAMPLES)
def test_example_has_the_reason_of_its_row(row: Cause, text: str) -> None:
    verdict = verdict_on(row, text, places(row)[0], RULES)
    category = RULES.categories[row.reason]
    assert (verdict.reason, verdict.bounce_class, verdict.fault) == (
        category.id,
        category.bounce_class,
        category.fault,
    )


@pytest.mark.parametrize(("row", "text"), COUNTEREXAMPLES)
def test_counterexample_is_not_decided_by_the_row(row: Cause, text: str) -> None:
    assert row.id not in {verdict_on(row, text, place, RULES).rule for place in places(row)}


@pytest.mark.parametrize("row", CAUSES, ids=lambda row: row.id)
def test_cause_row_has_an_example_and_says_where_it_comes_from(row: Cause) -> None:
    assert row.examples
    assert row.source.strip()


@pytest.mark.parametrize(
    "row", [row for row in CAUSES if row.bound and not row.local], ids=lambda row: row.id
)
def test_bound_row_keeps_silent_elsewhere(row: Cause) -> None:
    for text in row.examples:
        status = code_for(row, text)
        found = RULES.causes.find(flatten(text), Where(None, None, status, codes(text)[0]))
        assert row.id not in {one.cause.id for one in found}


def phrases_of_causes() -> list[tuple[str, str]]:
    """List every phrase of the cause rows with the id of its row."""
    return [
        (row["id"], text)
        for row in raw_rows("cause")
        for text in (*row["phrases"], *row.get("unless", ()))
    ]


def test_phrases_of_causes_are_lower_case_without_spare_blanks() -> None:
    wrong = [
        (name, text) for name, text in phrases_of_causes() if text != " ".join(text.lower().split())
    ]
    assert wrong == []


def test_no_row_is_dead_shadowed_or_doubled() -> None:
    assert [*findings(RULES)] == []


# ------------------------------------------------------------------------- the other tables


@pytest.mark.parametrize("kind", FILES)
def test_ids_are_unique(kind: str) -> None:
    ids = [row["id"] for row in raw_rows(kind)]
    assert len(ids) == len(set(ids))


def test_every_file_of_rules_is_read() -> None:
    files = {path.relative_to(HERE).as_posix() for path in HERE.rglob("*.toml")}
    rows = {file for kind in FILES for file in FILES[kind]}
    assert files == rows | {
        "categories.toml",
        "status.toml",
        "names.toml",
        "blocklists.toml",
        "policy.toml",
    }


@pytest.mark.parametrize("file", sorted({file for kind in FILES for file in FILES[kind]}))
def test_file_of_rows_holds_rows_of_its_kind_only(file: str) -> None:
    assert list(table(file)) == [kind for kind in FILES if file in FILES[kind]]


def test_codes_are_unique() -> None:
    content = table("status.toml")
    for kind in ("status", "reply"):
        codes = [row["code"] for row in content[kind]]
        assert len(codes) == len(set(codes))


def test_every_reason_named_anywhere_exists() -> None:
    named = {row.reason for row in CAUSES}
    named |= {rule.reason for rule in RULES.statuses.values()}
    named |= set(RULES.replies.values())
    named |= {row.default for row in RULES.dialects.rows if row.default}
    assert named <= set(RULES.categories)


def test_the_taxonomy_is_the_one_of_the_contract() -> None:
    ours = {(row.id, row.bounce_class.value, row.fault.value) for row in RULES.categories.values()}
    assert ours == {
        (name, *meaning) for meaning, names in TAXONOMY.items() for name in names.split()
    }


@pytest.mark.parametrize("code", GENERIC)
def test_code_that_says_nothing_is_marked_generic(code: str) -> None:
    assert RULES.statuses[code].generic


def test_dialects_say_where_they_come_from() -> None:
    assert [row["id"] for row in raw_rows("dialect") if not row.get("source")] == []


def dialect_phrases() -> list[tuple[str, str, str]]:
    """List id, key and text of every phrase in the dialect rows."""
    rows = raw_rows("dialect")
    return [
        *(
            (row["id"], key, text)
            for row in rows
            for key in ("begin", "end", "delayed", "given_up")
            for text in row.get(key, ())
        ),
        *(
            (row["id"], key, sign[key])
            for row in rows
            for sign in row.get("signs", ())
            for key in ("from", "subject", "text")
            if key in sign
        ),
    ]


def test_phrases_of_dialects_are_lower_case_without_spare_blanks() -> None:
    wrong = [one for one in dialect_phrases() if one[2] != " ".join(one[2].lower().split())]
    assert wrong == []


# --------------------------------------------------------------------------- the user's rows

FISH = """\
[[cause]]
id = "our-fish"
reason = "policy"
phrases = ["user unknown because of fish"]
examples = ["550 user unknown because of fish"]
"""


def a_folder(folder: Path, **files: str) -> Path:
    """Write a `rules.d`."""
    for name, text in files.items():
        (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    return folder


def rule_for(text: str, rules: Rules) -> str:
    """Judge a reply and say which row decided."""
    said = a_recipient(text)
    verdict = classify(said, a_report([said]), rules)
    assert verdict is not None
    return verdict.rule


def test_users_row_comes_before_ours(tmp_path: Path) -> None:
    text = "550 5.1.1 user unknown because of fish"
    assert rule_for(text, load()) != "our-fish"
    assert rule_for(text, load(a_folder(tmp_path, ours=FISH))) == "our-fish"


def test_users_files_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    again = FISH.replace("our-fish", "other-fish")
    rules = load(a_folder(tmp_path, b=FISH, a=again))
    assert rule_for("550 user unknown because of fish", rules) == "other-fish"


def test_users_row_with_our_id_replaces_ours(tmp_path: Path) -> None:
    ours = next(row for row in CAUSES if unconditional(row))
    rules = load(a_folder(tmp_path, ours=FISH.replace("our-fish", ours.id)))
    row = rules.causes.by_id[ours.id]
    assert [phrase.text for phrase in row.phrases] == ["user unknown because of fish"]
    assert [one.id for one in rules.causes.rows].count(ours.id) == 1


def test_disabled_row_is_gone(tmp_path: Path) -> None:
    row = next(row for row in CAUSES if unconditional(row))
    rules = load(a_folder(tmp_path, ours=f'[[disable]]\nid = "{row.id}"\n'))
    assert row.id not in rules.causes.by_id
    assert len(rules.causes.rows) == len(CAUSES) - 1


def test_disabled_dialect_is_gone(tmp_path: Path) -> None:
    rules = load(a_folder(tmp_path, ours='[[disable]]\nid = "qmail"\n'))
    assert "qmail" not in rules.dialects.by_id


def test_users_dialect_is_read(tmp_path: Path) -> None:
    reader = Reader.load(
        a_folder(
            tmp_path,
            ours="""\
[[dialect]]
id = "pigeon"
signs = [{ text = "the pigeon came back", from = "loft@" }]
recipient = ["It did not find {addr} because {text}"]
""",
        )
    )
    letter = (
        b"From: loft@example.org\nSubject: coo\n\n"
        b"The pigeon came back.\nIt did not find anne@example.net because no such user\n"
    )
    report = reader.read(letter).report
    assert (report.dialect, [one.recipient for one in report.recipients]) == (
        "pigeon",
        ["anne@example.net"],
    )


def test_empty_folder_changes_nothing(tmp_path: Path) -> None:
    assert [row.id for row in load(tmp_path).causes.rows] == [row.id for row in CAUSES]


WRONG_ROWS = {
    "no id": '[[cause]]\nreason = "policy"\nphrases = ["a fish"]\nexamples = ["a fish"]',
    "id not a text": FISH.replace('"our-fish"', "7"),
    "id twice": FISH + FISH,
    "no example": FISH.rpartition("examples")[0],
    "empty examples": FISH.replace('["550 user unknown because of fish"]', "[]"),
    "no phrases": FISH.replace('["user unknown because of fish"]', "[]"),
    "no reason": FISH.replace('reason = "policy"', 'reason = ""'),
    "unknown reason": FISH.replace('"policy"', '"whim"'),
    "unknown key": FISH + 'colour = "red"\n',
    "phrase of nothing": FISH.replace('["user unknown because of fish"]', '["{*}"]'),
    "phrase not a text": FISH.replace('["user unknown because of fish"]', "[7]"),
    "phrases not a list": FISH.replace('["user unknown because of fish"]', '"a fish"'),
    "reply a number": FISH + "reply = 550\n",
    "weak a word": FISH + 'weak = "no"\n',
    "unknown kind": '[[dialect]]\nid = "our-fish"\nkind = "herring"\nsigns = [{ text = "a" }]',
    "unknown place": '[[dialect]]\nid = "our-fish"\nrecipient = ["{fin}"]\nsigns = []',
    "unknown sign": '[[dialect]]\nid = "our-fish"\nsigns = [{ smell = "a" }]',
    "sign not a table": '[[dialect]]\nid = "our-fish"\nsigns = ["a"]',
    "provider of nothing": '[[provider]]\nid = "our-fish"\ntexts = [""]',
    "unknown default": '[[dialect]]\nid = "our-fish"\nsigns = [{ text = "a" }]\ndefault = "whim"',
}


@pytest.mark.parametrize("text", WRONG_ROWS.values(), ids=WRONG_ROWS)
def test_wrong_row_is_an_error_that_names_file_and_row(tmp_path: Path, text: str) -> None:
    with pytest.raises(RuleError) as caught:
        load(a_folder(tmp_path, ours=text))
    assert caught.value.file == "ours.toml"
    assert caught.value.row in {"our-fish", "?", "7"}
    assert caught.value.reason
    assert "\n" not in str(caught.value)


WRONG_FILES = {
    "no toml": "[[cause",
    "unknown table": '[[causes]]\nid = "our-fish"\n',
    "not a list of tables": "cause = 5\n",
    "one table": "[cause]\n" + FISH.removeprefix("[[cause]]\n"),
    "disable a text": 'disable = ["qmail"]\n',
}


@pytest.mark.parametrize("text", WRONG_FILES.values(), ids=WRONG_FILES)
def test_wrong_file_is_an_error_that_names_it(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=r"ours\.toml"):
        load(a_folder(tmp_path, ours=text))


def test_file_that_is_no_text_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "ours.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"ours\.toml"):
        load(tmp_path)
