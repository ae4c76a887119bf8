"""Mail that could not be read, and files that are no mail: said, while the rest goes on."""

from dsnwatch.cli.output import say
from dsnwatch.errors import DsnwatchError

COMPLAINTS_AT_MOST = 20


class Failures:
    """What could not be read, said as it happens; the others go on.

    Attributes:
        count: How many there were.
    """

    def __init__(self) -> None:
        self.count = 0

    def add(self, error: DsnwatchError) -> None:
        """Say one, unless many were said already."""
        self.count += 1
        if self.count <= COMPLAINTS_AT_MOST:
            say(str(error))

    def end(self) -> None:
        """Say how many were not said."""
        if self.count > COMPLAINTS_AT_MOST:
            say(f"{self.count - COMPLAINTS_AT_MOST} more could not be read")


NAMED_AT_MOST = 5


class PassedOver:
    """Files of a folder that are no mail: counted, and the first of them named.

    Attributes:
        count: How many there were.
    """

    def __init__(self) -> None:
        self.count = 0
        self._named: list[str] = []

    def add(self, path: str) -> None:
        """Note one."""
        self.count += 1
        if len(self._named) < NAMED_AT_MOST:
            self._named.append(path)

    def end(self) -> None:
        """Say how many there were, and how to have one read all the same."""
        if not self.count:
            return
        files = "1 file that is" if self.count == 1 else f"{self.count} files that are"
        more = self.count - len(self._named)
        rest = f" and {more} more" if more else ""
        say(
            f"passed over {files} no mail: {', '.join(self._named)}{rest}; a file is read all the "
            "same when it is named itself"
        )
