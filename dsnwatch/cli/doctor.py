"""`dsnwatch doctor`: looks over everything, and says the cure of what is wrong."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dsnwatch.checkup import Finding, Health
from dsnwatch.checkup.finding import look, well, wrong
from dsnwatch.cli.options import ConfigOption, JsonOption, StoreOption, VerboseOption
from dsnwatch.cli.output import Column, json_line, line, table
from dsnwatch.cli.place import Place
from dsnwatch.errors import ConfigError, DsnwatchError, UnavailableError

if TYPE_CHECKING:
    from dsnwatch.config.settings import Configuration
    from dsnwatch.lookup.resolver import Asking
    from dsnwatch.store import Store

app = typer.Typer(rich_markup_mode=None, add_completion=False)

_MARKS = {Health.OK: "ok", Health.LOOK: "look", Health.WRONG: "WRONG"}
_FINDING = (Column("", 5), Column(""))


@app.command(
    short_help="Look over everything, and say the cure of what is wrong.",
    help="Look over configuration, rules, store, disk, clock, mailboxes, listeners, hooks, and "
    "what DNS says of the domains of return paths ([[listener]], return_path.domain) and of those "
    "you send from (trust.domains, trust.dkim_keys): MX, SPF, DKIM, DMARC. Nothing is changed. "
    "What is wrong, or might be better, is told with its cure. Exit status 1: something is wrong.",
    epilog="""\b
    After setting it up, and whenever something is odd:
      dsnwatch doctor
    Without asking anything over the network:
      dsnwatch doctor --offline
    """,
)
def doctor(
    ctx: typer.Context,
    *,
    offline: Annotated[
        bool, typer.Option("--offline", help="Ask no mailbox, and nothing in DNS.")
    ] = False,
    servers: Annotated[
        list[str] | None,
        typer.Option("--dns-server", metavar="SERVER", help="Ask this one, not the system's."),
    ] = None,
    as_json: JsonOption = False,
    store: StoreOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> int:
    """Print each finding as it comes."""
    place = Place(ctx, config=config, store=store, verbose=verbose)
    worst = Health.OK
    for finding in _findings(place, servers, offline=offline):
        if finding.health is Health.WRONG or worst is Health.OK:
            worst = finding.health
        if as_json:
            json_line(
                {
                    "subject": finding.subject,
                    "health": finding.health.value,
                    "says": finding.says,
                    "cure": finding.cure or None,
                }
            )
        else:
            _show(finding)
    if not as_json:
        line()
        line(
            {
                Health.OK: "all is well",
                Health.LOOK: "it works; look at what might be better",
                Health.WRONG: "something is wrong",
            }[worst]
        )
    return int(worst is Health.WRONG)


def _show(finding: Finding) -> None:
    rows = [(_MARKS[finding.health], f"{finding.subject}: {finding.says}")]
    if finding.cure:
        rows.append(("", f"-> {finding.cure}"))
    table(_FINDING, rows, heading=False)


def _findings(place: Place, servers: list[str] | None, *, offline: bool) -> Iterator[Finding]:
    try:
        configuration = place.configuration
        path = configuration.file.path
        place.subscriptions()
        place.check_hooks()
        place.attributor()
    except ConfigError as error:
        yield wrong(
            "configuration", str(error), "mend that line; `dsnwatch config check` says more"
        )
        return
    yield well("configuration", f"{path}" if path else "no file; the defaults hold")
    try:
        place.policy()
        place.reader()
    except ConfigError as error:
        yield wrong("rules", str(error), "mend that row; `dsnwatch rules check` says more")
    else:
        yield well("rules", "ours and yours are read")
    yield from _of_store(place, configuration, offline=offline)
    if not offline:
        yield from _of_names(configuration, servers)


def _of_store(place: Place, configuration: "Configuration", *, offline: bool) -> Iterator[Finding]:
    from dsnwatch.checkup import machine  # noqa: PLC0415  not for --help

    now, settings = datetime.now(UTC), configuration.settings
    yield machine.clock(now)
    try:
        with place.store() as opened:
            yield from machine.store_of(opened, now)
            if (folder := Path(opened.where).parent).is_dir():
                yield machine.disk(folder)
            yield from machine.daemon(opened, configuration.node, configuration.parts, now)
            if not offline:
                yield from _of_mailboxes(configuration, opened)
            yield from machine.hooks(opened, [hook.name for hook in settings.hook])
            yield from machine.matters(opened)
    except DsnwatchError as error:
        yield wrong("store", str(error), "mend that; nothing is taken in till then")
    yield from machine.listeners(settings.listener)


def _of_mailboxes(configuration: "Configuration", store: "Store") -> Iterator[Finding]:
    from dsnwatch.cli.mailbox import steps  # noqa: PLC0415  not for --help

    for index, section in enumerate(configuration.settings.mailbox):
        subject = f"mailbox {section.name}"
        try:
            said = dict(steps(configuration, index, store))
        except DsnwatchError as error:
            cure = f"`dsnwatch mailbox test {section.name}` shows each step"
            yield wrong(subject, str(error), cure)
        else:
            yield well(subject, f"{said['login']}, {said['TLS']}")


def _of_names(configuration: "Configuration", servers: list[str] | None) -> Iterator[Finding]:
    """Ask DNS for everything at once; findings come in the order of the questions."""
    from dsnwatch.cli.list_ import resolver_of  # noqa: PLC0415  dnspython

    asking = _questions(configuration)
    if not asking:
        yield look(
            "domains",
            "none are configured, so what they publish is not looked at",
            "name those you send from in trust.domains",
        )
        return
    try:
        answers = dict(resolver_of(servers).run(enumerate(asking)))
    except UnavailableError as error:
        yield look("DNS", str(error), "name a server with --dns-server")
        return
    for number in range(len(asking)):
        yield from answers[number]


def _questions(configuration: "Configuration") -> "list[Asking[list[Finding]]]":
    from dsnwatch.checkup import published  # noqa: PLC0415  dnspython

    settings = configuration.settings
    paths = [domain for section in settings.listener for domain in section.domains]
    paths += [settings.return_path.domain] if settings.return_path.domain else []
    sending = [*settings.trust.domains]
    keys = {name: configuration.beside(path) for name, path in settings.trust.dkim_keys.items()}
    return [
        *(published.takes_bounces(domain) for domain in dict.fromkeys(paths)),
        *(published.spf(domain) for domain in dict.fromkeys([*paths, *sending])),
        *(published.dmarc(domain) for domain in dict.fromkeys(sending)),
        *(published.dkim(name, _record(path)) for name, path in keys.items()),
    ]


def _record(path: Path) -> str | None:
    """Read what a key file says, where it is a record; a PEM file is compared with nothing."""
    text = path.read_text(encoding="ascii")
    if "BEGIN PUBLIC KEY" in text:
        return None
    return "".join(part.strip().strip('"') for part in text.split("\n"))
