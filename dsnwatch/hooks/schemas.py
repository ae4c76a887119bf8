"""The JSON Schema of each event, made from the shapes in `events`.

    python -m dsnwatch.hooks.schemas docs/events

writes the published files; a test holds them to what the shapes say.

Source: https://json-schema.org/draft/2020-12
"""

import json
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, TypeAdapter

from dsnwatch.events import (
    EVENTS,
    VERSION,
    AlertData,
    DecisionData,
    DetailsData,
    FailureData,
    FeedbackData,
    MailData,
    OriginalData,
    PauseData,
    SuppressionData,
)

_SHAPES = (
    OriginalData,
    DecisionData,
    DetailsData,
    FeedbackData,
    FailureData,
    SuppressionData,
    AlertData,
    PauseData,
    MailData,
)
_MOMENTS = frozenset({"since", "until", "timestamp"})
_KEYWORDS = {
    "class": "What dsnwatch concludes of the address.",
    "from": "Its From.",
}
"""What no text can stand below: names that Python keeps for itself."""

for _shape in _SHAPES:
    # The documentation of each field is the text below it. A field more is no error: see `events`.
    _shape.__pydantic_config__ = ConfigDict(use_attribute_docstrings=True)  # type: ignore[union-attr]  # pydantic's own name


def schema_of(type_: str) -> dict[str, Any]:
    """Give the JSON Schema of one event, with what stands around its data."""
    shape, says = EVENTS[type_]
    data = TypeAdapter(shape).json_schema()
    definitions = data.pop("$defs", {})
    for part in (data, *definitions.values()):
        for name, field in part.get("properties", {}).items():
            if "description" not in field and name in _described():
                field["description"] = _described()[name]
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:dsnwatch:event:{type_}:{VERSION}",
        "title": type_,
        "description": says,
        "type": "object",
        "required": ["type", "version", "id", "timestamp", "data"],
        "properties": {
            "type": {"const": type_},
            "version": {"const": VERSION},
            "id": {
                "type": "string",
                "description": "The same however often it is told: whoever knows it has been told.",
            },
            "timestamp": {"type": "string", "description": "When it came about, in UTC."},
            "data": data,
        },
        "$defs": definitions,
    }
    if not definitions:
        del schema["$defs"]
    _finish(schema)
    return schema


@cache
def _described() -> dict[str, str]:
    """Give what the fields mean that a shape has from another, where their text stands."""
    texts: dict[str, str] = {}
    for shape in (FeedbackData, DetailsData):
        fields = TypeAdapter(shape).json_schema()["properties"]
        texts |= {
            name: field["description"] for name, field in fields.items() if "description" in field
        }
    return _KEYWORDS | texts


def _finish(schema: Any) -> None:  # noqa: ANN401  any part of a JSON Schema
    """Say which texts are moments, bring descriptions to one line, and leave titles out."""
    if isinstance(schema, list):
        for each in schema:
            _finish(each)
    elif isinstance(schema, dict):
        for name, field in schema.get("properties", {}).items():
            field.pop("title", None)
            if name in _MOMENTS:
                for kind in (field, *field.get("anyOf", ())):
                    if kind.get("type") == "string":
                        kind["format"] = "date-time"
        if "description" in schema and isinstance(schema["description"], str):
            schema["description"] = " ".join(schema["description"].split())
        for each in list(schema.values()):
            _finish(each)


def files() -> Iterator[tuple[str, str]]:
    """Give each published file, as its name and its text."""
    for type_ in EVENTS:
        text = json.dumps(schema_of(type_), indent=2, ensure_ascii=False)
        yield f"{type_}.v{VERSION}.json", f"{text}\n"


def main(folder: Path) -> None:
    """Write the published files."""
    for name, text in files():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
