"""Shapes of `/v1/sent` and `/v1/life`."""

from datetime import datetime

from pydantic import BaseModel, Field

from dsnwatch.http.shapes import MOST, Address, Body, Stream


class SentShape(BaseModel):
    """How much was sent of a stream and campaign."""

    stream: str
    campaign: str
    messages: int


class SentCounts(BaseModel):
    """How much was sent, by stream and campaign."""

    items: list[SentShape]


class SentFact(Body):
    """Mail that was sent: to one recipient, or just how much."""

    time: str = Field(description="RFC 3339, or seconds since 1970.", max_length=64)
    recipient: str = Field("", max_length=998)
    count: int | None = Field(None, ge=0, le=10**12)
    stream: Stream = ""
    campaign: str = Field("", max_length=998)
    message_id: str = Field("", max_length=998)
    envelope_id: str = Field("", max_length=998)
    delivered: bool = False


class SentFacts(Body):
    """Facts about what was sent; told twice, each counts once."""

    facts: list[SentFact] = Field(min_length=1, max_length=MOST)


class SentTaken(BaseModel):
    """What became of them."""

    facts: int
    messages: int = Field(description="Those not known before.")
    alive: int
    freed: int


class LifeFact(Body):
    """An address showed that it takes mail: a click, a login, a reply."""

    address: Address
    at: datetime


class LifeFacts(Body):
    """Signs of life."""

    signs: list[LifeFact] = Field(min_length=1, max_length=MOST)


class LifeTaken(BaseModel):
    """How many were noted, and whom they freed of soft suppressions."""

    noted: int
    freed: list[str]
