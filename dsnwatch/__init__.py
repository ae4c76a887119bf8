"""Reads bounces, keeps the suppression list that follows from them, and tells other systems.

For programs: `from dsnwatch import parse` (docs/library.md). Nothing is loaded before it is asked
for, so that the command line starts fast.
"""

TYPE_CHECKING = False  # as in `typing`, which takes as long to load as all else of `--version`
if TYPE_CHECKING:
    from dsnwatch.model import Reading
    from dsnwatch.reading.reader import Reader

__version__ = "0.1.0"
__all__ = ["Reader", "Reading", "__version__", "parse"]


def parse(data: bytes) -> "Reading":
    """Read one message by the built-in rules: what it says, and what that means.

    Args:
        data: The octets of a message as it came, headers and all; any line ending.

    Returns:
        The report and one verdict a recipient; `for recipient, verdict in reading.recipients`.
        What is no report has kind `other`, or `auto_reply` and the like. The same octets always
        give the same answer. No store and no configuration is touched.

    Raises:
        TypeError: A text was given, not octets. Nothing else, whatever the octets are.
    """
    if not isinstance(data, (bytes, bytearray)):
        raise TypeError(f"parse takes the octets of a message, not {type(data).__name__}")
    from dsnwatch.reading.reader import built_in  # noqa: PLC0415  loads all the rules

    return built_in().read(bytes(data))


def __getattr__(name: str) -> object:
    """Load a name of `__all__` when it is first asked for."""
    if name == "Reader":
        from dsnwatch.reading.reader import Reader  # noqa: PLC0415  loads all the rules

        return Reader
    if name == "Reading":
        from dsnwatch.model import Reading  # noqa: PLC0415  loads the nouns

        return Reading
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
