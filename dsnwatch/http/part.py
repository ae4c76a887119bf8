"""Serves API and pages in the daemon's loop."""

import asyncio
import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from ssl import SSLError
from typing import TYPE_CHECKING

import uvicorn
from anyio.to_thread import current_default_thread_limiter

from dsnwatch.config.hook import server_of
from dsnwatch.config.lookup import UNIX
from dsnwatch.errors import ConfigError, UnavailableError
from dsnwatch.http.app import application
from dsnwatch.http.desk import Desk, Lookups
from dsnwatch.http.keys import Keys
from dsnwatch.unix_socket import listening

if TYPE_CHECKING:
    from dsnwatch.config.web import WebSection
    from dsnwatch.service.parts import Surroundings

log = logging.getLogger(__name__)

THREADS = 8
"""Threads that requests may keep waiting in the store, all together."""

CONNECTIONS = 500
BACKLOG = 1024
LONGEST_HEAD = 64 << 10


class _Server(uvicorn.Server):
    """Leaves signals to the daemon."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


class WebPart:
    """Serves one `[web]` section.

    Args:
        section: Where to listen, and whom to let in.
        around: What there is to be served.

    Raises:
        UnavailableError: It cannot listen there.
        ConfigError: The certificate cannot be used.
    """

    def __init__(self, section: "WebSection", around: "Surroundings") -> None:
        store = around.store
        self._lookups = Lookups(store.url)
        desk = Desk(
            store,
            section,
            around.loaded,
            around.figures,
            Keys(store),
            self._lookups,
            listeners=around.listeners,
        )
        beside = around.configuration.beside
        certificate, key = (
            str(beside(path)) if path else None
            for path in (section.tls_cert_file, section.tls_key_file)
        )
        config = uvicorn.Config(
            application(desk),
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            limit_concurrency=CONNECTIONS,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=3,
            h11_max_incomplete_event_size=LONGEST_HEAD,
            ssl_certfile=certificate,
            ssl_keyfile=key,
        )
        try:
            config.load()
        except (OSError, SSLError) as error:
            raise ConfigError(
                f"web.tls_cert_file: {certificate} cannot be used ({error}); give a PEM file with "
                "the chain, and its key"
            ) from error
        self._server = _Server(config)
        self._listen = section.listen
        self._socket = _listen(section)
        self._task: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """The TCP port it listens on; 0 on a unix socket."""
        name = self._socket.getsockname()
        return int(name[1]) if isinstance(name, tuple) else 0

    async def start(self) -> None:
        """Begin to serve."""
        current_default_thread_limiter().total_tokens = THREADS
        self._task = asyncio.create_task(self._server.serve([self._socket]))
        while not self._server.started and not self._task.done():  # noqa: ASYNC110  uvicorn's way
            await asyncio.sleep(0)
        if self._task.done():
            await self._task
        log_serving(self._listen, self.port)

    async def stop(self, grace: timedelta) -> None:
        """Take nothing new, and let what is under way end."""
        del grace  # uvicorn has its own, which is shorter
        self._server.should_exit = True
        if self._task is not None:
            await self._task
        self._socket.close()
        self._lookups.close()
        if self._listen.startswith(UNIX):
            _remove(self._listen.removeprefix(UNIX))


def _listen(section: "WebSection") -> socket.socket:
    """Open the socket.

    Raises:
        UnavailableError: It cannot be had.
    """
    try:
        if section.listen.startswith(UNIX):
            place = Path(section.listen.removeprefix(UNIX))
            return listening(place, int(section.mode, 8), BACKLOG)
        host, port = server_of(section.listen)
        assert port is not None
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise UnavailableError(
            f"cannot listen on {section.listen} ({error.strerror}); free it, or set web.listen"
        ) from error


def _remove(path: str) -> None:
    Path(path).unlink(missing_ok=True)


def log_serving(listen: str, port: int) -> None:
    """Say where API and pages are."""
    where = f"{listen.rpartition(':')[0]} port {port}" if port else listen
    log.info("web: %s", where)
