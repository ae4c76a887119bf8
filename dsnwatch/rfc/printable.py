"""What strangers wrote, fit for a line of a log or of a message."""


def printable(text: str) -> str:
    """Put `?` in the place of whatever ends a line, moves the cursor or cannot be seen."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else "?" for each in text)
