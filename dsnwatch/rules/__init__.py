"""The tables, read once and frozen: reasons, codes, phrases, and how systems write.

`load` reads the TOML files beside this one, then the user's `rules.d/*.toml`: a user's row comes
before ours, replaces ours when it has the same id, and `[[disable]] id = "..."` removes one.
"""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dsnwatch.errors import ConfigError, RuleError
from dsnwatch.model import BounceClass, Fault, StatusCode, Verdict
from dsnwatch.rules.causes import CauseTable, Where
from dsnwatch.rules.dialects import DialectTable
from dsnwatch.rules.providers import ProviderTable
from dsnwatch.rules.rows import tables

HERE = Path(__file__).parent
KINDS = ("cause", "dialect", "provider", "disable")
"""The tables a user's file may hold."""
FILES = {
    "cause": (
        "causes_providers.toml",
        "causes.toml",
        *(f"languages/{path.name}" for path in sorted((HERE / "languages").glob("*.toml"))),
    ),
    "dialect": ("dialects.toml", "dialects_rest.toml"),
    "provider": ("providers.toml",),
}
"""Our files by what they hold; where order counts, rows stand in the order of the files."""


@dataclass(frozen=True, slots=True)
class Category:
    """A reason of the taxonomy: its class, whose fault it is, and what it says in plain words."""

    id: str
    bounce_class: BounceClass
    fault: Fault
    says: str


@dataclass(frozen=True, slots=True)
class CodeRule:
    """What a code means when no words say more; a generic one never beats a phrase."""

    code: str
    name: str
    reason: str
    generic: bool


@dataclass(frozen=True, slots=True, eq=False)
class Rules:
    """One set of rules, ready to be asked; deterministic for the same files.

    Attributes:
        judged: What `reading.classify` keeps of its answers, so that it goes when the rules do.
    """

    categories: dict[str, Category]
    statuses: dict[str, CodeRule]
    replies: dict[str, str]
    causes: CauseTable
    dialects: DialectTable
    providers: ProviderTable
    judged: dict[tuple[str, Where, bool], Verdict | None] = field(default_factory=dict)

    def status(self, code: StatusCode) -> CodeRule | None:
        """Look an enhanced code up: first with its class (`4.2.1`), then without (`x.2.1`)."""
        return self.statuses.get(str(code)) or self.statuses.get(f"x.{code.subject}.{code.detail}")


def load(folder: Path | None = None) -> Rules:
    """Read the built-in tables and the user's.

    Args:
        folder: The user's `rules.d`; None for the built-in tables alone.

    Raises:
        RuleError: A row is wrong; says file, row and reason.
        ConfigError: A file cannot be read or is no TOML.
    """
    users = [(path.name, _read(path)) for path in sorted(folder.glob("*.toml"))] if folder else []
    for name, content in users:
        tables(name, content, KINDS)
    disabled = {row.get("id") for _, content in users for row in content.get("disable", ())}
    if disabled:
        _check_disabled(users)
    categories = {
        row["id"]: Category(row["id"], BounceClass(row["class"]), Fault(row["fault"]), row["says"])
        for row in _read(HERE / "categories.toml")["reason"]
    }
    status = _read(HERE / "status.toml")

    def rows(kind: str) -> list[tuple[str, dict[str, Any]]]:
        theirs = [(name, row) for name, content in users for row in content.get(kind, ())]
        replaced = {row.get("id") for _, row in theirs} | disabled
        ours = [(file, row) for file, row in _ours(kind) if row["id"] not in replaced]
        return _checked([*theirs, *ours], categories)

    return Rules(
        categories=categories,
        statuses={
            row["code"]: CodeRule(
                row["code"], row["name"], row["reason"], row.get("generic", False)
            )
            for row in status["status"]
        },
        replies={row["code"]: row["reason"] for row in status["reply"]},
        causes=CauseTable(rows("cause")),
        dialects=DialectTable(rows("dialect")),
        providers=ProviderTable(rows("provider")),
    )


def reason_ids() -> tuple[str, ...]:
    """Name every reason of the taxonomy, without loading the other tables."""
    return tuple(row["id"] for row in _read(HERE / "categories.toml")["reason"])


def _check_disabled(users: list[tuple[str, dict[str, Any]]]) -> None:
    """See that each `[[disable]]` names a row of ours."""
    ours = {row["id"] for kind in FILES for _, row in _ours(kind)}
    for name, content in users:
        for row in content.get("disable", ()):
            if row.get("id") not in ours:
                raise RuleError(name, str(row.get("id")), "disables a row that is not there")


def _ours(kind: str) -> list[tuple[str, dict[str, Any]]]:
    """List the built-in rows of a kind, each with its file."""
    return [(file, row) for file in FILES[kind] for row in _read(HERE / file)[kind]]


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(
            f"{path}: cannot be read as rules ({error}); mend or move the file"
        ) from error


def _checked(
    rows: list[tuple[str, dict[str, Any]]], categories: dict[str, Category]
) -> list[tuple[str, dict[str, Any]]]:
    """See that every row has an id of its own and names reasons that exist."""
    seen: set[str] = set()
    for file, row in rows:
        name = row.get("id")
        if not isinstance(name, str) or not name:
            raise RuleError(file, "?", "has no id; give every row an id of its own")
        if name in seen:
            raise RuleError(file, name, "the id is there twice; rename one of the two")
        seen.add(name)
        for key in ("reason", "default", "silent"):
            if key in row and row[key] not in categories:
                raise RuleError(file, name, f"unknown reason '{row[key]}'; see docs/reasons.md")
    return rows
