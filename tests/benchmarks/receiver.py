"""A process that receives: the service with one listener and a store, as `dsnwatch run` has them.

    python -m tests.benchmarks.receiver STORE '{"listen": ["127.0.0.1:0"], ...}' [--unlike MARK]

It prints a line of JSON with its places when it listens, and ends at SIGTERM. `--unlike` makes each
message another one by a number in the place of MARK: a client that sends one message again and
again would be answered from the index of fingerprints.
"""

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING

from dsnwatch.config import document
from dsnwatch.config.settings import Configuration, Settings
from dsnwatch.model import RawMessage
from dsnwatch.policy import Policy
from dsnwatch.reading.reader import Reader
from dsnwatch.service.daemon import serve
from dsnwatch.service.parts import Loaded, Planned, Surroundings
from dsnwatch.sources.listener import Listener, listener_of
from dsnwatch.store import open_store

if TYPE_CHECKING:
    from concurrent.futures import Future

    from dsnwatch.records import Receipt


class Told:
    """A listener that tells where it listens."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    async def start(self) -> None:
        """Listen, and tell."""
        await self._listener.start()
        print(json.dumps(self._listener.places), flush=True)

    async def stop(self, grace: timedelta) -> None:
        """Stop."""
        await self._listener.stop(grace)


def main() -> None:
    """Run until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("store")
    parser.add_argument("section", type=json.loads)
    parser.add_argument("--unlike", type=str.encode)
    arguments = parser.parse_args()
    settings = Settings.model_validate({"listener": [arguments.section]})
    configuration = Configuration(settings, document.ConfigFile())
    numbers = count(1)

    def unlike(
        submit: Callable[[RawMessage], "Future[Receipt]"],
    ) -> "Callable[[RawMessage], Future[Receipt]]":
        def other(raw: RawMessage) -> "Future[Receipt]":
            number = str(next(numbers)).zfill(len(arguments.unlike)).encode()
            return submit(replace(raw, data=raw.data.replace(arguments.unlike, number)))

        return other if arguments.unlike else submit

    def make(surroundings: Surroundings) -> Told:
        def submit(raw: RawMessage) -> "Future[Receipt]":
            return surroundings.submit(raw, 0)

        return Told(listener_of(surroundings.configuration, settings.listener[0], unlike(submit)))

    def planned(_: Configuration) -> Iterator[Planned]:
        yield Planned("listener", settings.listener[0], make)

    store = open_store(arguments.store)
    try:
        serve(
            lambda: Loaded(configuration, Reader.load(), Policy.preset("default")),
            store,
            [planned],
        )
    finally:
        store.close()


if __name__ == "__main__":
    main()
