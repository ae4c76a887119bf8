"""How other systems are told: the contract every hook keeps, and the table of kinds.

A new kind is a file in this folder that keeps `Hook`, a line in `KINDS`, and a run through
`tests/contract_hook.py`; or a package of somebody else's with an entry point in `dsnwatch.hooks`.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Protocol, cast

from dsnwatch.errors import ConfigError
from dsnwatch.hooks.payloads import FORMATS
from dsnwatch.model import Trust
from dsnwatch.records import News
from dsnwatch.subscriptions import Subscription, Subscriptions, types_named

if TYPE_CHECKING:
    from dsnwatch.config.hook import HookSection

GROUP: Final = "dsnwatch.hooks"
"""The entry points by which other packages bring kinds: a name, and what makes a hook of it."""


OTHER_REASONS: Final = ("complaint", "unsubscribe", "manual")
"""What a suppression can be for beside the reasons of the taxonomy."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a hook is to tell, in one go.

    Attributes:
        news: One event, or several where the hook takes lists; in order.
        attempt: 1 the first time; of several events all have the same.
        at: Now.
    """

    news: tuple[News, ...]
    attempt: int
    at: datetime

    @property
    def id(self) -> str:
        """What it is told under: the event's own id, or one that follows from those of several.

        The same each time the same is told.
        """
        if len(self.news) == 1:
            return self.news[0].id
        return hashlib.sha256(" ".join(each.id for each in self.news).encode()).hexdigest()[:32]


class Hook(Protocol):
    """Tells one other system of events; at least once, so that receivers look at `delivery.id`.

    One thread at a time uses one.
    """

    @property
    def batch(self) -> int:
        """How many events one delivery may hold."""
        ...

    @property
    def every(self) -> timedelta:
        """How long to collect events before each delivery; nothing is at once."""
        ...

    @property
    def timeout(self) -> timedelta:
        """How long `deliver` may block."""
        ...

    def deliver(self, delivery: Delivery) -> None:
        """Return when the other side has it for good.

        Raises:
            HookError: To be asked again later.
            HookGone: To be asked never again.
        """
        ...

    def close(self) -> None:
        """Give back connections and descriptors; a second call does nothing."""
        ...


class Secrets(Protocol):
    """What a hook may ask of the configuration it comes from: `config.Configuration`."""

    @property
    def node(self) -> str:
        """The name of this machine."""
        ...

    def secret(self, path: Path, key: str) -> str:
        """Read a secret; `key` is for the error."""
        ...

    def beside(self, path: Path) -> Path:
        """Find a file; a relative path lies beside the configuration."""
        ...


Make = Callable[["HookSection", Secrets, str], Hook]
"""Makes a hook of its section; the text is the section's key, for errors: `hook.0`."""

KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "webhook": "dsnwatch.hooks.webhook:make",
        "exec": "dsnwatch.hooks.exec:make",
        "file": "dsnwatch.hooks.file:make",
        "smtp": "dsnwatch.hooks.smtp:make",
    }
)
"""What `kind` can say, and the `module:function` that makes it; imported when used."""


def open_hook(section: "HookSection", secrets: Secrets, number: int) -> Hook:
    """Make the hook a section describes.

    Args:
        section: What is configured.
        secrets: Reads the files it names.
        number: Its place among the sections, for errors.

    Raises:
        ConfigError: There is no such kind, a secret cannot be read, or it is none.
    """
    return _maker(section.kind)(section, secrets, f"hook.{number}")


def _maker(kind: str) -> Make:
    if found := KINDS.get(kind):
        module, _, name = found.partition(":")
        return cast("Make", getattr(import_module(module), name))
    brought = entry_points(group=GROUP)
    for each in brought.select(name=kind):
        return cast("Make", each.load())
    known = [*KINDS, *sorted(brought.names)]
    near = get_close_matches(kind, known, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"known are {', '.join(known)}"
    raise ConfigError(f"hook.kind: '{kind}' is no kind of hook; {hint}")


def subscriptions_of(sections: Sequence["HookSection"]) -> Subscriptions:
    """Find what the configured hooks want to be told.

    Raises:
        ConfigError: One of them wants an event there is none of, or that its format cannot say.
    """
    return Subscriptions([subscription_of(each) for each in sections])


def check_reasons(section: "HookSection", known: Iterable[str]) -> None:
    """See that the reasons a hook wants are some.

    Args:
        section: What is configured.
        known: The reasons of the taxonomy.

    Raises:
        ConfigError: One of them is none.
    """
    reasons = [*known, *OTHER_REASONS]
    for reason in section.reasons:
        if reason not in reasons:
            near = get_close_matches(reason, reasons, n=1)
            hint = f"did you mean '{near[0]}'?" if near else "`dsnwatch docs reasons` lists them"
            raise ConfigError(f"hook '{section.name}': reasons: '{reason}' is none; {hint}")


def subscription_of(section: "HookSection") -> Subscription:
    """Find what one hook wants to be told; see `subscriptions_of`."""
    form = FORMATS[section.format]
    try:
        wanted = types_named(section.events)
    except ValueError as error:
        raise ConfigError(f"hook '{section.name}': events: {error}") from error
    said = wanted & form.says
    for name in section.events:
        if not types_named([name]) & said:
            raise ConfigError(
                f"hook '{section.name}': format {section.format} has no word for {name}; it says "
                f"{', '.join(sorted(form.says))}"
            )
    return Subscription(
        hook=section.name,
        types=said,
        classes=section.classes,
        reasons=section.reasons,
        streams=section.streams,
        least_trust=Trust(section.least_trust),
    )
