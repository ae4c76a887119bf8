"""The documents tell of everything there is, and what they show works."""

import ast
import json
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic.fields import FieldInfo

from dsnwatch import cli
from dsnwatch.config import document, loading, settings
from dsnwatch.model import Action, BounceReport, Kind, RecipientStatus
from dsnwatch.policy import PRESETS, Policy
from dsnwatch.reading.classify import classify
from dsnwatch.rules import load
from dsnwatch.rules.causes import SHAPE as CAUSE_KEYS
from dsnwatch.rules.dialects import _PLACES, _SIGNS
from dsnwatch.rules.dialects import SHAPE as DIALECT_KEYS
from dsnwatch.rules.providers import SHAPE as PROVIDER_KEYS

ROOT = Path(__file__).parents[1]
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
CATEGORIES = load().categories


def text_of(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def without_blocks(text: str) -> str:
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def sections(name: str) -> dict[str, str]:
    """Give each third-level heading of a document, without back-ticks, and what stands under it."""
    found = re.split(r"^#{1,3} (.*)\n", without_blocks(text_of(name)), flags=re.MULTILINE)
    levels = re.findall(r"^(#{1,3}) ", without_blocks(text_of(name)), flags=re.MULTILINE)
    titles = [title.strip("`") for title in found[1::2]]
    return {
        title: body
        for level, title, body in zip(levels, titles, found[2::2], strict=True)
        if level == "###"
    }


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def commands() -> Iterator[tuple[str, list[str]]]:
    """Give each call of dsnwatch in running text; those in blocks are run in tests/documents."""
    for path in DOCUMENTS:
        text = without_blocks(path.read_text(encoding="utf-8"))
        for span in re.findall(r"`(dsnwatch [^`]+)`", text):
            before, *others = " ".join(span.split()).split("|")
            yield path.name, shlex.split(before)[1:]
            head = before.rpartition(" ")[0]
            for each in others:
                yield path.name, shlex.split(f"{head} {each}")[1:]


COMMANDS = list(commands())

SAMPLES: dict[str, object] = {
    "mailbox": [{"name": "m", "host": "h", "user": "u", "password_file": "p"}],
    "listener": [{"domains": ["bounce.example.org"]}],
    "attribution": {"stream": [{"name": "s", "sender": "@example.org"}]},
    "policy": {
        "rule": [{"id": "r", "then": "ignore"}],
        "stream": [{"name": "s", "preset": "cold"}],
    },
    "hook": [{"name": "h", "kind": "exec", "command": ["c"]}],
    "lookup": [{"kind": "policy", "listen": "127.0.0.1:1"}],
    "export": [{"kind": "exim", "path": "p"}],
}
"""One of each section that may stand there many times, with what must be said."""


def test_every_option_has_its_heading_and_every_heading_an_option() -> None:
    assert list(sections("configuration.md")) == [key for key, _ in settings.options()]


@pytest.mark.parametrize("key", [key for key, _ in settings.options()])
def test_option_is_told_with_its_unit_and_default(key: str) -> None:
    info = dict(settings.options())[key]
    assert isinstance(info.json_schema_extra, dict)
    told = " ".join(sections("configuration.md")[key].split())
    assert f"**Unit:** {info.json_schema_extra['unit']}" in told
    assert f"**Default:** {default_of(key, info)}" in told


def default_of(key: str, info: FieldInfo) -> str:
    """Write a default as the documents do; `SAMPLES` makes those of `[[section]]` appear."""
    if info.is_required():
        return "none; it must be said"
    if info.default is None:
        return "not set"
    section, _, name = key.rpartition(".")
    many = dict(settings.sections()).get(section, False)
    values = settings.Settings(**SAMPLES) if many else settings.Settings()  # type: ignore[arg-type]  # as the file gives it
    shown = settings.Configuration(values, document.ConfigFile()).values()
    value = {key: value for key, value, _ in shown}[f"{section}.0.{name}" if many else key]
    return f"`{json.dumps(value)}`"


@pytest.mark.parametrize("document", ["configuration.md", "hooks.md", "sending.md"])
def test_configuration_shown_is_one(tmp_path: Path, document: str) -> None:
    shown = [block for block in blocks(text_of(document), "toml") if "[project." not in block]
    assert shown
    for block in shown:
        path = tmp_path / "dsnwatch.toml"
        path.write_text(block)
        loading.load(path)


def test_policy_shown_is_one(tmp_path: Path) -> None:
    for block in blocks(text_of("policy.md"), "toml"):
        path = tmp_path / "dsnwatch.toml"
        path.write_text(block)
        loaded = loading.load(path)
        Policy.of(loaded.settings.policy, loaded.file.place)


def test_every_reason_has_its_heading_and_every_heading_a_reason() -> None:
    assert sorted(sections("reasons.md")) == sorted(CATEGORIES)


@pytest.mark.parametrize("reason", CATEGORIES)
def test_reason_is_told_with_class_fault_evidence_and_policy(reason: str) -> None:
    category = CATEGORIES[reason]
    told = sections("reasons.md")[reason]
    assert f"**Class and fault:** {category.bounce_class}, {category.fault}\n" in told
    assert "**Typical evidence:**" in told
    assert "**Default policy:**" in told


def test_every_preset_has_its_heading() -> None:
    assert set(PRESETS) <= set(sections("policy.md"))


@pytest.mark.parametrize("row", sorted({row.id for rows in PRESETS.values() for row in rows}))
def test_row_of_the_policy_is_told(row: str) -> None:
    assert f"| `{row}` |" in text_of("policy.md")


@pytest.mark.parametrize("key", sorted({*CAUSE_KEYS, *DIALECT_KEYS, *PROVIDER_KEYS, *_SIGNS}))
def test_key_of_a_rule_is_told(key: str) -> None:
    assert f"`{key}`" in text_of("rules.md")


@pytest.mark.parametrize("place", [*_PLACES, "*"])
def test_place_of_a_template_is_told(place: str) -> None:
    assert f"`{{{place}}}`" in text_of("rules.md")


def test_rules_shown_are_some_and_decide_their_examples(tmp_path: Path) -> None:
    shown = blocks(text_of("rules.md"), "toml")
    for number, block in enumerate(shown):
        (tmp_path / f"{number}.toml").write_text(block)
    rules = load(tmp_path)
    rows = [row for block in shown for row in tomllib.loads(block).get("cause", ())]
    decided = {
        row["id"]: verdict.rule
        for row in rows
        for text in row["examples"]
        if (verdict := classify(a_failure(text), BounceReport(Kind.BOUNCE), rules)) is not None
    }
    assert decided
    assert all(rule == row for row, rule in decided.items())


def a_failure(text: str) -> RecipientStatus:
    return RecipientStatus("anne@example.org", Action.FAILED, diagnostic=text)


@pytest.mark.parametrize(
    "arguments",
    [pytest.param(arguments, id=f"{name}: {' '.join(arguments)}") for name, arguments in COMMANDS],
)
def test_command_named_is_one(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run([*arguments, "--help"]) == 0
    assert "Usage: dsnwatch" in capsys.readouterr().out


THREATS = [
    [cell.strip() for cell in row.strip("|").split("|")]
    for row in text_of("security.md").splitlines()
    if row.startswith("| ") and not row.startswith("| threat")
]


@pytest.mark.parametrize("row", THREATS, ids=[row[0] for row in THREATS])
def test_threat_has_a_defence_that_is_there_and_a_test_that_shows_it(row: list[str]) -> None:
    _, defence, places, tests = row
    assert defence
    places_named, tests_named = re.findall("`([^`]+)`", places), re.findall("`([^`]+)`", tests)
    assert places_named
    assert [place for place in places_named if not (ROOT / place).is_file()] == []
    assert tests_named
    assert set(tests_named) <= TESTS


TESTS = {
    name
    for path in (ROOT / "tests").rglob("test_*.py")
    for name in re.findall(r"^ *(?:async )?def (test_\w+)\(", path.read_text(), re.MULTILINE)
}


def words_of_ours() -> str:
    """Give every text in the program, one behind the other."""
    found = (
        node.value
        for path in (ROOT / "dsnwatch").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    return "\0".join(found)


def test_error_whose_cure_is_told_is_one_that_is_said() -> None:
    rows = re.findall(r"^\| `([^`]+)` \| ", text_of("operations.md"), flags=re.MULTILINE)
    lines = [row for row in rows if " " in row]
    assert lines
    ours = words_of_ours()
    assert [line for line in lines if not all(part in ours for part in line.split("..."))] == []


PROGRAMS = re.findall(
    r"^```python\n(.*?)^```\n\n^```text\n(.*?)^```$",
    text_of("library.md"),
    flags=re.MULTILINE | re.DOTALL,
)


def test_every_program_in_the_library_document_shows_what_it_prints() -> None:
    assert len(blocks(text_of("library.md"), "python")) == len(PROGRAMS) > 0


@pytest.mark.parametrize(("program", "printed"), PROGRAMS)
def test_program_shown_prints_what_is_shown(program: str, printed: str) -> None:
    done = subprocess.run(  # noqa: S603  our own documents
        [sys.executable, "-W", "error", "-c", program],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == (printed, "")


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)[^):]*\)", without_blocks(path.read_text())):
        assert (path.parent / target).exists(), target


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_into_documents_meet_a_heading(path: Path) -> None:
    for page, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", path.read_text()):
        there = (path.parent / page if page else path).read_text()
        headings = re.findall(r"^#+ (.*)$", there, flags=re.MULTILINE)
        assert anchor in {as_anchor(title) for title in headings}


def as_anchor(title: str) -> str:
    """Give the anchor that a heading has on the usual hosts."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
