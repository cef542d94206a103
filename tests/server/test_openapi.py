"""The OpenAPI document: complete, and true whatever is sent."""

import re

import hypothesis
import pytest
import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = [
    not_a_server_error,
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
]


@pytest.fixture(scope="module")
def document(live):
    return live.ask("GET", "/openapi.json").json()


def test_every_operation_is_described_and_says_how_it_fails(document):
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert operation.get("summary")
            if path.startswith("/v1/"):
                assert "401" in operation["responses"]
    body = document["paths"]["/v1/detect"]["post"]
    assert body["responses"]["200"]["content"]["application/json"]["example"]["p_fake"]


def test_every_reference_leads_somewhere(document):
    schemas = document["components"]["schemas"]
    for name in re.findall(r"#/components/schemas/(\w+)", str(document)):
        assert name in schemas


def test_the_documentation_loads_nothing_from_elsewhere(live):
    assert live.ask("GET", "/docs").status_code == 404
    assert live.ask("GET", "/redoc").status_code == 404


@pytest.mark.slow
def test_nothing_that_is_sent_makes_the_service_fail(live):
    schema = schemathesis.openapi.from_url(live.url + "/openapi.json")
    calm = hypothesis.settings(
        max_examples=60,
        deadline=None,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    for operation in schema.get_all_operations():

        @calm
        @hypothesis.given(case=operation.ok().as_strategy())
        def send(case):
            case.call_and_validate(checks=CHECKS, timeout=60)

        send()
    assert live.ask("GET", "/readyz").status_code == 200
    assert live.metric("facetell_failures_total") == 0
