"""JSON texts of what strangers wrote.

Source: RFC 8259; section 8.2 on halves of characters, which JSON can hold and UTF-8 cannot.
"""

import json

import orjson


def to_json(value: object) -> str:
    """Write a value down, without white space.

    Args:
        value: Dicts with text keys, lists, tuples, texts, numbers, None.

    Returns:
        The text. NUL is always escaped; where a text holds half a character, everything beyond
        ASCII is, so that any database and any pipe takes it.
    """
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        return json.dumps(value, separators=(",", ":"))
