"""`dsnwatch hooks`: the systems that are told, what waits for them, and what could not be told."""

from contextlib import closing
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated

import typer

from dsnwatch import tending
from dsnwatch.cli.hook_sample import sample
from dsnwatch.cli.lengths import moment
from dsnwatch.cli.options import BecauseOption, ConfigOption, JsonOption, StoreOption, VerboseOption
from dsnwatch.cli.output import Column, json_line, line, minute, say, table
from dsnwatch.cli.person import who
from dsnwatch.cli.place import Place
from dsnwatch.errors import UsageError
from dsnwatch.events import EVENTS
from dsnwatch.hooks import Delivery, open_hook, subscription_of
from dsnwatch.rfc.address import key
from dsnwatch.shown import hook_dict, hook_state, letter_dict
from dsnwatch.store import HookState, new_id
from dsnwatch.subscriptions import Subscriptions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dsnwatch.config.hook import HookSection
    from dsnwatch.store import Backlog, DeadLetter, Store

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
    help="The systems that are told, and what they missed.",
)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The hook.")]

_HOOKS = (
    Column("hook"),
    Column("kind", 8),
    Column("state", 22),
    Column("waiting", 8, right=True),
    Column("dead", 6, right=True),
    Column("told", 9, right=True),
)
_DEAD = (Column("id", 32), Column("event and address, when and why"))


@app.command(
    "list",
    help="List the hooks, how each is doing, and what waits for it.",
    epilog="""\b
    Is everybody told?
      dsnwatch hooks list
    """,
)
def list_hooks(
    ctx: typer.Context,
    *,
    as_json: JsonOption = False,
    store: StoreOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Print each configured hook, and each that has rows left though it is configured no more."""
    place = Place(ctx, config=config, store=store, verbose=verbose)
    kinds = {each.name: each.kind for each in place.configuration.settings.hook}
    now = datetime.now(UTC)
    with place.store() as opened:
        with opened.deliveries(readonly=True) as looked:
            names = [*kinds, *sorted(looked.hooks() - kinds.keys())]
            found = [(kinds.get(name), looked.state(name), looked.backlog(name)) for name in names]
        if as_json:
            for kind, state, backlog in found:
                json_line(hook_dict(kind, state, backlog, now))
        elif not table(_HOOKS, [_row(*each, now) for each in found]):
            say("no hooks; `dsnwatch docs hooks` tells how to set one up")
        else:
            for _, state, _ in found:
                if state.error and state.failed_at:
                    line(f"{state.name}: failed last on {minute(state.failed_at)}: {state.error}")


@app.command(
    "test",
    short_help="Tell a hook of an event that never happened.",
    help="Tell a hook of an event that never happened, at once and past the outbox. Exit status "
    "69: it could not be told, and why.",
    epilog="""\b
    Does the CRM hear us?
      dsnwatch hooks test crm
    What would it hear?
      dsnwatch hooks test crm --event complaint --show
    """,
)
def try_hook(
    ctx: typer.Context,
    *,
    name: NameArgument,
    event: Annotated[
        str | None,
        typer.Option("--event", metavar="EVENT", help="Which. [default: the first it wants]"),
    ] = None,
    address: Annotated[
        str, typer.Option("--address", metavar="ADDRESS", help="Whom it is about.")
    ] = "dsnwatch-test@example.com",
    show: Annotated[
        bool, typer.Option("--show", help="Print the event as docs/events has it; tell nobody.")
    ] = False,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Make an event up and deliver it."""
    place = Place(ctx, config=config, verbose=verbose)
    number, section = _configured(place, name)
    wanted = subscription_of(section).types
    type_ = event or next(each for each in EVENTS if each in wanted)
    if type_ not in wanted:
        known = ", ".join(each for each in EVENTS if each in wanted)
        raise UsageError(f"--event {type_}: hook '{name}' is told of: {known}")
    now = datetime.now(UTC)
    news = sample(name, type_, new_id(now), key(address), now)
    if show:
        line(news.payload)
        return
    with closing(open_hook(section, place.configuration, number)) as hook:
        hook.deliver(Delivery((news,), 1, now))
    line(f"{name}: told of {type_} {news.id}")


@app.command(
    help="List what could not be told, oldest first.",
    epilog="""\b
    What has the CRM missed, and why?
      dsnwatch hooks dead crm
    """,
)
def dead(
    ctx: typer.Context,
    *,
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="The hook. [default: all]")
    ] = None,
    as_json: JsonOption = False,
    store: StoreOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Print dead letters as a table or as JSON lines."""
    place = Place(ctx, config=config, store=store, verbose=verbose)
    with place.store() as opened:
        letters = _letters(opened, name)
        if as_json:
            for letter in letters:
                json_line(letter_dict(letter))
        elif not table(_DEAD, map(_letter_row, letters)):
            say("nothing; everybody was told")


@app.command(
    short_help="Tell a hook again what it missed.",
    help="Put what a hook could not be told back into the outbox; or, with --since, tell it "
    "whatever happened since then, from the events that are kept: for a hook that came later. "
    "Each event keeps its id. Exit status 1: there was nothing to tell.",
    epilog="""\b
    The CRM is repaired:
      dsnwatch hooks replay crm
    The CRM is new, and is to know all that happened this year:
      dsnwatch hooks replay crm --since 2026-01-01
    """,
)
def replay(
    ctx: typer.Context,
    *,
    name: NameArgument,
    ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID]", help="Which dead letters. [default: all]"),
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            "--since",
            metavar="TIME",
            parser=moment,
            help="Tell events from then on: 2026-03-05, 2026-03-05T10:00 (UTC), 7d (ago).",
        ),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option("--until", metavar="TIME", parser=moment, help="And before then, likewise."),
    ] = None,
    store: StoreOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> int:
    """Fill the outbox of one hook."""
    place = Place(ctx, config=config, store=store, verbose=verbose)
    _, section = _configured(place, name)
    if until and not since:
        raise UsageError("--until needs --since")
    if since and ids:
        raise UsageError("--since tells events, not dead letters; leave out the ids")
    with place.store() as opened:
        if since is None:
            count = tending.revive_dead(opened, name, ids, who())
        else:
            wanted = Subscriptions([subscription_of(section)])
            count = tending.tell_again(opened, name, wanted, since, until, who=who())
    line(f"{name}: {count} events will be told again")
    return int(not count)


@app.command(
    help="Make a hook wait. What is to be told gathers until it is resumed.",
    epilog="""\b
    The CRM is away tonight:
      dsnwatch hooks pause crm
    """,
)
def pause(
    ctx: typer.Context,
    *,
    name: NameArgument,
    because: BecauseOption = "",
    store: StoreOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Pause a hook, whoever serves it."""
    place = Place(ctx, config=config, store=store, verbose=verbose)
    _configured(place, name)
    with place.store() as opened:
        tending.pause(opened, name, because, who(), paused=True)
    line(f"{name}: paused")


