"""What the documents show: each command in a block of the shell, and its output."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

_BLOCK = re.compile(r"^( *)```(sh|console)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_CONTINUED = re.compile(r"\\\n\s*")


@dataclass(frozen=True, slots=True)
class Command:
    """A command of a document.

    Attributes:
        text: As it stands there; lines that go on are one.
        output: What is shown of what it prints; "" where nothing is.
    """

    document: str
    line: int
    text: str
    output: str = ""

    @property
    def place(self) -> str:
        """Say where it stands."""
        return f"{self.document}:{self.line}"


def commands() -> Iterator[Command]:
    """Give the commands of all documents, in order."""
    for path in DOCUMENTS:
        document = str(path.relative_to(ROOT / "docs" if path.parent != ROOT else ROOT))
        text = path.read_text(encoding="utf-8")
        for found in _BLOCK.finditer(text):
            first = text.count("\n", 0, found.start(3)) + 1
            body = re.sub(rf"^{found[1]}", "", found[3], flags=re.MULTILINE)
            parts = _console(body) if found[2] == "console" else _script(body)
            for line, command, output in parts:
                yield Command(document, first + line, command, output)


def toml_blocks(document: str) -> list[str]:
    """Give the pieces of configuration that a document shows."""
    text = (ROOT / "docs" / document).read_text(encoding="utf-8")
    return re.findall(r"^```toml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def _script(body: str) -> Iterator[tuple[int, str, str]]:
    """Give each line of a script, with its number from 0."""
    for found in re.finditer(r"(?:.*\\\n)*.*\n", body):
        if found[0].strip():
            yield body.count("\n", 0, found.start()), _CONTINUED.sub(" ", found[0]).strip(), ""


def _console(body: str) -> Iterator[tuple[int, str, str]]:
    """Give what stands behind each prompt, and the lines up to the next one."""
    for found in re.finditer(r"^\$ ((?:.*\\\n)*.*)\n((?:(?!\$ ).*\n)*)", body, re.MULTILINE):
        command = _CONTINUED.sub(" ", found[1])
        yield body.count("\n", 0, found.start()), command, found[2]


def like(text: str) -> list[str]:
    """Take out of an output what differs from run to run: ids, moments, addresses, widths."""
    text = re.sub(r"\b[0-9A-HJKMNP-TV-Z]{26}\b", "ID", text)
    text = re.sub(r"\d{4}-\d\d-\d\d( \d\d:\d\d)?", "DAY", text)
    text = re.sub(r"dsnw_[\w.]+", "TOKEN", text)
    text = re.sub(r"[\d.]+ s, \d+ messages a second", "SPEED", text)
    return [" ".join(line.split()) for line in text.strip().splitlines()]


def matches(shown: str, printed: str) -> bool:
    """Say whether an output is the one shown, in which `...` stands for anything in a line."""
    wanted, got = like(shown), like(printed)
    return len(wanted) == len(got) and all(
        re.fullmatch(re.escape(one).replace(r"\.\.\.", ".*"), other)
        for one, other in zip(wanted, got, strict=True)
    )
