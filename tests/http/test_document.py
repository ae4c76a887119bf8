"""Every call of the OpenAPI document is made with values nobody thought of; none is a mistake."""

from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import positive_data_acceptance
from schemathesis.specs.openapi.schemas import OpenApiSchema

from dsnwatch.model import Scope
from tests.http.builders import Place


@schemathesis.serializer("message/rfc822")
def _as_it_stands(_: object, value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


EXAMPLES = 6
"""Requests a call; there are some forty calls."""


def test_calls_of_the_document_do_what_it_says(tmp_path: Path) -> None:
    place = Place(
        tmp_path, '[web]\n[[hook]]\nname = "crm"\nkind = "exec"\ncommand = ["/bin/true"]\n'
    )
    place.takes_in("dsn/postfix/unknown-user.eml")
    headers = {"Authorization": f"Bearer {place.token(Scope.ADMIN)}"}
    document = schemathesis.openapi.from_asgi("/v1/openapi.json", place.app)
    made = sum(ask(document, label, headers) for label in labels(document))
    assert made >= EXAMPLES * 20


def labels(document: OpenApiSchema) -> list[str]:
    found = [each.ok() for each in document.get_all_operations() if isinstance(each, Ok)]
    return [operation.label for operation in found]


def ask(document: OpenApiSchema, label: str, headers: dict[str, str]) -> int:
    """Make a call some times, and hold what comes to the document; counts."""
    operation = document.find_operation_by_label(label)
    assert operation is not None
    made = 0

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def probe(case: Case[Any]) -> None:
        nonlocal made
        made += 1
        response = case.call(headers=headers)
        # What is an address, a moment or a cursor is more than a schema can say.
        case.validate_response(response, excluded_checks=[positive_data_acceptance])

    probe()
    return made
