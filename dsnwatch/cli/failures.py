"""Mail that could not be read: said in a line each, while the rest goes on."""

from dsnwatch.cli.output import say
from dsnwatch.errors import SourceError

COMPLAINTS_AT_MOST = 20


class Failures:
    """What could not be read, said as it happens; the others go on.

    Attributes:
        count: How many there were.
    """

    def __init__(self) -> None:
        self.count = 0

    def add(self, error: SourceError) -> None:
        """Say one, unless many were said already."""
        self.count += 1
        if self.count <= COMPLAINTS_AT_MOST:
            say(str(error))

    def end(self) -> None:
        """Say how many were not said."""
        if self.count > COMPLAINTS_AT_MOST:
            say(f"{self.count - COMPLAINTS_AT_MOST} more could not be read")
