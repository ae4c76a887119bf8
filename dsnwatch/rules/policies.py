"""The policies that come with the program, as they stand in `policy.toml`; and the reasons."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from dsnwatch.model import BounceClass, Fault
from dsnwatch.rules import Category

HERE = Path(__file__).parent
FILE = "policy.toml"


@cache
def categories() -> Mapping[str, Category]:
    """Read the reasons of the taxonomy, by their ids."""
    return {
        row["id"]: Category(row["id"], BounceClass(row["class"]), Fault(row["fault"]), row["says"])
        for row in _read("categories.toml")["reason"]
    }


@cache
def policies() -> tuple[Mapping[str, str], tuple[Mapping[str, Any], ...]]:
    """Read the presets and their rows.

    Returns:
        Each preset with what it says, and the rows in order; the key `preset` of a row names those
        it is in, and one without it is in all of them.
    """
    content = _read(FILE)
    return {row["name"]: row["says"] for row in content["preset"]}, tuple(content["rule"])


def _read(name: str) -> Mapping[str, Any]:
    return tomllib.loads((HERE / name).read_text(encoding="utf-8"))
