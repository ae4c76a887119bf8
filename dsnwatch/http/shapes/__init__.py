"""The shapes that several rooms of the API share; its words are those of `--json`."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Address = Annotated[str, Field(min_length=3, max_length=998, description="name@domain")]
Stream = Annotated[str, Field(max_length=200)]
Because = Annotated[str, Field(max_length=2000)]
MOST = 10_000
"""Addresses of one request."""


class Body(BaseModel):
    """What is sent to us: nothing unknown is in it."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class WithReason(Body):
    """Why something is done; it is kept in the audit log."""

    because: Because = Field(min_length=1)


class MaybeReason(Body):
    """Why something is done, where one says so."""

    because: Because = ""


class Settled(BaseModel):
    """How many decisions were carried out, or dropped."""

    done: int


def moment(value: datetime | None) -> datetime | None:
    """Take a time without a zone for UTC."""
    if value is None:
        return None
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
