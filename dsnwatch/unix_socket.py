"""Listening on a Unix socket, where what a dead process left behind makes way."""

import socket
import stat
from contextlib import suppress
from pathlib import Path

ANSWER_SECONDS = 1


def listening(path: Path, mode: int, backlog: int) -> socket.socket:
    """Bind a socket and listen.

    Args:
        path: Where. A socket that nobody answers on is replaced; anything else stays.
        mode: Who may connect, as far as the folder lets him get there.
        backlog: How many may wait to be taken.

    Raises:
        OSError: Somebody listens there, there is something else, or it is not for us to take.
    """
    opened = socket.socket(socket.AF_UNIX)
    try:
        with suppress(FileNotFoundError):
            if stat.S_ISSOCK(path.lstat().st_mode) and not _answers(path):
                path.unlink()
        opened.bind(str(path))
        path.chmod(mode)
        opened.listen(backlog)
    except BaseException:
        opened.close()
        raise
    return opened


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(ANSWER_SECONDS)
        try:
            asking.connect(str(path))
        except ConnectionRefusedError:
            return False
        except TimeoutError:
            return True  # it has no time, but it is there
        return True
