"""What a program is told when something is wrong: problem details.

Source: RFC 9457.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import Response

MEDIA = "application/problem+json"
MANY = 20
"""Errors of one request that are told."""


class Wrong(BaseModel):
    """One value that cannot be meant."""

    where: str
    says: str


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[Wrong] = []


class Refused(HTTPException):
    """A request that is not carried out; says why, and what to do."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, detail, headers)


def problem(
    status: int,
    detail: str,
    headers: Mapping[str, str] | None = None,
    errors: list[dict[str, str]] | None = None,
) -> Response:
    """Write down what went wrong."""
    said: dict[str, object] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "errors": errors or [],
    }
    return JSONResponse(said, status, dict(headers or {}), MEDIA)


SAID = {
    400: "The request cannot be read.",
    401: "There is no token, or none that lets anybody in.",
    403: "The token does not let one do this.",
    404: "There is no such thing.",
    405: "That is not done to this.",
    413: "The body is larger than is taken.",
    422: "A value cannot be meant.",
    503: "The store cannot be read or written just now; come again.",
}


def describe(document: dict[str, Any]) -> dict[str, Any]:
    """Let an OpenAPI document say of every call of /v1 how it may be refused."""
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    for model in (Wrong, Problem):
        made = model.model_json_schema(ref_template="#/components/schemas/{model}")
        made.pop("$defs", None)
        schemas[model.__name__] = made
    content = {MEDIA: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for methods in document["paths"].values():
        for call in methods.values():
            for status, says in SAID.items():
                call["responses"][str(status)] = {"description": says, "content": content}
    return document
