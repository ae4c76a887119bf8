"""Puts the application together."""

from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException

from dsnwatch import __version__
from dsnwatch.errors import DsnwatchError
from dsnwatch.http import (
    api_check,
    api_events,
    api_hooks,
    api_list,
    api_review,
    api_rules,
    api_sent,
    health,
    problems,
)
from dsnwatch.http.desk import Desk
from dsnwatch.http.guard import Guard

ROUTERS = (
    api_check.router,
    api_list.router,
    api_events.router,
    api_review.router,
    api_sent.router,
    api_hooks.router,
    api_rules.router,
)
"""The rooms of /v1, in the order of the document."""

ABOUT = (
    "Whom not to mail, and why. Every call needs a token (`dsnwatch token create`). Errors are "
    "problem details (RFC 9457). Lists go on where `next` says, whatever changes meanwhile."
)


def application(desk: Desk) -> FastAPI:
    """Make the application that serves a desk."""
    app = FastAPI(
        title="dsnwatch",
        version=__version__,
        summary="Reads bounces, keeps the suppression list, tells every other system.",
        description=ABOUT,
        docs_url=None,  # its page would ask another host for its program
        redoc_url=None,
        openapi_url="/v1/openapi.json",
        redirect_slashes=False,
    )
    app.state.desk = desk
    for router in ROUTERS:
        app.include_router(router, prefix="/v1")
    app.include_router(health.router)
    app.add_exception_handler(HTTPException, problems.of_http)
    app.add_exception_handler(RequestValidationError, problems.of_values)
    app.add_exception_handler(DsnwatchError, problems.of_dsnwatch)
    app.add_exception_handler(Exception, problems.of_mistake)
    app.add_middleware(Guard)

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            made = get_openapi(
                title=app.title,
                version=app.version,
                summary=app.summary,
                description=app.description,
                routes=app.routes,
            )
            app.openapi_schema = problems.describe(made)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]  # FastAPI's own way to have another
    return app
