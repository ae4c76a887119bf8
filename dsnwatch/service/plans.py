"""Which parts of the daemon a configuration asks for; a new kind of part is a planner here."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from dsnwatch.alerting import part_of
from dsnwatch.hooks import open_hook, subscriptions_of
from dsnwatch.keeping import Keeper
from dsnwatch.lookups import Export, server
from dsnwatch.mailboxes import watcher_of
from dsnwatch.outbox import Worker
from dsnwatch.service.parts import LoopPart, Planned, Surroundings, ThreadPart
from dsnwatch.store.duties import Duty
from dsnwatch.watch import Watcher

if TYPE_CHECKING:
    from dsnwatch.config.listener import ListenerSection
    from dsnwatch.config.lookup import ExportSection, LookupSection
    from dsnwatch.config.settings import Configuration
    from dsnwatch.config.web import WebSection

Planner = Callable[["Configuration"], Iterable[Planned]]


def mailboxes(configuration: "Configuration") -> Iterator[Planned]:
    """Ask for a watcher a mailbox.

    Raises:
        ConfigError: A secret cannot be read, or an extra is not installed.
    """
    for index, section in enumerate(configuration.settings.mailbox):
        keys = [key for key in type(section).model_fields if key.endswith("_file")]
        paths = ((key, getattr(section, key)) for key in keys if key != "tls_ca_file")
        secrets = tuple(
            configuration.secret(path, f"mailbox.{index}.{key}") for key, path in paths if path
        )
        yield Planned(
            f"mailbox {section.name}",
            (section, configuration.settings.stream, secrets),
            partial(_watcher, index),
        )


def _watcher(index: int, around: "Surroundings") -> Watcher:
    return watcher_of(around.configuration, index, around.store, around.submit)


def listeners(configuration: "Configuration") -> Iterator[Planned]:
    """Ask for a listener a section.

    Raises:
        ConfigError: The keys of return paths cannot be read.
    """
    sections = configuration.settings.listener
    if not sections:
        return
    from dsnwatch.sources.listener import return_path_keys  # noqa: PLC0415  aiosmtpd, where wanted

    keys = return_path_keys(configuration)
    for number, section in enumerate(sections, start=1):
        says = (section, configuration.settings.stream, keys)
        yield Planned(f"listener {number}", says, partial(_listener, section))


def _listener(section: "ListenerSection", around: "Surroundings") -> LoopPart:
    from dsnwatch.sources.listener import listener_of  # noqa: PLC0415  as above

    return listener_of(around.configuration, section, lambda raw: around.submit(raw, 0.0))


def hooks(configuration: "Configuration") -> Iterator[Planned]:
    """Ask for the workers of each hook.

    Raises:
        ConfigError: There is no such kind of hook, or a secret cannot be read.
    """
    for number, section in enumerate(configuration.settings.hook):
        open_hook(section, configuration, number).close()  # what is wrong is said at once
        keys = [key for key in type(section).model_fields if key.endswith("_file")]
        paths = ((key, getattr(section, key)) for key in keys if key != "ca_file")
        secrets = tuple(
            configuration.secret(path, f"hook.{number}.{key}") for key, path in paths if path
        )
        for worker in range(section.workers):
            name = f"hook {section.name}" + (f" {worker + 1}" if worker else "")
            yield Planned(name, (section, secrets), partial(_worker, number))


def _worker(number: int, around: "Surroundings") -> Worker:
    section = around.configuration.settings.hook[number]
    return Worker(around.store, section.name, open_hook(section, around.configuration, number))


def lookups(configuration: "Configuration") -> Iterator[Planned]:
    """Ask for a server a look-up, and for a writer an export."""
    for number, section in enumerate(configuration.settings.lookup, start=1):
        yield Planned(f"lookup {number}", section, partial(_lookup, section))
    for number, written in enumerate(configuration.settings.export, start=1):
        yield Planned(f"export {number}", written, partial(_export, written))


def _lookup(section: "LookupSection", around: "Surroundings") -> ThreadPart:
    return server(section, around.store.url)


def _export(section: "ExportSection", around: "Surroundings") -> Export:
    return Export(section, around.store, around.configuration.beside(section.path))


def web(configuration: "Configuration") -> Iterator[Planned]:
    """Ask for API and pages, where there is a `[web]`."""
    section = configuration.web
    if section is None:
        return
    files = [
        configuration.beside(path) for path in (section.tls_cert_file, section.tls_key_file) if path
    ]
    # A certificate that was renewed makes it another part, so that SIGHUP takes it over.
    ages = tuple(path.stat().st_mtime_ns if path.exists() else 0 for path in files)
    yield Planned("web", (section, ages), partial(_web, section))


def _web(section: "WebSection", around: "Surroundings") -> LoopPart:
    from dsnwatch.http.part import WebPart  # noqa: PLC0415  FastAPI, only where it is asked for

    return WebPart(section, around)


def alerting(configuration: "Configuration") -> Iterator[Planned]:
    """Ask for a look, every minute, at what is worth an alert."""
    settings = configuration.settings
    if settings.alerts.enabled:
        says = (settings.alerts, settings.hook)
        yield Planned("alerts", says, lambda around: part_of(around.configuration, around.store))


def keeping(configuration: "Configuration") -> Iterator[Planned]:
    """Ask for what lets go of old things, every hour."""
    settings = configuration.settings
    says = (settings.keep, settings.policy, settings.hook)
    yield Planned("keeping", says, _keeper)


def _keeper(around: "Surroundings") -> Keeper:
    settings = around.configuration.settings
    duty = Duty(around.store.duties, "keeping")
    return Keeper(around.store, settings, subscriptions_of(settings.hook), duty=duty)


PLANNERS: Sequence[Planner] = (hooks, lookups, mailboxes, listeners, alerting, web, keeping)
"""What reads the parts to run from the configuration, in the order they are started."""