@app.command(
    short_help="Let a hook go on.",
    help="Let a hook go on that was paused, or that rests because the other side did not answer.",
    epilog="""\b
    The CRM is back:
      dsnwatch hooks resume crm
    """,
)
def resume(
    ctx: typer.Context,
    *,
    name: NameArgument,
    because: BecauseOption = "",
    store: StoreOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Let a hook go on."""
    place = Place(ctx, config=config, store=store, verbose=verbose)
    _configured(place, name)
    with place.store() as opened:
        tending.pause(opened, name, because, who(), paused=False)
    line(f"{name}: goes on")


@app.command(
    short_help="Let go of all that waits for a hook.",
    help="Let go of all that waits for a hook and of what it could not be told, for good.",
    epilog="""\b
    The CRM has been given up:
      dsnwatch hooks drop crm --because "given up"
    """,
)
def drop(
    ctx: typer.Context,
    *,
    name: NameArgument,
    because: BecauseOption,
    store: StoreOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Empty the outbox of one hook, configured or not."""
    place = Place(ctx, config=config, store=store, verbose=verbose)
    now = datetime.now(UTC)
    with place.store() as opened, opened.write() as writer:
        if name not in writer.deliveries.hooks():
            raise UsageError(f"nothing is kept for a hook '{name}'; `dsnwatch hooks list`")
        gone = writer.deliveries.drop(name)
        writer.audit(now, who(), "hook.drop", name, because, {"events": gone})
    line(f"{name}: {gone} events let go of")


def _configured(place: Place, name: str) -> "tuple[int, HookSection]":
    """Find a hook's section and its number."""
    sections = place.configuration.settings.hook
    for number, section in enumerate(sections):
        if section.name == name:
            return number, section
    names = [each.name for each in sections]
    near = get_close_matches(name, names, n=1)
    known = f"configured are {', '.join(names)}" if names else "none is configured"
    raise UsageError(f"no hook '{name}'; {f'did you mean {near[0]!r}?' if near else known}")


def _letters(store: "Store", name: str | None) -> "Iterator[DeadLetter]":
    with store.deliveries(readonly=True) as looked:
        for each in [name] if name else sorted(looked.hooks()):
            yield from looked.dead_letters(each)


def _row(kind: str | None, state: HookState, backlog: "Backlog", now: datetime) -> tuple[str, ...]:
    return (
        state.name,
        kind or "-",
        hook_state(kind, state, now),
        f"{backlog.waiting}",
        f"{backlog.dead}",
        f"{state.delivered}",
    )


def _letter_row(letter: "DeadLetter") -> tuple[str, ...]:
    news = letter.news
    return (news.id, f"{news.type} {news.address}, {minute(letter.at)}: {letter.error}")
