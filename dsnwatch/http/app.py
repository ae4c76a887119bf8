"""Puts the application together."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from dsnwatch import __version__
from dsnwatch.errors import DsnwatchError
from dsnwatch.http import (
    api_alerts,
    api_backscatter,
    api_check,
    api_events,
    api_hooks,
    api_list,
    api_review,
    api_rules,
    api_sent,
    failing,
    health,
    page_address,
    page_review,
    page_sign_in,
    page_today,
    page_trends,
    problems,
)
from dsnwatch.http.desk import Desk
from dsnwatch.http.guard import Guard
from dsnwatch.http.people import SignInError
from dsnwatch.http.render import query

ROUTERS = (
    api_check.router,
    api_list.router,
    api_events.router,
    api_review.router,
    api_backscatter.router,
    api_sent.router,
    api_alerts.router,
    api_hooks.router,
    api_rules.router,
)
"""The rooms of /v1, in the order of the document."""

PAGES = (
    page_sign_in.router,
    page_today.router,
    page_trends.router,
    page_address.router,
    page_review.router,
)
"""What people look at."""

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
    for router in (health.router, *PAGES):
        app.include_router(router)
    app.add_exception_handler(SignInError, _to_sign_in)
    app.add_exception_handler(HTTPException, failing.of_http)
    app.add_exception_handler(RequestValidationError, failing.of_values)
    app.add_exception_handler(DsnwatchError, failing.of_dsnwatch)
    app.add_exception_handler(Exception, failing.of_mistake)
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


async def _to_sign_in(request: Request, _: Exception) -> Response:
    """Have somebody sign in who is not, and come back to where he was."""
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    to = here if request.method == "GET" else "/"
    target = f"/sign-in?{query(next=to)}"
    if request.headers.get("hx-request"):
        return Response(headers={"HX-Redirect": target})
    return RedirectResponse(target, HTTPStatus.SEE_OTHER)
