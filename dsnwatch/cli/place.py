"""What a command stands on: configuration, store, rules and policy, each loaded when asked for."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from dsnwatch.cli.output import say
from dsnwatch.config import document
from dsnwatch.errors import SourceError, UsageError

if TYPE_CHECKING:
    from dsnwatch.assistant import Recipe
    from dsnwatch.attribute import Attributor
    from dsnwatch.config.settings import Configuration
    from dsnwatch.policy import Policy
    from dsnwatch.reading.reader import Reader
    from dsnwatch.service.parts import Loaded
    from dsnwatch.store import Store
    from dsnwatch.subscriptions import Subscriptions


@dataclass(frozen=True)
class Given:
    """What was said before the command's name: `dsnwatch -v --config FILE import ...`."""

    config: Path | None = None
    verbose: bool = False


class Place:
    """The surroundings of one command.

    Args:
        ctx: The command's context; `Given` stands at its root.
        config: `--config`, said behind the command's name.
        store: `--store`.
        verbose: `-v`, said behind the command's name.
    """

    def __init__(
        self,
        ctx: typer.Context,
        *,
        config: Path | None = None,
        store: str | None = None,
        verbose: bool = False,
    ) -> None:
        given = ctx.find_object(Given) or Given()
        self._config = config or given.config
        self._store = store
        self.verbose = verbose or given.verbose

    @cached_property
    def configuration(self) -> "Configuration":
        """The whole configuration, checked.

        Raises:
            ConfigError: As `loading.load` has it.
        """
        from dsnwatch.config import loading  # noqa: PLC0415  pydantic costs ten bare Pythons

        loaded = loading.load(self._config)
        self._say_config(loaded.file.path)
        return loaded

    def store_url(self) -> str:
        """Find the store's URL: `--store`, else the configured one, else the default place."""
        return self._store or self.configuration.store_url() or _default_url()

    def quick_store_url(self) -> str:
        """Find the same without checking the rest of the configuration, and so much faster."""
        if self._store:
            return self._store
        file = document.read(document.find(self._config, os.environ))
        self._say_config(file.path)
        url = document.store_url(file, os.environ) or _default_url()
        # What a server wants to know (a password) stands in more than one option.
        return self.store_url() if url.startswith("postgres") else url

    @contextmanager
    def store(self, *, make: bool = False) -> Iterator["Store"]:
        """Open the store, make it if it is not there, and close it afterwards.

        Args:
            make: Whether one that `--store` names may be made: where something is put into it.

        Raises:
            SourceError: There is none where `--store` says.
            StoreError: It cannot be opened, or is not ours.
        """
        import logging  # noqa: PLC0415  `check` starts without it

        from dsnwatch.store import open_store  # noqa: PLC0415  SQLAlchemy: a third of a second

        logging.basicConfig(format="dsnwatch: %(message)s", level=logging.WARNING)
        url = self.store_url()
        if not make:
            self.see_store(url)
        store = open_store(url, node=self.configuration.node)
        try:
            self.say_store(store.where)
            yield store
        finally:
            store.close()

    def see_store(self, url: str) -> None:
        """See that a store which `--store` names is there: mistyped, it would be an empty one.

        Raises:
            SourceError: It is not.
        """
        from dsnwatch.store.location import is_server, where_of  # noqa: PLC0415  as above

        if self._store and not is_server(url) and not Path(where := where_of(url)).exists():
            raise SourceError(f"{where}: no such store; check --store, or import something into it")

    def reader(self, rules: Path | None = None) -> "Reader":
        """Load our rules and the user's.

        Args:
            rules: A folder to take the user's from; None for the configured one.

        Raises:
            ConfigError: A row of theirs is wrong.
            UsageError: The folder given is none.
        """
        from dsnwatch.reading.reader import Reader  # noqa: PLC0415  loads all the rules

        if rules is not None and not rules.is_dir():
            raise UsageError(f"--rules {rules}: is no folder; name one with .toml files in it")
        kept = self.configuration.settings.attribution.kept_headers
        return Reader.load(self.configuration.rules_directory() if rules is None else rules, kept)

    def recipe(self) -> "Recipe":
        """Say what another process needs to read as `reader` does; to be asked for before that."""
        from dsnwatch.assistant import Recipe  # noqa: PLC0415  the daemon alone wants one

        kept = self.configuration.settings.attribution.kept_headers
        return Recipe.of(self.configuration.rules_directory(), kept)

    def loaded(self) -> "Loaded":
        """Read all that `dsnwatch run` reads, at its start and again at SIGHUP.

        Raises:
            ConfigError: Something is wrong with it.
        """
        from dsnwatch.service.parts import Loaded  # noqa: PLC0415  loads the store

        recipe = self.recipe()
        return Loaded(self.configuration, self.reader(), self.policy(), self.attributor(), recipe)

    def policy(self) -> "Policy":
        """Make the configured policy.

        Raises:
            RuleError: A row of it can never decide.
        """
        from dsnwatch.policy import Policy  # noqa: PLC0415  needs the configuration anyway

        return Policy.of(self.configuration.settings.policy, self.configuration.file.place)

    def attributor(self) -> "Attributor":
        """Make what says whom and what a report is about, and how far to believe it.

        Raises:
            ConfigError: A key cannot be read.
        """
        from dsnwatch.provenance import attributor_of  # noqa: PLC0415  needs the configuration

        return attributor_of(self.configuration)

    def check_hooks(self) -> None:
        """See that every hook can be made, has the secrets it needs, and wants what there is.

        Raises:
            ConfigError: One cannot.
        """
        from dsnwatch.hooks import check_reasons, open_hook  # noqa: PLC0415  needs the configuration
        from dsnwatch.rules import load  # noqa: PLC0415  only where it is asked for

        known = load().categories
        for number, section in enumerate(self.configuration.settings.hook):
            check_reasons(section, known)
            open_hook(section, self.configuration, number).close()

    def subscriptions(self) -> "Subscriptions":
        """Find which of the configured hooks want to be told of what.

        Raises:
            ConfigError: A hook's section says something that cannot be done.
        """
        from dsnwatch.hooks import subscriptions_of  # noqa: PLC0415  needs the configuration anyway

        return subscriptions_of(self.configuration.settings.hook)

    def say_store(self, where: object) -> None:
        """Say where the store lies, to who asked with `-v`."""
        if self.verbose:
            say(f"store: {where}")

    def _say_config(self, path: Path | None) -> None:
        if self.verbose:
            say(f"configuration: {path or 'none, the defaults hold'}")


def _default_url() -> str:
    from dsnwatch.store.location import default_url  # noqa: PLC0415  not needed with --store

    return default_url(os.environ)
