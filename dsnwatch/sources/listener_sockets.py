"""The sockets a listener takes connections from: bound here, or handed over by systemd.

Source: sd_listen_fds(3) for LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES.
"""

import os
import socket
from collections.abc import Iterator, Mapping, Sequence

from dsnwatch.config.listener import Place, place_of
from dsnwatch.errors import ConfigError, UnavailableError
from dsnwatch.unix_socket import listening as listening_at

FIRST_DESCRIPTOR = 3
BACKLOG = 1024


def sockets_of(listen: Sequence[str], environ: Mapping[str, str]) -> list[socket.socket]:
    """Open the sockets of a listener; all of them listen.

    Args:
        listen: As the configuration has it.
        environ: The environment, for what systemd hands over.

    Raises:
        ConfigError: A place does not exist here, or systemd hands nothing over.
        UnavailableError: A place is taken, or not for us to take.
    """
    opened: list[socket.socket] = []
    try:
        for text in listen:
            opened.extend(_open(text, place_of(text), environ))
    except BaseException:
        for each in opened:
            each.close()
        raise
    return opened


def _open(text: str, place: Place, environ: Mapping[str, str]) -> Iterator[socket.socket]:
    if place.activated is not None:
        found = list(activated(place.activated, environ))
        if not found:
            raise ConfigError(
                f'listen = "{text}": systemd hands over no such socket; start the service by its '
                ".socket unit, and see that FileDescriptorName= fits"
            )
        yield from found
        return
    try:
        if place.path is not None:
            # Who gets that far is the business of the folder's permissions.
            yield listening_at(place.path, 0o666, BACKLOG)
        else:
            yield from _tcp(place)
    except socket.gaierror as error:
        raise ConfigError(f'listen = "{text}": {error.strerror}; write an address') from error
    except OSError as error:
        raise UnavailableError(
            f'listen = "{text}": {error.strerror}; see what listens there with `ss -ltnxp`, or '
            "take a port below 1024 by systemd's socket activation"
        ) from error


def _tcp(place: Place) -> Iterator[socket.socket]:
    found = socket.getaddrinfo(
        place.host, place.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    for family, kind, protocol, _, address in found:
        listening = socket.socket(family, kind, protocol)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:  # 0.0.0.0 and [::] side by side
                listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listening.bind(address)
            listening.listen(BACKLOG)
        except BaseException:
            listening.close()
            raise
        yield listening


def activated(name: str, environ: Mapping[str, str]) -> Iterator[socket.socket]:
    """Give the listening sockets that systemd hands over.

    The descriptors themselves stay open, so that a listener that is made anew finds them again;
    programs we start do not inherit them.

    Args:
        name: Their FileDescriptorName; "" is all of them.
        environ: The environment of this process.
    """
    if environ.get("LISTEN_PID") != str(os.getpid()):
        return
    count = environ.get("LISTEN_FDS", "")
    names = environ.get("LISTEN_FDNAMES", "").split(":")
    for number in range(int(count) if count.isdigit() else 0):
        descriptor = FIRST_DESCRIPTOR + number
        os.set_inheritable(descriptor, False)  # noqa: FBT003  the standard library's own
        called = names[number] if number < len(names) else ""
        if name not in ("", called):
            continue
        listening = socket.socket(fileno=os.dup(descriptor))
        if listening.type != socket.SOCK_STREAM or not listening.getsockopt(
            socket.SOL_SOCKET, socket.SO_ACCEPTCONN
        ):
            listening.close()
            raise ConfigError(
                f"descriptor {descriptor} ('{called}') from systemd is no listening stream socket; "
                "write ListenStream= and Accept=no in its .socket unit"
            )
        yield listening
