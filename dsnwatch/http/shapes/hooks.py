"""Shapes of `/v1/hooks`."""

from datetime import datetime

from pydantic import BaseModel, Field

from dsnwatch.http.shapes import MOST, Body


class HookShape(BaseModel):
    """How a hook is doing."""

    hook: str
    kind: str | None
    state: str
    rests_till: str | None
    waiting: int
    oldest: str | None
    dead: int
    told: int
    told_last: str | None
    failures: int
    failed_last: str | None
    error: str | None


class Hooks(BaseModel):
    """The hooks."""

    items: list[HookShape]


class Letter(BaseModel):
    """What a hook could not be told."""

    hook: str
    id: str
    at: str
    attempts: int
    error: str
    event: dict[str, object]


class Letters(BaseModel):
    """A page of what a hook could not be told."""

    items: list[Letter]
    next: str | None


class ToReplay(Body):
    """What is to be told again: dead letters, or events from a moment on."""

    ids: list[str] | None = Field(None, max_length=MOST, description="Null is all dead letters.")
    since: datetime | None = None
    until: datetime | None = None


class Replayed(BaseModel):
    """How many events will be told again."""

    events: int
