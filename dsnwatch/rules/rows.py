"""See that the rows of a rules file are made of what they should be made of."""

from typing import Any

from dsnwatch.errors import ConfigError, RuleError

TEXT, TEXTS, EITHER, FLAG, TABLES = "a text", "texts", "a text or texts", "true or false", "tables"


def tables(file: str, content: dict[str, Any], kinds: tuple[str, ...]) -> None:
    """See that a file holds nothing but lists of tables of the known kinds.

    Raises:
        ConfigError: It holds something else.
    """
    held = ", ".join(f"[[{kind}]]" for kind in kinds)
    for kind, rows in content.items():
        if kind not in kinds:
            raise ConfigError(f"{file}: unknown table '{kind}'; a rules file holds {held}")
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise ConfigError(f"{file}: '{kind}' is no list of tables; write [[{kind}]] above each")


def check(file: str, row: dict[str, Any], shape: dict[str, str]) -> None:
    """See that each key of a row is known and has a value of its kind.

    Args:
        file: Where the row stands.
        row: The row; its id has been seen to be a text.
        shape: Key to one of the kinds above.

    Raises:
        RuleError: A key is unknown or its value is of another kind.
    """
    for key, value in row.items():
        if key not in shape:
            known = ", ".join(sorted(shape))
            raise RuleError(file, row["id"], f"unknown key '{key}'; known are {known}")
        if not _is(value, shape[key]):
            raise RuleError(file, row["id"], f"'{key}' should be {shape[key]}")


def _is(value: object, kind: str) -> bool:
    if kind == TEXT:
        return isinstance(value, str)
    if kind == FLAG:
        return isinstance(value, bool)
    if kind == EITHER and isinstance(value, str):
        return True
    wanted = dict if kind == TABLES else str
    return isinstance(value, list) and all(isinstance(one, wanted) for one in value)
