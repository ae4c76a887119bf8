"""`/v1/hooks`: the systems that are told, what waits for them, and what they missed."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path

from dsnwatch import tending
from dsnwatch.config.hook import HookSection
from dsnwatch.hooks import subscription_of
from dsnwatch.http import cursors
from dsnwatch.http.access import Reads, Rules
from dsnwatch.http.cursors import After, Limit
from dsnwatch.http.desk import Desk, Here
from dsnwatch.http.problems import Refused
from dsnwatch.http.shapes import MaybeReason, moment
from dsnwatch.http.shapes.hooks import Hooks, HookShape, Letters, Replayed, ToReplay
from dsnwatch.shown import hook_dict, letter_dict
from dsnwatch.subscriptions import Subscriptions

router = APIRouter(tags=["hooks"])
Name = Annotated[str, Path(alias="name", max_length=200)]


@router.get("/hooks", response_model=Hooks, summary="List the hooks")
def list_hooks(desk: Here, _: Reads) -> dict[str, object]:
    """List the hooks, how each is doing, and what waits for it."""
    return {"items": hooks_of(desk)}


@router.get("/hooks/{name}/dead", response_model=Letters, summary="List what one missed")
def dead(
    desk: Here, _: Reads, name: Name, limit: Limit = 100, cursor: After = None
) -> dict[str, object]:
    """List what a hook could not be told, oldest first."""
    after = cursors.behind(cursor) or ""
    with desk.store.deliveries(readonly=True) as looked:
        letters = looked.dead_letters(name, after=after)
        return cursors.paged(letters, limit, letter_dict, lambda each: (each.news.id,))


@router.post("/hooks/{name}/pause", response_model=HookShape, summary="Make one wait")
def pause(desk: Here, caller: Rules, name: Name, body: MaybeReason) -> dict[str, object]:
    """Make a hook wait; what is to be told gathers until it is resumed."""
    configured(desk, name)
    tending.pause(desk.store, name, body.because, caller.who, paused=True)
    return _one(desk, name)


@router.post("/hooks/{name}/resume", response_model=HookShape, summary="Let one go on")
def resume(desk: Here, caller: Rules, name: Name, body: MaybeReason) -> dict[str, object]:
    """Let a hook go on that was paused, or that rests."""
    configured(desk, name)
    tending.pause(desk.store, name, body.because, caller.who, paused=False)
    return _one(desk, name)


@router.post("/hooks/{name}/replay", response_model=Replayed, summary="Tell one again")
def replay(desk: Here, caller: Rules, name: Name, body: ToReplay) -> dict[str, object]:
    """Tell a hook what it missed; or, with `since`, whatever happened since then."""
    section = configured(desk, name)
    since, until = moment(body.since), moment(body.until)
    if since is not None and body.ids is not None:
        raise Refused(
            HTTPStatus.UNPROCESSABLE_ENTITY, "since tells events, not dead letters; leave out ids"
        )
    if until is not None and since is None:
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "until needs since")
    if since is None:
        return {"events": tending.revive_dead(desk.store, name, body.ids, caller.who)}
    wanted = Subscriptions([subscription_of(section)])
    told = tending.tell_again(desk.store, name, wanted, since, until, who=caller.who)
    return {"events": told}


def hooks_of(desk: Desk) -> list[dict[str, object]]:
    """Say how each hook is doing: the configured ones, and those that have rows left."""
    kinds = {each.name: each.kind for each in desk.loaded().configuration.settings.hook}
    now = desk.clock()
    with desk.store.deliveries(readonly=True) as looked:
        names = [*kinds, *sorted(looked.hooks() - kinds.keys())]
        return [
            hook_dict(kinds.get(name), looked.state(name), looked.backlog(name), now)
            for name in names
        ]


def _one(desk: Desk, name: str) -> dict[str, object]:
    return next(each for each in hooks_of(desk) if each["hook"] == name)


def configured(desk: Desk, name: str) -> HookSection:
    """Find a hook's section.

    Raises:
        Refused: None is called so.
    """
    sections = desk.loaded().configuration.settings.hook
    found = next((each for each in sections if each.name == name), None)
    if found is None:
        raise Refused(HTTPStatus.NOT_FOUND, "no hook of that name is configured")
    return found
