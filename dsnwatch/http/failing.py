"""What is answered when something goes wrong: a problem to programs, a page to people."""

from collections.abc import Mapping
from http import HTTPStatus

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from dsnwatch.errors import DsnwatchError, StoreBusyError, StoreError, UnavailableError
from dsnwatch.http.problems import MANY, problem
from dsnwatch.http.render import bare


def told(
    request: Request,
    status: int,
    detail: str,
    headers: Mapping[str, str] | None = None,
    errors: list[dict[str, str]] | None = None,
) -> Response:
    """Answer a program with a problem, and a person with a page."""
    if "text/html" not in request.headers.get("accept", "") or request.url.path.startswith("/v1/"):
        return problem(status, detail, headers, errors)
    answer = bare("error.html", HTTPStatus(status).phrase, status, detail=detail)
    answer.headers.update(headers or {})
    return answer


def of_ours(error: DsnwatchError) -> tuple[int, Mapping[str, str]]:
    """Say which status one of our own errors has, and headers that belong to it."""
    if isinstance(error, StoreBusyError):
        return HTTPStatus.SERVICE_UNAVAILABLE, {"Retry-After": "1"}
    if isinstance(error, StoreError | UnavailableError):
        return HTTPStatus.SERVICE_UNAVAILABLE, {"Retry-After": "30"}
    return HTTPStatus.UNPROCESSABLE_ENTITY, {}


def of_http(request: Request, error: Exception) -> Response:
    """Answer a request that was refused."""
    assert isinstance(error, HTTPException)
    return told(request, error.status_code, str(error.detail), error.headers)


def of_values(request: Request, error: Exception) -> Response:
    """Answer a request with values that cannot be meant."""
    assert isinstance(error, RequestValidationError)
    wrong = [
        {"where": ".".join(map(str, each["loc"])), "says": str(each["msg"])}
        for each in error.errors()[:MANY]
    ]
    said = "; ".join(f"{each['where']}: {each['says']}" for each in wrong[:3])
    return told(request, HTTPStatus.UNPROCESSABLE_ENTITY, said, errors=wrong)


def of_dsnwatch(request: Request, error: Exception) -> Response:
    """Answer a request that failed for a reason we know."""
    assert isinstance(error, DsnwatchError)
    status, headers = of_ours(error)
    return told(request, status, str(error), headers)


def of_mistake(request: Request, _: Exception) -> Response:
    """Answer a request that met a mistake of ours; the log has it."""
    says = "a mistake in dsnwatch; its log says more"
    return told(request, HTTPStatus.INTERNAL_SERVER_ERROR, says)
