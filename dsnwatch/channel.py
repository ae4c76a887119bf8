"""Objects between two processes, where neither waits until the other has taken what it is sent.

What is sent lies in memory that has a descriptor, and only that goes through a socket: a pipe holds
64 kB, and whoever sends more than fits would wait, perhaps for one who waits for him.
"""

import os
import pickle
import select
import socket
from typing import Any


class Channel:
    """One end; what is received has been sent by a process of ours, and is believed.

    Args:
        end: A Unix socket whose other end the other process has.
    """

    def __init__(self, end: socket.socket) -> None:
        self._end = end

    @classmethod
    def pair(cls) -> "tuple[Channel, Channel]":
        """Make both ends."""
        ours, theirs = socket.socketpair()
        return cls(ours), cls(theirs)

    def fileno(self) -> int:
        """Give the descriptor of the socket."""
        return self._end.fileno()

    def send(self, what: object) -> None:
        """Send something that can be pickled; at once, however large it is.

        Raises:
            OSError: The other end is closed.
        """
        with os.fdopen(os.memfd_create("dsnwatch"), "w+b") as memory:
            pickle.dump(what, memory, pickle.HIGHEST_PROTOCOL)
            memory.flush()
            socket.send_fds(self._end, [b"."], [memory.fileno()])

    def recv(self) -> Any:  # noqa: ANN401  whatever was sent
        """Get what was sent, and wait for it.

        Raises:
            EOFError: The other end is closed.
            OSError: So it is; or PickleError, if the other side has died in the midst.
        """
        said, descriptors, *_ = socket.recv_fds(self._end, 1, 1)
        if not said or not descriptors:
            raise EOFError("the other end is closed")
        with os.fdopen(descriptors[0], "rb") as memory:
            memory.seek(0)
            return pickle.load(memory)  # noqa: S301  a process of ours wrote it

    def poll(self, seconds: float = 0.0) -> bool:
        """Wait for so long at most; tells whether something came, or the other end is closed."""
        waiting = select.poll()
        waiting.register(self._end, select.POLLIN)
        return bool(waiting.poll(seconds * 1000))

    def close(self) -> None:
        """Close this end."""
        self._end.close()
