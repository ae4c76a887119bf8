"""Shapes of `/v1/check` and `/v1/suppressions`."""

from datetime import datetime

from pydantic import BaseModel, Field

from dsnwatch.http.shapes import MOST, Address, Because, Body, Stream


class Checked(BaseModel):
    """Whether one address may be mailed."""

    address: str
    suppressed: bool
    stream: str | None = Field(None, description='The stream it is suppressed for; "" is all.')
    reason: str | None = None
    since: str | None = None
    until: str | None = Field(None, description="Null is for ever.")
    event_id: str | None = None
    rule: str | None = None


class Asked(Body):
    """Addresses, and the kind of mail that is to be sent to them."""

    addresses: list[str] = Field(min_length=1, max_length=MOST)
    stream: Stream = ""


class CheckedAll(BaseModel):
    """Whether addresses may be mailed, in the order they were asked for."""

    results: list[Checked]
    suppressed: int
    invalid: list[str] = Field(description="Those that are no addresses; they have no result.")


class Suppressed(BaseModel):
    """An address that is not to be mailed."""

    address: str
    stream: str
    reason: str
    origin: str
    rule: str
    since: str
    until: str | None
    event_id: str | None
    note: str


class Suppressions(BaseModel):
    """A page of the list."""

    items: list[Suppressed]
    next: str | None


class ToAdd(Body):
    """Addresses to be suppressed by hand."""

    addresses: list[Address] = Field(min_length=1, max_length=MOST)
    stream: Stream = ""
    because: Because = ""
    until: datetime | None = Field(None, description="Null is for ever.")


class Added(BaseModel):
    """What was written; the others were suppressed for as long already."""

    added: list[str]
    unchanged: int


class ToRemove(Body):
    """Addresses that may be mailed again."""

    addresses: list[Address] = Field(min_length=1, max_length=MOST)
    stream: Stream = ""
    because: Because = Field(min_length=1)


class Removed(BaseModel):
    """What was taken off the list; the others were not on it."""

    removed: list[str]
    absent: int


class Imported(BaseModel):
    """How many rows a file had, and how many said more than the list did."""

    rows: int
    written: int
    batch: str | None
    dry_run: bool
