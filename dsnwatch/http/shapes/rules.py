"""Shapes of `/v1/rules`."""

from pydantic import BaseModel, Field

from dsnwatch.http.shapes import Body
from dsnwatch.model import BounceClass, Fault


class ToTry(Body):
    """A line that a mail server said."""

    text: str = Field(min_length=1, max_length=20_000)
    status: str | None = Field(None, max_length=40)
    provider: str | None = Field(None, max_length=64)
    dialect: str = Field("rfc3464", max_length=64)


class StepShape(BaseModel):
    """One rule that spoke."""

    rule: str
    reason: str
    field: str
    span: list[int]
    text: str


class Tried(BaseModel):
    """What a line would be judged."""

    text: str
    flat: str
    provider: str | None
    dialect: str
    permanent: bool | None
    bounce_class: BounceClass = Field(alias="class")
    reason: str
    fault: Fault
    status: str | None
    reply_code: str | None
    rule: str
    confidence: float
    matches: list[StepShape]
